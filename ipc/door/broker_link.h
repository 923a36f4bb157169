/* SPDX-License-Identifier: MIT */
/*
 * The agent's end of the link to lanyard-portd (ipc/PROTOCOL.md §5): registers, receives connected
 * sockets, and registers again when the broker comes back. Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/loop.h"

enum broker_state {
    BROKER_ABSENT, /* nobody answers at the path */
    BROKER_TAKEN,  /* another agent of this user is registered */
    BROKER_OPEN,
};

struct broker_events {
    void *context;
    /* The state has changed, or is known for the first time. port: where pages find the agent; 0
     * unless BROKER_OPEN. */
    void (*state)(void *context, enum broker_state state, uint16_t port);
    /* What the state was is out of date, and is about to be known anew: the link has begun, was
     * lost, or the broker's socket has come. It ends with registration, with a refusal, or soon:
     * where nobody answers. */
    void (*settling)(void *context, bool settling);
    /* Takes fd: a connected TCP socket, non-blocking, close-on-exec. */
    void (*socket)(void *context, int fd, uint16_t port);
};

struct broker_link;

/* Returns owned; NULL on fault (logged): a broker that is not there is none. events are copied, and
 * called from the loop only. It is settling by then, without a word. */
struct broker_link *broker_link_new(struct loop *loop, const char *path,
                                    const struct broker_events *events);
void broker_link_free(struct broker_link **link);
