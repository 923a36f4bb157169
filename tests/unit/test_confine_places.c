/* SPDX-License-Identifier: MIT */
/*
 * Places by the beginning of a name, and those that every guest has: what a card's software sees of
 * the devices of the person who uses it. Each attempt is made in a process of its own.
 */
#include "ipc/base/harden.h"
#include "test_confine_rig.h"
#include "test_folder_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/lanyard-test-XXXXXX";
static char file[64], link_to_file[64], other[64], pattern[64];
static char terminal[64], descriptor[64];
static int keyboard, screen = -1; /* the two ends of a terminal of the person's */

struct row {
    const char *path;
    int flags, expected;
};

static void skip_without_landlock(void)
{
    skip_if_instrumented();
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) <= 0) {
        print_message("this kernel has no Landlock\n");
        skip();
    }
}

static int try_open(const struct confine_place *places, size_t count, const struct row *row)
{
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        if (harden_process() < 0 || confine_reach(places, count, 0) < 0)
            _exit(250);
        _exit(result(open(row->path, row->flags | O_NOCTTY | O_CLOEXEC, 0600)));
    }
    return status_of(pid);
}

static void try_rows(const struct confine_place *places, size_t count, const struct row *rows,
                     size_t row_count)
{
    for (size_t i = 0; i < row_count; i++) {
        int got = try_open(places, count, &rows[i]);
        if (got != rows[i].expected)
            fail_msg("%s, %#x: %d, not %d", rows[i].path, (unsigned)rows[i].flags, got,
                     rows[i].expected);
    }
}

static void names_that_begin_so_are_meant(void **state)
{
    (void)state;
    skip_without_landlock();
    const struct confine_place places[] = {{pattern, CONFINE_READ}};
    const struct row rows[] = {
        {file, O_RDONLY, 0},
        {file, O_WRONLY, EACCES},
        {other, O_RDONLY, EACCES},
        {link_to_file, O_RDONLY, EACCES}, /* it leads to the other */
        {folder, O_RDONLY | O_DIRECTORY, EACCES},
    };
    try_rows(places, 1, rows, sizeof rows / sizeof *rows);
}

static void a_folder_that_is_not_there_is_passed_over(void **state)
{
    (void)state;
    skip_without_landlock();
    const struct confine_place places[] = {{"/nowhere/at*", CONFINE_READ},
                                           {"/nowhere", CONFINE_READ}};
    const struct row rows[] = {{file, O_RDONLY, EACCES}};
    try_rows(places, 2, rows, 1);
}

static void all_is_not_devices(void **state)
{
    (void)state;
    skip_without_landlock();
    const struct confine_place places[] = {{"/*", CONFINE_READ}};
    const struct row rows[] = {
        {file, O_RDONLY, 0},
        {"/etc/passwd", O_RDONLY, 0},
        {"/dev/null", O_RDONLY, EACCES},
        {"/dev", O_RDONLY | O_DIRECTORY, EACCES},
    };
    try_rows(places, 1, rows, sizeof rows / sizeof *rows);
}

static void what_is_seen_is_not_read(void **state)
{
    (void)state;
    skip_without_landlock();
    const struct confine_place places[] = {{"/", CONFINE_LIST}};
    const struct row rows[] = {
        {folder, O_RDONLY | O_DIRECTORY, 0},
        {"/dev", O_RDONLY | O_DIRECTORY, 0},
        {file, O_RDONLY, EACCES},
    };
    try_rows(places, 1, rows, sizeof rows / sizeof *rows);
}

static void no_guest_has_a_terminal(void **state)
{
    (void)state;
    skip_without_landlock();
    const struct confine_place places[] = {CONFINE_GUEST_PLACES};
    const struct row rows[] = {
        {terminal, O_RDWR, EACCES},
        {terminal, O_RDONLY, EACCES},
        {descriptor, O_RDONLY, EACCES},
        {"/dev/ptmx", O_RDWR, EACCES},
        {"/dev/tty", O_RDWR, EACCES},
        {"/dev/null", O_RDWR, 0},
        {"/dev/zero", O_RDONLY, 0},
        {"/dev/urandom", O_RDONLY, 0},
        {"/dev", O_RDONLY | O_DIRECTORY, 0},
        {"/etc/passwd", O_RDONLY, 0},
        {file, O_RDWR, 0},
    };
    try_rows(places, sizeof places / sizeof *places, rows, sizeof rows / sizeof *rows);
}

/* ---- around it ---- */

static int set_up(void **state)
{
    (void)state;
    if (!folder_make(folder))
        return -1;
    snprintf(file, sizeof file, "%s/here-is-one", folder);
    snprintf(link_to_file, sizeof link_to_file, "%s/here-is-a-link", folder);
    snprintf(other, sizeof other, "%s/there", folder);
    snprintf(pattern, sizeof pattern, "%s/here*", folder);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (symlink(other, link_to_file) < 0 || keyboard < 0 || grantpt(keyboard) < 0 ||
        unlockpt(keyboard) < 0 || ptsname_r(keyboard, terminal, sizeof terminal) != 0)
        return -1;
    screen = open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC);
    snprintf(descriptor, sizeof descriptor, "/proc/self/fd/%d", screen);
    return screen < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(screen);
    close(keyboard);
    folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_begin_so_are_meant),
        cmocka_unit_test(a_folder_that_is_not_there_is_passed_over),
        cmocka_unit_test(all_is_not_devices),
        cmocka_unit_test(what_is_seen_is_not_read),
        cmocka_unit_test(no_guest_has_a_terminal),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
