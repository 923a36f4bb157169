/* SPDX-License-Identifier: MIT */
/*
 * What callers ask of the session, and what becomes of it. A request is refused here where that
 * needs no machine (too many, another provider's, a sid that cannot be), and else becomes an event
 * with its ask; from then on the machine says whether it is answered, held or refused.
 *
 * A request is held, or being put to the machine, or answered; it is never in two places. Only
 * keeper_allow makes a proof, and only when the machine says ALLOW.
 *
 * One that is given up takes the prompt with it when nobody is left for whom it asks.
 */
#include "agent/session/keeper_inside.h"

#include "agent/cis/dpop.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROLE_ELSEWHERE_MS = 10000 }; /* for the person to choose one on the provider's page */

/* ---- what they ask ---- */

struct session_event keeper_event_of(const struct ask *ask)
{
    static const enum session_interaction interactions[] = {
        [INTERACTION_SILENT] = SESSION_SILENT,
        [INTERACTION_IF_NEEDED] = SESSION_IF_NEEDED,
        [INTERACTION_FORCE] = SESSION_FORCE,
    };
    if (ask->kind != ASK_PROVE)
        return (struct session_event){.type = SESSION_BEGIN};
    long max_age = ask->prove.max_age;
    return (struct session_event){
        .type = SESSION_USE,
        .use = {.interaction = interactions[ask->prove.interaction],
                .asked = ask->asked,
                .max_age = max_age < 0 ? SESSION_ANY_AGE : (uint64_t)max_age * 1000}};
}

static void put_ask(struct keeper *k, struct ask *ask)
{
    struct session_event event = keeper_event_of(ask);
    keeper_put(k, &event, ask);
}

/* Of a session that there is, or that is being made, at another provider. */
static bool taken_by_another(const struct keeper *k, const struct config_provider *provider)
{
    return k->machine.state != SESSION_NONE && k->provider && k->provider != provider;
}

void keeper_prove(struct keeper *k, struct request *request,
                  const struct session_prove_params *params)
{
    const struct config_provider *provider = config_provider_of(k->setup.config, params->origin);
    bool silent = params->interaction == INTERACTION_SILENT;
    int refusal = OUTCOME_OK;
    if (!rate_take(k->rate, params->origin, keeper_now()))
        refusal = OUTCOME_BUSY;
    else if (!provider || taken_by_another(k, provider))
        refusal = OUTCOME_NO_SESSION;
    else if (!keeper_has_endpoint(provider) && !keeper_signed_in(k))
        refusal = silent ? OUTCOME_INTERACTION_REQUIRED : OUTCOME_NO_SESSION;
    struct ask *ask = refusal == OUTCOME_OK ? ask_new(ASK_PROVE, request) : NULL;
    if (!ask) {
        int result = refusal == OUTCOME_OK ? -ENOMEM : refusal;
        if (keeper_audits_refusal(k))
            keeper_audit(k, AUDIT_REFUSED, result, params->origin);
        answer_error(&request, result);
        return;
    }
    ask->provider = provider;
    ask->prove = *params;
    ask->asked = keeper_now();
    put_ask(k, ask);
}

void keeper_begin(struct keeper *k, struct request *request,
                  const struct session_begin_params *params)
{
    bool adopting = params->sid[0] != '\0';
    const struct config_provider *provider =
        params->origin[0] != '\0' ? config_provider_of(k->setup.config, params->origin)
                                  : config_provider_default(k->setup.config);
    int refusal = OUTCOME_OK;
    if (!provider || (!adopting && !keeper_has_endpoint(provider)))
        refusal = OUTCOME_NO_SESSION;
    else if (taken_by_another(k, provider))
        refusal = OUTCOME_SESSION_EXISTS;
    else if (adopting && k->machine.state == SESSION_NONE &&
             !handovers_has(k->handovers, params->origin))
        refusal = OUTCOME_SIGN_IN_EXPIRED;
    else if (adopting && k->machine.state == SESSION_ACTIVE &&
             strcmp(params->sid, k->about->sid) != 0)
        refusal = OUTCOME_SESSION_EXISTS;
    else if (adopting && k->machine.state != SESSION_NONE && k->machine.state != SESSION_ACTIVE)
        refusal = OUTCOME_BUSY;
    struct ask *ask =
        refusal == OUTCOME_OK ? ask_new(adopting ? ASK_ADOPT : ASK_BEGIN, request) : NULL;
    if (!ask) {
        answer_error(&request, refusal == OUTCOME_OK ? -ENOMEM : refusal);
        return;
    }
    ask->provider = provider;
    ask->begin = *params;
    if (params->origin[0] == '\0')
        snprintf(ask->begin.origin, sizeof ask->begin.origin, "%s", provider->origins.at[0]);
    put_ask(k, ask);
}

void keeper_status(struct keeper *k, struct request *request)
{
    keeper_put_type(k, SESSION_TIMER); /* what it says of time is true now */
    keeper_answer_status(k, &request);
}

void keeper_end(struct keeper *k, struct request *request)
{
    if (!keeper_none_of_its_business(k, request))
        keeper_put_type(k, SESSION_SIGN_OUT);
    answer_done(&request);
}

/* ---- what the machine has decided ---- */

void keeper_hold(struct keeper *k, struct ask *ask)
{
    asks_add(&k->held, ask);
    switch (k->machine.state) {
    case SESSION_LEAVING:
        ask_tell(ask, key_holder_is(&k->holder) ? WAITING_KEY : WAITING_CARD, NULL, -1);
        break;
    case SESSION_CHECKING:
        ask_tell(ask, WAITING_SIGNATURE, NULL, -1);
        break;
    default:
        if (k->waiting >= 0)
            ask_tell(ask, (enum waiting_for)k->waiting,
                     k->waiting_reader[0] != '\0' ? k->waiting_reader : NULL, k->waiting_tries);
    }
}

static void prove(struct keeper *k, struct ask *ask)
{
    CLEANUP(bytes_deinit) struct bytes proof = {0};
    int r = session_proof_make(k->key, ask->prove.origin, ask->prove.challenge, k->about->sid,
                               time(NULL), &proof);
    keeper_audit(k, AUDIT_SESSION_PROVED, r, ask->prove.origin);
    if (k->about->role < 0 && k->about->role_count > 0)
        upkeep_soon(k, ROLE_ELSEWHERE_MS);
    if (r == 0)
        ask_give_proof(&ask, (const char *)proof.data);
    else
        ask_fail(&ask, r);
}

void keeper_allow(struct keeper *k, struct ask *ask)
{
    bool silent = ask->kind == ASK_PROVE && ask->prove.interaction == INTERACTION_SILENT;
    bool leaves_role = ask->kind == ASK_BEGIN && ask->begin.caller_chooses_role;
    if (ask->kind != ASK_INSERTION && ask->provider != k->provider)
        ask_fail(&ask, OUTCOME_NO_SESSION);
    else if (ask->kind == ASK_ADOPT && strcmp(ask->begin.sid, k->about->sid) != 0)
        ask_fail(&ask, OUTCOME_SESSION_EXISTS);
    else if (k->role_owed && !silent && !leaves_role)
        keeper_hold(k, ask);
    else if (ask->kind == ASK_PROVE)
        prove(k, ask);
    else
        keeper_give_session(k, &ask);
}

void keeper_refuse(struct keeper *k, struct ask *ask, int refusal)
{
    if (keeper_audits_refusal(k))
        keeper_audit(k, AUDIT_REFUSED, refusal, ask_origin(ask));
    ask_fail(&ask, refusal);
}

void keeper_give_up(struct keeper *k, int result)
{
    struct ask *ask;
    while ((ask = asks_take_first(&k->held))) {
        if (ask->kind == ASK_INSERTION)
            keeper_tell_person(k, result);
        ask_fail(&ask, result);
    }
}

void keeper_retry(struct keeper *k)
{
    struct ask *ask;
    while ((ask = asks_take_first(&k->held)))
        asks_add(&k->again, ask);
    keeper_put_type(k, SESSION_TIMER);
}

/* ---- those who wait ---- */

void keeper_tell_held(struct keeper *k, enum waiting_for what, const char *reader, int tries_left)
{
    k->waiting = (int)what;
    snprintf(k->waiting_reader, sizeof k->waiting_reader, "%s", reader ? reader : "");
    k->waiting_tries = tries_left;
    for (struct ask *ask = k->held.first; ask; ask = ask->next)
        ask_tell(ask, what, reader, tries_left);
}

/* Whether somebody still waits whom the prompt names, or who waits for the card itself. */
static bool still_wanted(const struct keeper *k)
{
    for (const struct ask *ask = k->held.first; ask; ask = ask->next)
        if (ask->kind == ASK_INSERTION || strcmp(ask_origin(ask), k->origin) == 0)
            return true;
    return false;
}

/* A prompt goes with the last for whom it asks, and so does a sign-in that the server has yet to
 * answer: who has cancelled is not to find himself signed in. */
static void abandon(struct keeper *k)
{
    if (k->unasked || still_wanted(k))
        return;
    if (k->machine.state == SESSION_OPENING) {
        keeper_put_type(k, SESSION_SIGN_OUT);
        return;
    }
    if (!k->opener && !k->authenticating)
        return;
    keeper_note_cancel(k);
    keeper_dismiss(k);
    keeper_put(k,
               &(struct session_event){.type = SESSION_FAILED,
                                       .number = k->ceremony_number,
                                       .outcome = OUTCOME_CANCELLED},
               NULL);
}

bool keeper_cancel(struct keeper *k, struct request *request)
{
    if (k->role_request == request) {
        upkeep_drop_role(k, OUTCOME_CANCELLED);
        keeper_retry(k);
        return true;
    }
    struct ask *ask = asks_take(&k->held, request);
    if (!ask)
        return false;
    ask_fail(&ask, OUTCOME_CANCELLED);
    abandon(k);
    return true;
}

size_t keeper_waiting_count(const struct keeper *k)
{
    size_t count = k->role_request ? 1 : 0;
    for (const struct ask *ask = k->held.first; ask; ask = ask->next)
        count += ask->request ? 1 : 0;
    return count;
}
