/* SPDX-License-Identifier: MIT */
/*
 * The PC/SC watcher against a private pcscd with virtual readers: what it publishes when cards come
 * and go, readers are unplugged, and the service dies and comes back.
 *
 * Nothing here waits for a time: each step waits until the snapshot says what it should, woken by
 * the callback, and ctest has the net.
 */
#include "pkcs11/reader_watch.h"
#include "test_pkcs11_sandbox.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sandbox sandbox;
static struct reader_watch *watch;

/* The loop's stand-in: the callback only counts and wakes. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static unsigned wakes;

static void changed(void *context)
{
    assert_ptr_equal(context, &wakes);
    pthread_mutex_lock(&mutex);
    wakes++;
    pthread_cond_signal(&woken);
    pthread_mutex_unlock(&mutex);
}

/* Waits until the snapshot is as the predicate wants it, looking only after wake-ups. */
static struct reader_snapshot wait_until(bool (*wanted)(const struct reader_snapshot *))
{
    struct reader_snapshot now;
    pthread_mutex_lock(&mutex);
    for (;;) {
        unsigned seen = wakes;
        pthread_mutex_unlock(&mutex);
        reader_watch_snapshot(watch, &now);
        pthread_mutex_lock(&mutex);
        if (wanted(&now))
            break;
        while (wakes == seen)
            pthread_cond_wait(&woken, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    return now;
}

static const struct reader_info *one(const struct reader_snapshot *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (strncmp(s->readers[i].name, "Lanyard Virtual Reader 1", 24) == 0)
            return &s->readers[i];
    return NULL;
}

static bool service_down(const struct reader_snapshot *s)
{
    return !s->service_up && s->count == 0;
}

static bool both_empty(const struct reader_snapshot *s)
{
    return s->service_up && s->count == 2 && s->readers[0].state == READER_EMPTY &&
           s->readers[1].state == READER_EMPTY;
}

static bool card_in(const struct reader_snapshot *s)
{
    return one(s) && one(s)->state == READER_CARD;
}

static bool unplugged(const struct reader_snapshot *s)
{
    return s->service_up && (!one(s) || one(s)->state == READER_UNAVAILABLE);
}

static uint64_t counter_before;

static bool counted(const struct reader_snapshot *s)
{
    return card_in(s) && one(s)->changes != counter_before;
}

static int set_up(void **state)
{
    (void)state;
    sandbox_start(&sandbox, (const char *const[]){"reader-1", "reader-2", NULL});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sandbox_stop(&sandbox);
    return 0;
}

static int start(void **state)
{
    (void)state;
    watch = reader_watch_new(changed, &wakes);
    return watch ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    reader_watch_free(&watch);
    assert_null(watch);
    return 0;
}

static void cards_come_and_go(void **state)
{
    (void)state;
    wait_until(both_empty);
    sandbox_do(&sandbox, "insert reader-1 alice");
    wait_until(card_in);
    sandbox_do(&sandbox, "remove reader-1");
    wait_until(both_empty);
}

static void exchange_shows_in_the_counter(void **state)
{
    (void)state;
    sandbox_do(&sandbox, "insert reader-1 alice");
    struct reader_snapshot before = wait_until(card_in);
    counter_before = one(&before)->changes;
    sandbox_do(&sandbox, "swap reader-1 bob");
    wait_until(counted);
    sandbox_do(&sandbox, "remove reader-1");
    wait_until(both_empty);
}

static void unplugging_takes_the_card_along(void **state)
{
    (void)state;
    sandbox_do(&sandbox, "insert reader-1 alice");
    wait_until(card_in);
    sandbox_do(&sandbox, "unplug reader-1");
    wait_until(unplugged);
    sandbox_do(&sandbox, "plug reader-1");
    wait_until(card_in);
    sandbox_do(&sandbox, "remove reader-1");
    wait_until(both_empty);
}

static void service_dies_and_comes_back(void **state)
{
    (void)state;
    sandbox_do(&sandbox, "insert reader-1 alice");
    struct reader_snapshot before = wait_until(card_in);
    counter_before = one(&before)->changes;
    sandbox_kill_pcscd(&sandbox);
    wait_until(service_down);
    sandbox_start_pcscd(&sandbox);
    /* Nobody knows what happened meanwhile: it counts as another card. */
    wait_until(counted);
    sandbox_do(&sandbox, "remove reader-1");
    wait_until(both_empty);
}

static void stopping_at_any_moment_is_clean(void **state)
{
    (void)state;
    for (int i = 0; i < 52; i++) {
        reader_watch_free(&watch);
        watch = reader_watch_new(changed, &wakes);
        assert_non_null(watch);
        if (i % 2)
            sandbox_do(&sandbox, i % 4 == 1 ? "insert reader-2 bob" : "remove reader-2");
    }
    wait_until(both_empty);
    reader_watch_free(&(struct reader_watch *){NULL});
}

static void it_starts_without_a_service(void **state)
{
    (void)state;
    reader_watch_free(&watch);
    sandbox_kill_pcscd(&sandbox);
    watch = reader_watch_new(changed, &wakes);
    struct reader_snapshot now;
    reader_watch_snapshot(watch, &now);
    assert_false(now.service_up);
    sandbox_start_pcscd(&sandbox);
    wait_until(both_empty);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cards_come_and_go),
        TEST(exchange_shows_in_the_counter),
        TEST(unplugging_takes_the_card_along),
        TEST(service_dies_and_comes_back),
        TEST(stopping_at_any_moment_is_clean),
        TEST(it_starts_without_a_service),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
