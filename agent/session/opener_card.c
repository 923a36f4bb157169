/* SPDX-License-Identifier: MIT */
/*
 * A ceremony with the challenges that it asks for. Where the provider cannot be reached, and a
 * card's PIN is all that matters, the challenge is drawn here and only the agent looks at what is
 * signed.
 */
#include "agent/session/opener_inside.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

enum { LOCAL_CHALLENGE_BYTES = 32 };

_Static_assert((int)SESSION_IDENTITY_BYTES == (int)CERTIFICATE_HASH_BYTES,
               "an identity is a certificate's hash");

/* ---- the challenge ---- */

static bool has_endpoint(const struct opener *o)
{
    const char *endpoint = o->request.provider->session_endpoint;
    return endpoint && endpoint[0] != '\0';
}

static void give_local_challenge(struct opener *o)
{
    uint8_t random[LOCAL_CHALLENGE_BYTES];
    CLEANUP(bytes_deinit) struct bytes text = {0};
    bool drawn = RAND_bytes(random, sizeof random) == 1;
    base64url_append(&text, random, sizeof random);
    bytes_append(&text, "", 1);
    o->local = true;
    if (drawn && !text.failed)
        ceremony_challenge(o->ceremony, OUTCOME_OK, (const char *)text.data);
    else
        ceremony_challenge(o->ceremony, -EIO, NULL);
}

static bool can_do_without_server(const struct opener *o, int result)
{
    return o->request.without_server &&
           (result == OUTCOME_PROVIDER_UNREACHABLE || result == OUTCOME_PROVIDER_BUSY);
}

static void on_challenge(void *context, struct cis_answer *answer)
{
    struct opener *o = context;
    cis_call_free(&o->fetching);
    if (answer->result == OUTCOME_OK) {
        ceremony_algorithms(o->ceremony, answer->algorithms, answer->algorithm_count);
        ceremony_challenge(o->ceremony, OUTCOME_OK, answer->challenge);
    } else if (can_do_without_server(o, answer->result)) {
        give_local_challenge(o);
    } else {
        ceremony_challenge(o->ceremony, answer->result, NULL);
    }
}

static void set_at_work(struct opener *o, bool at_work)
{
    o->at_work = at_work;
    opener_weigh(o);
}

static void on_fetch(void *context)
{
    struct opener *o = context;
    set_at_work(o, true);
    if (!has_endpoint(o)) {
        give_local_challenge(o);
        return;
    }
    o->local = false;
    cis_call_free(&o->fetching);
    o->fetching = cis_challenge(o->setup.cis, o->request.provider, on_challenge, o);
    if (!o->fetching)
        ceremony_challenge(o->ceremony, -ENOMEM, NULL);
}

/* ---- the ceremony ---- */

static void on_waiting(void *context, enum waiting_for what, const char *reader, int tries_left)
{
    struct opener *o = context;
    bool missing = what == WAITING_CARD || what == WAITING_READER;
    if (missing) {
        o->card_waits = (int)what;
        if (!o->work || o->idle)
            opener_say_missing(o);
    } else {
        opener_say(o, what, reader, tries_left);
    }
    set_at_work(o, !missing);
}

/* A key may still do where the card has not been at work: none has come, or those that are in will
 * not do. Without a smartcard service, or readers, it may be what the person has. */
static bool key_goes_on(struct opener *o, int result)
{
    if (result == OUTCOME_CANCELLED || o->at_work || !opener_key_counts(o))
        return false;
    return o->work || o->asking || key_watch_count(o->setup.keys) > 0 ||
           result == OUTCOME_READER_SERVICE_DOWN || result == OUTCOME_REMOTE_SESSION;
}

static void on_done(void *context, const struct ceremony_result *result)
{
    struct opener *o = context;
    o->ceremony = NULL;
    cis_call_free(&o->fetching);
    if (result->result != OUTCOME_OK && key_goes_on(o, result->result)) {
        o->card_result = result->result;
        opener_weigh(o);
        return;
    }
    struct opener_result out = {.result = result->result, .uid = result->uid};
    if (result->result == OUTCOME_OK) {
        out.evidence.text = result->token->result.jws;
        out.local = o->local;
        out.card = result->card;
        memcpy(out.identity, result->identity, sizeof out.identity);
    }
    opener_finish(o, &out);
}

int opener_card_begin(struct opener *o)
{
    struct ceremony_request request = {
        .params = {.format = TOKEN_JWS},
        .caller = o->request.caller,
        .site = o->request.site,
        .key = o->request.key,
        .identity = o->request.card_identity,
        .card = o->request.card,
        .another_pin = o->request.another_pin,
    };
    snprintf(request.params.origin, sizeof request.params.origin, "%s",
             o->request.provider->origins.at[0]);
    const struct ceremony_events events = {
        .context = o, .waiting = on_waiting, .fetch = on_fetch, .done = on_done};
    int refusal = -ENOMEM;
    o->ceremony = ceremony_begin(o->setup.ceremonies, &request, &events, &refusal);
    return o->ceremony ? OUTCOME_OK : refusal;
}

void opener_card_stop(struct opener *o)
{
    ceremony_free(&o->ceremony);
    cis_call_free(&o->fetching);
}
