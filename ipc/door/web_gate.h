/* SPDX-License-Identifier: MIT */
/*
 * Where a socket from the broker waits until its handshake has been read: between lanyard-portd and
 * the WebSocket library. Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/door/handshake.h"
#include "ipc/loop.h"

enum {
    /* Half-open handshakes at once; when another comes, the oldest is refused. An honest head
     * follows its connection within a millisecond, so it is never among 128 that are older. */
    GATE_VISITORS_MAX = 128,
    GATE_DEADLINE_MS = 5000,
};

/* Takes fd, whose handshake was accepted. Called from the loop; may not close the gate. */
typedef void gate_fn(void *context, int fd, const struct handshake *handshake);

/* Somebody was refused who had begun a handshake. origin: as handshake_origin has it. Called from
 * the loop, when the refusal is on its way; may not close the gate. */
typedef void gate_refused_fn(void *context, const char *origin);

/* A complete head that is no handshake to be let in: true if it is answered otherwise, by what is
 * appended to *reply. Called from the loop; may not close the gate. */
typedef bool gate_other_fn(void *context, const char *head, size_t len, uint16_t port,
                           struct bytes *reply);

struct web_gate;

/* Returns owned; NULL on fault (logged). origins is borrowed for the gate's life. */
struct web_gate *web_gate_new(struct loop *loop, const char *const *origins, gate_fn *fn,
                              gate_other_fn *other, gate_refused_fn *refused, void *context);
/* Another list: whoever has not finished his handshake is held against it. */
void web_gate_set_origins(struct web_gate *gate, const char *const *origins);
void web_gate_free(struct web_gate **gate);

/* Takes fd, a connected TCP socket. port: the one it was accepted on. */
void web_gate_admit(struct web_gate *gate, int fd, uint16_t port);
