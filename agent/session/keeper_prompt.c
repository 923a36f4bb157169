/* SPDX-License-Identifier: MIT */
/*
 * From the machine's wish for a prompt to what was signed:
 *
 *     sign-in          opener with a fresh key → SIGNED
 *     page's sign-in   the key of what it got → SIGNED
 *     step-up, resume  opener with the session's key → evidence to the server → SIGNED
 *
 * (These keys are the session's own; what shows who it is, a card or a security key, is the
 * opener's business. What follows at the server is keeper_opening.c's.)
 *
 * A card's resume does without the server when that cannot be reached: whose card it is, and that
 * the PIN is right, the agent has verified itself, and the session's own time has not run out. What
 * a security key has signed only the server can verify.
 */
#include "agent/session/keeper_inside.h"

#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void put_failed(struct keeper *k, int result)
{
    int outcome = outcome_of(result);
    if (k->unasked)
        keeper_tell_person(k, result);
    keeper_put(k,
               &(struct session_event){
                   .type = SESSION_FAILED, .number = k->ceremony_number, .outcome = outcome},
               NULL);
}

static void put_signed(struct keeper *k)
{
    keeper_put(k,
               &(struct session_event){.type = SESSION_SIGNED,
                                       .number = k->ceremony_number,
                                       .identity = k->signer.identity,
                                       .card = keeper_take_seat(k)},
               NULL);
}

static bool can_do_without_server(const struct keeper *k, int result)
{
    return k->machine.state == SESSION_LOCKED && !k->is_assertion &&
           (result == OUTCOME_PROVIDER_UNREACHABLE || result == OUTCOME_PROVIDER_BUSY);
}

/* ---- pages that do not take a no ---- */

static bool asked_by_page(const struct keeper *k)
{
    return k->has_caller && k->caller.door == DOOR_WEB;
}

void keeper_note_cancel(struct keeper *k)
{
    if (asked_by_page(k))
        quiet_note_cancel(&k->quiet, keeper_now());
}

/* ---- the prompt ---- */

static void on_waiting(void *context, enum waiting_for what, const char *name, int tries_left)
{
    keeper_tell_held(context, what, name, tries_left);
}

struct cis_evidence keeper_evidence(const struct keeper *k)
{
    return (struct cis_evidence){.assertion = k->is_assertion,
                                 .text = (const char *)k->evidence.data};
}

static void on_authenticated(void *context, struct cis_answer *answer)
{
    struct keeper *k = context;
    cis_call_free(&k->authenticating);
    if (answer->result == OUTCOME_OK && !upkeep_note(k, &answer->session))
        answer->result = OUTCOME_NO_SESSION;
    if (answer->result == OUTCOME_OK || can_do_without_server(k, answer->result))
        put_signed(k);
    else if (answer->result == OUTCOME_NO_SESSION)
        keeper_put(
            k, &(struct session_event){.type = SESSION_SERVER_GONE, .number = k->machine.number},
            NULL);
    else
        put_failed(k, answer->result);
}

/* Inside a live session: the server is told before anybody relies on it. */
static void authenticate(struct keeper *k, bool local)
{
    if (local) {
        put_signed(k);
        return;
    }
    keeper_tell_held(k, WAITING_PROVIDER, NULL, -1);
    struct cis_evidence evidence = keeper_evidence(k);
    k->authenticating = cis_authenticate(k->setup.cis, k->provider, k->key, k->about->sid,
                                         &evidence, on_authenticated, k);
    if (!k->authenticating)
        put_failed(k, -ENOMEM);
}

static void take_signer(struct keeper *k, const struct opener_result *result)
{
    key_holder_deinit(&k->signer.key);
    k->signer = (struct signer){.card = result->card, .plugged = result->plugged};
    memcpy(k->signer.identity, result->identity, sizeof k->signer.identity);
    if (result->holder) {
        k->signer.key = *result->holder;
        *result->holder = (struct key_holder){0};
    }
}

static void on_done(void *context, const struct opener_result *result)
{
    struct keeper *k = context;
    k->opener = NULL;
    if (result->uid && k->machine.state == SESSION_AUTHENTICATING)
        snprintf(k->uid, sizeof k->uid, "%s", result->uid);
    if (result->result != OUTCOME_OK) {
        if (result->result == OUTCOME_CANCELLED)
            keeper_note_cancel(k);
        put_failed(k, result->result);
        return;
    }
    quiet_note_end(&k->quiet);
    take_signer(k, result);
    seats_set_invited(k->seats, seats_of_card(k->seats, result->card));
    k->is_assertion = result->evidence.assertion;
    if (bytes_set(&k->evidence, result->evidence.text, strlen(result->evidence.text) + 1) < 0)
        put_failed(k, -ENOMEM);
    else if (k->machine.state == SESSION_AUTHENTICATING)
        put_signed(k);
    else
        authenticate(k, result->local);
}

static void begin_opener(struct keeper *k, uint64_t card)
{
    bool fresh = k->machine.state == SESSION_AUTHENTICATING;
    bool of_key = !fresh && key_holder_is(&k->holder);
    const struct opener_setup setup = {.loop = k->setup.loop,
                                       .config = k->setup.config,
                                       .ceremonies = k->setup.ceremonies,
                                       .cis = k->setup.cis,
                                       .works = k->setup.key_works,
                                       .keys = k->setup.keys};
    const struct opener_request request = {
        .provider = k->provider,
        .caller = k->has_caller ? &k->caller : NULL,
        .site = k->origin,
        .key = k->key,
        .card_identity = fresh || of_key ? NULL : k->machine.identity,
        .holder = of_key ? &k->holder : NULL,
        .card = card,
        .another_pin = !fresh,
        .without_server = k->machine.state == SESSION_LOCKED,
    };
    const struct opener_events events = {.context = k, .waiting = on_waiting, .done = on_done};
    int refusal = -ENOMEM;
    k->waiting = -1;
    k->opener = opener_begin(&setup, &request, &events, &refusal);
    if (!k->opener)
        put_failed(k, refusal);
}

/* ---- a page's own sign-in ---- */

void keeper_card_token(struct keeper *k, const char *origin, struct ceremony_result *result)
{
    seats_set_invited(k->seats, seats_of_card(k->seats, result->card));
    handovers_add(k->handovers, origin, result);
}

void keeper_assertion(struct keeper *k, const char *origin, struct session_key **key,
                      const char *rp_id, const struct bytes *credential, uint64_t plugged)
{
    handovers_add_assertion(k->handovers, origin, key, rp_id, credential, plugged);
}

/* A page comes back with the sid that the provider made of what it has just got. */
static void adopt(struct keeper *k, const struct ask *ask)
{
    struct handover handover;
    if (!handovers_take(k->handovers, ask->begin.origin, &handover)) {
        put_failed(k, OUTCOME_SIGN_IN_EXPIRED);
        return;
    }
    k->key = handover.key;
    key_holder_deinit(&k->signer.key);
    k->signer =
        (struct signer){.card = handover.card, .key = handover.holder, .plugged = handover.plugged};
    memcpy(k->signer.identity, handover.identity, sizeof k->signer.identity);
    snprintf(k->adopted, sizeof k->adopted, "%s", ask->begin.sid);
    if (cards_find(k->setup.cards, handover.card) ||
        key_watch_find(k->setup.keys, handover.plugged))
        put_signed(k);
    else
        put_failed(k, OUTCOME_SIGN_IN_EXPIRED);
}

/* ---- what the machine wants ---- */

void keeper_prompt(struct keeper *k, uint64_t number, const struct ask *ask)
{
    k->ceremony_number = number;
    k->unasked = !ask;
    k->has_caller = ask && ask->request;
    if (k->has_caller)
        k->caller = *request_caller(ask->request);
    if (ask)
        snprintf(k->origin, sizeof k->origin, "%s", ask_origin(ask));
    else
        snprintf(k->origin, sizeof k->origin, "%s", k->provider->origins.at[0]);
    if (asked_by_page(k) && quiet_wanted(&k->quiet, keeper_now())) {
        put_failed(k, OUTCOME_CANCELLED);
        return;
    }
    if (k->machine.state != SESSION_AUTHENTICATING) {
        begin_opener(k, 0);
        return;
    }
    k->provider = ask->provider;
    k->caller_chooses = ask->kind == ASK_BEGIN && ask->begin.caller_chooses_role;
    k->adopted[0] = '\0';
    k->uid[0] = '\0';
    if (ask->kind == ASK_ADOPT) {
        adopt(k, ask);
        return;
    }
    k->key = session_key_new();
    if (!k->key)
        put_failed(k, -ENOMEM);
    else
        begin_opener(k, seats_card(k->seats, ask->seat));
}

void keeper_dismiss(struct keeper *k)
{
    opener_free(&k->opener);
    cis_call_free(&k->authenticating);
}
