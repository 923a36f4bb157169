/* SPDX-License-Identifier: MIT */
/*
 * systemd-logind: which of its sessions is this desktop's, what it says of it, its sleep, and its
 * way to lock (org.freedesktop.login1(5)).
 *
 * What it last said stays true while it is away. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/desktop/bus.h"

#include <stdbool.h>

enum { LOGIND_SEAT_MAX = 63 };

struct logind;

struct logind_setup {
    struct bus *bus;      /* the system's; borrowed for its life */
    loop_fn *changed;     /* one of the facts below; a sleep waits until this has returned */
    loop_fn *ended;       /* the session is over, or closing; once for each session */
    loop_fn *cannot_lock; /* what logind_lock has asked for was refused */
    void *context;
};

/* NULL on fault (logged). */
struct logind *logind_new(const struct logind_setup *setup);
void logind_free(struct logind **logind);

/* ---- the facts ---- */

bool logind_locked(const struct logind *logind);   /* LockedHint */
bool logind_has_hint(const struct logind *logind); /* it was true once in this session */
bool logind_away(const struct logind *logind);     /* another session is in front */
bool logind_sleeping(const struct logind *logind); /* about to, until it is awake again */
/* The session's person is not at this computer: it is remote, or has no seat. */
bool logind_remote(const struct logind *logind);
/* Its seat; "": it has none, or that is not known. Until the next change. */
const char *logind_seat(const struct logind *logind);
/* Its first word is here: what it says of the session, that there is none, or that nobody is there
 * to ask. What it says later it says of changes. */
bool logind_known(const struct logind *logind);

/* Asks for a lock: at once, or when the session is known if it is being looked for; LockedHint
 * tells whether it was heard. False: there is nobody to ask. */
bool logind_lock(struct logind *logind);
/* Why that has not locked, for the journal: while logind_lock's answer is being handled. */
void logind_lock_problem(const struct logind *logind, char *out, size_t size);
/* What was asked for is no longer waited for. */
void logind_lock_over(struct logind *logind);
