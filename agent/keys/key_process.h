/* SPDX-License-Identifier: MIT */
/*
 * One lanyard-fido from START to its end, and what it says, which is hostile: whatever is out of
 * bounds is a failure, and the process is killed for it. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/helper.h"
#include "ipc/fido_message.h"

struct key_process;

struct key_process_events {
    void *context;
    /* Both kinds of news; borrowed for the call. */
    void (*news)(void *context, const struct fido_news *news);
    /* It has done it; borrowed for the call. Nothing is heard of it afterwards but gone. */
    void (*done)(void *context, struct fido_done *done);
    /* It ended before, or said what makes no sense (logged). Nothing is heard but gone. */
    void (*failed)(void *context);
};

/* Starts it and sends START (borrowed for the call). redirect: the redirected key's socket, "":
 * none. gone: called from the loop, once, when the process has ended; it frees the key_process.
 * Returns owned; NULL on fault (logged). */
struct key_process *key_process_new(struct loop *loop, struct helpers *helpers,
                                    const char *redirect, const struct fido_start *start,
                                    const struct key_process_events *events, loop_fn *gone,
                                    void *gone_context);
/* Kills it. Takes NULL. */
void key_process_free(struct key_process **process);

/* 0, or a fault: it does not read, and failed follows. */
int key_process_say(struct key_process *process, const struct fido_word *word);
/* Lets it go: its events are not called any more. It is told to stop, so that the key stops
 * blinking, and killed if it has not ended a second later. Takes NULL. */
void key_process_leave(struct key_process *process);
