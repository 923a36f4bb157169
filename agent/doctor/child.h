/* SPDX-License-Identifier: MIT */
/*
 * A program that doctor asks something: with few variables of our environment, no descriptors but
 * its own, and an end that comes in any case. Main thread; blocks as said.
 */
#pragma once

#include "ipc/base/bytes.h"

#include <stdbool.h>

#include <sys/types.h>

enum child_kind {
    CHILD_TALKS,  /* descriptor 0 is a socket to us (talk), 2 a pipe (log), 1 nowhere */
    CHILD_PRINTS, /* descriptor 1 is a pipe to us (talk), the others nowhere */
};

struct child {
    pid_t pid;
    int talk, log; /* -1: none */
};

/* arguments: NULL-terminated, the program's path first (CHILD_PRINTS: or its name). 0 or -errno. */
int child_start(const char *const *arguments, enum child_kind kind, struct child *child);
/* Reaps it: at once with SIGKILL, or after at most two seconds in which it may end by itself. Its
 * wait status. The descriptors stay open. */
int child_end(struct child *child, bool by_itself);
void child_close(struct child *child);

/* Runs a program (CHILD_PRINTS) and takes what it prints, at most max bytes, for at most ms. 0: it
 * ended with 0; positive: it ended otherwise, or was ended; -errno: it could not be started. */
int child_output(const char *const *arguments, size_t max, int ms, struct bytes *out);
