/* SPDX-License-Identifier: MIT */
/*
 * Runs a program that is nobody's child here, and learns how it ends as long as that is asked.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/loop.h"

#include <stdbool.h>

struct orphan;

/* How it ended. problem: "ended with 1", "cannot be started: ..."; borrowed for the call; NULL:
 * with 0. Comes from the loop, once. */
typedef void orphan_fn(void *context, const char *problem);

/* words: a program and its arguments, NULL-terminated, borrowed for the call; a program without a
 * slash is looked for in PATH. Runs with our environment and standard error, in a process group of
 * its own. It has no new privileges, as we have none (harden.h): a locker that asks a set-user-id
 * program about the password will not open again. NULL on fault (logged). */
struct orphan *orphan_run(struct loop *loop, char *const words[], orphan_fn *ended, void *context);
/* The program goes on. Takes NULL. */
void orphan_free(struct orphan **orphan);
