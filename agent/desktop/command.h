/* SPDX-License-Identifier: MIT */
/*
 * The administrator's command that locks the screen, and how it went.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/desktop/bus.h"

#include <stdbool.h>

struct command;

/* How it ended: with 0, or otherwise (also: it could not be started). */
typedef void command_fn(void *context, bool good);

struct command_setup {
    struct loop *loop;
    struct bus *bus;  /* the session's */
    const char *line; /* a program and its arguments, split at spaces; "": none */
    command_fn *ended;
    void *context;
};

/* What setup names is borrowed for its life. NULL on fault (logged). */
struct command *command_new(const struct command_setup *setup);
/* A command that runs goes on. */
void command_free(struct command **command);

/* Starts it. ended comes from the loop, unless command_over comes first. False: there is none. */
bool command_start(struct command *command);
/* It was started, and has not ended as far as is known. */
bool command_runs(const struct command *command);
/* Why that has not locked, with the program's path, for the journal. */
void command_problem(const struct command *command, char *out, size_t size);
/* How it ends no longer matters; it goes on. */
void command_over(struct command *command);
