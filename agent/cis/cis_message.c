/* SPDX-License-Identifier: MIT */
/*
 * Bodies are written by hand, as tokens are; answers are read strictly where they matter and
 * passed over where a server may have grown.
 */
#include "agent/cis/cis_message.h"

#include "agent/json_write.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/card_message.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static void release_json(json_t **value)
{
    json_decref(*value);
}

static int finish(struct bytes *out, const char *end)
{
    bytes_append_text(out, end);
    bytes_append(out, "", 1);
    if (out->failed)
        return log_fault(ENOMEM, "request to a provider");
    out->len--;
    return 0;
}

int cis_body_write(const char *name, const char *value, struct bytes *out)
{
    bytes_reset(out);
    json_string_member(out, name, value);
    return finish(out, "}");
}

int cis_body_write_json(const char *name, const char *json, struct bytes *out)
{
    bytes_reset(out);
    json_member(out, name);
    bytes_append_text(out, json);
    return finish(out, "}");
}

/* ,"NAME":"base64url of value" */
static void append_member(struct bytes *out, const char *name, const struct bytes *value)
{
    bytes_append_text(out, ",\"");
    bytes_append_text(out, name);
    bytes_append_text(out, "\":\"");
    base64url_append(out, value->data, value->len);
    bytes_append_text(out, "\"");
}

int cis_assertion_write(const struct cis_assertion *assertion, struct bytes *out)
{
    bytes_reset(out);
    bytes_append_text(out, "{\"type\":\"public-key\"");
    append_member(out, "id", assertion->credential_id);
    append_member(out, "rawId", assertion->credential_id);
    bytes_append_text(out, ",\"authenticatorAttachment\":\"cross-platform\""
                           ",\"clientExtensionResults\":{},\"response\":{\"userHandle\":");
    if (assertion->user_id->len > 0) {
        bytes_append_text(out, "\"");
        base64url_append(out, assertion->user_id->data, assertion->user_id->len);
        bytes_append_text(out, "\"");
    } else {
        bytes_append_text(out, "null");
    }
    append_member(out, "clientDataJSON", assertion->client_data);
    append_member(out, "authenticatorData", assertion->auth_data);
    append_member(out, "signature", assertion->signature);
    return finish(out, "}}");
}

/* ---- challenges ---- */

static bool read_challenge(const json_t *value, struct cis_challenge *out)
{
    size_t len = json_string_length(value);
    CLEANUP(bytes_deinit) struct bytes decoded = {0};
    if (!json_is_string(value) || len > CHALLENGE_TEXT_MAX ||
        base64url_decode(json_string_value(value), len, &decoded) < 0 ||
        decoded.len < CHALLENGE_BYTES_MIN || decoded.len > CHALLENGE_BYTES_MAX)
        return false;
    memcpy(out->text, json_string_value(value), len + 1);
    return true;
}

static bool read_algorithms(const json_t *value, struct cis_challenge *out)
{
    static const uint8_t every[] = {CARD_ES256, CARD_ES384, CARD_PS256, CARD_RS256};
    unsigned seen = 0;
    out->algorithm_count = 0;
    if (!value || json_is_null(value)) {
        out->algorithm_count = sizeof every;
        memcpy(out->algorithms, every, sizeof every);
        return true;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));
        unsigned bit = name ? card_algorithm_named(name) : 0;
        if (bit != 0 && (seen & bit) == 0)
            out->algorithms[out->algorithm_count++] = (uint8_t)bit;
        seen |= bit;
    }
    return out->algorithm_count > 0;
}

/* Printable, so that it cannot be taken for another one. */
static bool read_rp_id(const json_t *value, struct cis_keys *out)
{
    if (!value)
        return true;
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (!text || len == 0 || len > FIDO_RP_ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return false;
    memcpy(out->rp_id, text, len + 1);
    return true;
}

static bool read_credentials(const json_t *value, struct cis_keys *out)
{
    if (!value)
        return true;
    if (!json_is_array(value) || json_array_size(value) > FIDO_LIST_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *at = json_array_get(value, i);
        const char *type = json_string_value(json_object_get(at, "type"));
        const json_t *id = json_object_get(at, "id");
        struct bytes *credential = &out->list[out->list_count];
        if (!type || !json_is_string(id))
            return false;
        if (strcmp(type, "public-key") != 0)
            continue;
        out->list_count++; /* deinitialised whatever comes */
        if (base64url_decode(json_string_value(id), json_string_length(id), credential) < 0 ||
            credential->len == 0 || credential->len > FIDO_CREDENTIAL_ID_MAX)
            return false;
    }
    /* A list of nothing that is known is not a list of everything. */
    return json_array_size(value) == 0 || out->list_count > 0;
}

static bool read_keys(const json_t *value, struct cis_challenge *out)
{
    const char *challenge = json_string_value(json_object_get(value, "challenge"));
    return challenge && strcmp(challenge, out->text) == 0 &&
           read_rp_id(json_object_get(value, "rpId"), &out->keys) &&
           read_credentials(json_object_get(value, "allowCredentials"), &out->keys);
}

bool cis_challenge_read(const char *json, size_t len, struct cis_challenge *out)
{
    *out = (struct cis_challenge){0};
    CLEANUP(release_json) json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(root) && read_challenge(json_object_get(root, "challenge"), out) &&
        read_algorithms(json_object_get(root, "algorithms"), out)) {
        out->takes_keys = read_keys(json_object_get(root, "publicKey"), out);
        return true;
    }
    return false;
}

void cis_challenge_deinit(struct cis_challenge *challenge)
{
    for (size_t i = 0; i < challenge->keys.list_count; i++)
        bytes_deinit(&challenge->keys.list[i]);
    *challenge = (struct cis_challenge){0};
}

void cis_reason_read(const char *json, size_t len, char out[CIS_REASON_MAX + 1])
{
    CLEANUP(release_json) json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    const char *word = json_string_value(json_object_get(root, "error"));
    out[0] = '\0';
    if (word && strlen(word) <= CIS_REASON_MAX &&
        strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(word))
        memcpy(out, word, strlen(word) + 1);
}
