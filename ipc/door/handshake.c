/* SPDX-License-Identifier: MIT */
/*
 * This is the border between every web page there is and the agent. So the head is read by rules
 * that a reader can check by eye (RFC 9112 §3 and §5, RFC 6455 §4.2.1), before any library sees it,
 * and only its two variable words go on: the origin and the key. The library then reads a head that
 * handshake_rewrite has written.
 *
 * A head is a request line and fields, each ending in CR LF, and an empty line, with nothing behind
 * it. Fields that the protocol names appear at most once; others are checked for form and ignored.
 * There is one way to be let in and one refusal.
 */
#include "ipc/door/handshake.h"

#include "ipc/base/loopback.h"
#include "ipc/door/head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const char handshake_refusal[] = "HTTP/1.1 403 Forbidden\r\n"
                                 "Content-Length: 0\r\n"
                                 "Connection: close\r\n\r\n";

static const char request_line[] = "GET /v1 HTTP/1.1";
static const char subprotocol[] = "lanyard.v1";

enum field {
    FIELD_HOST,
    FIELD_ORIGIN,
    FIELD_UPGRADE,
    FIELD_CONNECTION,
    FIELD_VERSION,
    FIELD_PROTOCOL,
    FIELD_KEY,
    FIELD_COUNT,
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_HOST] = "Host",
    [FIELD_ORIGIN] = "Origin",
    [FIELD_UPGRADE] = "Upgrade",
    [FIELD_CONNECTION] = "Connection",
    [FIELD_VERSION] = "Sec-WebSocket-Version",
    [FIELD_PROTOCOL] = "Sec-WebSocket-Protocol",
    [FIELD_KEY] = "Sec-WebSocket-Key",
};

/* Walks a comma-separated list. */
static bool list_has(struct span list, const char *word, bool (*equal)(struct span, const char *))
{
    while (list.text) {
        const char *comma = memchr(list.text, ',', list.len);
        struct span item = {list.text, comma ? (size_t)(comma - list.text) : list.len};
        if (equal(head_trim(item), word))
            return true;
        list = comma ? (struct span){comma + 1, list.len - item.len - 1} : (struct span){0};
    }
    return false;
}

/* ---- the conditions ---- */

/* Sorts one field into fields. False: malformed, a second of its name, or one that means a body. */
static bool take_field(struct span line, struct span fields[FIELD_COUNT])
{
    struct span name, value;
    if (!head_split_field(line, &name, &value) || head_same_ignoring_case(name, "Content-Length") ||
        head_same_ignoring_case(name, "Transfer-Encoding"))
        return false;
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (!head_same_ignoring_case(name, field_names[i]))
            continue;
        if (fields[i].text)
            return false;
        fields[i] = value;
    }
    return true;
}

/* "localhost:24290" */
static bool host_is_ours(struct span host, uint16_t port)
{
    char behind[sizeof ":65535"];
    size_t len = (size_t)snprintf(behind, sizeof behind, ":%u", (unsigned)port);
    return host.len > len && memcmp(host.text + host.len - len, behind, len) == 0 &&
           host_is_loopback(host.text, host.len - len);
}

static bool copy_origin(struct span origin, const char *const *origins, struct handshake *out)
{
    for (; origins && *origins; origins++) {
        if (!head_same(origin, *origins) || origin.len > ORIGIN_TEXT_MAX)
            continue;
        memcpy(out->origin, origin.text, origin.len);
        out->origin[origin.len] = '\0';
        return true;
    }
    return false;
}

/* Base64 of exactly 16 bytes: 22 characters, of which the last carries two bits, and padding. */
static bool copy_key(struct span key, struct handshake *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!key.text || key.len != HANDSHAKE_KEY_CHARACTERS ||
        memcmp(key.text + HANDSHAKE_KEY_CHARACTERS - 2, "==", 2) != 0)
        return false;
    /* No NUL is among them, which strchr would find: value_valid has refused it. */
    for (size_t i = 0; i < HANDSHAKE_KEY_CHARACTERS - 2; i++)
        if (!strchr(alphabet, key.text[i]))
            return false;
    if (!strchr("AQgw", key.text[HANDSHAKE_KEY_CHARACTERS - 3]))
        return false;
    memcpy(out->key, key.text, key.len);
    out->key[key.len] = '\0';
    return true;
}

static bool let_in(struct span head, uint16_t port, const char *const *origins,
                   struct handshake *out)
{
    struct span line, fields[FIELD_COUNT] = {0};
    if (!head_next_line(&head, &line) || !head_same(line, request_line))
        return false;
    for (;;) {
        if (!head_next_line(&head, &line))
            return false;
        if (line.len == 0)
            break;
        if (!take_field(line, fields))
            return false;
    }
    return head.len == 0 && host_is_ours(fields[FIELD_HOST], port) &&
           head_same_ignoring_case(fields[FIELD_UPGRADE], "websocket") &&
           list_has(fields[FIELD_CONNECTION], "Upgrade", head_same_ignoring_case) &&
           head_same(fields[FIELD_VERSION], "13") &&
           list_has(fields[FIELD_PROTOCOL], subprotocol, head_same) &&
           copy_origin(fields[FIELD_ORIGIN], origins, out) && copy_key(fields[FIELD_KEY], out);
}

enum handshake_verdict handshake_judge(const char *bytes, size_t len, uint16_t port,
                                       const char *const *origins, struct handshake *out)
{
    *out = (struct handshake){0};
    if (len > HANDSHAKE_BYTES_MAX)
        return HANDSHAKE_REFUSED;
    if (len == 0 || !memmem(bytes, len, "\r\n\r\n", 4))
        return len == HANDSHAKE_BYTES_MAX ? HANDSHAKE_REFUSED : HANDSHAKE_INCOMPLETE;
    if (!let_in((struct span){bytes, len}, port, origins, out)) {
        *out = (struct handshake){0};
        return HANDSHAKE_REFUSED;
    }
    return HANDSHAKE_ACCEPTED;
}

/* The first Origin among the lines; one that has not come to its end is none. */
void handshake_origin(const char *bytes, size_t len, char origin[ORIGIN_TEXT_MAX + 1])
{
    static const char name[] = "Origin:";
    struct span head = {bytes, len}, line;
    origin[0] = '\0';
    while (len > 0 && head_next_line(&head, &line)) {
        if (line.len < sizeof name - 1 || strncasecmp(line.text, name, sizeof name - 1) != 0)
            continue;
        struct span value =
            head_trim((struct span){line.text + sizeof name - 1, line.len - (sizeof name - 1)});
        size_t shown = value.len < ORIGIN_TEXT_MAX ? value.len : ORIGIN_TEXT_MAX;
        for (size_t i = 0; i < shown; i++)
            origin[i] = value.text[i] < ' ' || value.text[i] > '~' ? '?' : value.text[i];
        origin[shown] = '\0';
        return;
    }
}

int handshake_rewrite(const struct handshake *handshake, struct bytes *out)
{
    char head[512];
    int len = snprintf(head, sizeof head,
                       "%s\r\n"
                       "Host: localhost\r\n"
                       "Upgrade: websocket\r\n"
                       "Connection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Protocol: %s\r\n"
                       "Sec-WebSocket-Key: %s\r\n\r\n",
                       request_line, subprotocol, handshake->key);
    return bytes_set(out, head, (size_t)len);
}
