/* SPDX-License-Identifier: MIT */
/*
 * AuthenticationResponseJSON and RegistrationResponseJSON (Web Authentication Level 3, §5.1.8), and
 * the names of the errors. As toJSON() there does, what there is none of is left out.
 */
#include "ipc/door/webauthn.h"

#include "ipc/base/outcome.h"
#include "ipc/door/answer_json.h"

/* Where the standard leaves it open, it is NotAllowedError, which tells the site least (§5.1.3,
 * §14.5.1). */
const char *webauthn_error_name(int result)
{
    static const struct {
        int outcome;
        const char *name;
    } names[] = {
        {OUTCOME_KEY_REGISTERED, "InvalidStateError"},    /* §6.3.2 step 3 */
        {OUTCOME_KEY_UNABLE, "ConstraintError"},          /* §6.3.2 steps 4 and 5 */
        {OUTCOME_KEY_PIN_NOT_SET, "ConstraintError"},     /* the same: it cannot verify anybody */
        {OUTCOME_ALGORITHM_UNKNOWN, "NotSupportedError"}, /* §5.1.3 step 10, §6.3.2 step 2 */
        {OUTCOME_RP_ID_NOT_ALLOWED, "SecurityError"},     /* §5.1.3 step 8 */
        {OUTCOME_INVALID_REQUEST, "TypeError"},
        {OUTCOME_KEY_FAILED, "UnknownError"}, /* §6.3.2 step 1 and others */
        {OUTCOME_PROMPT_UNAVAILABLE, "UnknownError"},
        {OUTCOME_INTERNAL, "UnknownError"},
    };
    int outcome = outcome_of(result);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].outcome == outcome)
            return names[i].name;
    return "NotAllowedError";
}

/* NULL, which json_pack's "s:o*" leaves out, where there are no bytes; *failed where there was no
 * memory. */
static json_t *optional(const struct bytes *data, bool *failed)
{
    json_t *value = data->len ? answer_base64url(data) : NULL;
    *failed = *failed || (data->len && !value);
    return value;
}

/* Takes value; false: it, or the memory for it, is missing. */
static bool put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static json_t *prf_value(const struct webauthn_result *result)
{
    if (result->create)
        return json_pack("{s:b}", "enabled", (int)result->prf_enabled);
    if (result->prf_first.len == 0)
        return json_object();
    bool failed = false;
    json_t *second = optional(&result->prf_second, &failed);
    json_t *value = json_pack("{s:{s:o, s:o*}}", "results", "first",
                              answer_base64url(&result->prf_first), "second", second);
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *blob_value(const struct webauthn_result *result)
{
    if (result->create)
        return json_pack("{s:b}", "supported", (int)result->blob_supported);
    if (result->blob_read)
        return json_pack("{s:o}", "blob", answer_base64url(&result->blob));
    return result->blob_wanted_written ? json_pack("{s:b}", "written", (int)result->blob_written)
                                       : json_object();
}

static json_t *extensions_value(const struct webauthn_result *result)
{
    json_t *value = json_object();
    bool done = value != NULL;
    if (done && result->has_appid)
        done = put(value, result->create ? "appidExclude" : "appid", json_boolean(result->appid));
    if (done && result->has_cred_props)
        done = put(value, "credProps", json_pack("{s:b}", "rk", (int)result->resident));
    if (done && result->has_prf)
        done = put(value, "prf", prf_value(result));
    if (done && result->has_blob)
        done = put(value, "largeBlob", blob_value(result));
    if (done)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *assertion_value(const struct webauthn_result *result)
{
    bool failed = false;
    json_t *user = optional(&result->user_id, &failed);
    json_t *value =
        json_pack("{s:o, s:o, s:o, s:o*}", "clientDataJSON", answer_base64url(&result->client_data),
                  "authenticatorData", answer_base64url(&result->auth_data), "signature",
                  answer_base64url(&result->signature), "userHandle", user);
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}

/* Every key that Lanyard knows is on USB, or comes through a remote desktop as one that is. */
static json_t *attestation_value(const struct webauthn_result *result)
{
    bool failed = false;
    json_t *key = optional(&result->public_key, &failed);
    json_t *value = json_pack("{s:o, s:o, s:[s], s:i, s:o, s:o*}", "clientDataJSON",
                              answer_base64url(&result->client_data), "authenticatorData",
                              answer_base64url(&result->auth_data), "transports", "usb",
                              "publicKeyAlgorithm", (int)result->algorithm, "attestationObject",
                              answer_base64url(&result->attestation_object), "publicKey", key);
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}

int answer_encode_webauthn(struct bytes *out, const struct rpc_id *id,
                           const struct webauthn_result *result)
{
    json_t *response = result->create ? attestation_value(result) : assertion_value(result);
    return answer_write_result(
        out, id,
        json_pack("{s:o, s:o, s:s, s:s, s:o, s:o}", "id", answer_base64url(&result->credential_id),
                  "rawId", answer_base64url(&result->credential_id), "type", "public-key",
                  "authenticatorAttachment", "cross-platform", "clientExtensionResults",
                  extensions_value(result), "response", response));
}
