/* SPDX-License-Identifier: MIT */
/*
 * libwebsockets reads its sockets itself and cannot be handed bytes. So it gets one end of a
 * socketpair, and between the other end and the page's socket stand two lanes, one for each
 * direction:
 *
 *     page ── lane in, through web_frames ──> inner ─ (socketpair) ─ the library
 *     page <── lane out ───────────────────── inner ─ (socketpair) ─ the library
 *
 * A lane reads only when it is empty and writes what it has read at once, so a reader that is slow
 * stops its writer by way of the kernel's buffers, and a lane never holds more than LANE_BYTES.
 * Bytes that break a rule never enter the lane.
 *
 * A hang-up is level-triggered and cannot be masked, so a socket that has hung up loses its watch.
 * That stops nothing. When the page goes, whatever it sent is still pushed along by the inner end,
 * and the library reads the end of the stream behind it. When the library is done it reads the end
 * of the stream at once. In both cases it closes its end within its next turn, and the owner then
 * frees the relay, which passes on what is left.
 */
#include "ipc/door/web_relay.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/door/web_frames.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LANE_BYTES = 4096 };

struct end {
    int fd;
    struct loop_watch *watch; /* NULL: it has hung up */
    uint32_t interest;
};

struct lane {
    size_t at, len; /* data[at] to data[len] is still to be written */
    bool ended;     /* nothing more is read */
    char data[LANE_BYTES];
};

struct web_relay {
    struct end page, inner;
    struct lane in, out;
    struct web_frames frames;
    web_relay_fn *fn;
    void *context;
};

/* ---- lanes ---- */

static bool empty(const struct lane *lane)
{
    return lane->at == lane->len;
}

/* Reads into the empty lane. False: nothing now, or nothing any more. */
static bool fill(struct lane *lane, int from)
{
    if (lane->ended)
        return false;
    ssize_t got = recv(from, lane->data, sizeof lane->data, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    lane->ended = got <= 0;
    lane->at = 0;
    lane->len = got > 0 ? (size_t)got : 0;
    return !lane->ended;
}

/* Writes what the lane holds. False: some of it is left, or its reader has gone. */
static bool drain(struct lane *lane, int to)
{
    ssize_t put = 0;
    while (!empty(lane) && put >= 0) {
        put = send(to, lane->data + lane->at, lane->len - lane->at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put > 0)
            lane->at += (size_t)put;
    }
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        lane->at = lane->len;
        lane->ended = true;
    }
    return put >= 0;
}

static void pass_out(struct web_relay *relay)
{
    while (drain(&relay->out, relay->page.fd) && fill(&relay->out, relay->inner.fd))
        ;
}

/* After a broken rule the library reads no end of the stream yet: it is first to say why. */
static void pass_in(struct web_relay *relay)
{
    struct lane *in = &relay->in;
    while (drain(in, relay->inner.fd) && fill(in, relay->page.fd)) {
        int broken = web_frames_push(&relay->frames, in->data, in->len);
        if (broken) {
            in->len = 0;
            in->ended = true;
            relay->fn(relay->context, broken);
        }
    }
    if (in->ended && empty(in) && !relay->frames.broken)
        shutdown(relay->inner.fd, SHUT_WR);
}

/* ---- watches ---- */

static void expect(struct end *end, const struct lane *from, const struct lane *to)
{
    uint32_t interest =
        (empty(from) && !from->ended ? LOOP_READABLE : 0u) | (empty(to) ? 0u : LOOP_WRITABLE);
    if (!end->watch || interest == end->interest)
        return;
    end->interest = interest;
    loop_watch_set(end->watch, interest);
}

static void expect_both(struct web_relay *relay)
{
    expect(&relay->page, &relay->in, &relay->out);
    expect(&relay->inner, &relay->out, &relay->in);
}

static void page_ready(void *context, uint32_t events)
{
    struct web_relay *relay = context;
    if (events & LOOP_HANGUP)
        loop_watch_free(&relay->page.watch);
    pass_out(relay);
    pass_in(relay);
    expect_both(relay);
}

static void inner_ready(void *context, uint32_t events)
{
    struct web_relay *relay = context;
    pass_out(relay);
    if (events & LOOP_HANGUP) {
        loop_watch_free(&relay->inner.watch);
        web_relay_hang_up(relay);
    } else {
        pass_in(relay);
    }
    expect_both(relay);
}

/* ---- coming and going ---- */

static int watch_both(struct web_relay *relay, struct loop *loop)
{
    relay->page.interest = relay->inner.interest = LOOP_READABLE;
    relay->page.watch = loop_watch_new(loop, relay->page.fd, LOOP_READABLE, page_ready, relay);
    relay->inner.watch = loop_watch_new(loop, relay->inner.fd, LOOP_READABLE, inner_ready, relay);
    return relay->page.watch && relay->inner.watch ? 0 : -ENOMEM;
}

struct web_relay *web_relay_new(struct loop *loop, int page, int *library, web_relay_fn *fn,
                                void *context)
{
    int pair[2];
    struct web_relay *relay = calloc(1, sizeof *relay);
    if (!relay || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        log_fault(relay ? errno : ENOMEM, "relay");
        free(relay);
        return NULL;
    }
    relay->fn = fn;
    relay->context = context;
    relay->page.fd = page;
    relay->inner.fd = pair[0];
    if (watch_both(relay, loop) < 0) {
        relay->page.fd = -1; /* the caller's still */
        web_relay_free(&relay, NULL);
        close_fd(&pair[1]);
        return NULL;
    }
    /* An answer and the notification before it are not to wait for each other's acknowledgement. */
    if (setsockopt(page, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0)
        log_debug("TCP_NODELAY: errno %d", errno);
    *library = pair[1];
    return relay;
}

void web_relay_flush(struct web_relay *relay)
{
    pass_out(relay);
    expect_both(relay);
}

void web_relay_hang_up(struct web_relay *relay)
{
    relay->in.at = relay->in.len = 0;
    relay->in.ended = true;
    shutdown(relay->inner.fd, SHUT_WR);
    expect_both(relay);
}

void web_relay_free(struct web_relay **relay, struct farewells *farewells)
{
    struct web_relay *r = STEAL(*relay);
    if (!r)
        return;
    loop_watch_free(&r->page.watch);
    loop_watch_free(&r->inner.watch);
    if (r->page.fd >= 0) {
        pass_out(r);
        farewell(farewells, r->page.fd, "");
    }
    close_fd(&r->inner.fd);
    explicit_bzero(r, sizeof *r);
    free(r);
}
