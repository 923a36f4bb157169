/* SPDX-License-Identifier: MIT */
/*
 * From what was signed to an open session:
 *
 *     sign-in          OPEN: evidence to the server → OPENED
 *     page's sign-in   OPEN: ask the server for the sid → OPENED
 *
 * Asking for a page's sid is what makes that session last at the server, whether or not its answer
 * comes back. So its end is armed before it is asked for, and due when nobody knows.
 *
 * What nobody wants any more while the server has yet to answer is disowned: it keeps its key until
 * then, so that a session which was opened after all can be ended.
 */
#include "agent/session/keeper_inside.h"

#include "agent/cis/dpop.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void opening_free(struct opening **opening)
{
    struct opening *o = *opening;
    if (!o)
        return;
    cis_call_free(&o->call);
    loop_timer_free(&o->patience);
    session_key_free(&o->key);
    free(o);
    *opening = NULL;
}

/* Of a page's sid. A refusal may be that of a request which libcurl has sent twice; the end of what
 * is not ours the server refuses, too. */
static void settle_sid(struct keeper *k, const struct opening *o, int result)
{
    if (o->sid[0] == '\0')
        return;
    switch (outcome_of(result)) {
    case OUTCOME_NO_SESSION:
    case OUTCOME_PROVIDER_BUSY: /* nothing was done, or nothing even sent */
    case OUTCOME_PROVIDER_UNTRUSTED:
    case OUTCOME_INTERNAL:
        end_queue_disarm(k->setup.ends, o->sid);
        break;
    default:
        end_queue_due(k->setup.ends, o->sid);
    }
}

/* The server has opened what nobody wants any more: it is told to end it. */
static void end_stray(struct keeper *k, const struct opening *o, const struct cis_session *about)
{
    CLEANUP(bytes_deinit) struct bytes statement = {0};
    if (end_statement_make(o->key, o->provider->session_endpoint, about->sid, time(NULL),
                           &statement) < 0)
        return;
    end_queue_arm(k->setup.ends, o->provider->name, about->sid, (const char *)statement.data);
    if (bytes_set(&k->stray, about->sid, strlen(about->sid) + 1) == 0)
        keeper_put(k, &(struct session_event){.type = SESSION_OPENED, .number = o->number}, NULL);
    bytes_deinit(&k->stray);
}

static void drop_disowned(struct opening *o)
{
    for (struct opening **at = &o->keeper->disowned; *at; at = &(*at)->next)
        if (*at == o) {
            *at = o->next;
            break;
        }
    opening_free(&o);
}

static void on_patience(void *context)
{
    struct opening *o = context;
    settle_sid(o->keeper, o, OUTCOME_TIMED_OUT);
    drop_disowned(o);
}

static void take_session(struct keeper *k, uint64_t number, struct cis_session **about)
{
    keeper_take_about(k, about);
    if (key_holder_is(&k->holder) && k->about->public_key_len == 0)
        log_info("provider %s does not say by what the session's security key is known again",
                 k->provider->name);
    if (keeper_has_endpoint(k->provider) &&
        end_statement_make(k->key, k->provider->session_endpoint, k->about->sid, time(NULL),
                           &k->statement) < 0) {
        keeper_put(k,
                   &(struct session_event){.type = SESSION_SERVER_REFUSED,
                                           .number = number,
                                           .outcome = OUTCOME_INTERNAL},
                   NULL);
        return;
    }
    if (k->statement.len > 0)
        end_queue_arm(k->setup.ends, k->provider->name, k->about->sid,
                      (const char *)k->statement.data);
    k->role_owed = k->about->role < 0 && k->about->role_count > 0 && !k->caller_chooses;
    keeper_put(k,
               &(struct session_event){.type = SESSION_OPENED,
                                       .number = number,
                                       .absolute = (uint64_t)k->about->expires_in * 1000,
                                       .idle = (uint64_t)k->about->idle * 1000},
               NULL);
    if (keeper_signed_in(k))
        upkeep_begin(k);
    key_seat_look(k->key_seat); /* in mobility the key may have left and come back meanwhile */
}

static void on_opened(void *context, struct cis_answer *answer)
{
    struct opening *o = context;
    struct keeper *k = o->keeper;
    if (o->key) {
        if (answer->result == OUTCOME_OK)
            end_stray(k, o, answer->session);
        else
            settle_sid(k, o, answer->result);
        free(STEAL(answer->session));
        drop_disowned(o);
        return;
    }
    uint64_t number = o->number;
    if (answer->result != OUTCOME_OK)
        settle_sid(k, o, answer->result);
    opening_free(&k->opening);
    if (answer->result == OUTCOME_OK) {
        take_session(k, number, &answer->session);
        return;
    }
    /* A page's sid that the server does not know, or does not give to this key. */
    int outcome = answer->result == OUTCOME_NO_SESSION ? OUTCOME_SIGN_IN_EXPIRED : answer->result;
    keeper_put(k,
               &(struct session_event){
                   .type = SESSION_SERVER_REFUSED, .number = number, .outcome = outcome},
               NULL);
}

/* A provider without a session endpoint: what its page says is all there is. */
static void open_without_server(struct keeper *k)
{
    struct cis_session *about = calloc(1, sizeof *about);
    if (!about) {
        keeper_put(k,
                   &(struct session_event){.type = SESSION_SERVER_REFUSED,
                                           .number = k->machine.number,
                                           .outcome = OUTCOME_INTERNAL},
                   NULL);
        return;
    }
    const struct card *card = cards_find(k->setup.cards, k->signer.card);
    *about = (struct cis_session){.auth_time = time(NULL),
                                  .expires_in = SESSION_ABSOLUTE_MAX_MS / 1000,
                                  .keep_alive = CIS_KEEP_ALIVE_MAX,
                                  .role = -1};
    snprintf(about->sid, sizeof about->sid, "%s", k->adopted);
    for (size_t i = 0; card && i < card->certificates.count; i++) {
        const struct certificate *certificate = card->certificates.at[i];
        if (certificate &&
            memcmp(certificate->hash, k->signer.identity, sizeof k->signer.identity) == 0)
            snprintf(about->uid, sizeof about->uid, "%s", certificate->uid);
    }
    take_session(k, k->machine.number, &about);
}

/* False on fault (logged). */
static bool arm_sid(struct keeper *k, struct opening *o)
{
    CLEANUP(bytes_deinit) struct bytes statement = {0};
    if (end_statement_make(k->key, k->provider->session_endpoint, k->adopted, time(NULL),
                           &statement) < 0)
        return false;
    end_queue_arm(k->setup.ends, k->provider->name, k->adopted, (const char *)statement.data);
    snprintf(o->sid, sizeof o->sid, "%s", k->adopted);
    return true;
}

static struct opening *opening_new(struct keeper *k)
{
    struct opening *o = calloc(1, sizeof *o);
    if (!o) {
        log_fault(ENOMEM, "opening a session");
        return NULL;
    }
    *o = (struct opening){.keeper = k, .number = k->machine.number, .provider = k->provider};
    o->patience = loop_timer_new(k->setup.loop, on_patience, o);
    struct cis_evidence evidence = keeper_evidence(k);
    if (k->adopted[0] == '\0')
        o->call = cis_open(k->setup.cis, k->provider, k->key, &evidence, on_opened, o);
    else if (arm_sid(k, o))
        o->call = cis_look(k->setup.cis, k->provider, k->key, k->adopted, on_opened, o);
    if (o->patience && o->call)
        return o;
    settle_sid(k, o, OUTCOME_INTERNAL);
    opening_free(&o);
    return NULL;
}

void opening_open(struct keeper *k)
{
    if (!keeper_has_endpoint(k->provider)) {
        open_without_server(k);
        return;
    }
    struct opening *o = opening_new(k);
    if (o) {
        k->opening = o;
        keeper_tell_held(k, WAITING_PROVIDER, NULL, -1);
        return;
    }
    keeper_put(k,
               &(struct session_event){.type = SESSION_SERVER_REFUSED,
                                       .number = k->machine.number,
                                       .outcome = OUTCOME_INTERNAL},
               NULL);
}

void opening_disown(struct keeper *k)
{
    struct opening *o = STEAL(k->opening);
    if (o) {
        o->key = STEAL(k->key);
        o->next = k->disowned;
        k->disowned = o;
        loop_timer_set(o->patience, SESSION_OPENING_MAX_MS);
    }
    opening_forget(k);
}

void opening_forget(struct keeper *k)
{
    keeper_dismiss(k);
    opening_free(&k->opening);
    bytes_deinit(&k->evidence);
    key_holder_deinit(&k->signer.key);
    session_key_free(&k->key);
    k->adopted[0] = '\0';
}

void opening_deinit(struct keeper *k)
{
    opening_forget(k);
    while (k->disowned)
        drop_disowned(k->disowned);
}
