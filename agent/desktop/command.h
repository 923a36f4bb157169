/* SPDX-License-Identifier: MIT */
/*
 * Runs the administrator's command that locks the screen, and learns how it ended.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/loop.h"

#include <stdbool.h>

struct command;

/* How it ended: with 0, or otherwise (also: it could not be started). Comes from the loop, once. */
typedef void command_fn(void *context, bool good);

/* line: a program and its arguments, split at spaces; a program without a slash is looked for in
 * PATH. Runs with our environment and standard error, in a process group of its own, and goes on
 * when the command is freed. NULL on fault (logged). */
struct command *command_run(struct loop *loop, const char *line, command_fn *ended, void *context);
void command_free(struct command **command);
