/* SPDX-License-Identifier: MIT */
/* The words that move keys: `ctl key --help` explains them; control.c has the table. */
#ifndef LANYARD_SANDBOX_KEY_CONTROL_H
#define LANYARD_SANDBOX_KEY_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "key.h"

#define KEYS_MAX 8

struct key_ring {
    struct key *keys[KEYS_MAX];
    size_t count;
    bool quit;
};

/* A lines_fn (tests/sandbox/lines/lines.h); context is the key ring. */
bool control_command(void *context, char *line, char *answer);

#endif
