/* SPDX-License-Identifier: MIT */
/*
 * Two calls: what the server can (a body may be markup for it, and plain text must then be
 * escaped), and the notice. They may start the server, so it is not asked before there is something
 * to say. The number of the notice comes with the second reply; one told in the meantime waits for
 * it, so that it can take the earlier one's place, and only the latest is kept.
 */
#include "agent/desktop/notice.h"

#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"

enum { TEXT_BYTES_MAX = 1024 }; /* no sentence of ours is longer; nothing longer is shown */

struct notice {
    struct bus *bus;
    struct peer *peer; /* tells when the bus is gone, and a call with it */
    struct call call;
    bool busy;
    char *summary, *body; /* that is to be shown; NULL: nothing */
    uint32_t number;      /* of the one that is shown; 0: none */
};

static void forget_texts(struct notice *n)
{
    free(STEAL(n->summary));
    free(STEAL(n->body));
}

/* Owned; NULL without memory. */
static char *escaped(const char *text)
{
    CLEANUP(bytes_deinit) struct bytes out = {0};
    for (; *text; text++) {
        if (*text == '&')
            bytes_append_text(&out, "&amp;");
        else if (*text == '<')
            bytes_append_text(&out, "&lt;");
        else if (*text == '>')
            bytes_append_text(&out, "&gt;");
        else
            bytes_append(&out, text, 1);
    }
    bytes_append(&out, "", 1);
    return out.failed ? NULL : strdup((const char *)out.data);
}

static void begin(struct notice *n);

static void over(struct notice *n)
{
    n->busy = false;
    if (n->summary)
        begin(n);
}

static int on_shown(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct notice *n = context;
    (void)error;
    if (!reply_is(m, "u") || sd_bus_message_read(m, "u", &n->number) <= 0)
        n->number = 0;
    over(n);
    return 1;
}

static void show(struct notice *n, bool markup)
{
    char *body = markup ? escaped(n->body) : strdup(n->body);
    int r = -ENOMEM;
    if (body)
        r = bus_call(n->bus, &n->call, NAME, PATH, NAME, "Notify", on_shown, n, "susssasa{sv}i",
                     "Lanyard", n->number, "", n->summary, body, 0, 0, -1);
    free(body);
    forget_texts(n);
    if (r < 0)
        over(n);
}

static int on_capabilities(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct notice *n = context;
    const char *capability;
    bool markup = false;
    (void)error;
    if (!reply_is(m, "as")) {
        forget_texts(n); /* nothing shows notices */
        over(n);
        return 1;
    }
    int r = sd_bus_message_enter_container(m, 'a', "s");
    while (r > 0 && (r = sd_bus_message_read_basic(m, 's', &capability)) > 0)
        markup = markup || strcmp(capability, "body-markup") == 0;
    show(n, markup);
    return 1;
}

static void begin(struct notice *n)
{
    n->busy = bus_call(n->bus, &n->call, NAME, PATH, NAME, "GetCapabilities", on_capabilities, n,
                       "") == 0;
    if (!n->busy)
        forget_texts(n);
}

void notice_tell(struct notice *n, const char *summary, const char *body)
{
    size_t lengths[] = {strlen(summary), strlen(body)};
    forget_texts(n);
    if (lengths[0] > TEXT_BYTES_MAX || lengths[1] > TEXT_BYTES_MAX ||
        !utf8_valid(summary, lengths[0]) || !utf8_valid(body, lengths[1])) {
        log_warning("a notice that is too long, or not UTF-8, is not shown");
        return;
    }
    n->summary = strdup(summary);
    n->body = strdup(body);
    if (!n->summary || !n->body) {
        log_fault(ENOMEM, "notice");
        forget_texts(n);
    } else if (!n->busy) {
        begin(n);
    }
}

static void on_peer(void *context)
{
    struct notice *n = context;
    if (peer_there(n->peer))
        return;
    n->number = 0; /* what showed the notice is gone, and the notice with it */
    if (!bus_there(n->bus)) {
        call_forget(&n->call);
        forget_texts(n);
        n->busy = false;
    }
}

struct notice *notice_new(struct bus *bus)
{
    struct notice *n = calloc(1, sizeof *n);
    if (!n) {
        log_fault(ENOMEM, "notices");
        return NULL;
    }
    n->bus = bus;
    n->peer = peer_new(bus, NAME, on_peer, n);
    if (!n->peer)
        notice_free(&n);
    return n;
}

void notice_free(struct notice **notice)
{
    struct notice *n = STEAL(*notice);
    if (!n)
        return;
    call_forget(&n->call);
    peer_free(&n->peer);
    forget_texts(n);
    free(n);
}
