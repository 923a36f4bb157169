/* SPDX-License-Identifier: MIT */
/*
 * A security key is put to work only with a challenge that was fetched just before, since the key
 * signs it from the first moment; so the provider is asked again for each key that comes. The work
 * takes no longer than the provider takes the challenge for.
 *
 * What the key signs is clientDataJSON, in which the agent names the provider's first origin and
 * the session's public key. Whether the signature is right only the provider can tell; what can be
 * seen here is that it is of a credential that was asked for, and that the key has seen to it that
 * its own person is there.
 */
#include "agent/session/opener_inside.h"

#include "agent/webauthn/auth_check.h"
#include "agent/webauthn/client_data.h"
#include "agent/webauthn/rp_id.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

enum {
    WORK_MS = 110000,         /* a challenge is good for 120 s */
    CHALLENGE_OLD_MS = 60000, /* for a key that comes to a work that waits */
};

bool opener_key_counts(const struct opener *o)
{
    const struct opener_request *request = &o->request;
    const char *endpoint = request->provider->session_endpoint;
    return o->setup.works && !request->card_identity && request->card == 0 && endpoint &&
           endpoint[0] != '\0' && (!o->asked || o->takes_keys);
}

void opener_key_stop(struct opener *o)
{
    cis_call_free(&o->asking);
    key_work_free(&o->work);
}

/* No key will do: what is left is the card, where there is one to wait for. */
static void do_without(struct opener *o, int result)
{
    if (o->card_result != OUTCOME_OK)
        opener_fail(o, o->card_result);
    else if (!o->ceremony)
        opener_fail(o, result);
    else
        opener_say_missing(o);
}

/* ---- what the key has signed ---- */

static bool was_asked_for(const struct opener *o, const struct bytes *credential)
{
    for (size_t i = 0; i < o->start.list_count; i++)
        if (bytes_equal(&o->start.list[i], credential))
            return true;
    return o->start.list_count == 0;
}

static void finish_signed(struct opener *o, const struct fido_done *done, uint64_t key)
{
    struct opener_result result = {.result = OUTCOME_OK, .plugged = key, .holder = &o->holder};
    const struct cis_assertion assertion = {.credential_id = &done->credential_id,
                                            .client_data = &o->client_data,
                                            .auth_data = &done->auth_data,
                                            .signature = &done->signature,
                                            .user_id = &done->user_id};
    int r = key_holder_set(&o->holder, o->start.rp_id, &done->credential_id);
    if (r == 0)
        r = key_holder_identity(&done->credential_id, result.identity);
    if (r == 0)
        r = cis_assertion_write(&assertion, &o->assertion);
    if (r < 0) {
        opener_fail(o, r);
        return;
    }
    result.evidence =
        (struct cis_evidence){.assertion = true, .text = (const char *)o->assertion.data};
    opener_finish(o, &result);
}

static void on_done(void *context, struct fido_done *done, uint64_t key)
{
    struct opener *o = context;
    int result = (int)done->result;
    bool nobody = o->idle && (result == OUTCOME_TIMED_OUT || result == OUTCOME_NO_KEY);
    o->work = NULL;
    if (result == OUTCOME_OK)
        result = auth_data_check(&done->auth_data, o->start.rp_id, true, &(struct auth_data){0});
    if (result == OUTCOME_OK && !was_asked_for(o, &done->credential_id)) {
        log_error("a security key has signed with a credential that was not asked for");
        result = OUTCOME_KEY_FAILED;
    }
    if (result == OUTCOME_OK)
        finish_signed(o, done, key);
    else if (nobody)
        do_without(o, result);
    else
        opener_fail(o, result);
}

/* ---- the work ---- */

static void on_waiting(void *context, enum waiting_for what, const char *name, int tries_left)
{
    struct opener *o = context;
    o->idle = what == WAITING_KEY || what == WAITING_OTHER_KEY;
    if (o->idle && o->ceremony)
        opener_say_missing(o);
    else
        opener_say(o, what, name, tries_left);
}

/* 0 or a fault (logged). */
static int make_client_data(struct opener *o, const char *challenge)
{
    const struct client_data what = {.challenge = challenge,
                                     .origin = o->request.provider->origins.at[0],
                                     .key = o->request.key};
    int r = client_data_write(&what, &o->client_data);
    if (r == 0 && EVP_Digest(o->client_data.data, o->client_data.len, o->start.client_data_hash,
                             NULL, EVP_sha256(), NULL) != 1)
        r = log_fault(EIO, "hash");
    return r;
}

static int copy_list(struct fido_start *start, const struct bytes *list, uint8_t count)
{
    int r = 0;
    for (; r == 0 && start->list_count < count; start->list_count++) {
        const struct bytes *credential = &list[start->list_count];
        r = bytes_set(&start->list[start->list_count], credential->data, credential->len);
    }
    return r;
}

static int make_start(struct opener *o, const char *challenge, const char *rp_id,
                      const struct cis_keys *keys)
{
    const struct key_holder *holder = o->request.holder;
    fido_start_deinit(&o->start);
    o->start = (struct fido_start){.operation = FIDO_GET, .verification = FIDO_UV_REQUIRED};
    memcpy(o->start.rp_id, rp_id, strlen(rp_id) + 1);
    int r = holder ? copy_list(&o->start, &holder->credential, 1)
                   : copy_list(&o->start, keys->list, keys->list_count);
    return r == 0 ? make_client_data(o, challenge) : r;
}

static void begin_work(struct opener *o, const char *challenge, const char *rp_id,
                       const struct cis_keys *keys)
{
    const struct key_work_request request = {.start = &o->start,
                                             .caller = o->request.caller,
                                             .site = o->request.site,
                                             .another_pin = o->request.another_pin,
                                             .session = true,
                                             .timeout_ms = WORK_MS};
    const struct key_work_events events = {.context = o, .waiting = on_waiting, .done = on_done};
    int refusal = make_start(o, challenge, rp_id, keys);
    o->idle = false;
    if (refusal == 0)
        o->work = key_work_begin(o->setup.works, &request, &events, &refusal);
    if (refusal == OUTCOME_BUSY)
        do_without(o, refusal);
    else if (!o->work)
        opener_fail(o, refusal);
}

/* ---- the provider's word ---- */

/* A provider that names another relying party than its origin may have, or than the session's, has
 * no keys for it. */
static bool rp_id_will_do(const struct opener *o, const struct cis_keys *keys,
                          char out[FIDO_RP_ID_MAX + 1])
{
    const char *origin = o->request.provider->origins.at[0];
    if (!rp_id_settle(origin, keys->rp_id, out)) {
        log_warning("provider %s: it may not use security keys of %s", o->request.provider->name,
                    keys->rp_id);
        return false;
    }
    return !o->request.holder || strcmp(out, o->request.holder->rp_id) == 0;
}

static void on_asked(void *context, struct cis_answer *answer)
{
    struct opener *o = context;
    char rp_id[FIDO_RP_ID_MAX + 1];
    bool in = key_watch_count(o->setup.keys) > 0;
    cis_call_free(&o->asking);
    if (answer->result != OUTCOME_OK) {
        if (in || o->request.holder)
            opener_fail(o, answer->result);
        else
            do_without(o, answer->result);
        return;
    }
    o->asked = true;
    o->asked_at = loop_now();
    o->takes_keys = answer->keys && rp_id_will_do(o, answer->keys, rp_id);
    if (!o->takes_keys)
        do_without(o, OUTCOME_PROVIDER_REFUSED);
    else if (in)
        begin_work(o, answer->challenge, rp_id, answer->keys);
    else
        opener_say_missing(o);
}

bool opener_key_begin(struct opener *o)
{
    o->asking = cis_challenge(o->setup.cis, o->request.provider, on_asked, o);
    return o->asking != NULL;
}

void opener_keys_changed(struct opener *opener)
{
    struct opener *o = opener;
    if (o->ended)
        return;
    if (o->work && o->idle && loop_now() - o->asked_at > CHALLENGE_OLD_MS)
        key_work_free(&o->work);
    opener_weigh(o);
}
