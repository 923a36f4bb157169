/* SPDX-License-Identifier: MIT */
/*
 * What a program of each kind can still do (ipc/confine), tried in a process of its own that is
 * confined as that program is: one attempt, one process, since some of them end it.
 */
#pragma once

#include "ipc/confine/confine.h"

#include <stddef.h>

#include <sys/types.h>

enum {
    ENDED = -1,       /* for the call */
    AS_IT_LIKES = -2, /* the kernel */
    OVER = -3,        /* by another signal */
};

struct calls_row {
    const char *what;
    int (*attempt)(void); /* 0, or errno */
    /* Of each program: the agent, card, card where nobody connects for it, chooser, chooser with a
     * display afar, fido, fido with a redirected key, prompt, broker, connector. */
    int expected[CONFINE_CALLS];
};

/* 0, or errno. */
int result(long r);

/* ENDED, OVER, or what it ended with. */
int status_of(pid_t pid);

void try_calls(const struct calls_row *rows, size_t count);

/* Where nothing is given up: skips the test. */
void skip_if_instrumented(void);
