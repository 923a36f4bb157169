/* SPDX-License-Identifier: MIT */
/*
 * The requests that wait for the session: for a prompt that is out, for the provider, for a check
 * of the card. Each is put to the machine again when it says so, or given up. Loop thread only;
 * nothing blocks.
 */
#pragma once

#include "agent/config.h"
#include "ipc/door/door.h"

#include <stdbool.h>
#include <stdint.h>

enum ask_kind {
    ASK_PROVE,
    ASK_BEGIN,
    ASK_ADOPT,     /* session.begin with the sid of a session that the provider has opened */
    ASK_INSERTION, /* nobody's request: a card was inserted */
};

struct ask {
    struct ask *next;
    enum ask_kind kind;
    struct request *request; /* NULL: ASK_INSERTION */
    const struct config_provider *provider;
    uint64_t asked; /* when it was first put (struct session_use) */
    struct session_prove_params prove;
    struct session_begin_params begin;
    uint64_t seat; /* ASK_INSERTION: which card (seats.h) */
    int told;      /* enum waiting_for; -1: nothing yet */
};

/* First come, first served. */
struct asks {
    struct ask *first;
};

/* Owned: by the caller, then by the list it is in, until it is answered. request may be NULL.
 * NULL on no memory, and then the request is still the caller's. */
struct ask *ask_new(enum ask_kind kind, struct request *request);

void asks_add(struct asks *asks, struct ask *ask);
/* NULL when there is none. */
struct ask *asks_take_first(struct asks *asks);
struct ask *asks_take(struct asks *asks, const struct request *request);

/* The origin that asks, or for which the agent itself does. Borrowed. */
const char *ask_origin(const struct ask *ask);

/* Each answers and releases. result: an outcome or a fault. */
void ask_fail(struct ask **ask, int result);
void ask_give_proof(struct ask **ask, const char *jws);
void ask_give_session(struct ask **ask, const struct session_view *view);

/* operation.waiting, unless that is what it was told last. */
void ask_tell(struct ask *ask, enum waiting_for what, const char *reader, int tries_left);
