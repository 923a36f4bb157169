/* SPDX-License-Identifier: MIT */
/*
 * A key is asked for the one credential that was found on it before, so that neither a long list
 * nor a choice between equals is left to it, and each credential gets the salts that are meant for
 * it. Only where it shows its credentials to nobody but its person (credProtect) it is asked again
 * after that person was verified.
 *
 * The answer is checked for what was asked: whose it is, that somebody touched the key and, where
 * that was required, who it was. Its signature is the server's to check, who has the public key.
 */
#include "fido/assertion.h"

#include "fido/blob.h"
#include "fido/probe.h"
#include "fido/text.h"
#include "ipc/auth_data.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
    struct candidate *candidate;
    const struct fido_start *start;
    const struct bytes *salts; /* NULL: none */
    bool blob_key;
    fido_assert_t *answer;
};

static const char *rp_of(const struct request *request)
{
    return request->candidate->with_appid ? request->start->appid : request->start->rp_id;
}

/* ---- judging ---- */

static enum verification_need need_of(const struct fido_start *start)
{
    if (start->verification == FIDO_UV_REQUIRED)
        return VERIFICATION_MUST;
    /* prf's secrets are those of a verified person (WebAuthn §10.1.4). */
    return start->verification == FIDO_UV_PREFERRED || start->salts_count > 0
               ? VERIFICATION_POSSIBLE
               : VERIFICATION_NONE;
}

int assertion_judge(struct candidate *candidate, const struct fido_start *start)
{
    const struct key_traits *traits = &candidate->key.traits;
    enum verification_need need = need_of(start);
    bool ready = verification_ready(&candidate->key);
    bool able = ready || traits->pin_possible || traits->verification_possible;
    candidate->fit = KEY_UNFIT;
    if (need == VERIFICATION_MUST && !able)
        return OUTCOME_OK;
    if (!traits->fido2 && start->list_count == 0)
        return OUTCOME_OK;
    int r = probe(candidate, start, start->appid);
    if (r == OUTCOME_OK)
        candidate->fit = KEY_FIT;
    else if (r != OUTCOME_KEY_NOT_REGISTERED)
        return r;
    else if (traits->cred_protect && ready && need != VERIFICATION_NONE)
        candidate->fit = KEY_UNSURE;
    if (need == VERIFICATION_MUST && !ready)
        candidate->refusal = OUTCOME_KEY_PIN_NOT_SET;
    return OUTCOME_OK;
}

int assertion_probe(struct candidate *candidate, const struct fido_start *start,
                    struct fido_done *done)
{
    return probe_signed(candidate, start, done);
}

/* ---- asking ---- */

static const struct bytes *salts_for(const struct fido_start *start, const struct bytes *id)
{
    const struct bytes *any = NULL;
    for (size_t i = 0; i < start->salts_count; i++) {
        const struct fido_salts *salts = &start->salts[i];
        if (salts->credential.len == 0)
            any = &salts->salts;
        else if (bytes_equal(&salts->credential, id))
            return &salts->salts;
    }
    return any;
}

static int extensions_of(const struct request *request)
{
    return (request->salts ? FIDO_EXT_HMAC_SECRET : 0) |
           (request->blob_key ? FIDO_EXT_LARGEBLOB_KEY : 0);
}

static int ask(void *context, struct key *key, const char *pin, bool own)
{
    struct request *request = context;
    const struct bytes *found = &request->candidate->found;
    fido_assert_free(&request->answer);
    fido_assert_t *assert = request->answer = fido_assert_new();
    if (!assert || fido_assert_set_rp(assert, rp_of(request)) != FIDO_OK ||
        fido_assert_set_clientdata_hash(assert, request->start->client_data_hash,
                                        sizeof request->start->client_data_hash) != FIDO_OK ||
        fido_assert_set_extensions(assert, extensions_of(request)) != FIDO_OK ||
        (own && fido_assert_set_uv(assert, FIDO_OPT_TRUE) != FIDO_OK) ||
        (found->len > 0 && fido_assert_allow_cred(assert, found->data, found->len) != FIDO_OK) ||
        (request->salts &&
         fido_assert_set_hmac_salt(assert, request->salts->data, request->salts->len) != FIDO_OK))
        return FIDO_ERR_INTERNAL;
    key->touch = true;
    int code = fido_dev_get_assert(key->dev, assert, pin);
    key->touch = false;
    return code;
}

/* ---- several accounts ---- */

static int choose_account(struct key *key, const fido_assert_t *answer, size_t *chosen)
{
    size_t count = fido_assert_count(answer);
    *chosen = 0;
    if (count <= 1)
        return count == 1 ? OUTCOME_OK : OUTCOME_KEY_FAILED;
    if (count > FIDO_ACCOUNTS_MAX)
        count = FIDO_ACCOUNTS_MAX;
    struct fido_account *accounts = calloc(count, sizeof *accounts);
    if (!accounts)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        text_copy(accounts[i].name, sizeof accounts[i].name, fido_assert_user_name(answer, i));
        text_copy(accounts[i].display_name, sizeof accounts[i].display_name,
                  fido_assert_user_display_name(answer, i));
    }
    struct fido_news question = {.ask = FIDO_ASK_ACCOUNT,
                                 .tries_left = UINT8_MAX,
                                 .account_count = (uint8_t)count,
                                 .accounts = accounts};
    snprintf(question.key, sizeof question.key, "%s", key->path);
    snprintf(question.product, sizeof question.product, "%s", key->product);
    int r = link_ask_account(key->link, &question, chosen);
    free(accounts);
    return r;
}

/* ---- the answer ---- */

static bool hash_is_of(const uint8_t *hash, const char *text)
{
    uint8_t expected[SHA256_DIGEST_LENGTH];
    return SHA256((const uint8_t *)text, strlen(text), expected) &&
           memcmp(hash, expected, sizeof expected) == 0;
}

static bool copy(struct bytes *to, const uint8_t *data, size_t len, size_t max)
{
    return len <= max && (len == 0 || data) && bytes_set(to, data, len) == 0;
}

static bool take_id(const struct request *request, size_t i, struct fido_done *done)
{
    const struct bytes *found = &request->candidate->found;
    const uint8_t *id = fido_assert_id_ptr(request->answer, i);
    size_t len = fido_assert_id_len(request->answer, i);
    if (!id || len == 0) { /* of a list of one it need not say which */
        id = found->data;
        len = found->len;
    }
    return len > 0 && copy(&done->credential_id, id, len, FIDO_CREDENTIAL_ID_MAX) &&
           (found->len == 0 || bytes_equal(found, &done->credential_id));
}

static bool take_auth_data(const struct request *request, size_t i, struct fido_done *done)
{
    size_t len;
    const uint8_t *data = auth_data_unwrap(fido_assert_authdata_ptr(request->answer, i),
                                           fido_assert_authdata_len(request->answer, i), &len);
    struct auth_data parsed;
    if (!data || auth_data_parse(data, len, &parsed) < 0 ||
        !hash_is_of(parsed.rp_id_hash, rp_of(request)) || !(parsed.flags & AUTH_DATA_PRESENT))
        return false;
    if (request->start->verification == FIDO_UV_REQUIRED && !(parsed.flags & AUTH_DATA_VERIFIED))
        return false;
    return copy(&done->auth_data, data, len, FIDO_AUTH_DATA_MAX);
}

static bool take_answer(const struct request *request, size_t i, struct fido_done *done)
{
    const fido_assert_t *answer = request->answer;
    size_t signature = fido_assert_sig_len(answer, i);
    size_t secrets = fido_assert_hmac_secret_len(answer, i);
    if (!take_id(request, i, done) || !take_auth_data(request, i, done) || signature == 0 ||
        !copy(&done->signature, fido_assert_sig_ptr(answer, i), signature, FIDO_SIGNATURE_MAX) ||
        !copy(&done->user_id, fido_assert_user_id_ptr(answer, i),
              fido_assert_user_id_len(answer, i), FIDO_USER_ID_MAX))
        return false;
    if (secrets > 0 && (!request->salts || secrets != request->salts->len ||
                        !copy(&done->hmac_secret, fido_assert_hmac_secret_ptr(answer, i), secrets,
                              FIDO_SALTS_MAX)))
        return false;
    text_copy(done->user_name, sizeof done->user_name, fido_assert_user_name(answer, i));
    text_copy(done->user_display_name, sizeof done->user_display_name,
              fido_assert_user_display_name(answer, i));
    done->with_appid = request->candidate->with_appid;
    return true;
}

/* ---- all of it ---- */

static int make(struct request *request, struct fido_done *done)
{
    struct key *key = &request->candidate->key;
    enum verification_need need = need_of(request->start);
    size_t chosen = 0;
    int r = verification_call(key, need, ask, request);
    if (r == OUTCOME_OK)
        r = choose_account(key, request->answer, &chosen);
    if (r != OUTCOME_OK)
        return r;
    key->settled = true;
    if (!take_answer(request, chosen, done)) {
        log_warning("%s: the answer is not what was asked for", key->path);
        return OUTCOME_KEY_FAILED;
    }
    if (request->blob_key)
        blob_serve(key, request->start, fido_assert_largeblob_key_ptr(request->answer, chosen),
                   fido_assert_largeblob_key_len(request->answer, chosen), done);
    return key->link->cancelled ? OUTCOME_CANCELLED : OUTCOME_OK;
}

int assertion_make(struct candidate *candidate, const struct fido_start *start,
                   struct fido_done *done)
{
    const struct key_traits *traits = &candidate->key.traits;
    if (candidate->fit == KEY_UNSURE && start->list_count > 0) {
        int r = probe_verified(candidate, start, need_of(start));
        if (r != OUTCOME_OK)
            return r;
    }
    struct request request = {
        .candidate = candidate,
        .start = start,
        .salts = traits->hmac_secret && verification_ready(&candidate->key)
                     ? salts_for(start, &candidate->found)
                     : NULL,
        .blob_key = traits->large_blobs && start->blob != FIDO_BLOB_NONE,
    };
    int r = make(&request, done);
    fido_assert_free(&request.answer);
    return r;
}
