/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_clock_rig.h"

#include "ipc/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

static uint64_t clock_ms;

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    if (id != CLOCK_BOOTTIME)
        return __real_clock_gettime(id, now);
    now->tv_sec = (time_t)(clock_ms / 1000);
    now->tv_nsec = (long)(clock_ms % 1000) * 1000000;
    return 0;
}

struct loop_timer {
    struct loop_timer *next;
    loop_fn *fn;
    void *context;
    uint64_t due; /* UINT64_MAX: not set */
};
static struct loop_timer *timers;

uint64_t loop_now(void)
{
    return clock_ms;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *context)
{
    (void)loop;
    struct loop_timer *timer = calloc(1, sizeof *timer);
    *timer = (struct loop_timer){.next = timers, .fn = fn, .context = context, .due = UINT64_MAX};
    timers = timer;
    return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t milliseconds)
{
    timer->due = clock_ms + milliseconds;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->due = UINT64_MAX;
}

void loop_timer_free(struct loop_timer **timer)
{
    for (struct loop_timer **at = &timers; *at; at = &(*at)->next)
        if (*at == *timer) {
            *at = (*timer)->next;
            break;
        }
    free(*timer);
    *timer = NULL;
}

static struct loop_timer *first_due(uint64_t until)
{
    struct loop_timer *first = NULL;
    for (struct loop_timer *timer = timers; timer; timer = timer->next)
        if (timer->due <= until && (!first || timer->due < first->due))
            first = timer;
    return first;
}

void pass_time(uint64_t milliseconds)
{
    uint64_t until = clock_ms + milliseconds;
    unsigned at_once = 0;
    struct loop_timer *timer;
    while ((timer = first_due(until))) {
        if (timer->due > clock_ms) {
            clock_ms = timer->due;
            at_once = 0;
        }
        assert_true(++at_once < 1000);
        timer->due = UINT64_MAX;
        timer->fn(timer->context);
    }
    clock_ms = until;
}

void run(void)
{
    pass_time(0);
}

void clock_begin(void)
{
    clock_ms = 1000000;
}

void clock_end(void)
{
    assert_null(timers);
}
