/* SPDX-License-Identifier: MIT */
/* The loop's promises: removal from within callbacks, timers, deferred calls, wake-ups, signals. */
#include "ipc/base/cleanup.h"
#include "ipc/loop.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct loop_watch *watches[2];
    struct loop_timer *timer;
    int pairs[2][2];
    int calls;
    int limit;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->loop = loop_new();
    for (int i = 0; i < 2; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, f->pairs[i]) < 0)
            return -1;
    *state = f;
    return f->loop ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    loop_free(&f->loop);
    for (int i = 0; i < 4; i++)
        close_fd(&f->pairs[i / 2][i % 2]);
    free(f);
    return 0;
}

static void stop(void *context)
{
    struct fixture *f = context;
    f->calls++;
    loop_stop(f->loop);
}

/* Whichever of two ready watches comes first removes both. */
static void remove_both(void *context, uint32_t events)
{
    struct fixture *f = context;
    assert_true(events & LOOP_READABLE);
    f->calls++;
    loop_watch_free(&f->watches[0]);
    loop_watch_free(&f->watches[1]);
    loop_stop(f->loop);
}

static void a_callback_may_remove_any_watch(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        f->watches[i] = loop_watch_new(f->loop, f->pairs[i][0], LOOP_READABLE, remove_both, f);
        assert_int_equal(write(f->pairs[i][1], "x", 1), 1);
    }
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(f->calls, 1);
    loop_dispatch(f->loop);
    assert_int_equal(f->calls, 1);
}

static void see_hangup(void *context, uint32_t events)
{
    struct fixture *f = context;
    if (events & LOOP_HANGUP)
        loop_stop(f->loop);
}

static void the_end_of_the_other_side_is_told(void **state)
{
    struct fixture *f = *state;
    f->watches[0] = loop_watch_new(f->loop, f->pairs[0][0], 0, see_hangup, f);
    close_fd(&f->pairs[0][1]);
    assert_int_equal(loop_run(f->loop), 0);
}

static void writable_is_told_when_asked_for(void **state)
{
    struct fixture *f = *state;
    f->watches[0] = loop_watch_new(f->loop, f->pairs[0][0], LOOP_READABLE, see_hangup, f);
    struct pollfd ready = {.fd = loop_fd(f->loop), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 0), 0);
    loop_watch_set(f->watches[0], LOOP_WRITABLE);
    assert_int_equal(poll(&ready, 1, 0), 1);
}

static void again(void *context)
{
    struct fixture *f = context;
    if (++f->calls == f->limit)
        loop_stop(f->loop);
    else
        loop_timer_set(f->timer, 0);
}

static void a_timer_fires_once_for_each_setting(void **state)
{
    struct fixture *f = *state;
    f->limit = 3;
    f->timer = loop_timer_new(f->loop, again, f);
    uint64_t before = loop_now();
    loop_timer_set(f->timer, 10000);
    loop_timer_set(f->timer, 5);
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(f->calls, 3);
    assert_true(loop_now() - before >= 5);
    loop_timer_free(&f->timer);
}

static void stop_other_timer(void *context)
{
    struct fixture *f = context;
    f->calls++;
    loop_timer_free(&f->timer);
    loop_stop(f->loop);
}

static void a_timer_may_free_another_that_is_due(void **state)
{
    struct fixture *f = *state;
    struct loop_timer *first = loop_timer_new(f->loop, stop_other_timer, f);
    f->timer = loop_timer_new(f->loop, stop, f);
    loop_timer_set(first, 0);
    loop_timer_set(f->timer, 0);
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(f->calls, 1);
}

static void an_idle_loop_is_silent(void **state)
{
    struct fixture *f = *state;
    f->timer = loop_timer_new(f->loop, stop, f);
    loop_timer_set(f->timer, 1);
    loop_timer_stop(f->timer);
    struct pollfd ready = {.fd = loop_fd(f->loop), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 20), 0);
}

static void taken_back(void *context)
{
    (void)context;
    fail_msg("a deferred call that was taken back");
}

static void deferred_calls_come_in_order_and_can_be_taken_back(void **state)
{
    struct fixture *f = *state;
    int other;
    assert_int_equal(loop_defer(f->loop, taken_back, &other), 0);
    assert_int_equal(loop_defer(f->loop, stop, f), 0);
    assert_int_equal(loop_defer(f->loop, taken_back, &other), 0);
    loop_undefer(f->loop, &other);
    assert_int_equal(f->calls, 0);
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(f->calls, 1);
}

static void defer_again(void *context)
{
    struct fixture *f = context;
    if (++f->calls < f->limit)
        loop_defer(f->loop, defer_again, f);
    else
        loop_stop(f->loop);
}

static void a_deferred_call_may_defer(void **state)
{
    struct fixture *f = *state;
    f->limit = 5;
    loop_defer(f->loop, defer_again, f);
    loop_dispatch(f->loop);
    assert_int_equal(f->calls, 1);
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(f->calls, 5);
}

static void *wake_often(void *wakeup)
{
    for (int i = 0; i < 1000; i++)
        loop_wake(wakeup);
    return NULL;
}

static void another_thread_wakes_it(void **state)
{
    struct fixture *f = *state;
    struct loop_wakeup *wakeup = loop_wakeup_new(f->loop, stop, f);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_often, wakeup), 0);
    assert_int_equal(loop_run(f->loop), 0);
    pthread_join(thread, NULL);
    assert_true(f->calls >= 1);
    loop_wakeup_free(&wakeup);
}

static void a_signal_is_a_call(void **state)
{
    struct fixture *f = *state;
    struct loop_watch *watch = loop_signal_new(f->loop, SIGUSR1, stop, f);
    assert_non_null(watch);
    raise(SIGUSR1);
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(f->calls, 1);
    loop_watch_free(&watch);
}

static void stopping_before_running_is_not_lost(void **state)
{
    struct fixture *f = *state;
    loop_stop(f->loop);
    assert_true(loop_stopped(f->loop));
    assert_int_equal(loop_run(f->loop), 0);
    assert_false(loop_stopped(f->loop));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_callback_may_remove_any_watch),
        T(the_end_of_the_other_side_is_told),
        T(writable_is_told_when_asked_for),
        T(a_timer_fires_once_for_each_setting),
        T(a_timer_may_free_another_that_is_due),
        T(an_idle_loop_is_silent),
        T(deferred_calls_come_in_order_and_can_be_taken_back),
        T(a_deferred_call_may_defer),
        T(another_thread_wakes_it),
        T(a_signal_is_a_call),
        T(stopping_before_running_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
