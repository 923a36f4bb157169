/* SPDX-License-Identifier: MIT */
/* Settings read again beside a loop that goes on: taken, refused, asked for in the middle. */
#include "agent/reload.h"
#include "ipc/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    char folder[64];
    char user[96];
    struct settings_source source;
    struct loop *loop;
    struct reload *reload;
    unsigned calls, refused, pin_timeout;
    struct issuers *issuers;
} rig;

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", rig.folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static void on_reloaded(void *context, struct settings *fresh)
{
    assert_ptr_equal(context, &rig);
    rig.calls++;
    rig.refused += !fresh;
    if (fresh) {
        rig.pin_timeout = fresh->config.pin_timeout;
        issuers_free(&rig.issuers);
        rig.issuers = STEAL(fresh->issuers); /* whatever is taken is the taker's */
    }
    loop_stop(rig.loop);
}

static int set_up(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    snprintf(rig.folder, sizeof rig.folder, "/tmp/lanyard-test-reload-XXXXXX");
    if (!mkdtemp(rig.folder))
        return -1;
    snprintf(rig.user, sizeof rig.user, "%s/user", rig.folder);
    rig.source = (struct settings_source){.dir = rig.folder, .user_file = rig.user};
    rig.loop = loop_new();
    rig.reload = reload_new(rig.loop, &rig.source, on_reloaded, &rig);
    write_file("lanyard.conf", "[cards]\npin-timeout = 30\n");
    return rig.reload ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"lanyard.conf", "user"};
    reload_free(&rig.reload);
    assert_null(rig.reload);
    loop_free(&rig.loop);
    issuers_free(&rig.issuers);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", rig.folder, names[i]);
        unlink(path);
    }
    return rmdir(rig.folder);
}

static void read_again(void)
{
    reload_start(rig.reload);
    assert_int_equal(loop_run(rig.loop), 0);
}

static void what_was_read_is_handed_over(void **state)
{
    (void)state;
    read_again();
    assert_int_equal(rig.calls, 1);
    assert_int_equal(rig.pin_timeout, 30);
    assert_non_null(rig.issuers);
    write_file("user", "[cards]\npin-timeout = 40\n[door]\nbroker-socket = /x\n");
    read_again();
    assert_int_equal(rig.refused, 0);
    assert_int_equal(rig.pin_timeout, 40);
}

static void what_cannot_be_used_is_not(void **state)
{
    (void)state;
    static const char *const texts[] = {"[cards]\npin-timeout = 1\n",
                                        "[cards]\nissuers = /nonexistent\n"};
    for (unsigned i = 0; i < 2; i++) {
        write_file("lanyard.conf", texts[i]);
        read_again();
        assert_int_equal(rig.calls, i + 1);
        assert_int_equal(rig.refused, i + 1);
    }
    write_file("lanyard.conf", "");
    read_again();
    assert_int_equal(rig.pin_timeout, 120);
}

static void the_last_wish_counts(void **state)
{
    (void)state;
    reload_start(rig.reload);
    write_file("lanyard.conf", "[cards]\npin-timeout = 50\n");
    for (int i = 0; i < 5; i++)
        reload_start(rig.reload);
    assert_int_equal(loop_run(rig.loop), 0);
    assert_int_equal(rig.calls, 1);
    assert_int_equal(rig.pin_timeout, 50);
}

static void it_may_end_while_it_reads(void **state)
{
    (void)state;
    reload_start(rig.reload);
    reload_free(&rig.reload);
    assert_int_equal(rig.calls, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_read_is_handed_over),
        TEST(what_cannot_be_used_is_not),
        TEST(the_last_wish_counts),
        TEST(it_may_end_while_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
