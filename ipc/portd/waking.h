/* SPDX-License-Identifier: MIT */
/*
 * Agents on demand: a page of a user without one waits for a few seconds, while a file named after
 * the user in a folder of the broker's tells the user's own service manager, which watches it, to
 * start the agent. The broker asks nobody and needs no right for it: who may start a user's
 * programs is that user's service manager alone. Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/loop.h"

#include <stdbool.h>
#include <sys/types.h>

/* How many pages wait at once: of one user as many as fit into an agent's queue behind the answer
 * to its registration, and of all together as many as the web side's descriptors leave room for
 * (ipc/portd/broker.c); one more takes the place of the page that has waited longest, whoever's it
 * is, so that nobody keeps the places. And how many files there are. */
enum { WAKING_EACH_MAX = 6, WAKING_MAX = 96, WAKING_FILES_MAX = 1024 };

struct waking;

/* Takes fd: a page whose wait is over in vain, or whose place another one has taken. */
typedef void waking_late_fn(void *context, int fd);

/* folder: where the files go; it exists, and nobody else may write there. Returns owned; NULL on
 * fault (logged). */
struct waking *waking_new(struct loop *loop, const char *folder, waking_late_fn *late,
                          void *context);
/* Closes all that wait. */
void waking_free(struct waking **waking);

/* Has the agent started, and takes fd, which waits for it; late may be called with another one
 * before. False: fd is still the caller's, for as many of the user's wait already, or the file
 * cannot be written (logged). */
bool waking_wait(struct waking *waking, uid_t uid, int fd);
/* An agent of that user has registered: takes the file away. */
void waking_registered(struct waking *waking, uid_t uid);
/* The page of that user that has waited longest, owned; -1: none does. */
int waking_next(struct waking *waking, uid_t uid);
