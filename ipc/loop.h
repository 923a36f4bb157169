/* SPDX-License-Identifier: MIT */
/*
 * The event loop of the agent, the broker and the command line: descriptors, one-shot timers and
 * calls put off until later, all on one thread.
 *
 * The loop is an epoll set. loop_run waits on it; where libwebsockets does the waiting
 * (ipc/door/web_door.h), it watches loop_fd() and calls loop_dispatch(). Nothing wakes up when
 * nothing happens. Loop thread only, but for loop_wake.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_watch;
struct loop_timer;

enum { LOOP_READABLE = 1, LOOP_WRITABLE = 2, LOOP_HANGUP = 4 };

/* events: LOOP_* that hold now (level-triggered). LOOP_HANGUP comes with any interest: the other
 * end is gone, though bytes may still be readable. */
typedef void loop_watch_fn(void *context, uint32_t events);
typedef void loop_fn(void *context);

/* Returns owned; NULL on fault (logged). Watches and timers left are released with it. */
struct loop *loop_new(void);
void loop_free(struct loop **loop);

/* Watches fd (borrowed: remove the watch before closing it). NULL on fault (logged). A callback may
 * remove any watch or timer, its own included. */
struct loop_watch *loop_watch_new(struct loop *loop, int fd, uint32_t interest, loop_watch_fn *fn,
                                  void *context);
void loop_watch_set(struct loop_watch *watch, uint32_t interest);
void loop_watch_free(struct loop_watch **watch);

/* A timer, at first unset. fn is called once for each loop_timer_set, after at least that many
 * milliseconds (CLOCK_MONOTONIC); setting again replaces. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *context);
void loop_timer_set(struct loop_timer *timer, uint64_t milliseconds);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer **timer);

/* Calls fn once, from the loop, after the callback that runs now has returned: for what must not
 * happen inside somebody else's call. 0 or -ENOMEM. */
int loop_defer(struct loop *loop, loop_fn *fn, void *context);
/* Takes back every deferred call with this context. */
void loop_undefer(struct loop *loop, void *context);

/* Runs until loop_stop. 0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
bool loop_stopped(const struct loop *loop);

/* For a foreign wait: the descriptor that is readable when loop_dispatch has work. */
int loop_fd(const struct loop *loop);
void loop_dispatch(struct loop *loop);

/* A wake-up that other threads and signal handlers may send; fn runs on the loop thread, once for
 * any number of wakes before it. Any thread: loop_wake. */
struct loop_wakeup;
struct loop_wakeup *loop_wakeup_new(struct loop *loop, loop_fn *fn, void *context);
void loop_wake(struct loop_wakeup *wakeup);
void loop_wakeup_free(struct loop_wakeup **wakeup);

/* Blocks the signal and calls fn on the loop for each that arrives (signalfd). Main thread, before
 * other threads start. NULL on fault (logged). Free with loop_watch_free; the loop owns the
 * descriptor. */
struct loop_watch *loop_signal_new(struct loop *loop, int signal, loop_fn *fn, void *context);

/* Milliseconds of CLOCK_MONOTONIC. Any thread. */
uint64_t loop_now(void);
