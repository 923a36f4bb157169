/* SPDX-License-Identifier: MIT */
/*
 * One thing done with a security key: a lanyard-fido process from START to DONE, with the questions
 * to the person that come up in between (PIN, new PIN, which account, whether a reset is meant).
 *
 * One is done at a time, because one person sits in front of one desk. A look for the session's key
 * (FIDO_PROBE) goes first, then the session's own sign-in, programs, pages; among equals who came
 * first. Pages have four places, two of them for one site; with programs there are nine; the
 * session finds room always. Where nobody has typed a PIN yet the work at its turn makes room for a
 * look, and a page's without a window for the session's sign-in; it is done anew afterwards, in
 * what is left of its time. Cards have a line of their own (agent/ceremony.h). A PIN goes to the
 * key once; a wrong one is asked for again, from the person. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/config.h"
#include "agent/helper.h"
#include "fido/key_watch.h"
#include "ipc/door/door.h"
#include "ipc/fido_message.h"

struct key_works;

/* All borrowed for its life. NULL on fault (logged). */
struct key_works *key_works_new(struct loop *loop, struct helpers *helpers,
                                const struct key_watch *watch, const struct config *config);
/* Every work must have been freed, or ends with OUTCOME_CANCELLED now. */
void key_works_free(struct key_works **works);
/* To be called when keys came or went: the helper hears of it, and a work whose own key has left
 * ends with KEY_REMOVED. */
void key_works_keys_changed(struct key_works *works);
size_t key_works_count(const struct key_works *works);

struct key_work;

struct key_work_request {
    const struct fido_start *start; /* borrowed for the work's life */
    const struct caller *caller; /* who asks, for the prompt's words; borrowed likewise. NULL: the
                                    agent itself */
    const char *site;            /* whom the prompt names; borrowed likewise; NULL: none */
    bool another_pin;            /* the words say that the session continues with it */
    bool session;                /* the session's own sign-in, whoever asked for it */
    unsigned timeout_ms;         /* from its turn on; 0: the configuration's prompt time */
};

struct key_work_events {
    void *context;
    /* As request_waiting takes it. May be NULL. */
    void (*waiting)(void *context, enum waiting_for what, const char *key, int tries_left);
    /* Called exactly once, unless the work is freed first; the work is gone when it returns. done
     * is borrowed for the call (take what is wanted), its result an outcome or a fault. key: the id
     * of the plugging in (fido/key_watch.h) of the key that did it; 0: none, or it has left since.
     * Never called from within key_work_begin. */
    void (*done)(void *context, struct fido_done *done, uint64_t key);
};

/* NULL: *refusal then says why, a fault (logged) or OUTCOME_BUSY. */
struct key_work *key_work_begin(struct key_works *works, const struct key_work_request *request,
                                const struct key_work_events *events, int *refusal);
/* Ends it with OUTCOME_CANCELLED: done is called before this returns; the key stops blinking. */
void key_work_cancel(struct key_work *work);
/* Takes prompt and all away; done is not called. Takes NULL, and one whose done is being called. */
void key_work_free(struct key_work **work);
