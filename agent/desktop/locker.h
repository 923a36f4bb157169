/* SPDX-License-Identifier: MIT */
/*
 * Locking the screen: one way after the other, until one of them has done it (desktop.h says how).
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/desktop/command.h"
#include "agent/desktop/desktop.h"
#include "agent/desktop/logind.h"
#include "agent/desktop/saver.h"

struct locker;

/* All borrowed for its life. */
struct locker_setup {
    struct loop *loop;
    struct logind *logind;
    struct saver *saver;
    struct command *command;
};

/* NULL on fault (logged). */
struct locker *locker_new(const struct locker_setup *setup);
/* Those that wait are not called. */
void locker_free(struct locker **locker);

void locker_lock(struct locker *locker, desktop_lock_fn *done, void *context);

/* What logind or the screen saver says has changed; or one of them refuses to lock. */
void locker_look(struct locker *locker);
void locker_logind_refused(struct locker *locker);
void locker_saver_refused(struct locker *locker);
/* How the command ended. */
void locker_command_ended(struct locker *locker, bool good);
