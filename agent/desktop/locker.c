/* SPDX-License-Identifier: MIT */
/*
 * Three ways in their order: logind, the screen saver, the command. Each has two seconds; one that
 * refuses, or is not there, is over at once. logind's answer to LockSession only says that it has
 * passed the request on: whether a locker heard it shows in LockedHint alone, and a locker that is
 * slow may still set it when the next way is tried already.
 *
 * One timer serves the time of each way. It also serves what is known at once (the screen is locked
 * already, or nothing can lock it), which is told from the loop like the rest.
 *
 * The journal tells of each way why it has not locked, also of one that is not there: what the
 * administrator has to put right is mostly what is missing.
 */
#include "agent/desktop/locker.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <stdlib.h>

enum { WAY_MS = 2000, PROBLEM_BYTES = 512 };

enum way { WAY_NONE, WAY_LOGIND, WAY_SAVER, WAY_COMMAND, WAY_OVER /* none is left */ };

static const char *const names[] = {
    [WAY_LOGIND] = "logind", [WAY_SAVER] = "screensaver", [WAY_COMMAND] = "command"};

struct waiter {
    struct waiter *next;
    desktop_lock_fn *done;
    void *context;
};

struct locker {
    struct locker_setup setup;
    struct loop_timer *timer;
    enum way way;    /* that is tried now; WAY_NONE: no lock is under way */
    enum way tried;  /* last; a screen saver that was not there was waited for, not tried */
    enum way failed; /* first */
    char problems[WAY_OVER][PROBLEM_BYTES];
    struct command *command;
    struct waiter *waiters;
};

static void finish(struct locker *l, bool locked)
{
    if (locked && l->way < WAY_OVER)
        l->tried = l->way;
    struct desktop_lock_result result = {
        .locked = locked,
        .locker = names[l->tried ? l->tried : WAY_LOGIND],
        .failed = l->failed ? names[l->failed] : NULL,
    };
    if (!locked && !result.failed)
        result.failed = result.locker; /* there was no way at all */
    loop_timer_stop(l->timer);
    command_over(l->setup.command);
    logind_lock_over(l->setup.logind);
    saver_lock_over(l->setup.saver);
    l->way = WAY_NONE;
    if (!locked)
        log_error(
            "the screen could not be locked: by logind: %s; by a screen saver: %s; by the lock "
            "command: %s",
            l->problems[WAY_LOGIND], l->problems[WAY_SAVER], l->problems[WAY_COMMAND]);
    struct waiter *waiter;
    struct waiter *waiters = STEAL(l->waiters);
    while ((waiter = waiters)) {
        waiters = waiter->next;
        waiter->done(waiter->context, &result);
        free(waiter);
    }
}

/* False: it is not to be had. */
static bool begin(struct locker *l, enum way way)
{
    switch (way) {
    case WAY_LOGIND:
        return logind_lock(l->setup.logind);
    case WAY_SAVER:
        return saver_lock(l->setup.saver);
    case WAY_COMMAND:
        return command_start(l->setup.command);
    case WAY_NONE:
    case WAY_OVER:
        break;
    }
    return false;
}

/* The way that is tried, or would be, has not done it. */
static void say_why(struct locker *l)
{
    static const char *const ways[] = {[WAY_LOGIND] = "logind",
                                       [WAY_SAVER] = "a screen saver",
                                       [WAY_COMMAND] = "the lock command"};
    char *problem = l->problems[l->way];
    if (l->way == WAY_LOGIND)
        logind_lock_problem(l->setup.logind, problem, PROBLEM_BYTES);
    else if (l->way == WAY_SAVER)
        saver_lock_problem(l->setup.saver, problem, PROBLEM_BYTES);
    else
        command_problem(l->setup.command, problem, PROBLEM_BYTES);
    log_warning("the screen is not locked by %s: %s", ways[l->way], problem);
}

static void go_on(struct locker *l)
{
    while (++l->way < WAY_OVER) {
        if (begin(l, l->way)) {
            loop_timer_set(l->timer, WAY_MS);
            return;
        }
        say_why(l);
    }
    loop_timer_set(l->timer, 0);
}

static void give_up(struct locker *l)
{
    say_why(l);
    if (l->way != WAY_SAVER || saver_lock_asked(l->setup.saver)) {
        l->tried = l->way;
        if (!l->failed)
            l->failed = l->way;
    }
    go_on(l);
}

static void on_time(void *context)
{
    struct locker *l = context;
    if (logind_locked(l->setup.logind) || (l->way == WAY_COMMAND && command_runs(l->setup.command)))
        finish(l, true);
    else if (l->way == WAY_OVER)
        finish(l, false);
    else
        give_up(l);
}

void locker_command_ended(struct locker *l, bool good)
{
    if (l->way != WAY_COMMAND)
        return;
    if (good)
        finish(l, true);
    else
        give_up(l);
}

void locker_look(struct locker *l)
{
    if (l->way != WAY_NONE &&
        (logind_locked(l->setup.logind) || (l->way == WAY_SAVER && saver_active(l->setup.saver))))
        finish(l, true);
}

void locker_logind_refused(struct locker *l)
{
    if (l->way == WAY_LOGIND)
        give_up(l);
}

void locker_saver_refused(struct locker *l)
{
    if (l->way == WAY_SAVER)
        give_up(l);
}

void locker_lock(struct locker *l, desktop_lock_fn *done, void *context)
{
    struct waiter *waiter = malloc(sizeof *waiter);
    if (!waiter) {
        log_fault(ENOMEM, "lock");
    } else {
        *waiter = (struct waiter){.next = l->waiters, .done = done, .context = context};
        l->waiters = waiter;
    }
    if (l->way != WAY_NONE)
        return;
    l->tried = l->failed = WAY_NONE;
    if (logind_locked(l->setup.logind)) {
        l->way = WAY_LOGIND;
        loop_timer_set(l->timer, 0);
    } else {
        go_on(l);
    }
}

struct locker *locker_new(const struct locker_setup *setup)
{
    struct locker *l = calloc(1, sizeof *l);
    if (!l) {
        log_fault(ENOMEM, "locker");
        return NULL;
    }
    l->setup = *setup;
    l->timer = loop_timer_new(setup->loop, on_time, l);
    if (!l->timer)
        locker_free(&l);
    return l;
}

void locker_free(struct locker **locker)
{
    struct locker *l = STEAL(*locker);
    if (!l)
        return;
    loop_timer_free(&l->timer);
    struct waiter *waiter;
    while ((waiter = l->waiters)) {
        l->waiters = waiter->next;
        free(waiter);
    }
    free(l);
}
