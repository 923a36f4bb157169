/* SPDX-License-Identifier: MIT */
/* Sealed memory between real processes: the fake service manager starts this program again, with
 * "keep", kills it and stops it. */
#include "ipc/base/cleanup.h"
#include "tests/unit/test_seal_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* This program as a service: says what it finds, seals its own number, and waits to be killed. */
static int keep(void)
{
    struct seal *seal = seal_new();
    struct secret *found = seal_read(seal);
    printf("found %.*s\n", found ? (int)secret_len(found) : 7,
           found ? (const char *)secret_peek(found) : "nothing");
    char text[32];
    int len = snprintf(text, sizeof text, "%d", getpid());
    printf("%s\n", seal_write(seal, text, (size_t)len) == 0 ? "sealed" : "not sealed");
    fflush(stdout);
    pause();
    return 0;
}

struct service {
    pid_t pid;
    FILE *commands, *lines;
    char line[512];
};

static void service_end(struct service *service)
{
    if (service->commands)
        fclose(service->commands);
    if (service->lines)
        fclose(service->lines);
    if (service->pid > 0)
        waitpid(service->pid, NULL, 0);
}

static void service_begin(struct service *service, const char *store_max)
{
    static const char program[] = LANYARD_BUILD "/tests/fake/service-manager/service-manager";
    int commands[2], lines[2];
    assert_int_equal(pipe2(commands, O_CLOEXEC), 0);
    assert_int_equal(pipe2(lines, O_CLOEXEC), 0);
    service->pid = fork();
    assert_true(service->pid >= 0);
    if (service->pid == 0) {
        dup2(commands[0], STDIN_FILENO);
        dup2(lines[1], STDOUT_FILENO);
        char self[256] = "";
        ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
        if (len > 0)
            execl(program, program, "--store-max", store_max, self, "keep", NULL);
        _exit(127);
    }
    close(commands[0]);
    close(lines[1]);
    service->commands = fdopen(commands[1], "w");
    service->lines = fdopen(lines[0], "r");
    assert_non_null(service->commands);
    assert_non_null(service->lines);
    setvbuf(service->lines, NULL, _IONBF, 0);
}

static void command(struct service *service, const char *text)
{
    fprintf(service->commands, "%s\n", text);
    fflush(service->commands);
}

/* The next line that begins so; what follows its beginning. Others before it are passed over. */
static const char *wait_for(struct service *service, const char *beginning)
{
    for (;;) {
        struct pollfd ready = {.fd = fileno(service->lines), .events = POLLIN};
        if (poll(&ready, 1, WAIT_MS) != 1 ||
            !fgets(service->line, sizeof service->line, service->lines))
            fail_msg("waited in vain for \"%s\"", beginning);
        service->line[strcspn(service->line, "\n")] = '\0';
        if (strncmp(service->line, beginning, strlen(beginning)) == 0)
            return service->line + strlen(beginning);
    }
}

static void a_killed_service_finds_what_it_had_sealed(void **state)
{
    (void)state;
    needs_memfd_secret();
    CLEANUP(service_end) struct service service = {0};
    service_begin(&service, "1");
    wait_for(&service, "READY");
    char before[32] = "nothing";
    static const struct {
        const char *command, *ended;
    } ends[] = {{"kill", "signal 9"}, {"kill", "signal 9"}, {"stop", "signal 15"}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char pid[32];
        command(&service, "start");
        snprintf(pid, sizeof pid, "%s", wait_for(&service, "STARTED "));
        assert_string_equal(wait_for(&service, "OUT found "), before);
        assert_string_equal(wait_for(&service, "OUT sealed"), "");
        snprintf(before, sizeof before, "%s", pid);
        command(&service, ends[i].command);
        assert_string_equal(wait_for(&service, "ENDED "), ends[i].ended);
    }
    command(&service, "forget");
    assert_string_equal(wait_for(&service, "FORGOTTEN "), "1");
    command(&service, "start");
    assert_string_equal(wait_for(&service, "OUT found "), "nothing");
    command(&service, "start");
    assert_string_equal(wait_for(&service, "ERROR "), "start: the program runs");
}

static void a_manager_without_a_store_keeps_nothing(void **state)
{
    (void)state;
    CLEANUP(service_end) struct service service = {0};
    service_begin(&service, "0");
    for (int round = 0; round < 2; round++) {
        command(&service, "start");
        assert_string_equal(wait_for(&service, "OUT found "), "nothing");
        command(&service, "kill");
        wait_for(&service, "ENDED ");
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "keep") == 0)
        return keep();
    unsetenv("NOTIFY_SOCKET");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_service_finds_what_it_had_sealed),
        cmocka_unit_test(a_manager_without_a_store_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
