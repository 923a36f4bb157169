/* SPDX-License-Identifier: MIT */
/*
 * Bodies are written by hand, as tokens are; answers are read strictly where they matter and
 * passed over where a server may have grown.
 */
#include "agent/cis/cis_message.h"

#include "agent/card_token.h"
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

int cis_body_write(const char *name, const char *value, struct bytes *out)
{
    bytes_reset(out);
    bytes_append_text(out, "{");
    json_append_string(out, name);
    bytes_append_text(out, ":");
    json_append_string(out, value);
    bytes_append_text(out, "}");
    bytes_append(out, "", 1);
    if (out->failed)
        return log_fault(ENOMEM, "request to a provider");
    out->len--;
    return 0;
}

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

bool cis_challenge_read(const char *json, size_t len, struct cis_challenge *out)
{
    CLEANUP(release_json) json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(root) && read_challenge(json_object_get(root, "challenge"), out) &&
           read_algorithms(json_object_get(root, "algorithms"), out);
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
