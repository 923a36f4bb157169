/* SPDX-License-Identifier: MIT */
/* What a broker or an agent says that cannot start, and where it may listen. */
#include "test_portd_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A program that cannot start, and what it says: these words, and of which path. */
static void expect_failure(const char *const *argv, const char *words, const char *path)
{
    char expected[256], text[1024];
    snprintf(expected, sizeof expected, "%s %s ", words, path);
    struct program program = program_start(geteuid(), argv);
    read_until(program.err, expected, text, sizeof text);
    assert_int_equal(program_wait(&program), 1);
}

static void a_second_of_a_kind_is_named(void **state)
{
    struct fixture *f = *state;
    char path[160], folder[128], missing[192];
    snprintf(folder, sizeof folder, "%s/missing", f->folder);
    snprintf(missing, sizeof missing, "%s/portd", folder);
    snprintf(path, sizeof path, "%s/one/agent", f->folder);
    const char *broker[] = {PORTD, "--listen", "127.0.0.1:0", "--socket", f->socket, NULL};
    const char *agent[] = {DOOR_SERVER, path, "", NULL};
    struct program first = start_agent(f, geteuid(), "one");
    expect_failure(broker, "another lanyard-portd serves", f->socket);
    expect_failure(agent, "another lanyardd of this user serves", path);
    program_end(&first);
    broker[4] = missing;
    expect_failure(broker, "the folder", folder);
    snprintf(path, sizeof path, "%s/missing/lanyard/agent", f->folder);
    expect_failure(agent, "the folder", folder);
}

static void a_taken_port_names_its_holder(void **state)
{
    struct fixture *f = *state;
    char listen_on[32], text[1024], expected[64];
    snprintf(listen_on, sizeof listen_on, "127.0.0.1:%u", (unsigned)f->port);
    const char *argv[] = {PORTD, "--listen", listen_on, "--socket", "/nonexistent", NULL};
    struct program second = program_start(geteuid(), argv);
    snprintf(expected, sizeof expected, "process %d (lanyard-portd)", (int)f->broker.pid);
    read_until(second.err, "taken by", text, sizeof text);
    if (geteuid() == 0 && !strstr(text, expected))
        fail_msg("%s is not in %s", expected, text);
    assert_int_equal(program_wait(&second), 1);
}

static void only_loopback_is_listened_on(void **state)
{
    struct fixture *f = *state;
    static const char *const addresses[] = {"0.0.0.0:0",       "[::]:0",    "192.0.2.1:0",
                                            "localhost:0",     "127.0.0.1", "127.0.0.1:x",
                                            "127.0.0.1:65536", "[::1:0",    ":0"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        char text[256];
        const char *argv[] = {PORTD, "--listen", addresses[i], "--socket", f->socket, NULL};
        struct program program = program_start(geteuid(), argv);
        read_until(program.err, "not a loopback", text, sizeof text);
        assert_int_equal(program_wait(&program), 2);
    }
}

/* What a broker with nothing to serve says on that standard error. */
static void complain_on(int err, int out, char *text, size_t size)
{
    const char *argv[] = {PORTD, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        dup2(err, STDERR_FILENO);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    read_until(out, "\n", text, size);
    waitpid(pid, NULL, 0);
}

static void only_the_journal_is_told_priorities(void **state)
{
    (void)state;
    char text[512];
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    complain_on(ends[1], ends[0], text, sizeof text);
    assert_ptr_equal(strstr(text, "<3>lanyard-portd: nothing to serve"), text);
    close(ends[0]);
    close(ends[1]);

    CLEANUP(close_fd) int screen = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(grantpt(screen) | unlockpt(screen), 0);
    CLEANUP(close_fd) int terminal = open(ptsname(screen), O_RDWR | O_NOCTTY | O_CLOEXEC);
    complain_on(terminal, screen, text, sizeof text);
    assert_ptr_equal(strstr(text, "lanyard-portd: nothing to serve"), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_second_of_a_kind_is_named),
        TEST(a_taken_port_names_its_holder),
        TEST(only_loopback_is_listened_on),
        cmocka_unit_test(only_the_journal_is_told_priorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
