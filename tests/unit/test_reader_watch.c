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

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
    return s->service_up && s->count == 3 && s->readers[0].state == READER_EMPTY &&
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

static unsigned question;

static bool places_said(const struct reader_snapshot *s)
{
    return s->places_asked == question && one(s) && one(s)->place == READER_PLACE_USB;
}

static bool place_kept_back(const struct reader_snapshot *s)
{
    return s->places_asked == question && one(s) && one(s)->place == READER_PLACE_UNKNOWN;
}

/* As agent/cards.c does: PC/SC may not have heard that it is asked. */
static struct reader_snapshot ask_until(bool (*wanted)(const struct reader_snapshot *))
{
    struct reader_snapshot now;
    question = reader_watch_ask_places(watch);
    for (reader_watch_snapshot(watch, &now); !wanted(&now); reader_watch_snapshot(watch, &now)) {
        reader_watch_hurry(watch);
        poll(NULL, 0, 10);
    }
    return now;
}

static int set_up(void **state)
{
    (void)state;
    sandbox_start(&sandbox, (const char *const[]){"reader-1", "reader-2", "pinpad-3", NULL});
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

/* ---- where they are ---- */

static void readers_that_are_asked_say_where_they_are(void **state)
{
    (void)state;
    struct reader_snapshot before = wait_until(both_empty);
    assert_int_equal(before.places_asked, 0);
    assert_int_equal(one(&before)->place, READER_PLACE_UNKNOWN);
    struct reader_snapshot now = ask_until(places_said);
    for (size_t i = 0; i < now.count; i++) {
        bool pad = strstr(now.readers[i].name, "PIN Pad"); /* whose driver does not say */
        assert_int_equal(now.readers[i].place, pad ? READER_PLACE_ELSEWHERE : READER_PLACE_USB);
        assert_int_equal(now.readers[i].usb_bus, pad ? 0 : 200);
        assert_int_equal(now.readers[i].state, READER_EMPTY);
        assert_int_equal(now.readers[i].changes, before.readers[i].changes);
    }
    assert_int_not_equal(now.readers[0].usb_device, now.readers[1].usb_device);
}

/* Who asks once has the answer of a service that comes later, too; and a card stays what it was. */
static void whoever_comes_later_is_asked_too(void **state)
{
    (void)state;
    wait_until(both_empty);
    sandbox_do(&sandbox, "insert reader-1 alice");
    struct reader_snapshot before = wait_until(card_in);
    struct reader_snapshot now = ask_until(places_said);
    assert_int_equal(one(&now)->changes, one(&before)->changes);
    now = ask_until(places_said);
    assert_int_equal(one(&now)->changes, one(&before)->changes);
    sandbox_kill_pcscd(&sandbox);
    wait_until(service_down);
    sandbox_start_pcscd(&sandbox);
    wait_until(places_said);
    sandbox_do(&sandbox, "remove reader-1");
    wait_until(both_empty);
}

/* Connects to the first card, and lets nobody else while there is a file of that name. */
#define HOLD                                                                                       \
    "/usr/bin/python3 -c \"\nimport ctypes, os, sys, time\n"                                       \
    "pcsc = ctypes.CDLL('libpcsclite.so.1')\n"                                                     \
    "context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()\n"               \
    "pcsc.SCardEstablishContext(ctypes.c_ulong(2), None, None, ctypes.byref(context))\n"           \
    "said = pcsc.SCardConnect(context, b'%s', ctypes.c_ulong(1), ctypes.c_ulong(3), "              \
    "ctypes.byref(card), ctypes.byref(protocol))\n"                                                \
    "print('held' if said == 0 else hex(said), flush=True)\n"                                      \
    "while os.path.exists('%s'): time.sleep(0.02)\n\""

static void a_reader_that_somebody_holds_says_it_later(void **state)
{
    (void)state;
    wait_until(both_empty);
    sandbox_do(&sandbox, "insert reader-1 alice");
    struct reader_snapshot before = wait_until(card_in);
    char flag[300], line[64], command[2048];
    snprintf(flag, sizeof flag, "%s/held", sandbox.folder);
    fclose(fopen(flag, "w"));
    snprintf(command, sizeof command, HOLD, one(&before)->name, flag);
    FILE *holder = popen(command, "r");
    assert_non_null(holder);
    assert_non_null(fgets(line, sizeof line, holder));
    assert_string_equal(line, "held\n");

    struct reader_snapshot now = ask_until(place_kept_back);
    assert_int_equal(one(&now)->state, READER_CARD);
    remove(flag);
    assert_int_equal(pclose(holder), 0);
    wait_until(places_said);
    sandbox_do(&sandbox, "remove reader-1");
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
        TEST(readers_that_are_asked_say_where_they_are),
        TEST(whoever_comes_later_is_asked_too),
        TEST(a_reader_that_somebody_holds_says_it_later),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
