/* SPDX-License-Identifier: MIT */
/*
 * A helper's life: a process of ours in which something may hang or crash (a card module, a
 * prompt), with one socket between it and the agent.
 *
 * The agent stays whole whatever the helper does: it learns of the end by end of file on the
 * socket, it may kill at any time, and every process is reaped when the kernel says that it ended.
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/loop.h"

#include <stddef.h>
#include <stdint.h>

/* Spawns helpers and reaps them. One per agent. */
struct helpers;

/* folder: where the helper programs are (borrowed for its life); in its folder kept/PACKAGE those
 * that this agent was installed with, once an upgrade has replaced them. NULL on fault (logged).
 * Takes SIGCHLD for itself. */
struct helpers *helpers_new(struct loop *loop, const char *folder);
/* Kills and reaps what still runs; every helper must have been freed before. */
void helpers_free(struct helpers **helpers);

struct helper;

/* Called when the socket is readable, and (with nothing left to read) when the helper is gone. The
 * callback may free the helper. */
typedef void helper_fn(void *context, struct helper *helper);

enum helper_program {
    HELPER_CARD,    /* lanyard-card, with a few variables of the environment (helper.c) */
    HELPER_FIDO,    /* lanyard-fido, with fewer (helper.c) */
    HELPER_PROMPT,  /* lanyard-prompt, with the desktop's environment */
    HELPER_CHOOSER, /* lanyard-chooser, with the desktop's environment */
};

/* Starts the program with two arguments: this one, and the agent's pid, so that the helper can see
 * that it is orphaned. It has the descriptors 0, 1 and 2 and no others. Returns owned; NULL on
 * fault (logged). */
struct helper *helper_spawn(struct helpers *helpers, enum helper_program program,
                            const char *argument, helper_fn *readable, void *context);
/* From now on one process of the program waits, started and told nothing, for the next helper_spawn
 * with the same argument (borrowed for the helpers' life); after it, once that helper has been
 * freed, the next. One that ends by itself is not replaced before. Of one program with one argument
 * only; argument NULL: none waits any more. */
void helpers_keep_spare(struct helpers *helpers, enum helper_program program, const char *argument);
/* Kills the process if it still runs. Takes NULL. */
void helper_free(struct helper **helper);

/* One frame to the helper. 0, or -errno: the helper does not read, treat it as gone. */
int helper_send(struct helper *helper, const void *body, size_t len);
/* Reads what has arrived, at most size bytes: their number; 0 at end of file; -EAGAIN; -errno. */
int helper_read(struct helper *helper, void *space, size_t size);
