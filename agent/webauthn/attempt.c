/* SPDX-License-Identifier: MIT */
/*
 * A key's answer is believed in nothing that can be checked here: that it is about the site that
 * was asked for, that somebody was there, that the credential is one of those that were named, that
 * a new one is of a kind that was asked for. Its signature is the site's to check.
 *
 * What a session is to come of is asked more of: the key knows its person, and the credential is
 * the relying party's own, not an appid's, as which nobody could ask for it again.
 */
#include "agent/webauthn/attempt.h"

#include "agent/webauthn/attestation_object.h"
#include "agent/webauthn/auth_check.h"
#include "agent/webauthn/client_data.h"
#include "agent/webauthn/prf.h"
#include "agent/webauthn/public_key.h"
#include "agent/webauthn/rp_id.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum {
    TIMEOUT_TOUCH_MS = 120000, /* where a touch is all that there is to do */
    TIMEOUT_PIN_MS = 300000,   /* a PIN to be found and typed (§15.1) */
};

/* ---- what a key is asked ---- */

static struct bytes moved(struct bytes *from)
{
    struct bytes taken = *from;
    *from = (struct bytes){0};
    return taken;
}

static int settle_site(const struct webauthn_params *params, struct fido_start *start)
{
    if (!rp_id_settle(params->origin, params->rp_id, start->rp_id))
        return OUTCOME_RP_ID_NOT_ALLOWED;
    if (*params->appid && !rp_appid_allowed(params->origin, params->appid))
        return OUTCOME_RP_ID_NOT_ALLOWED;
    if (!params->session)
        memcpy(start->appid, params->appid, sizeof start->appid);
    return 0;
}

static int make_client_data(struct attempt *attempt)
{
    const struct webauthn_params *params = &attempt->params;
    if (params->session && !(attempt->key = session_key_new()))
        return -ENOMEM;
    const struct client_data data = {.create = params->create,
                                     .challenge = params->challenge,
                                     .origin = params->origin,
                                     .key = attempt->key};
    int r = client_data_write(&data, &attempt->client_data);
    if (r == 0 && !SHA256(attempt->client_data.data, attempt->client_data.len,
                          attempt->start.client_data_hash))
        r = log_fault(ENOMEM, "client data");
    return r;
}

static int ask_for_salts(const struct webauthn_params *params, struct fido_start *start)
{
    if (params->prf_count == 0)
        return 0;
    start->salts = calloc(params->prf_count, sizeof *start->salts);
    if (!start->salts)
        return log_fault(ENOMEM, "prf");
    for (size_t i = 0; i < params->prf_count; i++) {
        struct fido_salts *to = &start->salts[start->salts_count++];
        const struct webauthn_prf *from = &params->prf[i];
        if (bytes_set(&to->credential, from->credential.data, from->credential.len) < 0 ||
            prf_salts(from, &to->salts) < 0)
            return log_fault(ENOMEM, "prf");
    }
    return 0;
}

static int ask_for_assertion(struct attempt *attempt)
{
    if (attempt->params.list_useless)
        return OUTCOME_KEY_NOT_REGISTERED;
    attempt->start.operation = FIDO_GET;
    return ask_for_salts(&attempt->params, &attempt->start);
}

static int ask_for_credential(struct attempt *attempt)
{
    struct webauthn_params *params = &attempt->params;
    struct fido_start *start = &attempt->start;
    if (params->platform)
        return OUTCOME_KEY_UNABLE;
    if (params->algorithm_count == 0)
        return OUTCOME_ALGORITHM_UNKNOWN;
    start->operation = FIDO_CREATE;
    memcpy(start->rp_name, params->rp_name, sizeof start->rp_name);
    memcpy(start->user_name, params->user_name, sizeof start->user_name);
    memcpy(start->user_display_name, params->user_display_name, sizeof start->user_display_name);
    start->user_id = moved(&params->user_id);
    start->algorithm_count = params->algorithm_count;
    memcpy(start->algorithms, params->algorithms, sizeof start->algorithms);
    start->resident = params->resident;
    start->protection = params->protection;
    start->protection_enforced = params->protection_enforced;
    start->hmac_secret = params->prf_wanted;
    start->min_pin_length = params->min_pin_length;
    start->attestation = params->attestation;
    return 0;
}

int attempt_begin(struct attempt *attempt, struct webauthn_params *params)
{
    *attempt = (struct attempt){.params = *params};
    *params = (struct webauthn_params){0};
    struct webauthn_params *wish = &attempt->params;
    struct fido_start *start = &attempt->start;
    int r = settle_site(wish, start);
    if (r == 0)
        r = wish->create ? ask_for_credential(attempt) : ask_for_assertion(attempt);
    if (r != 0)
        return r;
    start->verification = wish->session ? FIDO_UV_REQUIRED : wish->verification;
    start->list_count = wish->list_count;
    for (size_t i = 0; i < wish->list_count; i++)
        start->list[i] = moved(&wish->list[i]);
    wish->list_count = 0;
    start->blob = wish->blob;
    start->blob_data = moved(&wish->blob_data);
    bool pin_possible = start->verification != FIDO_UV_DISCOURAGED;
    attempt->timeout_ms = wish->timeout_ms ? wish->timeout_ms
                          : pin_possible   ? TIMEOUT_PIN_MS
                                           : TIMEOUT_TOUCH_MS;
    return make_client_data(attempt);
}

void attempt_deinit(struct attempt *attempt)
{
    webauthn_params_deinit(&attempt->params);
    fido_start_deinit(&attempt->start);
    session_key_free(&attempt->key);
    bytes_deinit(&attempt->client_data);
    bytes_deinit(&attempt->auth_data);
    bytes_deinit(&attempt->attestation_object);
    bytes_deinit(&attempt->public_key);
}

/* ---- what a key has answered ---- */

static int check_auth_data(const struct attempt *attempt, const struct fido_done *done,
                           struct auth_data *data)
{
    const struct fido_start *start = &attempt->start;
    bool with_appid = done->with_appid && !attempt->params.create && *start->appid;
    if (done->credential_id.len == 0)
        return OUTCOME_KEY_FAILED;
    return auth_data_check(&done->auth_data, with_appid ? start->appid : start->rp_id,
                           start->verification == FIDO_UV_REQUIRED, data);
}

static bool was_named(const struct fido_start *start, const struct bytes *id)
{
    for (size_t i = 0; i < start->list_count; i++)
        if (bytes_equal(&start->list[i], id))
            return true;
    return start->list_count == 0;
}

/* What of prf was asked of that credential; NULL: nothing. */
static const struct webauthn_prf *prf_of(const struct webauthn_params *params,
                                         const struct bytes *id)
{
    const struct webauthn_prf *any = NULL;
    for (size_t i = 0; i < params->prf_count; i++) {
        if (bytes_equal(&params->prf[i].credential, id))
            return &params->prf[i];
        if (params->prf[i].credential.len == 0)
            any = &params->prf[i];
    }
    return any;
}

/* Borrowed. */
static struct bytes lent(const struct bytes *of)
{
    return (struct bytes){.data = of->data, .len = of->len};
}

/* Part of what is there, borrowed. */
static struct bytes part(const struct bytes *of, size_t from, size_t len)
{
    return (struct bytes){.data = of->data + from, .len = len};
}

static void give_prf(const struct webauthn_params *params, const struct fido_done *done,
                     struct webauthn_result *result)
{
    const struct bytes *secret = &done->hmac_secret;
    const struct webauthn_prf *asked = prf_of(params, &done->credential_id);
    result->has_prf = params->prf_wanted;
    if (!asked || secret->len != (asked->has_second ? 2 * PRF_BYTES : PRF_BYTES))
        return;
    result->prf_first = part(secret, 0, PRF_BYTES);
    if (asked->has_second)
        result->prf_second = part(secret, PRF_BYTES, PRF_BYTES);
}

static int finish_assertion(struct attempt *attempt, const struct fido_done *done,
                            struct webauthn_result *result)
{
    const struct webauthn_params *params = &attempt->params;
    const struct fido_start *start = &attempt->start;
    /* A discoverable credential comes with its account (§5.1.4). */
    if (done->signature.len == 0 || !was_named(start, &done->credential_id) ||
        (start->list_count == 0 && done->user_id.len == 0))
        return OUTCOME_KEY_FAILED;
    result->auth_data = lent(&done->auth_data);
    result->signature = lent(&done->signature);
    result->user_id = lent(&done->user_id);
    result->has_appid = *params->appid;
    result->appid = done->with_appid;
    give_prf(params, done, result);
    result->has_blob = params->blob_asked;
    result->blob_wanted_written = start->blob == FIDO_BLOB_WRITE;
    result->blob_written = result->blob_wanted_written && done->blob_written;
    result->blob_read = start->blob == FIDO_BLOB_READ && done->blob_read;
    if (result->blob_read)
        result->blob = lent(&done->blob);
    return 0;
}

static bool was_wanted(const struct fido_start *start, int32_t algorithm)
{
    for (size_t i = 0; i < start->algorithm_count; i++)
        if (start->algorithms[i] == algorithm)
            return true;
    return false;
}

static int write_attestation(struct attempt *attempt, const struct fido_done *done)
{
    int r = bytes_set(&attempt->auth_data, done->auth_data.data, done->auth_data.len);
    if (r < 0)
        return log_fault(ENOMEM, "registration of a security key");
    return attempt->start.attestation
               ? attestation_object_write(done->format, &done->statement, &attempt->auth_data,
                                          &attempt->attestation_object)
               : attestation_object_write_none(&attempt->auth_data, &attempt->attestation_object);
}

static int finish_credential(struct attempt *attempt, const struct fido_done *done,
                             const struct auth_data *data, struct webauthn_result *result)
{
    const struct webauthn_params *params = &attempt->params;
    if ((data->flags & AUTH_DATA_CREDENTIAL) == 0 ||
        data->credential_id_len != done->credential_id.len ||
        memcmp(data->credential_id, done->credential_id.data, data->credential_id_len) != 0)
        return OUTCOME_KEY_FAILED;
    int r = public_key_parse(data->public_key, data->public_key_len, &result->algorithm,
                             &attempt->public_key);
    if (r == 0 && !was_wanted(&attempt->start, result->algorithm))
        r = -EPROTO;
    if (r == 0)
        r = write_attestation(attempt, done);
    if (r != 0)
        return r == -EPROTO ? OUTCOME_KEY_FAILED : r;
    result->auth_data = lent(&attempt->auth_data);
    result->attestation_object = lent(&attempt->attestation_object);
    result->public_key = lent(&attempt->public_key);
    result->has_appid = *params->appid;
    result->appid = true; /* §10.1.2: that it was heeded */
    result->has_cred_props = params->cred_props;
    result->resident = done->resident;
    result->has_prf = params->prf_wanted;
    result->prf_enabled = done->hmac_secret_made;
    result->has_blob = attempt->start.blob != FIDO_BLOB_NONE;
    result->blob_supported = done->blob_possible;
    return 0;
}

int attempt_finish(struct attempt *attempt, const struct fido_done *done,
                   struct webauthn_result *result)
{
    struct auth_data data;
    *result = (struct webauthn_result){.create = attempt->params.create};
    int r = check_auth_data(attempt, done, &data);
    if (r != 0)
        return r;
    result->client_data = lent(&attempt->client_data);
    result->credential_id = lent(&done->credential_id);
    return attempt->params.create ? finish_credential(attempt, done, &data, result)
                                  : finish_assertion(attempt, done, result);
}
