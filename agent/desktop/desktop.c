/* SPDX-License-Identifier: MIT */
/*
 * Puts the parts together, and tells what has changed: after every change the facts are compared
 * with what was told last, so nothing is told twice, whichever bus came back and asked again.
 *
 * Locked is what LockedHint says. Some desktops never set it; for those, that is until it was true
 * once, an active screen saver counts too. (Where it is set, an active screen saver may be no more
 * than a dark screen.)
 */
#include "agent/desktop/desktop.h"

#include "agent/desktop/bus.h"
#include "agent/desktop/command.h"
#include "agent/desktop/locker.h"
#include "agent/desktop/logind.h"
#include "agent/desktop/notice.h"
#include "agent/desktop/saver.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct desktop {
    struct bus *system, *session;
    struct logind *logind;
    struct saver *saver;
    struct command *command;
    struct locker *locker;
    struct notice *notices[NOTICE_KINDS];
    const struct config *config;
    desktop_fn *fn;
    void *context;
    struct loop_timer *first;    /* a look at what is known without a word of anybody's */
    bool locked, away, sleeping; /* as told */
    enum desktop_place place;    /* likewise */
    char seat[LOGIND_SEAT_MAX + 1];
};

static void tell(struct desktop *d, bool *told, bool now, enum desktop_event begin,
                 enum desktop_event end)
{
    if (*told == now)
        return;
    *told = now;
    d->fn(d->context, now ? begin : end);
}

static bool is_locked(const struct desktop *d)
{
    return logind_locked(d->logind) || (!logind_has_hint(d->logind) && saver_active(d->saver));
}

static void tell_place(struct desktop *d)
{
    if (!logind_known(d->logind))
        return;
    enum desktop_place now = logind_remote(d->logind) ? DESKTOP_PLACE_REMOTE : DESKTOP_PLACE_HERE;
    if (d->place == now && strcmp(d->seat, logind_seat(d->logind)) == 0)
        return;
    d->place = now;
    snprintf(d->seat, sizeof d->seat, "%s", logind_seat(d->logind));
    d->fn(d->context, DESKTOP_PLACED);
}

static void on_changed(void *context)
{
    struct desktop *d = context;
    tell(d, &d->sleeping, logind_sleeping(d->logind), DESKTOP_SLEEP, DESKTOP_RESUMED);
    tell(d, &d->locked, is_locked(d), DESKTOP_LOCKED, DESKTOP_UNLOCKED);
    tell(d, &d->away, logind_away(d->logind), DESKTOP_SWITCHED_AWAY, DESKTOP_SWITCHED_BACK);
    tell_place(d);
    locker_look(d->locker);
}

static void on_logged_out(void *context)
{
    const struct desktop *d = context;
    d->fn(d->context, DESKTOP_LOGGED_OUT);
}

static void on_logind_refused(void *context)
{
    const struct desktop *d = context;
    locker_logind_refused(d->locker);
}

static void on_saver_refused(void *context)
{
    const struct desktop *d = context;
    locker_saver_refused(d->locker);
}

static void on_command_ended(void *context, bool good)
{
    const struct desktop *d = context;
    locker_command_ended(d->locker, good);
}

struct desktop *desktop_new(struct loop *loop, const struct config *config, desktop_fn *fn,
                            void *context)
{
    CLEANUP(desktop_free) struct desktop *d = calloc(1, sizeof *d);
    if (!d) {
        log_fault(ENOMEM, "desktop");
        return NULL;
    }
    d->fn = fn;
    d->context = context;
    d->config = config;
    d->system = bus_new(loop, BUS_SYSTEM);
    d->session = bus_new(loop, BUS_SESSION);
    if (!d->system || !d->session)
        return NULL;
    d->logind = logind_new(&(struct logind_setup){.bus = d->system,
                                                  .changed = on_changed,
                                                  .ended = on_logged_out,
                                                  .cannot_lock = on_logind_refused,
                                                  .context = d});
    /* Before the savers: whether systemd is there is then known when they are known. */
    d->command = command_new(&(struct command_setup){.loop = loop,
                                                     .bus = d->session,
                                                     .line = config->desktop_lock_command,
                                                     .ended = on_command_ended,
                                                     .context = d});
    d->saver = saver_new(&(struct saver_setup){
        .bus = d->session, .changed = on_changed, .cannot_lock = on_saver_refused, .context = d});
    for (size_t i = 0; i < NOTICE_KINDS; i++)
        if (!(d->notices[i] = notice_new(d->session)))
            return NULL;
    if (!d->logind || !d->saver || !d->command)
        return NULL;
    d->locker = locker_new(&(struct locker_setup){
        .loop = loop, .logind = d->logind, .saver = d->saver, .command = d->command});
    d->first = loop_timer_new(loop, on_changed, d);
    if (!d->locker || !d->first)
        return NULL;
    loop_timer_set(d->first, 0);
    return STEAL(d);
}

void desktop_free(struct desktop **desktop)
{
    struct desktop *d = STEAL(*desktop);
    if (!d)
        return;
    loop_timer_free(&d->first);
    locker_free(&d->locker);
    command_free(&d->command);
    for (size_t i = 0; i < NOTICE_KINDS; i++)
        notice_free(&d->notices[i]);
    saver_free(&d->saver);
    logind_free(&d->logind);
    bus_free(&d->session);
    bus_free(&d->system);
    free(d);
}

enum desktop_place desktop_place(const struct desktop *desktop)
{
    return desktop->place;
}

const char *desktop_seat(const struct desktop *desktop)
{
    return desktop->seat;
}

void desktop_lock(struct desktop *desktop, desktop_lock_fn *done, void *context)
{
    locker_lock(desktop->locker, done, context);
}

static bool wanted(const struct config *config, enum notice_kind kind)
{
    switch (kind) {
    case NOTICE_SIGN_IN:
        return config->notices_sign_in;
    case NOTICE_LOCK:
        return config->notices_lock;
    case NOTICE_EXPIRY:
        return config->notices_expiry;
    case NOTICE_SERVER:
        return config->notices_server;
    default:
        return true;
    }
}

void desktop_tell(struct desktop *desktop, enum notice_kind kind, const char *summary,
                  const char *body)
{
    if (wanted(desktop->config, kind))
        notice_tell(desktop->notices[kind], summary, body);
}
