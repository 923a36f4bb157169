/* SPDX-License-Identifier: MIT */
/*
 * The params of each method, from JSON into the structs that the service gets. Every member is
 * checked here and nowhere later: a struct that this file has filled is valid. What is refused is
 * said in words that help the developer of the page or program, and nobody else sees them.
 */
#include "ipc/door/method.h"

#include "ipc/base/cleanup.h"
#include "ipc/card_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { COMPLAINT = 1, KEY_ID_TEXT_MAX = 20 /* 2^64 has so many digits */ };

static int complain(const char **complaint, const char *words)
{
    *complaint = words;
    return COMPLAINT;
}

/* ---- ids ---- */

static size_t utf8_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

int rpc_id_read(const json_t *value, struct rpc_id *id)
{
    if (!json_is_integer(value) && !json_is_string(value))
        return -EINVAL;
    if (json_is_string(value) && utf8_characters(json_string_value(value)) > RPC_ID_CHARACTERS_MAX)
        return -EINVAL;
    CLEANUP(free_text) char *text = json_dumps(value, JSON_ENCODE_ANY);
    if (!text)
        return -ENOMEM;
    size_t len = strlen(text);
    if (len > RPC_ID_JSON_MAX)
        return -EINVAL;
    memcpy(id->text, text, len + 1);
    return 0;
}

/* ---- agent.hello ---- */

int params_hello(enum door_kind door, const json_t *params, struct rpc_request *request,
                 const char **complaint)
{
    (void)door;
    const char *wanted = "protocol: 1 to 16 version numbers are needed";
    const json_t *versions = json_object_get(params, "protocol");
    size_t count = json_array_size(versions);
    if (count == 0 || count > RPC_PROTOCOLS_MAX)
        return complain(complaint, wanted);
    request->hello.version_shared = false;
    for (size_t i = 0; i < count; i++) {
        const json_t *version = json_array_get(versions, i);
        if (!json_is_integer(version))
            return complain(complaint, wanted);
        if (json_integer_value(version) == RPC_PROTOCOL)
            request->hello.version_shared = true;
    }
    return 0;
}

/* ---- what several methods take ---- */

/* The index of the string among the words, fallback when it is absent; -1: none of them. */
static int choose(const json_t *value, const char *const *words, int fallback)
{
    if (!value)
        return fallback;
    const char *text = json_string_value(value);
    for (int i = 0; text && words[i]; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return -1;
}

static bool printable_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

/* A provider's nonce. challenge holds CHALLENGE_TEXT_MAX characters. */
static int read_nonce(const json_t *value, char *challenge, const char **complaint)
{
    const char *wanted = "challenge: base64url without padding, 32 to 256 bytes when decoded";
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len > CHALLENGE_TEXT_MAX)
        return complain(complaint, wanted);
    CLEANUP(bytes_deinit) struct bytes decoded = {0};
    int r = base64url_decode(json_string_value(value), len, &decoded);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || decoded.len < CHALLENGE_BYTES_MIN || decoded.len > CHALLENGE_BYTES_MAX)
        return complain(complaint, wanted);
    memcpy(challenge, json_string_value(value), len + 1);
    return 0;
}

static int read_interaction(const json_t *value, enum interaction *out, const char **complaint)
{
    static const char *const words[] = {[INTERACTION_IF_NEEDED] = "if-needed",
                                        [INTERACTION_SILENT] = "silent",
                                        [INTERACTION_FORCE] = "force",
                                        NULL};
    int chosen = choose(value, words, INTERACTION_IF_NEEDED);
    if (chosen < 0)
        return complain(complaint, "interaction: if-needed, silent or force");
    *out = (enum interaction)chosen;
    return 0;
}

int params_origin(const json_t *value, char *origin, const char **complaint)
{
    size_t len = json_string_length(value);
    if (!json_is_string(value) || !origin_canonical(json_string_value(value), len))
        return complain(complaint,
                        "origin: the provider's origin is needed, as a browser writes it");
    memcpy(origin, json_string_value(value), len + 1);
    return 0;
}

/* ---- card.signIn ---- */

/* Web eID's challenge is text to be hashed, whatever it may encode. */
static int read_text_challenge(const json_t *value, struct sign_in_params *out,
                               const char **complaint)
{
    const char *wanted = "challenge: 44 to 128 printable ASCII characters";
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (len < WEB_EID_CHALLENGE_MIN || len > WEB_EID_CHALLENGE_MAX || !printable_ascii(text, len))
        return complain(complaint, wanted);
    memcpy(out->challenge, text, len + 1);
    return 0;
}

static int read_challenge(const json_t *value, struct sign_in_params *out, const char **complaint)
{
    return out->format == TOKEN_WEB_EID ? read_text_challenge(value, out, complaint)
                                        : read_nonce(value, out->challenge, complaint);
}

static int read_algorithms(const json_t *value, struct sign_in_params *out, const char **complaint)
{
    const char *wanted = "algorithms: one or more of ES256 ES384 PS256 RS256, each once";
    static const uint8_t every[] = {CARD_ES256, CARD_ES384, CARD_PS256, CARD_RS256};
    if (!value) {
        out->algorithm_count = sizeof every;
        memcpy(out->algorithms, every, sizeof every);
        return 0;
    }
    size_t count = json_array_size(value);
    if (count == 0 || count > sizeof out->algorithms)
        return complain(complaint, wanted);
    unsigned seen = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(value, i));
        unsigned bit = name ? card_algorithm_named(name) : 0;
        if (bit == 0 || (seen & bit) != 0)
            return complain(complaint, wanted);
        seen |= bit;
        out->algorithms[i] = (uint8_t)bit;
    }
    out->algorithm_count = (unsigned)count;
    return 0;
}

int params_sign_in(enum door_kind door, const json_t *params, struct rpc_request *request,
                   const char **complaint)
{
    static const char *const formats[] = {
        [TOKEN_JWS] = "jws", [TOKEN_WEB_EID] = "web-eid:1.1", NULL};
    struct sign_in_params *out = &request->sign_in;
    *out = (struct sign_in_params){0};

    int format = choose(json_object_get(params, "format"), formats, TOKEN_JWS);
    if (format < 0)
        return complain(complaint, "format: jws or web-eid:1.1");
    out->format = (enum token_format)format;

    int r = read_interaction(json_object_get(params, "interaction"), &out->interaction, complaint);
    if (r == 0)
        r = read_challenge(json_object_get(params, "challenge"), out, complaint);
    if (r == 0)
        r = read_algorithms(json_object_get(params, "algorithms"), out, complaint);
    if (r == 0 && door == DOOR_NATIVE)
        r = params_origin(json_object_get(params, "origin"), out->origin, complaint);
    return r;
}

/* ---- the session ---- */

/* The PIN's greatest age in seconds; -1 when it is not said. */
static int read_max_age(const json_t *value, long *seconds, const char **complaint)
{
    *seconds = -1;
    if (!value)
        return 0;
    json_int_t said = json_integer_value(value);
    if (!json_is_integer(value) || said < 0 || said > MAX_AGE_SECONDS_MAX)
        return complain(complaint, "maxAge: seconds, a whole number from 0 to 86400");
    *seconds = (long)said;
    return 0;
}

int params_session_prove(enum door_kind door, const json_t *params, struct rpc_request *request,
                         const char **complaint)
{
    struct session_prove_params *out = &request->session_prove;
    *out = (struct session_prove_params){0};
    int r = read_nonce(json_object_get(params, "challenge"), out->challenge, complaint);
    if (r == 0)
        r = read_interaction(json_object_get(params, "interaction"), &out->interaction, complaint);
    if (r == 0)
        r = read_max_age(json_object_get(params, "maxAge"), &out->max_age, complaint);
    if (r == 0 && door == DOOR_NATIVE)
        r = params_origin(json_object_get(params, "origin"), out->origin, complaint);
    return r;
}

static bool sid_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* What may stand in a URL's path as it is (RFC 3986 §2.3, and no dot segment of §3.3), because the
 * agent puts it there. */
static int read_sid(const json_t *value, char *sid, const char **complaint)
{
    const char *wanted = "sid: 1 to 128 characters of A-Z a-z 0-9 - . _ ~, not . or ..";
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (len < 1 || len > SESSION_ID_MAX || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return complain(complaint, wanted);
    for (size_t i = 0; i < len; i++)
        if (!sid_character(text[i]))
            return complain(complaint, wanted);
    memcpy(sid, text, len + 1);
    return 0;
}

/* A page hands over what its provider has opened; a native program names the provider. */
int params_session_begin(enum door_kind door, const json_t *params, struct rpc_request *request,
                         const char **complaint)
{
    static const char *const choosers[] = {"window", "caller", NULL};
    struct session_begin_params *out = &request->session_begin;
    *out = (struct session_begin_params){0};
    const json_t *sid = json_object_get(params, "sid");
    const json_t *origin = json_object_get(params, "origin");
    int chooser = choose(json_object_get(params, "role"), choosers, 0);
    if (chooser < 0)
        return complain(complaint, "role: window or caller");
    out->caller_chooses_role = chooser == 1;
    if (sid && door == DOOR_NATIVE)
        return complain(complaint, "sid: only a page can hand over a session");
    int r = sid ? read_sid(sid, out->sid, complaint) : 0;
    return r == 0 && origin ? params_origin(origin, out->origin, complaint) : r;
}

int params_session_role(enum door_kind door, const json_t *params, struct rpc_request *request,
                        const char **complaint)
{
    (void)door;
    struct session_role_params *out = &request->session_role;
    *out = (struct session_role_params){0};
    const json_t *role = json_object_get(params, "role");
    if (!role)
        return 0;
    size_t len = json_string_length(role);
    if (len < 1 || len > ROLE_ID_MAX || !printable_ascii(json_string_value(role), len))
        return complain(complaint, "role: 1 to 64 printable ASCII characters");
    memcpy(out->role, json_string_value(role), len + 1);
    return 0;
}

/* ---- a card's PIN ---- */

int params_card_pin(enum door_kind door, const json_t *params, struct rpc_request *request,
                    const char **complaint)
{
    (void)door;
    struct card_pin_params *out = &request->card_pin;
    *out =
        (struct card_pin_params){.unblock = strcmp(request->method->name, "card.unblockPin") == 0};
    const json_t *reader = json_object_get(params, "reader");
    if (!reader)
        return 0;
    size_t len = json_string_length(reader);
    if (len < 1 || len > CARD_TEXT_MAX)
        return complain(complaint, "reader: the name of a card's reader, as card.list says");
    memcpy(out->reader, json_string_value(reader), len + 1);
    return 0;
}

/* ---- security keys ---- */

/* By the method's name; 0: none of these. */
static enum fido_operation key_operation(const char *method)
{
    static const struct {
        const char *method;
        enum fido_operation operation;
    } operations[] = {
        {"key.info", FIDO_INFO},
        {"key.setPin", FIDO_PIN_SET},
        {"key.changePin", FIDO_PIN_CHANGE},
        {"key.credentials", FIDO_CREDENTIALS},
        {"key.deleteCredential", FIDO_DELETE},
        {"key.renameCredential", FIDO_RENAME},
        {"key.reset", FIDO_RESET},
    };
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operations[i].method, method) == 0)
            return operations[i].operation;
    return 0;
}

/* A number from 1 on, written as key.list writes it. */
static int read_key_id(const json_t *value, uint64_t *id, const char **complaint)
{
    if (!value)
        return 0;
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    bool number = text && len >= 1 && len <= KEY_ID_TEXT_MAX && text[0] != '0' &&
                  strspn(text, "0123456789") == len;
    errno = 0;
    *id = number ? strtoull(text, NULL, 10) : 0;
    return number && errno == 0 ? 0 : complain(complaint, "key: the id of a key, as key.list says");
}

static int read_credential(const json_t *value, struct key_params *out, const char **complaint)
{
    CLEANUP(bytes_deinit) struct bytes id = {0};
    int r = json_is_string(value)
                ? base64url_decode(json_string_value(value), json_string_length(value), &id)
                : -EINVAL;
    if (r == -ENOMEM)
        return r;
    if (r < 0 || id.len < 1 || id.len > sizeof out->credential)
        return complain(complaint, "id: the id of a credential, as key.credentials says");
    memcpy(out->credential, id.data, id.len);
    out->credential_len = (uint16_t)id.len;
    return 0;
}

/* out holds FIDO_TEXT_MAX bytes. */
static int read_user_text(const json_t *value, size_t least, char *out, const char **complaint)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    bool plain = text && len >= least && len <= FIDO_TEXT_MAX;
    for (size_t i = 0; plain && i < len; i++)
        plain = (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
    if (!plain)
        return complain(complaint, "userName, displayName: text of at most 128 bytes without "
                                   "control characters; userName is not empty");
    memcpy(out, text, len + 1);
    return 0;
}

int params_key(enum door_kind door, const json_t *params, struct rpc_request *request,
               const char **complaint)
{
    (void)door;
    struct key_params *out = &request->key;
    *out = (struct key_params){.operation = key_operation(request->method->name)};
    int r = read_key_id(json_object_get(params, "key"), &out->key, complaint);
    if (r == 0 && (out->operation == FIDO_DELETE || out->operation == FIDO_RENAME))
        r = read_credential(json_object_get(params, "id"), out, complaint);
    if (r == 0 && out->operation == FIDO_RENAME)
        r = read_user_text(json_object_get(params, "userName"), 1, out->user_name, complaint);
    if (r == 0 && out->operation == FIDO_RENAME)
        r = read_user_text(json_object_get(params, "displayName"), 0, out->user_display_name,
                           complaint);
    return r;
}

/* ---- agent.openStatus ---- */

/* A text of at most size - 1 bytes, cut there between characters, without control characters. */
static void read_plain(const json_t *value, char *out, size_t size)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    size_t len = strlen(text);
    for (len = len < size ? len : size - 1; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    out[len] = '\0';
}

static void read_finding(const json_t *value, struct finding_view *out)
{
    read_plain(json_object_get(value, "code"), out->code, sizeof out->code);
    read_plain(json_object_get(value, "severity"), out->severity, sizeof out->severity);
    read_plain(json_object_get(value, "meaning"), out->meaning, sizeof out->meaning);
    read_plain(json_object_get(value, "sentence"), out->detail, sizeof out->detail);
    read_plain(json_object_get(value, "cure"), out->cure, sizeof out->cure);
}

/* What `lanyard doctor --json` writes; members that are not needed are passed over. */
int params_open_status(enum door_kind door, const json_t *params, struct rpc_request *request,
                       const char **complaint)
{
    (void)door;
    const json_t *doctor = json_object_get(params, "doctor");
    const json_t *list = json_object_get(doctor, "findings");
    const json_t *healthy = json_object_get(doctor, "healthy");
    if (!doctor)
        return 0;
    if (!json_is_array(list) || !json_is_boolean(healthy))
        return complain(complaint, "doctor: what lanyard doctor --json writes");
    struct findings *findings = request->findings = calloc(1, sizeof *findings);
    if (!findings)
        return -ENOMEM;
    findings->healthy = json_is_true(healthy);
    while (findings->count < FINDINGS_MAX && findings->count < json_array_size(list)) {
        read_finding(json_array_get(list, findings->count), &findings->at[findings->count]);
        findings->count++;
    }
    return 0;
}

/* ---- operation.cancel ---- */

int params_cancel(enum door_kind door, const json_t *params, struct rpc_request *request,
                  const char **complaint)
{
    (void)door;
    int r = rpc_id_read(json_object_get(params, "request"), &request->cancel.request);
    return r == -EINVAL ? complain(complaint, "request: the id of a request is needed") : r;
}
