/* SPDX-License-Identifier: MIT */
/*
 * One honest head, and everything that may be wrong with it: each row replaces, removes or adds one
 * line, and every one of them is refused. No byte fewer than the whole head is accepted, and none
 * more.
 */
#include "ipc/base/cleanup.h"
#include "ipc/door/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 24290 };

static const char *const origins[] = {"https://op.example", "https://other.example:8443", NULL};

/* The lines of a browser's head; a row of the tables names one by its beginning. */
static const char *const honest[] = {
    "GET /v1 HTTP/1.1",
    "Host: 127.0.0.1:24290",
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Origin: https://op.example",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Protocol: lanyard.v1",
    "User-Agent: Mozilla/5.0 (X11)",
    "Cookie: name=\xc3\xa9",
};

/* The line that begins with old becomes new (NULL: goes away); old NULL: new is added. */
static size_t build(char *head, size_t size, const char *old, const char *new)
{
    size_t len = 0;
    for (size_t i = 0; i < sizeof honest / sizeof *honest; i++) {
        const char *line = honest[i];
        if (old && strncmp(line, old, strlen(old)) == 0)
            line = new;
        if (line)
            len += (size_t)snprintf(head + len, size - len, "%s\r\n", line);
    }
    if (!old && new)
        len += (size_t)snprintf(head + len, size - len, "%s\r\n", new);
    return len + (size_t)snprintf(head + len, size - len, "\r\n");
}

static enum handshake_verdict judge(const char *old, const char *new)
{
    char head[1024];
    struct handshake out;
    return handshake_judge(head, build(head, sizeof head, old, new), PORT, origins, &out);
}

struct row {
    const char *old, *new;
};

static const struct row accepted[] = {
    {NULL, NULL},
    {"Host", "Host: localhost:24290"},
    {"Host", "host:[::1]:24290"},
    {"Origin", "Origin: https://other.example:8443"},
    {"Connection", "Connection: upgrade"},
    {"Upgrade", "UPGRADE:\tWebSocket "},
    {"Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: other, lanyard.v1"},
    {"Sec-WebSocket-Extensions", NULL},
    {NULL, "X-Unknown:"},
};

static const struct row refused[] = {
    {"GET", "GET / HTTP/1.1"},
    {"GET", "GET /v1/ HTTP/1.1"},
    {"GET", "GET /v1?x HTTP/1.1"},
    {"GET", "GET /V1 HTTP/1.1"},
    {"GET", "GET //v1 HTTP/1.1"},
    {"GET", "GET http://127.0.0.1:24290/v1 HTTP/1.1"},
    {"GET", "get /v1 HTTP/1.1"},
    {"GET", "POST /v1 HTTP/1.1"},
    {"GET", "OPTIONS /v1 HTTP/1.1"},
    {"GET", "GET /v1 HTTP/1.0"},
    {"GET", "GET /v1 HTTP/2.0"},
    {"GET", "GET  /v1 HTTP/1.1"},
    {"GET", "GET /v1 HTTP/1.1 "},
    {"GET", "PRI * HTTP/2.0"},
    {"GET", ""},
    {"Host", NULL},
    {"Host", "Host:"},
    {"Host", "Host: op.example:24290"},
    {"Host", "Host: 127.0.0.1"},
    {"Host", "Host: 127.0.0.1:24291"},
    {"Host", "Host: 127.0.0.1:024290"},
    {"Host", "Host: 0.0.0.0:24290"},
    {"Host", "Host: 2130706433:24290"},
    {"Host", "Host: 127.1:24290"},
    {"Host", "Host: 127.0.0.1.:24290"},
    {"Host", "Host: LOCALHOST:24290"},
    {"Host", "Host: localhost.:24290"},
    {"Host", "Host: [::1%lo]:24290"},
    {"Host", "Host: [0:0:0:0:0:0:0:1]:24290"},
    {"Host", "Host: user@127.0.0.1:24290"},
    {NULL, "Host: 127.0.0.1:24290"},
    {"Origin", NULL},
    {"Origin", "Origin:"},
    {"Origin", "Origin: null"},
    {"Origin", "Origin: https://evil.example"},
    {"Origin", "Origin: HTTPS://OP.EXAMPLE"},
    {"Origin", "Origin: https://op.example."},
    {"Origin", "Origin: https://op.example/"},
    {"Origin", "Origin: https://op.example.evil.example"},
    {"Origin", "Origin: https://evil-op.example"},
    {"Origin", "Origin: https://user@op.example"},
    {"Origin", "Origin: https://op.example:443"},
    {"Origin", "Origin: https://op.example:8443"},
    {"Origin", "Origin: http://op.example"},
    {"Origin", "Origin: https://\xc3\xb6p.example"},
    {"Origin", "Origin: https://op.example https://evil.example"},
    {"Origin", "Origin: https://op.example, https://evil.example"},
    {NULL, "Origin: https://op.example"},
    {NULL, "ORIGIN: https://evil.example"},
    {"Upgrade", NULL},
    {"Upgrade", "Upgrade: h2c"},
    {"Upgrade", "Upgrade: websocket, h2c"},
    {NULL, "Upgrade: websocket"},
    {"Connection", NULL},
    {"Connection", "Connection: keep-alive"},
    {"Connection", "Connection: Upgraded"},
    {NULL, "Connection: Upgrade"},
    {"Sec-WebSocket-Version", NULL},
    {"Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"},
    {"Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8"},
    {NULL, "Sec-WebSocket-Version: 13"},
    {"Sec-WebSocket-Protocol", NULL},
    {"Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: lanyard.v2"},
    {"Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: Lanyard.v1"},
    {NULL, "Sec-WebSocket-Protocol: lanyard.v1"},
    {"Sec-WebSocket-Key", NULL},
    {"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="},
    {"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="},
    {"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ-=="},
    {"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXMhIQ=="},
    {NULL, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="},
    {NULL, "Content-Length: 0"},
    {NULL, "Content-Length: 5"},
    {NULL, "Transfer-Encoding: chunked"},
    {"User-Agent", "User-Agent: folded\r\n line"},
    {"User-Agent", "User-Agent : blank before the colon"},
    {"User-Agent", ": no name"},
    {"User-Agent", "no colon"},
    {"User-Agent", "User-Agent: a\nb"},
    {"User-Agent", "User-Agent: a\rb"},
    {"User-Agent", "User-Agent: a\x01z"},
    {"User-Agent", "User-Agent: a\x7fz"},
    {"User-Agent", "User\xc3\xa9: a"},
};

static void lets_honest_heads_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
        if (judge(accepted[i].old, accepted[i].new) != HANDSHAKE_ACCEPTED)
            fail_msg("refused: %s", accepted[i].new ? accepted[i].new : "-");
}

static void refuses_everything_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (judge(refused[i].old, refused[i].new) != HANDSHAKE_REFUSED)
            fail_msg("let in: %s / %s", refused[i].old ? refused[i].old : "added",
                     refused[i].new ? refused[i].new : "removed");
}

static void tells_origin_and_key(void **state)
{
    (void)state;
    char head[1024];
    struct handshake out;
    size_t len = build(head, sizeof head, NULL, NULL);
    assert_int_equal(handshake_judge(head, len, PORT, origins, &out), HANDSHAKE_ACCEPTED);
    assert_string_equal(out.origin, "https://op.example");
    assert_string_equal(out.key, "dGhlIHNhbXBsZSBub25jZQ==");
}

static void waits_for_the_last_byte(void **state)
{
    (void)state;
    char head[1024];
    struct handshake out;
    size_t len = build(head, sizeof head, NULL, NULL);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(handshake_judge(head, i, PORT, origins, &out), HANDSHAKE_INCOMPLETE);
    head[len] = 'x'; /* a frame before the answer */
    assert_int_equal(handshake_judge(head, len + 1, PORT, origins, &out), HANDSHAKE_REFUSED);
    assert_string_equal(out.origin, "");
}

static void refuses_without_end_and_without_origins(void **state)
{
    (void)state;
    static char head[HANDSHAKE_BYTES_MAX + 1];
    struct handshake out;
    memset(head, 'a', sizeof head);
    assert_int_equal(handshake_judge(head, HANDSHAKE_BYTES_MAX - 1, PORT, origins, &out),
                     HANDSHAKE_INCOMPLETE);
    assert_int_equal(handshake_judge(head, HANDSHAKE_BYTES_MAX, PORT, origins, &out),
                     HANDSHAKE_REFUSED);
    assert_int_equal(handshake_judge(head, sizeof head, PORT, origins, &out), HANDSHAKE_REFUSED);
    size_t len = build(head, sizeof head, NULL, NULL);
    static const char *const nobody[] = {NULL};
    assert_int_equal(handshake_judge(head, len, PORT, nobody, &out), HANDSHAKE_REFUSED);
    assert_int_equal(handshake_judge(head, len, PORT, NULL, &out), HANDSHAKE_REFUSED);
    head[4] = '\0';
    assert_int_equal(handshake_judge(head, len, PORT, origins, &out), HANDSHAKE_REFUSED);
}

static void a_refused_head_names_its_origin(void **state)
{
    (void)state;
    static const struct {
        const char *head, *origin;
    } rows[] = {
        {"", ""},
        {"GET", ""},
        {"GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n", ""},
        {"GET / HTTP/1.1\r\nORIGIN:https://no.example \r\n", "https://no.example"},
        {"GET / HTTP/1.1\r\norigin: null\r\nOrigin: https://b.example\r\n\r\n", "null"},
        {"GET / HTTP/1.1\r\nOrigin: a\nb\x1b\x7f\xff\r\n\r\n", "a?b???"},
        {"GET / HTTP/1.1\r\nOrigin: https://cut.exam", ""},
        {"GET / HTTP/1.1\r\nOrigin:\r\n", ""},
    };
    char origin[ORIGIN_TEXT_MAX + 1], head[1024] = "x\r\nOrigin: ";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        handshake_origin(rows[i].head, strlen(rows[i].head), origin);
        assert_string_equal(origin, rows[i].origin);
    }
    memset(head + strlen(head), 'a', ORIGIN_TEXT_MAX + 9);
    strcat(head, "\r\n");
    handshake_origin(head, strlen(head), origin);
    assert_int_equal(strlen(origin), ORIGIN_TEXT_MAX);
}

static void the_rewritten_head_says_only_what_we_say(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes head = {0};
    struct handshake handshake = {.origin = "https://op.example",
                                  .key = "dGhlIHNhbXBsZSBub25jZQ=="};
    assert_int_equal(handshake_rewrite(&handshake, &head), 0);
    bytes_append(&head, "", 1);
    assert_non_null(
        strstr((char *)head.data, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
    assert_null(strstr((char *)head.data, "op.example"));
    assert_null(strstr((char *)head.data, "Extensions"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_honest_heads_in),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(tells_origin_and_key),
        cmocka_unit_test(waits_for_the_last_byte),
        cmocka_unit_test(refuses_without_end_and_without_origins),
        cmocka_unit_test(a_refused_head_names_its_origin),
        cmocka_unit_test(the_rewritten_head_says_only_what_we_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
