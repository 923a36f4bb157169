/* SPDX-License-Identifier: MIT */
/*
 * What a server writes for a browser (Web Authentication Level 3, §5.4, §5.5, §10.1, and §5.1.10
 * for the JSON) into struct webauthn_params. As browsers do: a member that is not known is passed
 * over, and so is a word that is not known where the standard says that it counts for nothing; a
 * member that is known and of the wrong kind refuses the whole. A member that only the other of the
 * two methods knows is not known here.
 *
 * One reader each for a member; each is 0, -ENOMEM, or COMPLAINT with words for the developer.
 * What they read is bounded here: nothing later counts again.
 */
#include "ipc/door/webauthn.h"

#include "ipc/base/cleanup.h"
#include "ipc/door/method.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMPLAINT = 1,
    ALGORITHMS_NAMED_MAX = 64, /* in pubKeyCredParams; IANA has fewer */
};

/* What libfido2 can ask a key for (COSE). */
static const int32_t algorithms_known[] = {-7, -8, -35, -257};
static const int32_t algorithms_default[] = {-7, -257}; /* §5.1.3, for an empty list */

void webauthn_params_deinit(struct webauthn_params *params)
{
    free(params->challenge);
    for (size_t i = 0; i < FIDO_LIST_MAX; i++)
        bytes_deinit(&params->list[i]);
    for (size_t i = 0; i < params->prf_count; i++) {
        bytes_deinit(&params->prf[i].credential);
        bytes_deinit(&params->prf[i].first);
        bytes_deinit(&params->prf[i].second);
    }
    free(params->prf);
    bytes_deinit(&params->blob_data);
    bytes_deinit(&params->user_id);
    *params = (struct webauthn_params){0};
}

/* ---- the kinds of values ---- */

static int complain(const char **complaint, const char *words)
{
    *complaint = words;
    return COMPLAINT;
}

/* A member's value; NULL where it is absent. */
static const json_t *member(const json_t *object, const char *name)
{
    return json_object_get(object, name);
}

static int read_bytes_text(const json_t *value, size_t least, size_t most, struct bytes *out,
                           const char **complaint, const char *words)
{
    if (!json_is_string(value))
        return complain(complaint, words);
    int r = base64url_decode(json_string_value(value), json_string_length(value), out);
    if (r == -ENOMEM)
        return r;
    return r < 0 || out->len < least || out->len > most ? complain(complaint, words) : 0;
}

/* Absent: false. */
static int read_flag(const json_t *value, bool *out, const char **complaint, const char *words)
{
    if (value && !json_is_boolean(value))
        return complain(complaint, words);
    *out = json_is_true(value);
    return 0;
}

/* The index of the string among the words; fallback when it is absent or none of them. */
static int read_word(const json_t *value, const char *const *words, uint8_t *out, uint8_t fallback,
                     const char **complaint, const char *what)
{
    if (value && !json_is_string(value))
        return complain(complaint, what);
    *out = fallback;
    for (uint8_t i = 0; value && words[i]; i++)
        if (strcmp(json_string_value(value), words[i]) == 0)
            *out = i;
    return 0;
}

static bool control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* A name for the person: cut at a character's end (§5.4.1 lets us), a blank for each control
 * character. out holds FIDO_TEXT_MAX bytes. */
static int read_name(const json_t *value, char *out, const char **complaint, const char *words)
{
    if (!json_is_string(value))
        return complain(complaint, words);
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (len > FIDO_TEXT_MAX)
        for (len = FIDO_TEXT_MAX; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
    for (size_t i = 0; i < len; i++)
        out[i] = text[i];
    out[len] = '\0';
    for (char *c = out; *c; c++)
        if (control(*c))
            *c = ' ';
    return 0;
}

/* A name of a site: what the rule of agent/webauthn/rp_id.h then lets pass is ASCII anyway. out
 * holds FIDO_RP_ID_MAX bytes. */
static int read_site(const json_t *value, char *out, const char **complaint, const char *words)
{
    size_t len = json_string_length(value);
    const char *text = json_string_value(value);
    if (len < 1 || len > FIDO_RP_ID_MAX)
        return complain(complaint, words);
    for (size_t i = 0; i < len; i++)
        if (control(text[i]))
            return complain(complaint, words);
    for (size_t i = 0; i <= len; i++)
        out[i] = text[i];
    return 0;
}

static int check_words(const json_t *value, const char **complaint, const char *words)
{
    if (value && !json_is_array(value))
        return complain(complaint, words);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return complain(complaint, words);
    return 0;
}

/* ---- what both methods have ---- */

static int read_challenge(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    CLEANUP(bytes_deinit) struct bytes decoded = {0};
    int r =
        read_bytes_text(value, WEBAUTHN_CHALLENGE_MIN, WEBAUTHN_CHALLENGE_MAX, &decoded, complaint,
                        "publicKey.challenge: base64url without padding, 16 to 1024 bytes when "
                        "decoded");
    if (r != 0)
        return r;
    out->challenge = strdup(json_string_value(value));
    return out->challenge ? 0 : -ENOMEM;
}

/* Browsers bring a timeout into bounds of their own, too (§5.1.3). */
static int read_timeout(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    if (!value)
        return 0;
    double said = json_number_value(value);
    if (!json_is_number(value) || said < 0)
        return complain(complaint, "publicKey.timeout: milliseconds");
    out->timeout_ms = said < WEBAUTHN_TIMEOUT_MIN_MS   ? WEBAUTHN_TIMEOUT_MIN_MS
                      : said > WEBAUTHN_TIMEOUT_MAX_MS ? WEBAUTHN_TIMEOUT_MAX_MS
                                                       : (uint32_t)said;
    return 0;
}

static int read_verification(const json_t *value, struct webauthn_params *out,
                             const char **complaint)
{
    static const char *const words[] = {[FIDO_UV_DISCOURAGED] = "discouraged",
                                        [FIDO_UV_PREFERRED] = "preferred",
                                        [FIDO_UV_REQUIRED] = "required",
                                        NULL};
    return read_word(value, words, &out->verification, FIDO_UV_PREFERRED, complaint,
                     "userVerification: a string is needed");
}

static int read_descriptor(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    const char *words = "allowCredentials, excludeCredentials: objects with type, id (base64url, "
                        "1 to 1023 bytes) and perhaps transports are needed, 64 at most";
    const char *type = json_string_value(member(value, "type"));
    CLEANUP(bytes_deinit) struct bytes id = {0};
    if (!type)
        return complain(complaint, words);
    int r = read_bytes_text(member(value, "id"), 1, FIDO_CREDENTIAL_ID_MAX, &id, complaint, words);
    if (r == 0)
        r = check_words(member(value, "transports"), complaint, words);
    if (r != 0 || strcmp(type, "public-key") != 0)
        return r;
    if (out->list_count == FIDO_LIST_MAX)
        return complain(complaint, words);
    out->list[out->list_count++] = id;
    id = (struct bytes){0};
    return 0;
}

static int read_list(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    if (value && !json_is_array(value))
        return complain(complaint, "allowCredentials, excludeCredentials: an array is needed");
    for (size_t i = 0; i < json_array_size(value); i++) {
        int r = read_descriptor(json_array_get(value, i), out, complaint);
        if (r != 0)
            return r;
    }
    out->list_useless = json_array_size(value) > 0 && out->list_count == 0;
    return 0;
}

/* ---- prf (§10.1.4) ---- */

static const char *const prf_words =
    "extensions.prf: {eval: {first, second?}, evalByCredential: {id: ...}} with base64url inputs "
    "is meant; the ids are of allowCredentials";

static int read_prf_values(const json_t *value, struct webauthn_prf *out, const char **complaint)
{
    const json_t *second = member(value, "second");
    int r =
        read_bytes_text(member(value, "first"), 0, RPC_TEXT_MAX, &out->first, complaint, prf_words);
    if (r == 0 && second)
        r = read_bytes_text(second, 0, RPC_TEXT_MAX, &out->second, complaint, prf_words);
    out->has_second = second != NULL;
    return r;
}

static bool in_list(const struct webauthn_params *params, const struct bytes *id)
{
    for (size_t i = 0; i < params->list_count; i++)
        if (bytes_equal(&params->list[i], id))
            return true;
    return false;
}

static bool prf_there(const struct webauthn_params *params, const struct bytes *id)
{
    for (size_t i = 0; i < params->prf_count; i++)
        if (bytes_equal(&params->prf[i].credential, id))
            return true;
    return false;
}

/* Two spellings of one id cannot be: base64url_decode is strict. A list may name one twice. */
static int read_prf_by_credential(const json_t *value, struct webauthn_params *out,
                                  const char **complaint)
{
    json_t *borrowed = (json_t *)(uintptr_t)value; /* jansson's iterators are not const */
    for (void *at = json_object_iter(borrowed); at; at = json_object_iter_next(borrowed, at)) {
        CLEANUP(bytes_deinit) struct bytes id = {0};
        const char *key = json_object_iter_key(at);
        int r = base64url_decode(key, strlen(key), &id);
        if (r == -ENOMEM)
            return r;
        if (r < 0 || id.len == 0 || !in_list(out, &id) || prf_there(out, &id))
            return complain(complaint, prf_words);
        struct webauthn_prf *to = &out->prf[out->prf_count++];
        to->credential = id;
        id = (struct bytes){0};
        r = read_prf_values(json_object_iter_value(at), to, complaint);
        if (r != 0)
            return r;
    }
    return 0;
}

static int read_prf(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    if (!value)
        return 0;
    const json_t *eval = member(value, "eval"), *by_id = member(value, "evalByCredential");
    if (!json_is_object(value) || (eval && !json_is_object(eval)) ||
        (by_id && (!json_is_object(by_id) || out->create)))
        return complain(complaint, prf_words);
    out->prf_wanted = true;
    /* No more than the list has, each but once, and one for all others. */
    out->prf = calloc((size_t)out->list_count + 1, sizeof *out->prf);
    if (!out->prf)
        return -ENOMEM;
    int r = read_prf_by_credential(by_id, out, complaint);
    return r == 0 && eval ? read_prf_values(eval, &out->prf[out->prf_count++], complaint) : r;
}

/* ---- largeBlob (§10.1.5) ---- */

static int read_blob_wish(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    const json_t *support = member(value, "support");
    if (!json_is_object(value) || member(value, "read") || member(value, "write") ||
        (support && !json_is_string(support)))
        return complain(complaint, "extensions.largeBlob: only support, a string, is meant here");
    bool required = support && strcmp(json_string_value(support), "required") == 0;
    out->blob = required ? FIDO_BLOB_WANTED : FIDO_BLOB_PREFERRED;
    return 0;
}

static int read_blob_use(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    const char *words = "extensions.largeBlob: {read: true}, or {write: base64url of at most 2048 "
                        "bytes} with one in allowCredentials";
    const json_t *write = member(value, "write");
    bool read = false;
    if (!json_is_object(value) || member(value, "support") || (write && member(value, "read")))
        return complain(complaint, words);
    int r = read_flag(member(value, "read"), &read, complaint, words);
    if (r == 0 && write)
        r = out->list_count == 1
                ? read_bytes_text(write, 0, FIDO_BLOB_MAX, &out->blob_data, complaint, words)
                : complain(complaint, words);
    out->blob_asked = true;
    out->blob = write ? FIDO_BLOB_WRITE : read ? FIDO_BLOB_READ : FIDO_BLOB_NONE;
    return r;
}

static int read_blob(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    if (!value)
        return 0;
    return out->create ? read_blob_wish(value, out, complaint)
                       : read_blob_use(value, out, complaint);
}

/* ---- the other extensions ---- */

/* Here a word that is not known is an error, not passed over (CTAP 2.1 §12.1.1). */
static int read_protection(const json_t *extensions, struct webauthn_params *out,
                           const char **complaint)
{
    const char *words = "extensions.credentialProtectionPolicy: userVerificationOptional, "
                        "userVerificationOptionalWithCredentialIDList or userVerificationRequired";
    static const char *const policies[] = {[FIDO_PROTECT_NONE] = "", /* nobody says it */
                                           [FIDO_PROTECT_OPTIONAL] = "userVerificationOptional",
                                           [FIDO_PROTECT_WITH_LIST] =
                                               "userVerificationOptionalWithCredentialIDList",
                                           [FIDO_PROTECT_REQUIRED] = "userVerificationRequired",
                                           NULL};
    const json_t *policy = member(extensions, "credentialProtectionPolicy");
    int r = read_word(policy, policies, &out->protection, FIDO_PROTECT_NONE, complaint, words);
    if (r == 0 && policy && out->protection == FIDO_PROTECT_NONE)
        r = complain(complaint, words);
    return r == 0 ? read_flag(member(extensions, "enforceCredentialProtectionPolicy"),
                              &out->protection_enforced, complaint,
                              "extensions.enforceCredentialProtectionPolicy: true or false")
                  : r;
}

static int read_create_extensions(const json_t *extensions, struct webauthn_params *out,
                                  const char **complaint)
{
    int r = read_flag(member(extensions, "credProps"), &out->cred_props, complaint,
                      "extensions.credProps: true or false");
    if (r == 0)
        r = read_flag(member(extensions, "minPinLength"), &out->min_pin_length, complaint,
                      "extensions.minPinLength: true or false");
    return r == 0 ? read_protection(extensions, out, complaint) : r;
}

static int read_extensions(const json_t *extensions, struct webauthn_params *out,
                           const char **complaint)
{
    if (!extensions)
        return 0;
    if (!json_is_object(extensions))
        return complain(complaint, "publicKey.extensions: an object is needed");
    const json_t *appid = member(extensions, out->create ? "appidExclude" : "appid");
    int r = appid ? read_site(appid, out->appid, complaint,
                              "extensions.appid, appidExclude: a URL of at most 255 bytes")
                  : 0;
    if (r == 0)
        r = read_prf(member(extensions, "prf"), out, complaint);
    if (r == 0)
        r = read_blob(member(extensions, "largeBlob"), out, complaint);
    return r == 0 && out->create ? read_create_extensions(extensions, out, complaint) : r;
}

/* ---- webauthn.create ---- */

static int read_entities(const json_t *options, struct webauthn_params *out, const char **complaint)
{
    const json_t *rp = member(options, "rp"), *user = member(options, "user");
    int r = read_name(member(rp, "name"), out->rp_name, complaint, "rp.name: a string is needed");
    if (r == 0 && member(rp, "id"))
        r = read_site(member(rp, "id"), out->rp_id, complaint, "rp.id: 1 to 255 bytes");
    if (r == 0)
        r = read_bytes_text(member(user, "id"), 1, FIDO_USER_ID_MAX, &out->user_id, complaint,
                            "user.id: base64url without padding, 1 to 64 bytes when decoded");
    if (r == 0)
        r = read_name(member(user, "name"), out->user_name, complaint,
                      "user.name: a string is needed");
    return r == 0 ? read_name(member(user, "displayName"), out->user_display_name, complaint,
                              "user.displayName: a string is needed")
                  : r;
}

static void add_algorithm(struct webauthn_params *out, json_int_t algorithm)
{
    for (size_t i = 0; i < out->algorithm_count; i++)
        if (out->algorithms[i] == algorithm)
            return;
    for (size_t i = 0; i < sizeof algorithms_known / sizeof *algorithms_known; i++)
        if (algorithms_known[i] == algorithm)
            out->algorithms[out->algorithm_count++] = algorithms_known[i];
}

static int read_algorithms(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    const char *words = "pubKeyCredParams: objects with type and alg (a whole number), 64 at most";
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count > ALGORITHMS_NAMED_MAX)
        return complain(complaint, words);
    for (size_t i = 0; i < count; i++) {
        const json_t *each = json_array_get(value, i), *alg = member(each, "alg");
        const char *type = json_string_value(member(each, "type"));
        if (!type || !json_is_integer(alg))
            return complain(complaint, words);
        if (strcmp(type, "public-key") == 0)
            add_algorithm(out, json_integer_value(alg));
    }
    for (size_t i = 0; count == 0 && i < sizeof algorithms_default / sizeof *algorithms_default;
         i++)
        add_algorithm(out, algorithms_default[i]);
    return 0;
}

static int read_selection(const json_t *value, struct webauthn_params *out, const char **complaint)
{
    static const char *const residents[] = {[FIDO_RESIDENT_DISCOURAGED] = "discouraged",
                                            [FIDO_RESIDENT_PREFERRED] = "preferred",
                                            [FIDO_RESIDENT_REQUIRED] = "required",
                                            NULL};
    static const char *const attachments[] = {"cross-platform", "platform", NULL};
    bool required;
    uint8_t attachment;
    if (value && !json_is_object(value))
        return complain(complaint, "authenticatorSelection: an object is needed");
    int r = read_flag(member(value, "requireResidentKey"), &required, complaint,
                      "authenticatorSelection.requireResidentKey: true or false");
    if (r == 0)
        r = read_word(member(value, "residentKey"), residents, &out->resident,
                      required ? FIDO_RESIDENT_REQUIRED : FIDO_RESIDENT_DISCOURAGED, complaint,
                      "authenticatorSelection.residentKey: a string is needed");
    if (r == 0)
        r = read_word(member(value, "authenticatorAttachment"), attachments, &attachment, 0,
                      complaint,
                      "authenticatorSelection.authenticatorAttachment: a string is needed");
    if (r != 0)
        return r;
    out->platform = attachment == 1;
    return read_verification(member(value, "userVerification"), out, complaint);
}

static int read_attestation(const json_t *value, struct webauthn_params *out,
                            const char **complaint)
{
    static const char *const words[] = {"none", "indirect", "direct", "enterprise", NULL};
    uint8_t chosen;
    int r = read_word(value, words, &chosen, 0, complaint, "attestation: a string is needed");
    out->attestation = r == 0 && chosen >= 2;
    return r;
}

static int read_creation(const json_t *options, struct webauthn_params *out, const char **complaint)
{
    int r = read_entities(options, out, complaint);
    if (r == 0)
        r = read_algorithms(member(options, "pubKeyCredParams"), out, complaint);
    if (r == 0)
        r = read_list(member(options, "excludeCredentials"), out, complaint);
    if (r == 0)
        r = read_selection(member(options, "authenticatorSelection"), out, complaint);
    return r == 0 ? read_attestation(member(options, "attestation"), out, complaint) : r;
}

/* ---- webauthn.get ---- */

static int read_request(const json_t *options, struct webauthn_params *out, const char **complaint)
{
    int r = member(options, "rpId")
                ? read_site(member(options, "rpId"), out->rp_id, complaint, "rpId: 1 to 255 bytes")
                : 0;
    if (r == 0)
        r = read_list(member(options, "allowCredentials"), out, complaint);
    return r == 0 ? read_verification(member(options, "userVerification"), out, complaint) : r;
}

/* ---- the methods ---- */

static int read_options(const json_t *options, struct webauthn_params *out, const char **complaint)
{
    if (!json_is_object(options))
        return complain(complaint, "publicKey: the options as an object are needed");
    int r = read_challenge(member(options, "challenge"), out, complaint);
    if (r == 0)
        r = read_timeout(member(options, "timeout"), out, complaint);
    if (r == 0)
        r = check_words(member(options, "hints"), complaint, "hints: strings are needed");
    if (r == 0)
        r = out->create ? read_creation(options, out, complaint)
                        : read_request(options, out, complaint);
    return r == 0 ? read_extensions(member(options, "extensions"), out, complaint) : r;
}

static int read_params(enum door_kind door, const json_t *params, bool create,
                       struct rpc_request *request, const char **complaint)
{
    struct webauthn_params *out = calloc(1, sizeof *out);
    if (!out)
        return -ENOMEM;
    request->webauthn = out; /* released with the request, whatever comes of it */
    out->create = create;
    int r = read_options(member(params, "publicKey"), out, complaint);
    if (r == 0)
        r = read_flag(member(params, "session"), &out->session, complaint,
                      "session: true or false");
    return r == 0 && door == DOOR_NATIVE
               ? params_origin(member(params, "origin"), out->origin, complaint)
               : r;
}

int params_webauthn_get(enum door_kind door, const json_t *params, struct rpc_request *request,
                        const char **complaint)
{
    return read_params(door, params, false, request, complaint);
}

int params_webauthn_create(enum door_kind door, const json_t *params, struct rpc_request *request,
                           const char **complaint)
{
    return read_params(door, params, true, request, complaint);
}
