/* SPDX-License-Identifier: MIT */
/*
 * Everything the loop waits for is a watch in one epoll set: descriptors of others, and three kinds
 * of our own: one timerfd for all timers, signalfds, and eventfds for wake-ups. Deferred calls are
 * a queue behind a wake-up, so a foreign wait that only knows loop_fd() sees them too.
 *
 * One batch of epoll may name a watch that an earlier callback of the same batch has freed. So
 * freeing takes a watch out of the set and marks it, and its memory goes only when the batch is
 * over. Timers live in a list sorted by due time; those due are moved to a second list before the
 * first callback, so a timer set again to zero milliseconds fires in the next turn and cannot
 * starve the descriptors.
 *
 * The timerfd is armed for the earliest timer and disarmed with the last: an idle loop sleeps.
 */
#include "ipc/loop.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/clock.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 64 }; /* more are left for the next turn; epoll keeps them */

struct loop_watch {
    LIST_ENTRY(loop_watch) link; /* in watches, or in freed until the batch is over */
    struct loop *loop;
    int fd;
    bool owns_fd;
    bool freed;
    loop_watch_fn *fn;
    void *context;
    loop_fn *signal_fn; /* of a signal's watch, which is its own context */
    void *signal_context;
};

struct loop_timer {
    LIST_ENTRY(loop_timer) link; /* in pending or firing while set */
    LIST_ENTRY(loop_timer) all;
    struct loop *loop;
    uint64_t due;
    bool set;
    loop_fn *fn;
    void *context;
};

struct loop_wakeup {
    struct loop_watch *watch; /* on an eventfd it owns */
    loop_fn *fn;
    void *context;
};

struct deferred {
    STAILQ_ENTRY(deferred) link;
    loop_fn *fn;
    void *context;
};

LIST_HEAD(watch_list, loop_watch);
LIST_HEAD(timer_list, loop_timer);

struct loop {
    int epoll;
    bool stopped;
    unsigned depth; /* of turns that run now; a callback may run the loop again */
    struct watch_list watches, freed;
    struct loop_watch *clock; /* on the timerfd */
    uint64_t armed;           /* for when the timerfd is set; 0: it is not */
    struct timer_list timers, pending, firing;
    struct loop_wakeup *deferral;
    STAILQ_HEAD(, deferred) deferred;
};

uint64_t loop_now(void)
{
    return (uint64_t)clock_ms();
}

/* ---- watches ---- */

static uint32_t to_epoll(uint32_t interest)
{
    return (interest & LOOP_READABLE ? EPOLLIN : 0u) | (interest & LOOP_WRITABLE ? EPOLLOUT : 0u) |
           EPOLLRDHUP;
}

static uint32_t from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? LOOP_READABLE : 0u) | (events & EPOLLOUT ? LOOP_WRITABLE : 0u) |
           (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) ? LOOP_HANGUP : 0u);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, uint32_t interest, loop_watch_fn *fn,
                                  void *context)
{
    struct loop_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        log_fault(ENOMEM, "loop watch");
        return NULL;
    }
    *watch = (struct loop_watch){.loop = loop, .fd = fd, .fn = fn, .context = context};
    struct epoll_event event = {.events = to_epoll(interest), .data.ptr = watch};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        log_fault(errno, "EPOLL_CTL_ADD");
        free(watch);
        return NULL;
    }
    LIST_INSERT_HEAD(&loop->watches, watch, link);
    return watch;
}

void loop_watch_set(struct loop_watch *watch, uint32_t interest)
{
    struct epoll_event event = {.events = to_epoll(interest), .data.ptr = watch};
    if (epoll_ctl(watch->loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) < 0)
        log_fault(errno, "EPOLL_CTL_MOD");
}

void loop_watch_free(struct loop_watch **watch)
{
    struct loop_watch *w = STEAL(*watch);
    if (!w)
        return;
    epoll_ctl(w->loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    if (w->owns_fd)
        close_fd(&w->fd);
    LIST_REMOVE(w, link);
    if (w->loop->depth == 0) {
        free(w);
        return;
    }
    w->freed = true;
    LIST_INSERT_HEAD(&w->loop->freed, w, link);
}

static void release_freed(struct loop *loop)
{
    struct loop_watch *watch;
    while ((watch = LIST_FIRST(&loop->freed))) {
        LIST_REMOVE(watch, link);
        free(watch);
    }
}

/* Takes fd, also on failure. */
static struct loop_watch *watch_own(struct loop *loop, int fd, loop_watch_fn *fn, void *context)
{
    struct loop_watch *watch = loop_watch_new(loop, fd, LOOP_READABLE, fn, context);
    if (watch)
        watch->owns_fd = true;
    else
        close_fd(&fd);
    return watch;
}

/* ---- timers ---- */

static void arm(struct loop *loop)
{
    const struct loop_timer *first = LIST_FIRST(&loop->pending);
    uint64_t due = first ? first->due : 0;
    if (due == loop->armed)
        return;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(due / 1000), .tv_nsec = (long)(due % 1000) * 1000000}};
    if (timerfd_settime(loop->clock->fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        log_fault(errno, "timerfd_settime");
    loop->armed = due;
}

static void insert_sorted(struct timer_list *list, struct loop_timer *timer)
{
    struct loop_timer *before = NULL, *each;
    LIST_FOREACH(each, list, link)
    {
        if (each->due > timer->due)
            break;
        before = each;
    }
    if (before)
        LIST_INSERT_AFTER(before, timer, link);
    else
        LIST_INSERT_HEAD(list, timer, link);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *context)
{
    struct loop_timer *timer = calloc(1, sizeof *timer);
    if (!timer) {
        log_fault(ENOMEM, "loop timer");
        return NULL;
    }
    *timer = (struct loop_timer){.loop = loop, .fn = fn, .context = context};
    LIST_INSERT_HEAD(&loop->timers, timer, all);
    return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t milliseconds)
{
    if (timer->set)
        LIST_REMOVE(timer, link);
    timer->set = true;
    /* loop_now rounds down: one more, so that it is never early. */
    timer->due = loop_now() + milliseconds + 1;
    insert_sorted(&timer->loop->pending, timer);
    arm(timer->loop);
}

void loop_timer_stop(struct loop_timer *timer)
{
    if (!timer->set)
        return;
    timer->set = false;
    LIST_REMOVE(timer, link);
    arm(timer->loop);
}

void loop_timer_free(struct loop_timer **timer)
{
    struct loop_timer *t = STEAL(*timer);
    if (!t)
        return;
    loop_timer_stop(t);
    LIST_REMOVE(t, all);
    free(t);
}

static void fire_timers(void *context, uint32_t events)
{
    struct loop *loop = context;
    (void)events;
    uint64_t count;
    ssize_t got = read(loop->clock->fd, &count, sizeof count);
    (void)got; /* nothing to read: disarmed meanwhile */
    loop->armed = 0;

    uint64_t now = loop_now();
    struct loop_timer *timer;
    while ((timer = LIST_FIRST(&loop->pending)) && timer->due <= now) {
        LIST_REMOVE(timer, link);
        insert_sorted(&loop->firing, timer);
    }
    while ((timer = LIST_FIRST(&loop->firing))) {
        LIST_REMOVE(timer, link);
        timer->set = false;
        timer->fn(timer->context);
    }
    arm(loop);
}

/* ---- wake-ups and deferred calls ---- */

static void wakeup_ready(void *context, uint32_t events)
{
    struct loop_wakeup *wakeup = context;
    (void)events;
    uint64_t count;
    if (read(wakeup->watch->fd, &count, sizeof count) == sizeof count)
        wakeup->fn(wakeup->context);
}

struct loop_wakeup *loop_wakeup_new(struct loop *loop, loop_fn *fn, void *context)
{
    struct loop_wakeup *wakeup = calloc(1, sizeof *wakeup);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!wakeup || fd < 0) {
        log_fault(wakeup ? errno : ENOMEM, "loop wake-up");
        close_fd(&fd);
        free(wakeup);
        return NULL;
    }
    *wakeup = (struct loop_wakeup){.fn = fn, .context = context};
    wakeup->watch = watch_own(loop, fd, wakeup_ready, wakeup);
    if (!wakeup->watch) {
        free(wakeup);
        return NULL;
    }
    return wakeup;
}

void loop_wake(struct loop_wakeup *wakeup)
{
    int saved = errno;
    ssize_t put = write(wakeup->watch->fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)put; /* full: a wake is pending already */
    errno = saved;
}

void loop_wakeup_free(struct loop_wakeup **wakeup)
{
    struct loop_wakeup *w = STEAL(*wakeup);
    if (!w)
        return;
    loop_watch_free(&w->watch);
    free(w);
}

/* Calls that these calls defer wait for the next turn. */
static void run_deferred(void *context)
{
    struct loop *loop = context;
    size_t due = 0;
    struct deferred *call;
    STAILQ_FOREACH(call, &loop->deferred, link)
    due++;
    for (; due > 0 && (call = STAILQ_FIRST(&loop->deferred)); due--) {
        STAILQ_REMOVE_HEAD(&loop->deferred, link);
        loop_fn *fn = call->fn;
        void *argument = call->context;
        free(call);
        fn(argument);
    }
    if (!STAILQ_EMPTY(&loop->deferred))
        loop_wake(loop->deferral);
}

int loop_defer(struct loop *loop, loop_fn *fn, void *context)
{
    struct deferred *call = calloc(1, sizeof *call);
    if (!call)
        return log_fault(ENOMEM, "deferred call");
    *call = (struct deferred){.fn = fn, .context = context};
    STAILQ_INSERT_TAIL(&loop->deferred, call, link);
    loop_wake(loop->deferral);
    return 0;
}

void loop_undefer(struct loop *loop, void *context)
{
    struct deferred *call = STAILQ_FIRST(&loop->deferred);
    while (call) {
        struct deferred *next = STAILQ_NEXT(call, link);
        if (call->context == context) {
            STAILQ_REMOVE(&loop->deferred, call, deferred, link);
            free(call);
        }
        call = next;
    }
}

/* ---- signals ---- */

static void signal_ready(void *context, uint32_t events)
{
    struct loop_watch *watch = context;
    (void)events;
    struct signalfd_siginfo info;
    if (read(watch->fd, &info, sizeof info) == sizeof info)
        watch->signal_fn(watch->signal_context);
}

struct loop_watch *loop_signal_new(struct loop *loop, int signal, loop_fn *fn, void *context)
{
    sigset_t set;
    sigemptyset(&set);
    if (sigaddset(&set, signal) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        log_fault(errno, "block signal");
        return NULL;
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        log_fault(errno, "signalfd");
        return NULL;
    }
    struct loop_watch *watch = watch_own(loop, fd, signal_ready, NULL);
    if (!watch)
        return NULL;
    watch->context = watch;
    watch->signal_fn = fn;
    watch->signal_context = context;
    return watch;
}

/* ---- the loop ---- */

static int new_clock(struct loop *loop)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return log_fault(errno, "timerfd_create");
    loop->clock = watch_own(loop, fd, fire_timers, loop);
    return loop->clock ? 0 : -ENOMEM;
}

struct loop *loop_new(void)
{
    CLEANUP(loop_free) struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        log_fault(ENOMEM, "loop");
        return NULL;
    }
    STAILQ_INIT(&loop->deferred);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        log_fault(errno, "epoll_create1");
        return NULL;
    }
    if (new_clock(loop) < 0)
        return NULL;
    loop->deferral = loop_wakeup_new(loop, run_deferred, loop);
    return loop->deferral ? STEAL(loop) : NULL;
}

void loop_free(struct loop **loop)
{
    struct loop *l = STEAL(*loop);
    if (!l)
        return;
    struct deferred *call;
    while ((call = STAILQ_FIRST(&l->deferred))) {
        STAILQ_REMOVE_HEAD(&l->deferred, link);
        free(call);
    }
    struct loop_timer *timer;
    while ((timer = LIST_FIRST(&l->timers)))
        loop_timer_free(&timer);
    loop_wakeup_free(&l->deferral);
    struct loop_watch *watch;
    while ((watch = LIST_FIRST(&l->watches)))
        loop_watch_free(&watch);
    release_freed(l);
    close_fd(&l->epoll);
    free(l);
}

static int turn(struct loop *loop, int timeout)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int count = epoll_wait(loop->epoll, events, EVENTS_PER_TURN, timeout);
    if (count < 0)
        return errno == EINTR ? 0 : log_fault(errno, "epoll_wait");
    loop->depth++;
    for (int i = 0; i < count; i++) {
        struct loop_watch *watch = events[i].data.ptr;
        if (!watch->freed)
            watch->fn(watch->context, from_epoll(events[i].events));
    }
    if (--loop->depth == 0)
        release_freed(loop);
    return 0;
}

int loop_run(struct loop *loop)
{
    int r = 0;
    while (!loop->stopped && r == 0)
        r = turn(loop, -1);
    loop->stopped = false; /* the next loop_run runs again */
    return r;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    loop_wake(loop->deferral); /* a foreign wait must look at loop_stopped, too */
}

bool loop_stopped(const struct loop *loop)
{
    return loop->stopped;
}

int loop_fd(const struct loop *loop)
{
    return loop->epoll;
}

void loop_dispatch(struct loop *loop)
{
    turn(loop, 0);
}
