/* SPDX-License-Identifier: MIT */
/*
 * Texts that come from cards, readers and modules are data here: JSON quotes them, and what is not
 * UTF-8 is replaced as a whole rather than sent or allowed to spoil the answer.
 *
 * A tree that could not be built for lack of memory is NULL all the way up (json_pack's own rule),
 * so each encoder has one check, in write_message.
 */
#include "ipc/door/answer.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/base/proxy_variables.h"
#include "ipc/card_message.h"
#include "ipc/door/answer_json.h"
#include "ipc/door/method.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text from outside; NULL becomes null. */
static json_t *text_value(const char *text)
{
    if (!text)
        return json_null();
    return utf8_valid(text, strlen(text)) ? json_string(text) : json_string("(unreadable)");
}

/* -1 means unknown, as null. */
static json_t *count_value(int count)
{
    return count < 0 ? json_null() : json_integer(count);
}

static int append_piece(const char *text, size_t len, void *out)
{
    bytes_append(out, text, len);
    return ((struct bytes *)out)->failed ? -1 : 0;
}

/* Takes root, NULL included. */
static int write_message(struct bytes *out, json_t *root)
{
    int r = root ? json_dump_callback(root, append_piece, out, JSON_COMPACT) : -1;
    json_decref(root);
    if (r < 0)
        return log_fault(ENOMEM, "encode message");
    if (out->len > FRAME_MAX_ANSWER) {
        bytes_reset(out);
        return log_fault(EMSGSIZE, "encode message");
    }
    return 0;
}

static json_t *id_value(const struct rpc_id *id)
{
    return id ? json_loads(id->text, JSON_DECODE_ANY, NULL) : json_null();
}

int answer_write_result(struct bytes *out, const struct rpc_id *id, json_t *result)
{
    return write_message(
        out, json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id_value(id), "result", result));
}

static int write_notification(struct bytes *out, const char *method, json_t *params)
{
    return write_message(
        out, json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params));
}

/* ---- errors ---- */

struct words {
    const char *message, *advice; /* static */
};

static int write_error(struct bytes *out, const struct rpc_id *id, int code,
                       const struct words *words, int outcome, const char *name)
{
    char number[sizeof "LY-4294967295"];
    snprintf(number, sizeof number, "LY-%04d", outcome);
    json_t *error = json_pack("{s:i, s:s, s:{s:s, s:s, s:s, s:s*}}", "code", code, "message",
                              words->message, "data", "reason", outcome_reason(outcome), "code",
                              number, "advice", words->advice, "name", name);
    return write_message(
        out, json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id_value(id), "error", error));
}

int answer_encode_error(struct bytes *out, const struct rpc_id *id, int result, const char *name)
{
    int outcome = outcome_of(result);
    const struct words words = {outcome_sentence(outcome), outcome_advice(outcome)};
    return write_error(out, id, outcome, &words, outcome, name);
}

int answer_encode_cancelled(struct bytes *out, const struct rpc_id *id)
{
    static const struct words words = {"That was cancelled.", "Start again when you are ready."};
    return write_error(out, id, OUTCOME_CANCELLED, &words, OUTCOME_CANCELLED, NULL);
}

int answer_encode_refusal(struct bytes *out, const struct rpc_id *id, enum rpc_code code,
                          const char *words, const char *name)
{
    const struct words said = {words, outcome_advice(OUTCOME_INVALID_REQUEST)};
    return write_error(out, id, code, &said, OUTCOME_INVALID_REQUEST, name);
}

/* ---- results ---- */

int answer_encode_empty(struct bytes *out, const struct rpc_id *id)
{
    return answer_write_result(out, id, json_object());
}

int answer_encode_hello(struct bytes *out, const struct rpc_id *id, enum door_kind door)
{
    json_t *methods = json_array();
    for (size_t i = 0; i < door_method_count(); i++)
        if (method_find(door, door_method_name(i)))
            json_array_append_new(methods, json_string(door_method_name(i)));
    return answer_write_result(out, id,
                               json_pack("{s:s, s:s, s:i, s:o}", "agent", "lanyard", "version",
                                         LANYARD_VERSION, "protocol", RPC_PROTOCOL, "methods",
                                         methods));
}

/* Takes value. *array is NULL once something could not be appended. */
static void append_or_drop(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) == 0)
        return;
    json_decref(*array);
    *array = NULL;
}

/* In the words of the Web eID project. */
static json_t *signing_value(const struct web_eid_signing_certificate *signing)
{
    static const struct {
        uint8_t algorithm;
        const char *crypto, *hash, *padding;
    } names[] = {
        {CARD_ES256, "ECC", "SHA-256", "NONE"},
        {CARD_ES384, "ECC", "SHA-384", "NONE"},
        {CARD_PS256, "RSA", "SHA-256", "PSS"},
        {CARD_RS256, "RSA", "SHA-256", "PKCS1.5"},
    };
    json_t *algorithms = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (signing->algorithms & names[i].algorithm)
            append_or_drop(&algorithms, json_pack("{s:s, s:s, s:s}", "cryptoAlgorithm",
                                                  names[i].crypto, "hashFunction", names[i].hash,
                                                  "paddingScheme", names[i].padding));
    return json_pack("{s:s, s:o}", "certificate", signing->certificate,
                     "supportedSignatureAlgorithms", algorithms);
}

/* The certificates that go along. */
static json_t *web_eid_company(const struct web_eid_token *token)
{
    json_t *list = json_array();
    for (size_t i = 0; i < token->intermediate_count; i++)
        append_or_drop(&list, json_string(token->intermediates[i]));
    for (size_t i = 0; token->intermediate_count == 0 && i < token->signing_count; i++)
        append_or_drop(&list, signing_value(&token->signing[i]));
    return list;
}

/* The validation libraries take a web-eid:1.1 token only with one of the two lists, and a
 * web-eid:1.0 token only without them. */
static json_t *web_eid_value(const struct web_eid_token *token)
{
    const char *company = token->intermediate_count > 0 ? "unverifiedIntermediateCertificates"
                          : token->signing_count > 0    ? "unverifiedSigningCertificates"
                                                        : NULL;
    json_t *value = json_pack("{s:s, s:s, s:s, s:s, s:s}", "unverifiedCertificate",
                              token->certificate, "algorithm", token->algorithm, "signature",
                              token->signature, "format", company ? "web-eid:1.1" : "web-eid:1.0",
                              "appVersion", "lanyard:" LANYARD_VERSION);
    if (!company || json_object_set_new(value, company, web_eid_company(token)) == 0)
        return value;
    json_decref(value);
    return NULL;
}

int answer_encode_sign_in(struct bytes *out, const struct rpc_id *id,
                          const struct sign_in_result *result)
{
    if (result->jws)
        return answer_write_result(out, id,
                                   json_pack("{s:s, s:s}", "format", "jws", "token", result->jws));
    return answer_write_result(
        out, id,
        json_pack("{s:s, s:o}", "format", "web-eid:1.1", "token", web_eid_value(result->web_eid)));
}

static json_t *certificate_value(const struct certificate_view *view)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:b, s:o}", "use",
                     text_value(view->use), "subject", text_value(view->subject), "uid",
                     text_value(view->uid), "issuer", text_value(view->issuer), "serialNumber",
                     text_value(view->serial), "notBefore", text_value(view->not_before),
                     "notAfter", text_value(view->not_after), "daysLeft",
                     (json_int_t)view->days_left, "key", text_value(view->key), "chosen",
                     (int)view->chosen, "problem", text_value(view->problem));
}

static json_t *card_value(const struct card_view *view)
{
    json_t *certificates = json_array();
    for (size_t i = 0; i < view->certificate_count; i++)
        json_array_append_new(certificates, certificate_value(&view->certificates[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "reader", text_value(view->reader),
                     "module", text_value(view->module), "label", text_value(view->label), "serial",
                     text_value(view->serial), "triesLeft", count_value(view->tries_left),
                     "pinState", text_value(view->pin_state), "pinPad", (int)view->pin_pad,
                     "certificates", certificates);
}

static json_t *list_value(const struct card_list *list)
{
    json_t *readers = json_array();
    for (size_t i = 0; i < list->reader_count; i++)
        json_array_append_new(readers, json_pack("{s:o, s:o, s:b}", "name",
                                                 text_value(list->readers[i].name), "state",
                                                 text_value(list->readers[i].state), "pinPad",
                                                 (int)list->readers[i].pin_pad));
    json_t *cards = json_array();
    for (size_t i = 0; i < list->card_count; i++)
        json_array_append_new(cards, card_value(&list->cards[i]));
    return json_pack("{s:o, s:o}", "readers", readers, "cards", cards);
}

int answer_encode_card_list(struct bytes *out, const struct rpc_id *id,
                            const struct card_list *list)
{
    return answer_write_result(out, id, list_value(list));
}

int answer_encode_status_url(struct bytes *out, const struct rpc_id *id, const char *url)
{
    return answer_write_result(out, id, json_pack("{s:s}", "url", url));
}

/* What the agent's own requests go by where the configuration names no proxy. */
static json_t *proxies_value(void)
{
    json_t *values = json_object();
    for (const char *const *name = proxy_variables; *name; name++) {
        const char *value = getenv(*name);
        CLEANUP(free_text) char *told = value && *value ? proxy_variable_told(value) : NULL;
        if (told)
            json_object_set_new(values, *name, text_value(told));
    }
    return values;
}

int answer_encode_status(struct bytes *out, const struct rpc_id *id,
                         const struct agent_status *status, const struct web_state *web,
                         const char *const *origins, size_t connections)
{
    json_t *modules = json_array();
    for (size_t i = 0; i < status->module_count; i++)
        json_array_append_new(modules, json_pack("{s:o, s:o, s:o}", "path",
                                                 text_value(status->modules[i].path), "state",
                                                 text_value(status->modules[i].state), "detail",
                                                 text_value(status->modules[i].detail)));
    json_t *expiring = json_array();
    for (size_t i = 0; i < status->expiring_count; i++)
        append_or_drop(&expiring, json_pack("{s:o, s:o, s:o, s:I}", "reader",
                                            text_value(status->expiring[i].reader), "uid",
                                            text_value(status->expiring[i].uid), "notAfter",
                                            text_value(status->expiring[i].not_after), "daysLeft",
                                            (json_int_t)status->expiring[i].days_left));
    json_t *listed = json_array();
    for (; origins && *origins; origins++)
        json_array_append_new(listed, text_value(*origins));
    json_t *door = json_pack("{s:o, s:s}", "port", count_value(web->port ? web->port : -1), "state",
                             web->state);
    return answer_write_result(
        out, id,
        json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:I, s:I}",
                  "version", LANYARD_VERSION, "pid", (int)getpid(), "configuration",
                  text_value(status->configuration), "proxyVariables", proxies_value(), "door",
                  door, "readerService", text_value(status->reader_service), "readersWithheld",
                  text_value(status->readers_withheld), "modules", modules, "readers",
                  (json_int_t)status->reader_count, "cards", (json_int_t)status->card_count, "keys",
                  (json_int_t)status->key_count, "expiring", expiring, "origins", listed,
                  "connections", (json_int_t)connections, "operations",
                  (json_int_t)status->operation_count));
}

/* ---- security keys ---- */

static json_t *key_id_value(uint64_t id)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    return json_string(text);
}

static json_t *key_list_value(const struct key_list *list)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < list->count; i++)
        append_or_drop(
            &keys, json_pack("{s:o, s:o, s:o, s:b}", "id", key_id_value(list->keys[i].id), "name",
                             text_value(list->keys[i].name), "path", text_value(list->keys[i].path),
                             "session", (int)list->keys[i].session));
    return json_pack("{s:o}", "keys", keys);
}

int answer_encode_key_list(struct bytes *out, const struct rpc_id *id, const struct key_list *list)
{
    return answer_write_result(out, id, key_list_value(list));
}

/* "FIDO_2_1 U2F_V2" as a list. */
static json_t *versions_value(const char *versions)
{
    json_t *value = json_array();
    for (const char *at = versions + strspn(versions, " "); *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        append_or_drop(&value, json_stringn(at, len));
        at += len;
    }
    return value;
}

/* As RFC 4122 writes it, and as lists of authenticators do. */
static json_t *aaguid_value(const uint8_t *aaguid)
{
    char text[37];
    size_t used = 0;
    for (size_t i = 0; i < 16; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%02x",
                                 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", aaguid[i]);
    return json_string(text);
}

/* 255 means unknown, as null. */
static json_t *key_tries_value(uint8_t tries)
{
    return count_value(tries == UINT8_MAX ? -1 : tries);
}

int answer_encode_key_info(struct bytes *out, const struct rpc_id *id, const struct key_view *key,
                           const struct fido_key_info *info)
{
    json_t *pin =
        json_pack("{s:b, s:b, s:o, s:i, s:b}", "possible", (int)info->pin_possible, "set",
                  (int)info->pin_set, "triesLeft", key_tries_value(info->pin_tries), "minLength",
                  (int)info->min_pin_length, "changeOwed", (int)info->pin_change_owed);
    json_t *verification = json_pack(
        "{s:b, s:b, s:o}", "possible", (int)info->verification_possible, "set",
        (int)info->verification_set, "triesLeft", key_tries_value(info->verification_tries));
    return answer_write_result(
        out, id,
        json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:b, s:b, s:b, s:b, s:o}", "id",
                  key_id_value(key->id), "name", text_value(key->name), "versions",
                  versions_value(info->versions), "aaguid", aaguid_value(info->aaguid), "firmware",
                  (json_int_t)info->firmware, "pin", pin, "verification", verification,
                  "residentKeys", (int)info->resident, "credentialManagement",
                  (int)info->credential_management, "largeBlobs", (int)info->large_blobs, "prf",
                  (int)info->hmac_secret, "credentialsLeft", count_value(info->credentials_left)));
}

json_t *answer_base64url(const struct bytes *data)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    base64url_append(&text, data->data, data->len);
    bytes_append(&text, "", 1); /* so that there is something where there is nothing */
    return text.failed ? NULL : json_string((const char *)text.data);
}

/* Web Authentication's own words for credProtect. */
static json_t *protection_value(uint8_t protection)
{
    static const char *const words[] = {
        [FIDO_PROTECT_OPTIONAL] = "userVerificationOptional",
        [FIDO_PROTECT_WITH_LIST] = "userVerificationOptionalWithCredentialIDList",
        [FIDO_PROTECT_REQUIRED] = "userVerificationRequired",
    };
    return text_value(protection < sizeof words / sizeof *words ? words[protection] : NULL);
}

int answer_encode_credentials(struct bytes *out, const struct rpc_id *id,
                              const struct fido_credential *credentials, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct fido_credential *each = &credentials[i];
        append_or_drop(&list,
                       json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                                 answer_base64url(&each->id), "rpId", text_value(each->rp_id),
                                 "userId", answer_base64url(&each->user_id), "userName",
                                 text_value(each->user_name), "displayName",
                                 text_value(each->user_display_name), "protection",
                                 protection_value(each->protection)));
    }
    return answer_write_result(out, id, json_pack("{s:o}", "credentials", list));
}

/* ---- the session ---- */

int answer_encode_proof(struct bytes *out, const struct rpc_id *id, const char *jws)
{
    return answer_write_result(out, id, json_pack("{s:s}", "proof", jws));
}

static json_t *role_value(const struct role_view *role)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "id", text_value(role->id), "name",
                     text_value(role->name), "organisation", text_value(role->organisation), "code",
                     text_value(role->code));
}

static json_t *live_session_value(const struct session_view *view)
{
    json_t *roles = json_array();
    for (size_t i = 0; i < view->role_count; i++)
        append_or_drop(&roles, role_value(&view->roles[i]));
    json_t *amr = json_array();
    for (size_t i = 0; i < view->amr_count; i++)
        append_or_drop(&amr, text_value(view->amr[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:b, s:b}",
                     "state", text_value(view->state), "cause", text_value(view->cause), "provider",
                     text_value(view->provider), "sid", text_value(view->sid), "uid",
                     text_value(view->uid), "name", text_value(view->name), "role",
                     view->role ? role_value(view->role) : json_null(), "roles", roles, "acr",
                     text_value(view->acr), "amr", amr, "authTime", (json_int_t)view->auth_time,
                     "expiresIn", (json_int_t)view->expires_in, "idleIn",
                     view->idle_in < 0 ? json_null() : json_integer(view->idle_in), "card",
                     (int)view->card, "reachable", (int)view->reachable);
}

/* How many ends are owed is no page's business: they may be another provider's. */
static json_t *session_value(const struct session_view *view, enum door_kind door)
{
    json_t *value = view->live ? live_session_value(view)
                               : json_pack("{s:o, s:o}", "state", text_value(view->state), "cause",
                                           text_value(view->cause));
    if (door == DOOR_WEB || json_object_set_new(value, "pendingEnds",
                                                json_integer((json_int_t)view->pending_ends)) == 0)
        return value;
    json_decref(value);
    return NULL;
}

int answer_encode_session(struct bytes *out, const struct rpc_id *id,
                          const struct session_view *view, enum door_kind door)
{
    return answer_write_result(out, id, session_value(view, door));
}

/* ---- notifications ---- */

int notify_encode_waiting(struct bytes *out, const struct rpc_id *id, enum waiting_for what,
                          const char *reader, int tries_left)
{
    static const char *const names[] = {[WAITING_TURN] = "turn",
                                        [WAITING_READER] = "reader",
                                        [WAITING_CARD] = "card",
                                        [WAITING_CHOICE] = "choice",
                                        [WAITING_PIN] = "pin",
                                        [WAITING_PIN_PAD] = "pin-pad",
                                        [WAITING_SIGNATURE] = "signature",
                                        [WAITING_PROVIDER] = "provider",
                                        [WAITING_ROLE] = "role",
                                        [WAITING_CARD_OR_KEY] = "card-or-key",
                                        [WAITING_KEY] = "key",
                                        [WAITING_OTHER_KEY] = "other-key",
                                        [WAITING_KEY_CHOICE] = "key-choice",
                                        [WAITING_TOUCH] = "touch",
                                        [WAITING_VERIFICATION] = "verification",
                                        [WAITING_KEY_PIN] = "key-pin",
                                        [WAITING_ACCOUNT] = "account",
                                        [WAITING_PUK] = "puk",
                                        [WAITING_NEW_PIN] = "new-pin",
                                        [WAITING_REPLUG] = "replug",
                                        [WAITING_USE_KEY] = "use-key"};
    json_t *params = json_pack("{s:o, s:s}", "request", id_value(id), "for", names[what]);
    if (tries_left >= 0)
        json_object_set_new(params, "triesLeft", json_integer(tries_left));
    if (reader)
        json_object_set_new(params, "reader", text_value(reader));
    return write_notification(out, "operation.waiting", params);
}

int notify_encode_card_changed(struct bytes *out, const struct card_list *list, enum door_kind door)
{
    json_t *params = door == DOOR_NATIVE
                         ? list_value(list)
                         : json_pack("{s:I, s:I}", "readers", (json_int_t)list->reader_count,
                                     "cards", (json_int_t)list->card_count);
    return write_notification(out, "card.changed", params);
}

int notify_encode_key_changed(struct bytes *out, const struct key_list *list)
{
    return write_notification(out, "key.changed", key_list_value(list));
}

int notify_encode_session_changed(struct bytes *out, const struct session_view *view,
                                  enum door_kind door)
{
    return write_notification(out, "session.changed", session_value(view, door));
}
