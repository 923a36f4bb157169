/* SPDX-License-Identifier: MIT */
/* The words that move cards and readers: `ctl --help` explains them; control.c has the table. */
#ifndef LANYARD_SANDBOX_CONTROL_H
#define LANYARD_SANDBOX_CONTROL_H

#include <stdbool.h>

/* A lines_fn (tests/sandbox/lines/lines.h); context is the bench. No I/O but what the readers do.
 */
bool control_command(void *context, char *line, char *answer);

#endif
