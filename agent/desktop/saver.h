/* SPDX-License-Identifier: MIT */
/*
 * The desktop's own screen locker on the session's bus, as org.freedesktop.ScreenSaver or
 * org.gnome.ScreenSaver: for desktops that do not tell logind that they are locked.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/desktop/bus.h"

#include <stdbool.h>

struct saver;

struct saver_setup {
    struct bus *bus;      /* the session's; borrowed for its life */
    loop_fn *changed;     /* saver_active */
    loop_fn *cannot_lock; /* what saver_lock has asked for was refused by all */
    void *context;
};

/* NULL on fault (logged). */
struct saver *saver_new(const struct saver_setup *setup);
void saver_free(struct saver **saver);

bool saver_active(const struct saver *saver);

/* Asks for a lock, and then whether it is active (changed, if it is). False: there is nobody to
 * ask. */
bool saver_lock(struct saver *saver);
/* Whether anybody was asked: saver_lock may have waited for one who is not there. While its answer
 * is being handled. */
bool saver_lock_asked(const struct saver *saver);
/* Why that has not locked, for the journal: while saver_lock's answer is being handled. */
void saver_lock_problem(const struct saver *saver, char *out, size_t size);
/* What was asked for is no longer waited for. */
void saver_lock_over(struct saver *saver);
