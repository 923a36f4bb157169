/* SPDX-License-Identifier: MIT */
/*
 * The page's origin is http://127.0.0.1:PORT, where there is no other page. The host is literal: by
 * any other name (localhost is one) the way could lead to [::1], where anybody may listen.
 *
 * Who stands behind the connection the broker has asked the kernel, so that a token or a cookie of
 * another user's agent opens nothing here. Of this user's browser: a page elsewhere can send it
 * here, but then without the cookie (SameSite), cannot read what came (no CORS), cannot frame it
 * (frame-ancestors), and where the browser says by Sec-Fetch-* that this is not a person who looks,
 * it is refused outright.
 */
#include "ipc/door/status_door.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/door/head.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char plain_line[] = "GET /status HTTP/1.1";
static const char token_line[] = "GET /status?token=";
static const char behind_token[] = " HTTP/1.1";
static const char cookie_name[] = "lanyard-status=";

struct visit {
    struct span token, cookie; /* text NULL: none */
};

/* ---- the head ---- */

static bool read_request_line(struct span line, struct visit *visit)
{
    if (head_same(line, plain_line))
        return true;
    size_t before = sizeof token_line - 1, behind = sizeof behind_token - 1;
    if (line.len != before + STATUS_TOKEN_CHARACTERS + behind ||
        memcmp(line.text, token_line, before) != 0 ||
        memcmp(line.text + before + STATUS_TOKEN_CHARACTERS, behind_token, behind) != 0)
        return false;
    visit->token = (struct span){line.text + before, STATUS_TOKEN_CHARACTERS};
    return true;
}

/* Our cookie among those of 127.0.0.1 (RFC 6265 §5.4); two of its name are none. False: two. */
static bool read_cookies(struct span list, struct visit *visit)
{
    while (list.text) {
        const char *semicolon = memchr(list.text, ';', list.len);
        struct span item = {list.text, semicolon ? (size_t)(semicolon - list.text) : list.len};
        list = semicolon ? (struct span){semicolon + 1, list.len - item.len - 1} : (struct span){0};
        item = head_trim(item);
        size_t name = sizeof cookie_name - 1;
        if (item.len != name + STATUS_TOKEN_CHARACTERS || memcmp(item.text, cookie_name, name) != 0)
            continue;
        if (visit->cookie.text)
            return false;
        visit->cookie = (struct span){item.text + name, STATUS_TOKEN_CHARACTERS};
    }
    return true;
}

/* What browsers say of the request (Fetch Metadata): that somebody looks at the page itself, and
 * was not sent by another. */
static bool fetch_field_good(struct span name, struct span value)
{
    if (head_same_ignoring_case(name, "Sec-Fetch-Site"))
        return head_same(value, "none") || head_same(value, "same-origin");
    if (head_same_ignoring_case(name, "Sec-Fetch-Mode"))
        return head_same(value, "navigate");
    if (head_same_ignoring_case(name, "Sec-Fetch-Dest"))
        return head_same(value, "document");
    return true;
}

static bool read_head(struct span head, uint16_t port, struct visit *visit)
{
    struct span line, name, value, host = {0};
    char expected[sizeof "127.0.0.1:65535"];
    snprintf(expected, sizeof expected, "127.0.0.1:%u", (unsigned)port);
    if (!head_next_line(&head, &line) || !read_request_line(line, visit))
        return false;
    for (;;) {
        if (!head_next_line(&head, &line))
            return false;
        if (line.len == 0)
            return head.len == 0 && head_same(host, expected);
        if (!head_split_field(line, &name, &value) || !fetch_field_good(name, value) ||
            head_same_ignoring_case(name, "Content-Length") ||
            head_same_ignoring_case(name, "Transfer-Encoding") ||
            head_same_ignoring_case(name, "Origin") || head_same_ignoring_case(name, "Upgrade"))
            return false;
        if (head_same_ignoring_case(name, "Host")) {
            if (host.text)
                return false;
            host = value;
        }
        if (head_same_ignoring_case(name, "Cookie") && !read_cookies(value, visit))
            return false;
    }
}

/* ---- passes ---- */

static bool make_pass(struct status_pass *pass, uint64_t milliseconds)
{
    CLEANUP(bytes_deinit) struct bytes encoded = {0};
    uint8_t random[32];
    if (getentropy(random, sizeof random) < 0)
        return false;
    base64url_append(&encoded, random, sizeof random);
    explicit_bzero(random, sizeof random);
    if (encoded.failed || encoded.len != STATUS_TOKEN_CHARACTERS)
        return false;
    memcpy(pass->text, encoded.data, STATUS_TOKEN_CHARACTERS);
    pass->text[STATUS_TOKEN_CHARACTERS] = '\0';
    pass->until = loop_now() + milliseconds;
    return true;
}

/* How long it takes says nothing of where the two differ. */
static bool passes(const struct status_pass *pass, struct span text)
{
    unsigned char difference = 0;
    if (text.len != STATUS_TOKEN_CHARACTERS || pass->until <= loop_now())
        return false;
    for (size_t i = 0; i < STATUS_TOKEN_CHARACTERS; i++)
        difference |= (unsigned char)(text.text[i] ^ pass->text[i]);
    return difference == 0;
}

/* The place of the one that is over first. */
static struct status_pass *place_for_cookie(struct status_door *door)
{
    struct status_pass *oldest = &door->cookies[0];
    for (size_t i = 1; i < STATUS_COOKIES; i++)
        if (door->cookies[i].until < oldest->until)
            oldest = &door->cookies[i];
    return oldest;
}

bool status_door_url(struct status_door *door, uint16_t port, char url[STATUS_URL_MAX])
{
    if (!make_pass(&door->token, STATUS_TOKEN_MS)) {
        log_fault(EIO, "status page");
        return false;
    }
    snprintf(url, STATUS_URL_MAX, "http://127.0.0.1:%u/status?token=%s", (unsigned)port,
             door->token.text);
    return true;
}

/* ---- answers ---- */

static void append_head(struct bytes *out, const char *status, size_t len)
{
    char length[64];
    bytes_append_text(out, "HTTP/1.1 ");
    bytes_append_text(out, status);
    snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", len);
    bytes_append_text(out, length);
    bytes_append_text(out, "Connection: close\r\n"
                           "Cache-Control: no-store\r\n"
                           "Referrer-Policy: no-referrer\r\n"
                           "X-Content-Type-Options: nosniff\r\n"
                           "X-Frame-Options: DENY\r\n"
                           "Cross-Origin-Opener-Policy: same-origin\r\n"
                           "Cross-Origin-Resource-Policy: same-origin\r\n");
}

static bool exchange_token(struct status_door *door, struct bytes *reply)
{
    char line[160];
    struct status_pass *cookie = place_for_cookie(door);
    door->token = (struct status_pass){0};
    if (!make_pass(cookie, STATUS_COOKIE_MS))
        return false;
    append_head(reply, "303 See Other", 0);
    snprintf(line, sizeof line,
             "Location: /status\r\n"
             "Set-Cookie: %s%s; Path=/status; Max-Age=%d; HttpOnly; SameSite=Strict\r\n\r\n",
             cookie_name, cookie->text, STATUS_COOKIE_MS / 1000);
    bytes_append_text(reply, line);
    return !reply->failed;
}

static bool show_page(const struct service *service, struct bytes *reply)
{
    CLEANUP(bytes_deinit) struct bytes html = {0};
    struct status_pass nonce;
    char policy[320];
    if (!make_pass(&nonce, 0) || !service->status_page(service->context, nonce.text, &html) ||
        html.failed)
        return false;
    append_head(reply, "200 OK", html.len);
    snprintf(policy, sizeof policy,
             "Content-Type: text/html; charset=utf-8\r\n"
             "Content-Security-Policy: default-src 'none'; style-src 'nonce-%s'; img-src data:; "
             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\r\n",
             nonce.text);
    bytes_append_text(reply, policy);
    bytes_append(reply, html.data, html.len);
    return !reply->failed;
}

bool status_door_answer(struct status_door *door, const struct service *service, const char *head,
                        size_t len, uint16_t port, struct bytes *reply)
{
    struct visit visit = {0};
    if (!read_head((struct span){head, len}, port, &visit))
        return false;
    if (passes(&door->token, visit.token))
        return exchange_token(door, reply);
    if (visit.token.text)
        return false;
    for (size_t i = 0; i < STATUS_COOKIES; i++)
        if (passes(&door->cookies[i], visit.cookie))
            return show_page(service, reply);
    return false;
}
