/* SPDX-License-Identifier: MIT */
/*
 * Visitors cost one descriptor and at most 8 KiB each, for at most five seconds, and there are at
 * most GATE_VISITORS_MAX of them: so connections that never finish their handshake, however many a
 * page or a program opens, neither exhaust the agent nor keep an honest page out.
 *
 * All visitors have the same time to live, so the oldest is always the first in the queue and one
 * timer serves all.
 */
#include "ipc/door/web_gate.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/portd/farewell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct visitor {
    TAILQ_ENTRY(visitor) link;
    struct web_gate *gate;
    int fd;
    uint16_t port;
    uint64_t deadline;
    struct loop_watch *watch;
    size_t len;
    char head[HANDSHAKE_BYTES_MAX];
};

struct web_gate {
    struct loop *loop;
    const char *const *origins;
    gate_fn *fn;
    gate_other_fn *other;
    gate_refused_fn *refused;
    void *context;
    struct loop_timer *deadline;
    struct farewells *farewells;
    size_t count;
    TAILQ_HEAD(, visitor) visitors; /* the oldest first */
};

/* Sets the timer for the oldest visitor, or stops it with the last. */
static void set_deadline(struct web_gate *gate)
{
    const struct visitor *oldest = TAILQ_FIRST(&gate->visitors);
    uint64_t now = loop_now();
    if (!oldest)
        loop_timer_stop(gate->deadline);
    else
        loop_timer_set(gate->deadline, oldest->deadline > now ? oldest->deadline - now : 0);
}

/* Takes the visitor out of the gate and hands out its descriptor. */
static int release(struct visitor *visitor)
{
    struct web_gate *gate = visitor->gate;
    int fd = visitor->fd;
    bool was_oldest = visitor == TAILQ_FIRST(&gate->visitors);
    TAILQ_REMOVE(&gate->visitors, visitor, link);
    gate->count--;
    loop_watch_free(&visitor->watch);
    explicit_bzero(visitor->head, sizeof visitor->head);
    free(visitor);
    if (was_oldest)
        set_deadline(gate);
    return fd;
}

static void refuse(struct visitor *visitor)
{
    struct farewells *farewells = visitor->gate->farewells;
    farewell(farewells, release(visitor), handshake_refusal);
}

/* A browser also opens connections on which it never says a word; those were no attempts. */
static void refuse_and_tell(struct visitor *visitor)
{
    struct web_gate *gate = visitor->gate;
    char origin[ORIGIN_TEXT_MAX + 1];
    bool tried = visitor->len > 0;
    handshake_origin(visitor->head, visitor->len, origin);
    refuse(visitor);
    if (tried)
        gate->refused(gate->context, origin);
}

static bool answer_otherwise(struct visitor *visitor)
{
    CLEANUP(bytes_deinit) struct bytes reply = {0};
    struct web_gate *gate = visitor->gate;
    if (!gate->other(gate->context, visitor->head, visitor->len, visitor->port, &reply))
        return false;
    farewell_bytes(gate->farewells, release(visitor), &reply);
    return true;
}

static void visitor_ready(void *context, uint32_t events)
{
    struct visitor *visitor = context;
    (void)events;
    size_t room = sizeof visitor->head - visitor->len;
    ssize_t got = recv(visitor->fd, visitor->head + visitor->len, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        int fd = release(visitor);
        close_fd(&fd);
        return;
    }
    visitor->len += (size_t)got;
    struct web_gate *gate = visitor->gate;
    struct handshake handshake;
    switch (
        handshake_judge(visitor->head, visitor->len, visitor->port, gate->origins, &handshake)) {
    case HANDSHAKE_ACCEPTED:
        gate->fn(gate->context, release(visitor), &handshake);
        break;
    case HANDSHAKE_REFUSED:
        if (!answer_otherwise(visitor))
            refuse_and_tell(visitor);
        break;
    case HANDSHAKE_INCOMPLETE:
        break;
    }
}

static void deadline_passed(void *context)
{
    struct web_gate *gate = context;
    uint64_t now = loop_now();
    struct visitor *oldest;
    while ((oldest = TAILQ_FIRST(&gate->visitors)) && oldest->deadline <= now)
        refuse_and_tell(oldest);
    set_deadline(gate);
}

struct web_gate *web_gate_new(struct loop *loop, const char *const *origins, gate_fn *fn,
                              gate_other_fn *other, gate_refused_fn *refused, void *context)
{
    CLEANUP(web_gate_free) struct web_gate *gate = calloc(1, sizeof *gate);
    if (!gate) {
        log_fault(ENOMEM, "web gate");
        return NULL;
    }
    *gate = (struct web_gate){.loop = loop,
                              .origins = origins,
                              .fn = fn,
                              .other = other,
                              .refused = refused,
                              .context = context};
    TAILQ_INIT(&gate->visitors);
    gate->deadline = loop_timer_new(loop, deadline_passed, gate);
    gate->farewells = farewells_new(loop);
    return gate->deadline && gate->farewells ? STEAL(gate) : NULL;
}

void web_gate_free(struct web_gate **gate)
{
    struct web_gate *g = STEAL(*gate);
    if (!g)
        return;
    struct visitor *visitor;
    while ((visitor = TAILQ_FIRST(&g->visitors)))
        refuse(visitor);
    loop_timer_free(&g->deadline);
    farewells_free(&g->farewells);
    free(g);
}

void web_gate_set_origins(struct web_gate *gate, const char *const *origins)
{
    gate->origins = origins;
}

void web_gate_admit(struct web_gate *gate, int fd, uint16_t port)
{
    if (gate->count >= GATE_VISITORS_MAX)
        refuse_and_tell(TAILQ_FIRST(&gate->visitors));
    struct visitor *visitor = calloc(1, sizeof *visitor);
    if (visitor)
        visitor->watch = loop_watch_new(gate->loop, fd, LOOP_READABLE, visitor_ready, visitor);
    if (!visitor || !visitor->watch) {
        log_fault(ENOMEM, "visitor");
        free(visitor);
        close_fd(&fd);
        return;
    }
    visitor->gate = gate;
    visitor->fd = fd;
    visitor->port = port;
    visitor->deadline = loop_now() + GATE_DEADLINE_MS;
    TAILQ_INSERT_TAIL(&gate->visitors, visitor, link);
    if (gate->count++ == 0)
        set_deadline(gate);
}
