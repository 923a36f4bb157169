/* SPDX-License-Identifier: MIT */
/*
 * The keys that lanyard-fido finds, in a made-up machine's /sys (umockdev, whose preload library
 * this program is linked with), with the folders as the kernel lays them.
 */
#include "fido/plugged.h"

#include "test_folder_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <umockdev.h>

#define KEY "06D0F10901A10109201500C0"
#define MOUSE "05010902A101C0"

static UMockdevTestbed *machine;

static int begin(void **state)
{
    (void)state;
    machine = umockdev_testbed_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    g_object_unref(machine);
    return 0;
}

/* hidraw, its HID device of that name, and above that what else is given: where it stands, and its
 * description for umockdev. */
static void add(unsigned number, const char *above, const char *description, const char *hid_name,
                const char *descriptor)
{
    char text[2048];
    int len = snprintf(text, sizeof text,
                       "%s"
                       "P: %s/0003:1209:0001.%04X\n"
                       "E: SUBSYSTEM=hid\nE: HID_ID=0003:00001209:00000001\nE: HID_NAME=%s\n"
                       "E: HID_PHYS=somewhere\nH: report_descriptor=%s\n\n"
                       "P: %s/0003:1209:0001.%04X/hidraw/hidraw%u\n"
                       "E: SUBSYSTEM=hidraw\nE: DEVNAME=/dev/hidraw%u\nE: MAJOR=240\n"
                       "E: MINOR=%u\n",
                       description, above, number, hid_name, descriptor, above, number, number,
                       number, number);
    assert_in_range(len, 1, sizeof text - 1);
    assert_true(umockdev_testbed_add_from_string(machine, text, NULL));
}

static void add_usb(unsigned number, const char *maker, const char *product, const char *descriptor)
{
    char above[128], description[1024];
    snprintf(above, sizeof above, "/devices/pci0000:00/usb1/1-%u/1-%u:1.0", number, number);
    snprintf(description, sizeof description,
             "P: /devices/pci0000:00/usb1/1-%u\n"
             "E: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\n"
             "A: manufacturer=%s\\n\nA: product=%s\\n\n\n"
             "P: %s\n"
             "E: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n\n",
             number, maker, product, above);
    add(number, above, description, "The kernel's name", descriptor);
}

static const char *name_of(const struct plugged *list, size_t len, const char *path)
{
    for (size_t i = 0; i < len; i++)
        if (strcmp(list[i].path, path) == 0)
            return list[i].name;
    return NULL;
}

static void without_a_device_there_is_none(void **state)
{
    (void)state;
    struct plugged list[FIDO_KEYS_MAX];
    assert_int_equal(plugged_list(list), 0);
}

static void keys_are_told_from_mice_and_named(void **state)
{
    (void)state;
    struct plugged list[FIDO_KEYS_MAX];
    add_usb(0, "Example", "Mouse", MOUSE);
    add_usb(1, "Example", "Key 5", KEY);
    add_usb(12, "Example", "Example Key", KEY);
    add_usb(13, "Example", "Broken", "");
    size_t len = plugged_list(list);
    assert_int_equal(len, 2);
    assert_string_equal(name_of(list, len, "/dev/hidraw1"), "Example Key 5");
    assert_string_equal(name_of(list, len, "/dev/hidraw12"), "Example Key");
}

static void a_key_on_no_usb_has_the_kernels_name(void **state)
{
    (void)state;
    struct plugged list[FIDO_KEYS_MAX];
    add(3, "/devices/virtual/misc/uhid", "", "Key in the\x1b[1m air", KEY);
    assert_int_equal(plugged_list(list), 1);
    assert_string_equal(list[0].path, "/dev/hidraw3");
    assert_string_equal(list[0].name, "Key in the [1m air");
}

static void more_than_anybody_has_are_left_out(void **state)
{
    (void)state;
    struct plugged list[FIDO_KEYS_MAX];
    for (unsigned i = 0; i < FIDO_KEYS_MAX + 2; i++)
        add_usb(i, "Example", "Key", KEY);
    assert_int_equal(plugged_list(list), FIDO_KEYS_MAX);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(without_a_device_there_is_none),
        TEST(keys_are_told_from_mice_and_named),
        TEST(a_key_on_no_usb_has_the_kernels_name),
        TEST(more_than_anybody_has_are_left_out),
    };
    char folder[] = "/tmp/lanyard-plugged-XXXXXX";
    if (!folder_make(folder) || setenv("TMPDIR", folder, 1) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    folder_remove(folder);
    return failed;
}
