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
 *
 * Cookies know no ports: what listens elsewhere on 127.0.0.1 is sent those of any path that it
 * knows, and can set others of the same name. Hence a path that nobody guesses, and all cookies are
 * tried.
 */
#include "ipc/door/status_door.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/door/head.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char token_line[] = "GET /status?token=";
static const char visit_line[] = "GET /status/";
static const char behind[] = " HTTP/1.1";
static const char cookie_name[] = "lanyard-status=";

struct request {
    struct status_door *door;
    bool token;                 /* the right one */
    struct status_visit *visit; /* whose path it has; NULL: none */
    bool cookie;                /* the visit's is among its cookies */
};

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

/* ---- the head ---- */

/* What is between the two, if it has a pass's length; else its text is NULL. */
static struct span pass_between(struct span line, const char *before, const char *after)
{
    size_t front = strlen(before), back = strlen(after);
    if (line.len != front + STATUS_TOKEN_CHARACTERS + back ||
        memcmp(line.text, before, front) != 0 ||
        memcmp(line.text + front + STATUS_TOKEN_CHARACTERS, after, back) != 0)
        return (struct span){0};
    return (struct span){line.text + front, STATUS_TOKEN_CHARACTERS};
}

static bool read_request_line(struct span line, struct request *request)
{
    struct span path = pass_between(line, visit_line, behind);
    request->token = passes(&request->door->token, pass_between(line, token_line, behind));
    for (size_t i = 0; i < STATUS_VISITS; i++)
        if (passes(&request->door->visits[i].path, path))
            request->visit = &request->door->visits[i];
    return request->token || request->visit;
}

/* RFC 6265 §5.4. */
static void read_cookies(struct span list, struct request *request)
{
    while (list.text) {
        const char *semicolon = memchr(list.text, ';', list.len);
        struct span item = {list.text, semicolon ? (size_t)(semicolon - list.text) : list.len};
        list = semicolon ? (struct span){semicolon + 1, list.len - item.len - 1} : (struct span){0};
        struct span value = pass_between(head_trim(item), cookie_name, "");
        if (request->visit && passes(&request->visit->cookie, value))
            request->cookie = true;
    }
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

static bool read_head(struct span head, uint16_t port, struct request *request)
{
    struct span line, name, value, host = {0};
    char expected[sizeof "127.0.0.1:65535"];
    snprintf(expected, sizeof expected, "127.0.0.1:%u", (unsigned)port);
    if (!head_next_line(&head, &line) || !read_request_line(line, request))
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
        if (head_same_ignoring_case(name, "Cookie"))
            read_cookies(value, request);
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

/* In the place of the one that is over first. */
static struct status_visit *new_visit(struct status_door *door)
{
    struct status_visit *visit = &door->visits[0];
    for (size_t i = 1; i < STATUS_VISITS; i++)
        if (door->visits[i].path.until < visit->path.until)
            visit = &door->visits[i];
    return make_pass(&visit->path, STATUS_VISIT_MS) && make_pass(&visit->cookie, STATUS_VISIT_MS)
               ? visit
               : NULL;
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
    char lines[320];
    door->token = (struct status_pass){0};
    const struct status_visit *visit = new_visit(door);
    if (!visit)
        return false;
    append_head(reply, "303 See Other", 0);
    snprintf(lines, sizeof lines,
             "Location: /status/%s\r\n"
             "Set-Cookie: %s%s; Path=/status/%s; Max-Age=%d; HttpOnly; SameSite=Strict\r\n\r\n",
             visit->path.text, cookie_name, visit->cookie.text, visit->path.text,
             STATUS_VISIT_MS / 1000);
    bytes_append_text(reply, lines);
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
    struct request request = {.door = door};
    if (!read_head((struct span){head, len}, port, &request))
        return false;
    if (request.token)
        return exchange_token(door, reply);
    return request.cookie && show_page(service, reply);
}
