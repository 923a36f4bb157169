/* SPDX-License-Identifier: MIT */
/*
 * A choice at the terminal: a numbered list on standard error, a number from standard input. Main
 * thread; blocks until a number of the list was typed, or it is cancelled.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* True if a person can be asked there. */
bool terminal_is_there(void);

struct terminal_choice {
    char *text;   /* owned by the caller; plain */
    bool current; /* is so now */
};

/* The index of what was chosen; -1: end of file (Ctrl-D), or interrupted (Ctrl-C). Whatever is no
 * number of the list, an empty line too, is asked for again. */
int terminal_choose(const char *question, const struct terminal_choice *choices, size_t count);
