/* SPDX-License-Identifier: MIT */
/* Those who stay wait in a queue, the oldest first, and one timer serves all. There are few places:
 * when all are taken the oldest goes, having had its chance to read. */
#include "ipc/portd/farewell.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum {
    PLACES = 64,
    STAY_MS = 1000, /* on the same computer a peer reads within milliseconds */
};

struct leaving {
    TAILQ_ENTRY(leaving) link;
    struct farewells *farewells;
    int fd;
    uint64_t deadline;
    struct loop_watch *watch;
};

struct farewells {
    struct loop *loop;
    struct loop_timer *timer;
    size_t count;
    TAILQ_HEAD(, leaving) queue;
};

static void release(struct leaving *leaving)
{
    TAILQ_REMOVE(&leaving->farewells->queue, leaving, link);
    if (--leaving->farewells->count == 0)
        loop_timer_stop(leaving->farewells->timer);
    loop_watch_free(&leaving->watch);
    close_fd(&leaving->fd);
    free(leaving);
}

static void time_is_up(void *context)
{
    struct farewells *farewells = context;
    uint64_t now = loop_now();
    struct leaving *first;
    while ((first = TAILQ_FIRST(&farewells->queue)) && first->deadline <= now)
        release(first);
    if (first)
        loop_timer_set(farewells->timer, first->deadline - now);
}

static void peer_closed(void *context, uint32_t events)
{
    (void)events; /* only LOOP_HANGUP is waited for */
    release(context);
}

struct farewells *farewells_new(struct loop *loop)
{
    CLEANUP(farewells_free) struct farewells *farewells = calloc(1, sizeof *farewells);
    if (!farewells) {
        log_fault(ENOMEM, "farewells");
        return NULL;
    }
    farewells->loop = loop;
    TAILQ_INIT(&farewells->queue);
    farewells->timer = loop_timer_new(loop, time_is_up, farewells);
    return farewells->timer ? STEAL(farewells) : NULL;
}

void farewells_free(struct farewells **farewells)
{
    struct farewells *f = STEAL(*farewells);
    if (!f)
        return;
    struct leaving *leaving;
    while ((leaving = TAILQ_FIRST(&f->queue)))
        release(leaving);
    loop_timer_free(&f->timer);
    free(f);
}

static void say(struct farewells *farewells, int fd, const void *text, size_t len)
{
    CLEANUP(close_fd) int owned = fd;
    /* It fits into the empty buffer of a fresh socket, or the peer is gone. */
    if (send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 || shutdown(fd, SHUT_WR) < 0)
        return;
    struct leaving *leaving = calloc(1, sizeof *leaving);
    if (!leaving)
        return;
    leaving->watch = loop_watch_new(farewells->loop, fd, 0, peer_closed, leaving);
    if (!leaving->watch) {
        free(leaving);
        return;
    }
    leaving->farewells = farewells;
    leaving->fd = steal_fd(&owned);
    leaving->deadline = loop_now() + STAY_MS;
    if (farewells->count >= PLACES)
        release(TAILQ_FIRST(&farewells->queue));
    TAILQ_INSERT_TAIL(&farewells->queue, leaving, link);
    if (farewells->count++ == 0)
        loop_timer_set(farewells->timer, STAY_MS);
}

void farewell(struct farewells *farewells, int fd, const char *text)
{
    say(farewells, fd, text, strlen(text));
}

void farewell_bytes(struct farewells *farewells, int fd, const struct bytes *bytes)
{
    const int room = (int)bytes->len; /* the kernel takes twice that, for its own book-keeping */
    if (bytes->len > FAREWELL_BYTES_MAX) {
        close_fd(&fd);
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    say(farewells, fd, bytes->data, bytes->len);
}
