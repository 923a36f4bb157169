/* SPDX-License-Identifier: MIT */
/*
 * The desktop session around the agent: what systemd-logind tells of it (lock, sleep, which user is
 * in front, its end), how its screen is locked, and short notices to the person. The one door to
 * D-Bus.
 *
 * Without logind, or without a desktop session, nothing is told and locking goes by the other ways.
 * Loop thread only; nothing blocks (sd-bus is driven by the loop).
 */
#pragma once

#include "agent/config.h"
#include "agent/desktop/notice_kind.h"
#include "ipc/loop.h"

#include <stdbool.h>

struct desktop;

enum desktop_event {
    DESKTOP_LOCKED, /* also at the start, if it is locked then */
    DESKTOP_UNLOCKED,
    DESKTOP_SLEEP, /* about to; it waits until the callback has returned */
    DESKTOP_RESUMED,
    DESKTOP_SWITCHED_AWAY, /* another user's session is in front; also at the start, if so */
    DESKTOP_SWITCHED_BACK,
    DESKTOP_PLACED,     /* desktop_place or desktop_seat says something else than before; the first
                           time, what was true at the start has all been told */
    DESKTOP_LOGGED_OUT, /* this desktop's session was removed or is closing; once for each, also at
                           the start. That logind stops or starts anew is no log-out. */
};
typedef void desktop_fn(void *context, enum desktop_event event);

/* Where the session's person sits. */
enum desktop_place {
    DESKTOP_PLACE_UNKNOWN, /* logind has not answered yet; for the first moments */
    DESKTOP_PLACE_HERE,    /* at this computer; also where there is no logind, or no session */
    DESKTOP_PLACE_REMOTE,  /* elsewhere: logind says that the session is remote, or has no seat */
};

/* How a lock went. */
struct desktop_lock_result {
    bool locked;        /* LockedHint, or the locker that was asked last, says so */
    const char *locker; /* static: "logind", "screensaver", "command"; the one that did it, or the
                           last that was tried */
    const char *failed; /* static: the first that did not do it within its time; NULL: none.
                           Where there is no way at all, both are "logind" */
};
typedef void desktop_lock_fn(void *context, const struct desktop_lock_result *result);

/* config: desktop_lock_command, notices; borrowed for its life. fn comes from the loop, never from
 * within desktop_new. NULL on fault (logged); no bus is no fault. */
struct desktop *desktop_new(struct loop *loop, const struct config *config, desktop_fn *fn,
                            void *context);
/* Not from within a callback; before helpers_free, which reaps what a lock command leaves. Whoever
 * waits for a lock is not called. */
void desktop_free(struct desktop **desktop);

enum desktop_place desktop_place(const struct desktop *desktop);
/* At which of its seats (sd-login(3)), "seat0" mostly; "": none, or not known. Until the next
 * DESKTOP_PLACED. */
const char *desktop_seat(const struct desktop *desktop);

/* Locks this session's screen: logind's LockSession is sent before this returns; LockedHint must
 * become true within two seconds, else org.freedesktop.ScreenSaver on the session's bus is asked
 * (GetActive must become true), then the configured command is run (it must end with 0 or still run
 * after two seconds; LockedHint counts here too). The command runs as the unit lanyard-lock.service
 * of systemd --user, where there is one. done is called once from the loop; a lock asked for while
 * one is under way joins it, and its done is called as well. */
void desktop_lock(struct desktop *desktop, desktop_lock_fn *done, void *context);

/* A notice to the person (org.freedesktop.Notifications), unless the configuration silences its
 * kind; forgotten when nothing shows notices. Texts are plain; a later notice takes the place of an
 * earlier one of its kind. */
void desktop_tell(struct desktop *desktop, enum notice_kind kind, const char *summary,
                  const char *body);
