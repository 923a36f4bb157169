/* SPDX-License-Identifier: MIT */
/*
 * USB devices that are given to seats in a made-up machine (umockdev, whose preload library this
 * program is linked with): /sys and udev's messages are its own, udev's library and the watch are
 * the real ones.
 */
#include "agent/seat_watch.h"
#include "tests/unit/test_folder_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <umockdev.h>

enum { PATIENCE_MS = 60000 };

static char folder[] = "/tmp/lanyard-seat-watch-XXXXXX";
static UMockdevTestbed *machine;
static struct loop *loop;
static struct loop_timer *patience;
static struct seat_watch *watch;
static unsigned changes;
static unsigned plugged;

/* udev's rules have been through it. seat NULL: they give it to none. */
static void give(const char *device, const char *seat)
{
    umockdev_testbed_set_property(machine, device, "USEC_INITIALIZED", "1");
    if (seat)
        umockdev_testbed_set_property(machine, device, "ID_SEAT", seat);
}

/* Owned (g_free). */
static gchar *plug_raw(const char *bus, const char *device, const char *type)
{
    char name[32];
    snprintf(name, sizeof name, "1-%u", ++plugged);
    return umockdev_testbed_add_device(machine, "usb", name, NULL, "busnum", bus, "devnum", device,
                                       NULL, "DEVTYPE", type, NULL);
}

static gchar *plug(const char *bus, const char *device, const char *type, const char *seat)
{
    gchar *made = plug_raw(bus, device, type);
    give(made, seat);
    umockdev_testbed_uevent(machine, made, "add");
    return made;
}

static void on_change(void *context)
{
    (void)context;
    changes++;
    loop_stop(loop);
}

static void on_patience(void *context)
{
    (void)context;
    fail_msg("the watch has not said a word");
}

static void wait_for_a_word(void)
{
    unsigned before = changes;
    loop_timer_set(patience, PATIENCE_MS);
    while (changes == before)
        loop_run(loop);
    loop_timer_stop(patience);
}

static void begin_to_watch(void)
{
    changes = 0;
    watch = seat_watch_new(loop, on_change, NULL);
    assert_non_null(watch);
}

static int begin(void **state)
{
    (void)state;
    machine = umockdev_testbed_new();
    loop = loop_new();
    patience = loop_timer_new(loop, on_patience, NULL);
    return loop && patience ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    seat_watch_free(&watch);
    assert_null(watch);
    loop_timer_free(&patience);
    loop_free(&loop);
    g_object_unref(machine);
    return 0;
}

/* ---- the tests ---- */

/* Whose it is, is not known. */
static void what_the_rules_have_not_been_through_is_not_there(void **state)
{
    (void)state;
    gchar *reader = plug_raw("1", "4", "usb_device");
    begin_to_watch();
    assert_null(seat_watch_of(watch, 1, 4));
    give(reader, "seat1");
    umockdev_testbed_uevent(machine, reader, "add");
    wait_for_a_word();
    assert_string_equal(seat_watch_of(watch, 1, 4), "seat1");
    g_free(reader);
}

static void what_udev_says_nothing_of_is_of_the_first_seat(void **state)
{
    (void)state;
    g_free(plug("1", "4", "usb_device", NULL));
    begin_to_watch();
    assert_string_equal(seat_watch_of(watch, 1, 4), "seat0");
    assert_null(seat_watch_of(watch, 1, 5));
    assert_null(seat_watch_of(watch, 4, 1));
    assert_false(seat_watch_has_others(watch, "seat0"));
    assert_true(seat_watch_has_others(watch, "seat1"));
}

static void a_device_is_of_the_seat_that_it_was_given_to(void **state)
{
    (void)state;
    g_free(plug("1", "4", "usb_device", NULL));
    g_free(plug("2", "4", "usb_device", "seat1"));
    g_free(plug("2", "255", "usb_device", "seat-pci-0000_04_00_0"));
    begin_to_watch();
    assert_string_equal(seat_watch_of(watch, 2, 4), "seat1");
    assert_string_equal(seat_watch_of(watch, 2, 255), "seat-pci-0000_04_00_0");
    assert_string_equal(seat_watch_of(watch, 1, 4), "seat0");
    assert_true(seat_watch_has_others(watch, "seat0"));
}

static void what_is_no_device_has_no_seat(void **state)
{
    (void)state;
    static const char *const none[] = {"0", "256", "-1", "", "x"};
    g_free(plug("1", "4", "usb_interface", "seat1"));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        g_free(plug("1", none[i], "usb_device", "seat1"));
    char seat[SEAT_NAME_MAX + 2] = "";
    for (size_t i = 0; i <= SEAT_NAME_MAX; i++)
        seat[i] = 's';
    g_free(plug("1", "7", "usb_device", seat));
    begin_to_watch();
    assert_false(seat_watch_has_others(watch, "seat0"));
    for (unsigned device = 0; device <= UINT8_MAX; device++)
        assert_null(seat_watch_of(watch, 1, (uint8_t)device));
}

static void devices_that_come_leave_and_change_seats_are_told_of(void **state)
{
    (void)state;
    begin_to_watch();
    assert_false(seat_watch_has_others(watch, "seat0"));
    gchar *reader = plug("1", "4", "usb_device", "seat0");
    wait_for_a_word();
    assert_string_equal(seat_watch_of(watch, 1, 4), "seat0");

    give(reader, "seat1");
    umockdev_testbed_uevent(machine, reader, "change");
    wait_for_a_word();
    assert_string_equal(seat_watch_of(watch, 1, 4), "seat1");

    unsigned before = changes;
    umockdev_testbed_uevent(machine, reader, "change"); /* without a difference */
    gchar *other = plug("1", "5", "usb_device", NULL);
    wait_for_a_word();
    assert_int_equal(changes, before + 1);

    umockdev_testbed_uevent(machine, reader, "remove");
    umockdev_testbed_remove_device(machine, reader);
    g_free(reader);
    /* It may have been listed before it had left. */
    give(other, "seat2");
    umockdev_testbed_uevent(machine, other, "change");
    while (seat_watch_of(watch, 1, 4) || strcmp(seat_watch_of(watch, 1, 5), "seat2") != 0)
        wait_for_a_word();
    g_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_rules_have_not_been_through_is_not_there, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_udev_says_nothing_of_is_of_the_first_seat, begin, end),
        cmocka_unit_test_setup_teardown(a_device_is_of_the_seat_that_it_was_given_to, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_device_has_no_seat, begin, end),
        cmocka_unit_test_setup_teardown(devices_that_come_leave_and_change_seats_are_told_of, begin,
                                        end),
    };
    if (!folder_make(folder) || setenv("TMPDIR", folder, 1) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    folder_remove(folder);
    return failed;
}
