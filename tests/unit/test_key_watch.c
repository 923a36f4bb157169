/* SPDX-License-Identifier: MIT */
/*
 * Security keys that come and go in a made-up machine (umockdev, whose preload library this program
 * is linked with): /sys, udev's messages and the device nodes are its own, udev's library and the
 * watch are the real ones.
 */
#include "fido/key_watch.h"
#include "fido/key_watch_read.h"
#include "tests/unit/test_folder_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <umockdev.h>

enum { PATIENCE_MS = 60000 };
enum { NOBODY = 65534 };

#define KEY_DESCRIPTOR                                                                             \
    0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01, 0x09, 0x20, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75,      \
        0x08, 0x95, 0x40, 0x81, 0x02, 0xc0

static const uint8_t key_descriptor[] = {KEY_DESCRIPTOR};
static const uint8_t mouse_descriptor[] = {0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0xc0};

static char folder[] = "/tmp/lanyard-key-watch-XXXXXX";
static UMockdevTestbed *machine;
static gchar *root;
static struct loop *loop;
static struct loop_timer *patience;
static struct key_watch *watch;
static unsigned changes;

/* ---- the machine ---- */

struct device {
    gchar *usb, *hid, *hidraw;
};

static void node_path(unsigned number, char *out)
{
    snprintf(out, PATH_MAX, "%s/dev/hidraw%u", root, number);
}

static const char *serial_number = ""; /* of the next that is plugged in */

static struct device plug(unsigned number, const char *manufacturer, const char *product,
                          const uint8_t *descriptor, size_t descriptor_len, mode_t mode)
{
    char node[PATH_MAX], name[32], device[32], minor[8];
    snprintf(node, sizeof node, "%s/dev", root);
    mkdir(node, 0755);
    node_path(number, node);
    int fd = open(node, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && fchmod(fd, mode) == 0);
    close(fd);
    struct device made;
    static unsigned serial;
    snprintf(name, sizeof name, "1-%u", ++serial);
    made.usb = umockdev_testbed_add_device(machine, "usb", name, NULL, "manufacturer", manufacturer,
                                           "product", product, NULL, "DEVTYPE", "usb_device", NULL);
    snprintf(name, sizeof name, "0003:1209:0001.%04X", serial);
    made.hid = umockdev_testbed_add_device(machine, "hid", name, made.usb, NULL, "HID_NAME",
                                           "A name of the kernel's", "HID_UNIQ", serial_number,
                                           "HID_PHYS", "usb-0000:00:14.0-1/input0", NULL);
    umockdev_testbed_set_attribute_binary(machine, made.hid, "report_descriptor",
                                          (guint8 *)(uintptr_t)descriptor, (gint)descriptor_len);
    snprintf(name, sizeof name, "hidraw%u", number);
    snprintf(device, sizeof device, "/dev/hidraw%u", number);
    snprintf(minor, sizeof minor, "%u", number);
    made.hidraw = umockdev_testbed_add_device(machine, "hidraw", name, made.hid, NULL, "DEVNAME",
                                              device, "MAJOR", "240", "MINOR", minor, NULL);
    return made;
}

static struct device plug_key(unsigned number, const char *product)
{
    return plug(number, "Example", product, key_descriptor, sizeof key_descriptor, 0600);
}

static void unplug(struct device *device, unsigned number)
{
    char node[PATH_MAX];
    node_path(number, node);
    umockdev_testbed_uevent(machine, device->hidraw, "remove");
    umockdev_testbed_remove_device(machine, device->hidraw); /* each, or its links stay */
    umockdev_testbed_remove_device(machine, device->hid);
    umockdev_testbed_remove_device(machine, device->usb);
    unlink(node);
    g_free(device->usb);
    g_free(device->hid);
    g_free(device->hidraw);
}

/* ---- waiting ---- */

static void on_change(void *context)
{
    (void)context;
    changes++;
    loop_stop(loop);
}

static void on_patience(void *context)
{
    (void)context;
    loop_stop(loop);
}

/* Until the watch has that many keys. */
static void wait_for(size_t count)
{
    loop_timer_set(patience, PATIENCE_MS);
    uint64_t until = loop_now() + PATIENCE_MS;
    while (key_watch_count(watch) != count && loop_now() < until) {
        loop_run(loop);
    }
    loop_timer_stop(patience);
    assert_int_equal(key_watch_count(watch), count);
}

/* Until the one key that is in is another one. */
static void wait_for_another(uint64_t id)
{
    loop_timer_set(patience, PATIENCE_MS);
    uint64_t until = loop_now() + PATIENCE_MS;
    while ((key_watch_count(watch) != 1 || key_watch_at(watch, 0)->id == id) && loop_now() < until)
        loop_run(loop);
    loop_timer_stop(patience);
    assert_int_equal(key_watch_count(watch), 1);
    assert_int_not_equal(key_watch_at(watch, 0)->id, id);
}

/* Until the watch has heard of everything that has happened by now: one more key comes and goes. */
static void settle(void)
{
    size_t count = key_watch_count(watch);
    struct device last = plug_key(99, "Last");
    wait_for(count + 1);
    unplug(&last, 99);
    wait_for(count);
}

static void watch_for(const char *redirect)
{
    changes = 0;
    watch = key_watch_new(loop, redirect, on_change, NULL);
    assert_non_null(watch);
}

static int begin(void **state)
{
    (void)state;
    machine = umockdev_testbed_new();
    root = umockdev_testbed_get_root_dir(machine);
    loop = loop_new();
    patience = loop_timer_new(loop, on_patience, NULL);
    return loop && patience ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    key_watch_free(&watch);
    loop_timer_free(&patience);
    loop_free(&loop);
    g_object_unref(machine);
    g_free(root);
    return 0;
}

/* ---- keys ---- */

static void a_key_that_is_in_is_seen_and_named(void **state)
{
    (void)state;
    struct device key = plug_key(0, "Pocket Key");
    struct device mouse =
        plug(1, "Example", "Mouse", mouse_descriptor, sizeof mouse_descriptor, 0600);
    watch_for(NULL);
    assert_int_equal(key_watch_count(watch), 1);
    const struct key_found *found = key_watch_at(watch, 0);
    assert_string_equal(found->path, "/dev/hidraw0");
    assert_string_equal(found->name, "Example Pocket Key");
    assert_int_not_equal(found->id, 0);
    assert_ptr_equal(key_watch_find(watch, found->id), found);
    assert_ptr_equal(key_watch_find_path(watch, "/dev/hidraw0"), found);
    assert_null(key_watch_find_path(watch, "/dev/hidraw1"));
    assert_null(key_watch_find(watch, 0));
    assert_null(key_watch_at(watch, 1));
    unplug(&mouse, 1);
    unplug(&key, 0);
    wait_for(0);
}

static void a_key_is_marked_by_its_number_or_its_port(void **state)
{
    (void)state;
    struct device key = plug_key(0, "One");
    serial_number = "0042";
    struct device numbered = plug_key(1, "Two");
    serial_number = "";
    watch_for(NULL);
    assert_string_equal(key_watch_find_path(watch, "/dev/hidraw0")->mark,
                        "port usb-0000:00:14.0-1/input0");
    assert_string_equal(key_watch_find_path(watch, "/dev/hidraw1")->mark, "serial 0042");
    unplug(&numbered, 1);
    unplug(&key, 0);
    wait_for(0);
}

static void keys_that_come_and_go_are_told_of(void **state)
{
    (void)state;
    watch_for(NULL);
    assert_int_equal(key_watch_count(watch), 0);
    struct device first = plug_key(0, "One");
    wait_for(1);
    uint64_t id = key_watch_at(watch, 0)->id;
    struct device second = plug_key(1, "Two");
    wait_for(2);
    assert_int_equal(key_watch_at(watch, 0)->id, id);
    unplug(&first, 0);
    wait_for(1);
    assert_string_equal(key_watch_at(watch, 0)->name, "Example Two");
    assert_null(key_watch_find(watch, id));
    unplug(&second, 1);
    wait_for(0);
}

static void the_same_port_is_another_plugging_in(void **state)
{
    (void)state;
    watch_for(NULL);
    struct device key = plug_key(0, "One");
    wait_for(1);
    uint64_t id = key_watch_at(watch, 0)->id;
    unplug(&key, 0);
    wait_for(0);
    key = plug_key(0, "One");
    wait_for(1);
    assert_int_not_equal(key_watch_at(watch, 0)->id, id);
    unplug(&key, 0);
    wait_for(0);
}

static void what_is_no_key_wakes_nobody(void **state)
{
    (void)state;
    watch_for(NULL);
    struct device mouse =
        plug(1, "Example", "Mouse", mouse_descriptor, sizeof mouse_descriptor, 0600);
    unplug(&mouse, 1);
    struct device silent = plug(2, "Example", "Silent", key_descriptor, 0, 0600);
    unplug(&silent, 2);
    settle();
    assert_int_equal(changes, 2); /* those of settle */
}

static void a_change_without_a_difference_is_none(void **state)
{
    (void)state;
    struct device key = plug_key(0, "One");
    watch_for(NULL);
    uint64_t id = key_watch_at(watch, 0)->id;
    umockdev_testbed_uevent(machine, key.hidraw, "change");
    settle();
    assert_int_equal(changes, 2);
    assert_int_equal(key_watch_at(watch, 0)->id, id);
    unplug(&key, 0);
    wait_for(0);
}

/* logind gives a key to whoever's desktop comes to the front, and takes it away again. */
static void a_key_of_another_user_is_none_until_it_is_given(void **state)
{
    (void)state;
    char node[PATH_MAX];
    struct device key = plug(0, "Example", "Theirs", key_descriptor, sizeof key_descriptor, 0000);
    watch_for(NULL);
    assert_int_equal(key_watch_count(watch), 0);
    node_path(0, node);
    assert_int_equal(chmod(node, 0600), 0);
    wait_for(1);
    assert_int_equal(chmod(node, 0000), 0);
    settle();
    assert_int_equal(key_watch_count(watch), 1);
    unplug(&key, 0);
    wait_for(0);
}

static void more_keys_than_anybody_has_are_left_out(void **state)
{
    (void)state;
    struct device keys[FIDO_KEYS_MAX + 1];
    for (unsigned i = 0; i <= FIDO_KEYS_MAX; i++)
        keys[i] = plug_key(i, "One");
    watch_for(NULL);
    assert_int_equal(key_watch_count(watch), FIDO_KEYS_MAX);
    unplug(&keys[FIDO_KEYS_MAX], FIDO_KEYS_MAX);
    for (unsigned i = 0; i < FIDO_KEYS_MAX; i++) { /* umockdev's own queue is short */
        unplug(&keys[i], i);
        wait_for(FIDO_KEYS_MAX - 1 - i);
    }
}

/* ---- the redirected key ---- */

static int make_socket(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void a_redirected_key_is_in_while_its_socket_is(void **state)
{
    (void)state;
    char deep[128], path[160], other[160];
    snprintf(deep, sizeof deep, "%s/desk", folder);
    snprintf(path, sizeof path, "%s/key", deep);
    snprintf(other, sizeof other, "%s/other", deep);
    watch_for(path); /* neither the socket nor its folder is there */
    assert_int_equal(key_watch_count(watch), 0);
    assert_int_equal(mkdir(deep, 0700), 0);
    int fd = make_socket(path);
    wait_for(1);
    assert_string_equal(key_watch_at(watch, 0)->path, path);
    assert_string_equal(key_watch_at(watch, 0)->name, "Redirected security key");
    uint64_t id = key_watch_at(watch, 0)->id;

    /* Another key, however fast it came. */
    close(fd);
    unlink(path);
    fd = make_socket(path);
    wait_for_another(id);

    /* Whatever else happens there at the same time. */
    id = key_watch_at(watch, 0)->id;
    assert_int_equal(mkdir(other, 0700), 0);
    close(fd);
    unlink(path);
    fd = make_socket(path);
    assert_int_equal(rmdir(other), 0);
    wait_for_another(id);

    /* Another one that takes its place in one step. */
    id = key_watch_at(watch, 0)->id;
    close(fd);
    fd = make_socket(other);
    assert_int_equal(rename(other, path), 0);
    settle();
    assert_int_equal(key_watch_count(watch), 1);
    assert_int_not_equal(key_watch_at(watch, 0)->id, id);

    /* Nobody connected to see whether it is there. */
    assert_int_equal(accept(fd, NULL, NULL), -1);

    close(fd);
    unlink(path);
    wait_for(0);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); /* no socket */
    assert_true(fd >= 0);
    close(fd);
    fd = make_socket(other);
    settle();
    assert_int_equal(key_watch_count(watch), 0);
    close(fd);
    unlink(other);
    unlink(path);
    assert_int_equal(rmdir(deep), 0);
}

static void another_users_socket_is_no_key(void **state)
{
    (void)state;
    char path[160];
    if (geteuid() != 0)
        return; /* who cannot give files away */
    snprintf(path, sizeof path, "%s/key", folder);
    int fd = make_socket(path);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    watch_for(path);
    settle();
    assert_int_equal(key_watch_count(watch), 0);
    assert_int_equal(chown(path, 0, 0), 0);
    wait_for(1);
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    wait_for(0);
    close(fd);
    unlink(path);
}

/* More happens in the folder than the kernel remembers. */
static void what_the_kernel_has_left_out_has_happened(void **state)
{
    (void)state;
    char deep[128], path[160], other[160];
    unsigned most = 0;
    FILE *said = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    assert_non_null(said);
    assert_int_equal(fscanf(said, "%u", &most), 1);
    fclose(said);
    if (most > 1000000)
        return;
    snprintf(deep, sizeof deep, "%s/desk", folder);
    snprintf(path, sizeof path, "%s/key", deep);
    snprintf(other, sizeof other, "%s/other", deep);
    assert_int_equal(mkdir(deep, 0700), 0);
    int fd = make_socket(path);
    watch_for(path);
    assert_int_equal(key_watch_count(watch), 1);
    uint64_t id = key_watch_at(watch, 0)->id;
    for (unsigned i = 0; i < most / 2 + 1; i++) {
        assert_int_equal(mkdir(other, 0700), 0);
        assert_int_equal(rmdir(other), 0);
    }
    close(fd);
    unlink(path);
    fd = make_socket(path);
    wait_for_another(id);
    unlink(path); /* and it goes on */
    wait_for(0);
    close(fd);
    assert_int_equal(rmdir(deep), 0);
}

static void a_path_that_is_none_is_no_redirected_key(void **state)
{
    (void)state;
    char longer[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    memset(longer, '/', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    static const char *const none[] = {"", "key"};
    for (size_t i = 0; i < 3; i++) {
        watch_for(i < 2 ? none[i] : longer);
        assert_int_equal(key_watch_count(watch), 0);
        key_watch_free(&watch);
    }
}

static void where_keys_are_not_used_there_are_none(void **state)
{
    (void)state;
    assert_int_equal(key_watch_count(NULL), 0);
    assert_null(key_watch_at(NULL, 0));
    assert_null(key_watch_find(NULL, 1));
    assert_null(key_watch_find_path(NULL, "/dev/hidraw0"));
}

/* ---- what devices say ---- */

static void only_a_fido_collection_makes_a_key(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[16];
        size_t len;
        bool fido;
    } rows[] = {
        {{0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01}, 7, true},
        {{0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1}, 6, false}, /* cut */
        {{0x06, 0xd0, 0xf1, 0x09, 0x01}, 5, false},
        {{0x06, 0xd0, 0xf1, 0x0a, 0x01, 0x00, 0xa1, 0x01}, 8, true}, /* a usage of two bytes */
        {{0x0b, 0x01, 0x00, 0xd0, 0xf1, 0xa1, 0x01}, 7, true},       /* of four, with its page */
        {{0xfe, 0x02, 0x00, 1, 2, 0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01}, 12, true},
        {{0xfe, 0xff, 0x00, 1, 2, 0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01}, 12, false},
        {{0x06, 0xd0, 0xf1, 0x09, 0x02, 0xa1, 0x01}, 7, false}, /* another usage */
        {{0x05, 0xd0, 0x09, 0x01, 0xa1, 0x01}, 6, false},       /* another page */
        {{0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01}, 13, false},
        {{0}, 0, false},
        {{0xa1, 0x01}, 2, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (key_descriptor_fido(rows[i].bytes, rows[i].len) != rows[i].fido)
            fail_msg("row %zu", i);
}

static void names_are_made_fit_to_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *manufacturer, *product, *name;
    } rows[] = {
        {"Yubico", "YubiKey FIDO", "Yubico YubiKey FIDO"},
        {"Yubico", "yubico Key", "yubico Key"},
        {"Yubico", NULL, "Yubico"},
        {NULL, "Key", "Key"},
        {NULL, NULL, "Security key"},
        {"", " \t\n", "Security key"},
        {" Two\nlines ", "\x1b[31mred", "Two lines [31mred"},
        {"Schl\xc3\xbcssel", "\xe9\x8d\xb5", "Schl\xc3\xbcssel \xe9\x8d\xb5"},
        {"no \xff UTF-8", "\xc3", "no UTF-8"},
        {"\xe2\x80\xaeyeK", "\xe2\x81\xa6x\xe2\x80\x8b", "yeK x"}, /* overrides, isolates */
        {"a\xc2\xadx", "\xef\xbb\xbfy", "a x y"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[FIDO_TEXT_MAX + 1];
        key_name(rows[i].manufacturer, rows[i].product, name);
        assert_string_equal(name, rows[i].name);
    }
    /* Cut where a character ends. */
    char longer[2 * FIDO_TEXT_MAX + 2] = "x", name[FIDO_TEXT_MAX + 1];
    for (size_t i = 1; i + 2 < sizeof longer; i += 2)
        memcpy(longer + i, "\xc3\xa9", 3);
    key_name(NULL, longer, name);
    assert_int_equal(strlen(name), FIDO_TEXT_MAX - 1);
    assert_true(utf8_valid(name, strlen(name)));
}

/* Root may open every key, so what is to be seen of another user's is looked at as nobody. */
static int run_as_nobody(const struct CMUnitTest *tests, size_t count)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static char own[] = "/tmp/lanyard-key-watch-XXXXXX"; /* goes when it exits */
        bool dropped =
            setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
        if (!dropped || !folder_make(own) || setenv("TMPDIR", own, 1) < 0)
            exit(1);
        exit(_cmocka_run_group_tests("as nobody", tests, count, NULL, NULL));
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest unprivileged[] = {
        cmocka_unit_test_setup_teardown(a_key_of_another_user_is_none_until_it_is_given, begin,
                                        end),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_that_is_in_is_seen_and_named, begin, end),
        cmocka_unit_test_setup_teardown(a_key_is_marked_by_its_number_or_its_port, begin, end),
        cmocka_unit_test_setup_teardown(keys_that_come_and_go_are_told_of, begin, end),
        cmocka_unit_test_setup_teardown(the_same_port_is_another_plugging_in, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_key_wakes_nobody, begin, end),
        cmocka_unit_test_setup_teardown(a_change_without_a_difference_is_none, begin, end),
        cmocka_unit_test_setup_teardown(more_keys_than_anybody_has_are_left_out, begin, end),
        cmocka_unit_test_setup_teardown(a_redirected_key_is_in_while_its_socket_is, begin, end),
        cmocka_unit_test_setup_teardown(another_users_socket_is_no_key, begin, end),
        cmocka_unit_test_setup_teardown(what_the_kernel_has_left_out_has_happened, begin, end),
        cmocka_unit_test_setup_teardown(a_path_that_is_none_is_no_redirected_key, begin, end),
        cmocka_unit_test(where_keys_are_not_used_there_are_none),
        cmocka_unit_test(only_a_fido_collection_makes_a_key),
        cmocka_unit_test(names_are_made_fit_to_be_read),
    };
    bool privileged = geteuid() == 0;
    int failed = privileged ? run_as_nobody(unprivileged, 1) : 0;
    if (!folder_make(folder) || setenv("TMPDIR", folder, 1) < 0)
        return 1;
    failed += privileged ? 0 : cmocka_run_group_tests(unprivileged, NULL, NULL);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    folder_remove(folder);
    return failed;
}
