/* SPDX-License-Identifier: MIT */
/*
 * While a session lives: the server is asked now and then whether it still stands (that is also how
 * a new session is confirmed), and the role is settled, at its opening or when somebody wants
 * another.
 */
#include "agent/session/keeper_inside.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <stdlib.h>
#include <string.h>

static void put_number(struct keeper *k, enum session_event_type type)
{
    keeper_put(k, &(struct session_event){.type = type, .number = k->machine.number}, NULL);
}

void keeper_take_about(struct keeper *k, struct cis_session **about)
{
    free(k->about);
    k->about = STEAL(*about);
    k->reachable = true;
    key_seat_trust(k->key_seat, k->about->public_key, k->about->public_key_len);
}

bool upkeep_note(struct keeper *k, struct cis_session **about)
{
    if (strcmp(k->about->uid, (*about)->uid) != 0)
        return false;
    keeper_take_about(k, about);
    return true;
}

static const char *role_id(const struct cis_session *about)
{
    return about->role >= 0 ? about->roles[about->role].id : "";
}

/* The server's word replaces ours; if that is another role, the machine is told. A session that is
 * suddenly another person's is none. */
static void note_and_compare(struct keeper *k, struct cis_session **about)
{
    bool same = strcmp(role_id(k->about), role_id(*about)) == 0;
    if (!upkeep_note(k, about))
        put_number(k, SESSION_SERVER_GONE);
    else if (!same)
        put_number(k, SESSION_ROLE_CHANGED);
}

/* It has looked at the person or the card, and does not want them any more. */
static bool is_the_end(int result)
{
    switch (result) {
    case OUTCOME_NO_SESSION:
    case OUTCOME_CERTIFICATE_REVOKED:
    case OUTCOME_CERTIFICATE_EXPIRED:
    case OUTCOME_CERTIFICATE_NOT_YET_VALID:
    case OUTCOME_ISSUER_UNKNOWN:
    case OUTCOME_PERSON_UNKNOWN:
        return true;
    default:
        return false;
    }
}

/* ---- keep-alive ---- */

static void on_looked(void *context, struct cis_answer *answer)
{
    struct keeper *k = context;
    cis_call_free(&k->looking);
    uint64_t next = (uint64_t)k->about->keep_alive * 1000;
    if (answer->retry_after > k->about->keep_alive)
        next = (uint64_t)answer->retry_after * 1000;
    upkeep_soon(k, next);
    if (answer->result == OUTCOME_OK) {
        note_and_compare(k, &answer->session);
        keeper_seal(k);
    } else if (is_the_end(answer->result)) {
        put_number(k, SESSION_SERVER_GONE);
    } else if (k->reachable) {
        k->reachable = false;
        put_number(k, SESSION_SERVER_UNREACHABLE);
    }
}

static void on_time(void *context)
{
    struct keeper *k = context;
    if (k->looking)
        return;
    k->looking = cis_look(k->setup.cis, k->provider, k->key, k->about->sid, on_looked, k);
    if (!k->looking)
        upkeep_soon(k, (uint64_t)k->about->keep_alive * 1000);
}

void upkeep_soon(struct keeper *k, uint64_t milliseconds)
{
    if (!k->upkeep_timer)
        k->upkeep_timer = loop_timer_new(k->setup.loop, on_time, k);
    if (k->upkeep_timer && k->about && k->key && keeper_has_endpoint(k->provider))
        loop_timer_set(k->upkeep_timer, milliseconds);
}

/* ---- the role ---- */

void upkeep_drop_role(struct keeper *k, int result)
{
    chooser_free(&k->chooser);
    free(STEAL(k->offered));
    cis_call_free(&k->changing_role);
    k->role_owed = false;
    struct request *request = STEAL(k->role_request);
    if (request && result == OUTCOME_OK)
        keeper_answer_status(k, &request);
    else if (request)
        answer_error(&request, result);
}

static void role_settled(struct keeper *k, int result)
{
    upkeep_drop_role(k, result);
    keeper_retry(k);
}

static void on_role(void *context, struct cis_answer *answer)
{
    struct keeper *k = context;
    cis_call_free(&k->changing_role);
    int result = answer->result;
    if (result == OUTCOME_OK)
        note_and_compare(k, &answer->session);
    else if (result == OUTCOME_NO_SESSION)
        put_number(k, SESSION_SERVER_GONE);
    role_settled(k, result);
}

static void take_role(struct keeper *k, const char *role)
{
    keeper_tell_held(k, WAITING_PROVIDER, NULL, -1);
    k->changing_role = cis_role(k->setup.cis, k->provider, k->key, k->about->sid, role, on_role, k);
    if (!k->changing_role)
        role_settled(k, OUTCOME_INTERNAL);
}

/* A role that cannot be asked for, or is not chosen, is no obstacle to being signed in: the
 * provider's page asks where it needs one. */
static void on_chosen(void *context, int result, size_t role)
{
    struct keeper *k = context;
    chooser_free(&k->chooser);
    if (result != OUTCOME_OK)
        role_settled(k, result);
    else
        take_role(k, k->offered->roles[role].id);
}

/* The list as it is shown: a keep-alive may bring another meanwhile. */
static struct cis_session *copy_of(const struct cis_session *about)
{
    size_t size = sizeof *about + about->role_count * sizeof *about->roles;
    struct cis_session *copy = malloc(size);
    return copy ? memcpy(copy, about, size) : NULL;
}

static void ask_for_role(struct keeper *k)
{
    keeper_tell_held(k, WAITING_ROLE, NULL, -1);
    free(k->offered);
    const struct cis_session *offered = k->offered = copy_of(k->about);
    if (offered)
        k->chooser = chooser_ask(k->setup.loop, k->setup.helpers,
                                 offered->name[0] != '\0' ? offered->name : offered->uid,
                                 offered->roles, offered->role_count, offered->role,
                                 k->setup.config->pin_timeout, on_chosen, k);
    if (!k->chooser)
        role_settled(k, OUTCOME_PROMPT_UNAVAILABLE);
}

void keeper_role(struct keeper *k, struct request *request,
                 const struct session_role_params *params)
{
    int refusal = OUTCOME_OK;
    if (k->machine.state != SESSION_ACTIVE)
        refusal = OUTCOME_NO_SESSION;
    else if (k->changing_role || k->chooser)
        refusal = OUTCOME_BUSY;
    else if (k->about->role_count == 0 || !keeper_has_endpoint(k->provider))
        refusal = OUTCOME_ROLE_UNKNOWN;
    size_t i = 0;
    if (refusal == OUTCOME_OK && params->role[0] != '\0') {
        while (i < k->about->role_count && strcmp(k->about->roles[i].id, params->role) != 0)
            i++;
        if (i == k->about->role_count)
            refusal = OUTCOME_ROLE_UNKNOWN;
    }
    if (refusal != OUTCOME_OK) {
        answer_error(&request, refusal);
        return;
    }
    k->role_request = request;
    if (params->role[0] != '\0')
        take_role(k, k->about->roles[i].id);
    else
        ask_for_role(k);
}

/* ---- from its beginning to its end ---- */

void upkeep_begin(struct keeper *k)
{
    if (!keeper_has_endpoint(k->provider)) {
        upkeep_drop_role(k, OUTCOME_OK);
        return;
    }
    upkeep_soon(k, 0); /* a session that nobody confirms is forgotten by the server */
    if (!k->role_owed)
        return;
    if (k->about->role_count == 1)
        take_role(k, k->about->roles[0].id);
    else
        ask_for_role(k);
}

void upkeep_end(struct keeper *k)
{
    loop_timer_free(&k->upkeep_timer);
    cis_call_free(&k->looking);
    upkeep_drop_role(k, OUTCOME_CANCELLED);
}
