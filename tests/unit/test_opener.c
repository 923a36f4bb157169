/* SPDX-License-Identifier: MIT */
/*
 * Who opens keys' devices opens nothing else, and who asks it for them opens none itself. That keys
 * are opened so is test_fido.c's.
 */
#include "fido/key_places.h"
#include "fido/opener.h"
#include "ipc/base/harden.h"
#include "test_confine_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* Not there: a number that no key has. */
#define NOWHERE "/dev/hidraw99999999"

static int nothing(void)
{
    return 0;
}

static int not_even_that(void)
{
    return -EPERM;
}

/* An opener is for as long as its process is there, so that each test has one of its own. */
static int in_a_process(int (*play)(void))
{
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0)
        _exit(play());
    return status_of(pid);
}

static int ask_for_what_is_no_key(void)
{
    static const char *const paths[] = {"/dev/null",
                                        "/dev/hidraw",
                                        "/dev/hidrawx",
                                        "/dev/hidraw0x",
                                        "/dev/hidraw/../null",
                                        "/dev/hidraw0/../null",
                                        "/dev/../dev/hidraw0",
                                        "dev/hidraw0",
                                        "hidraw0",
                                        "/dev/hidraw 0",
                                        "/dev/hidraw0\n",
                                        "/dev/hidraw000000000000000000000000000000000000000000",
                                        ""};
    if (opener_start(-1, nothing) != 0)
        return 250;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (opener_open(paths[i]) != -EACCES)
            return (int)i + 1;
    return opener_open(NOWHERE) == -ENOENT ? 0 : 251; /* it is still there */
}

static void only_keys_are_opened(void **state)
{
    (void)state;
    assert_int_equal(in_a_process(ask_for_what_is_no_key), 0);
}

static int ask_nobody(void)
{
    return opener_open(NOWHERE) == -EPIPE ? 0 : 1;
}

static int ask_who_has_failed(void)
{
    return opener_start(-1, not_even_that) == 0 && opener_open(NOWHERE) == -EPIPE ? 0 : 1;
}

static void without_an_opener_none_is_opened(void **state)
{
    (void)state;
    assert_int_equal(in_a_process(ask_nobody), 0);
    assert_int_equal(in_a_process(ask_who_has_failed), 0);
}

/* The agent hears of our end by the end of that socket, which nobody else may keep open. */
static int leave_the_agent(void)
{
    int agent[2];
    char byte;
    if (pipe(agent) < 0 || opener_start(agent[1], nothing) != 0 || opener_open(NOWHERE) != -ENOENT)
        return 250;
    close(agent[1]);
    return read(agent[0], &byte, 1) == 0 ? 0 : 1;
}

static void it_has_no_socket_of_the_agents(void **state)
{
    (void)state;
    assert_int_equal(in_a_process(leave_the_agent), 0);
}

static int open_devices(void)
{
    size_t count;
    const struct confine_place *places = key_places(&count);
    if (harden_process() < 0 || confine_reach(places, count, 0) < 0 ||
        confine_calls(key_calls("")) < 0)
        return 250;
    static const char *const paths[] = {"/dev/ptmx", "/dev/tty", "/dev/null", NOWHERE};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (open(paths[i], O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0)
            return (int)i + 1;
    return open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 251;
}

static void nobody_else_opens_a_device(void **state)
{
    (void)state;
    skip_if_instrumented();
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) <= 0) {
        print_message("this kernel has no Landlock\n");
        skip();
    }
    assert_int_equal(in_a_process(open_devices), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_keys_are_opened),
        cmocka_unit_test(without_an_opener_none_is_opened),
        cmocka_unit_test(it_has_no_socket_of_the_agents),
        cmocka_unit_test(nobody_else_opens_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
