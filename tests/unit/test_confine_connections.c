/* SPDX-License-Identifier: MIT */
/*
 * Whom a card's software is connected with, whoever it names (confine_connections). Each attempt is
 * made in a process of its own, confined as lanyard-card is; who listens is the test. The one place
 * there is stands for pcscd's, the others for the agent's own, the session bus and X11.
 */
#include "ipc/base/harden.h"
#include "ipc/confine/confine.h"
#include "test_folder_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { BACKLOG = 256, THREADS = 8, EACH = 16, ENDLESS = 300, LONG_MS = 60000 };

static char folder[] = "/tmp/lanyard-test-XXXXXX", pcscd_path[64], nobody_path[64];
static struct sockaddr_un agent = {.sun_family = AF_UNIX}, hidden = {.sun_family = AF_UNIX};
static socklen_t agent_len;
static int pcscd, agent_listener, hidden_listener;

/* ---- in the confined process: what the attempts return is its status, 0 if all is well ---- */

static int connect_to(int fd, const struct sockaddr_un *address, socklen_t len)
{
    return connect(fd, (const struct sockaddr *)address, len) < 0 ? errno : 0;
}

static int open_connected(const struct sockaddr_un *address, socklen_t len, int *error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    *error = fd < 0 ? errno : connect_to(fd, address, len);
    return fd;
}

static int speak(const struct sockaddr_un *address, socklen_t len)
{
    int error, fd = open_connected(address, len, &error);
    if (error == 0 && write(fd, "x", 1) != 1)
        error = errno;
    close(fd);
    return error;
}

static int speak_to_the_agent(void)
{
    return speak(&agent, agent_len);
}

/* As by its other name, below /var. */
static int speak_to_a_longer_path(void)
{
    return speak(&agent, agent_len + 4);
}

/* As most do who are not pcscd's clients. */
static int speak_as_others_do(void)
{
    return speak(&agent, sizeof agent);
}

static int speak_to_the_hidden(void)
{
    return speak(&hidden, agent_len);
}

static int speak_to_what_is_not_there(void)
{
    struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nonexistent"};
    return speak(&nowhere, agent_len);
}

static int speak_endlessly(void)
{
    return speak(&agent, sizeof agent.sun_family + ENDLESS + 1);
}

/* An address that cannot be read is nobody's concern: it is not read. */
static int speak_to_no_address(void)
{
    return speak(NULL, agent_len);
}

static int look_at_the_socket(void)
{
    struct sockaddr_un peer = {0};
    socklen_t len = sizeof peer;
    int error, fd = open_connected(&agent, agent_len, &error);
    if (error != 0 || getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
        return 100;
    if (strcmp(peer.sun_path, pcscd_path) != 0)
        return 101;
    if (fcntl(fd, F_GETFD) != FD_CLOEXEC || fcntl(fd, F_GETFL) != O_RDWR)
        return 102;
    int next = socket(AF_UNIX, SOCK_STREAM, 0);
    return next == fd + 1 ? 0 : 103; /* nothing else has come */
}

static int connect_a_file(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int error = connect_to(fd, &agent, agent_len);
    return error != 0 ? error : write(fd, "x", 1) == 1 ? 0 : errno;
}

static int connect_nothing(void)
{
    return connect_to(-1, &agent, agent_len);
}

static void *speak_often(void *context)
{
    int *error = context;
    for (int i = 0; i < EACH && *error == 0; i++)
        *error = speak_to_the_agent();
    return NULL;
}

static int speak_in_threads(void)
{
    pthread_t threads[THREADS];
    int errors[THREADS] = {0}, all = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, speak_often, &errors[i]) != 0)
            return 100;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        all |= errors[i];
    }
    return all;
}

static int speak_in_a_child(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(speak_to_the_agent());
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static pid_t connector(void)
{
    char text[32] = "";
    FILE *children = fopen("/proc/thread-self/children", "re");
    const char *got = children ? fgets(text, sizeof text, children) : NULL;
    if (children)
        fclose(children);
    return got ? (pid_t)strtol(text, NULL, 10) : -1;
}

static int go_on_without(int (*attempt)(void))
{
    pid_t pid = connector();
    if (pid <= 0 || kill(pid, SIGKILL) < 0 || waitpid(pid, NULL, 0) != pid)
        return 100;
    return attempt();
}

static int connect_without(void)
{
    return go_on_without(speak_to_the_agent);
}

static int listen_to_own_calls(uint32_t otherwise)
{
    struct sock_filter let = {.code = BPF_RET, .k = otherwise};
    struct sock_fprog filter = {1, &let};
    long fd =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    return fd < 0 ? errno : 0;
}

/* With which a child could be let through. */
static int have_own_listener(void)
{
    return listen_to_own_calls(SECCOMP_RET_USER_NOTIF);
}

static int have_own_listener_without(void)
{
    return go_on_without(have_own_listener);
}

static int signal_the_connector(void)
{
    pid_t pid = connector();
    if (pid <= 0 || confine_reach(NULL, 0, 0) < 0)
        return 100;
    return kill(pid, 0) < 0 ? errno : 0;
}

static _Noreturn void wait_for_ever(void)
{
    for (;;)
        poll(NULL, 0, -1);
}

/* ---- around it ---- */

static bool is_confined_here(void)
{
    const unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC |
                           SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
    return !LANYARD_INSTRUMENTED &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT;
}

static void skip_elsewhere(void)
{
    if (!is_confined_here()) {
        print_message("this kernel cannot, or this is built with a sanitiser or for coverage\n");
        skip();
    }
}

static pid_t start(const char *path, int (*attempt)(void))
{
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        if (harden_process() < 0 || confine_connections(path) < 0)
            _exit(250);
        _exit(attempt());
    }
    return pid;
}

/* Of that process; the connector, which is ours by then (PR_SET_CHILD_SUBREAPER), has ended too. */
static int end_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    assert_int_equal(errno, ECHILD);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int try(const char *path, int (*attempt)(void))
{
    return end_of(start(path, attempt));
}

/* How many have come since, each with its byte, or without. */
static int visits(int listener)
{
    int count = 0, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        close(fd);
        count++;
    }
    assert_int_equal(errno, EAGAIN);
    return count;
}

static void nobody_else_was_visited(void)
{
    assert_int_equal(visits(agent_listener), 0);
    assert_int_equal(visits(hidden_listener), 0);
}

static void whoever_is_named_it_is_the_one_place(void **state)
{
    (void)state;
    skip_elsewhere();
    int (*const attempts[])(void) = {
        speak_to_the_agent, speak_to_the_hidden, speak_to_no_address,   speak_to_what_is_not_there,
        connect_a_file,     speak_in_a_child,    speak_to_a_longer_path};
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        assert_int_equal(try(pcscd_path, attempts[i]), 0);
        assert_int_equal(visits(pcscd), 1);
    }
    nobody_else_was_visited();
}

/* They might wait for ever for an answer. */
static void clients_of_others_are_refused(void **state)
{
    (void)state;
    skip_elsewhere();
    assert_int_equal(try(pcscd_path, speak_as_others_do), ECONNREFUSED);
    assert_int_equal(visits(pcscd), 0);
    nobody_else_was_visited();
}

static void what_is_said_arrives_there(void **state)
{
    (void)state;
    skip_elsewhere();
    char byte = 0;
    assert_int_equal(try(pcscd_path, speak_to_the_agent), 0);
    int fd = accept4(pcscd, NULL, NULL, SOCK_CLOEXEC);
    assert_return_code(fd, errno);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
}

static void the_socket_is_as_a_new_one(void **state)
{
    (void)state;
    skip_elsewhere();
    assert_int_equal(try(pcscd_path, look_at_the_socket), 0);
    assert_int_equal(visits(pcscd), 1);
}

static void all_threads_are_served(void **state)
{
    (void)state;
    skip_elsewhere();
    assert_int_equal(try(pcscd_path, speak_in_threads), 0);
    assert_int_equal(visits(pcscd), THREADS * EACH);
    nobody_else_was_visited();
}

static void where_nobody_listens_it_is_said(void **state)
{
    (void)state;
    skip_elsewhere();
    char missing[80], endless[ENDLESS + 1];
    snprintf(missing, sizeof missing, "%s/never", folder);
    memset(endless, 'x', ENDLESS);
    endless[ENDLESS] = '\0';
    assert_int_equal(try(missing, speak_to_the_agent), ENOENT);
    assert_int_equal(try(nobody_path, speak_to_the_agent), ECONNREFUSED);
    assert_int_equal(try(endless, speak_endlessly), ENAMETOOLONG);
    assert_int_equal(try(pcscd_path, connect_nothing), EBADF);
    assert_int_equal(visits(pcscd), 1); /* that was too late to see */
    nobody_else_was_visited();
}

static void without_the_connector_nothing_is_connected(void **state)
{
    (void)state;
    skip_elsewhere();
    assert_int_equal(try(pcscd_path, connect_without), ENOSYS);
    assert_int_equal(try(pcscd_path, have_own_listener), EACCES);
    assert_int_equal(try(pcscd_path, have_own_listener_without), EACCES);
    assert_int_equal(visits(pcscd), 0);
    nobody_else_was_visited();
}

/* A process has one listener. */
static void where_somebody_listens_already_it_goes_alone(void **state)
{
    (void)state;
    skip_elsewhere();
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        if (harden_process() < 0 || listen_to_own_calls(SECCOMP_RET_ALLOW) != 0 ||
            confine_connections(pcscd_path) < 0)
            _exit(250);
        _exit(speak_to_the_agent());
    }
    assert_int_equal(end_of(pid), 0);
    assert_int_equal(visits(agent_listener), 1);
    assert_int_equal(visits(pcscd), 0);
}

static void it_cannot_signal_the_connector(void **state)
{
    (void)state;
    skip_elsewhere();
    enum { SCOPES = 6 };
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < SCOPES) {
        print_message("this kernel's Landlock knows nothing of signals\n");
        skip();
    }
    assert_int_equal(try(pcscd_path, signal_the_connector), EPERM);
}

/* The agent has to hear that a helper is gone, though the connector was started with the same
 * descriptors. */
static void the_connector_keeps_no_descriptor(void **state)
{
    (void)state;
    skip_elsewhere();
    int ends[2];
    assert_return_code(pipe(ends), errno);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        if (harden_process() < 0 || confine_connections(pcscd_path) < 0)
            _exit(250);
        close(ends[1]);
        wait_for_ever();
    }
    close(ends[1]);
    struct pollfd ended = {.fd = ends[0]};
    assert_int_equal(poll(&ended, 1, LONG_MS), 1);
    assert_int_equal(ended.revents, POLLHUP);
    close(ends[0]);
    kill(pid, SIGKILL);
    assert_int_equal(end_of(pid), -SIGKILL);
}

/* Though it waits itself, for a service that takes nobody in. */
static void the_connector_ends_with_its_process(void **state)
{
    (void)state;
    skip_elsewhere();
    char path[80];
    snprintf(path, sizeof path, "%s/queue", folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int busy = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), before[2];
    assert_return_code(bind(busy, (struct sockaddr *)&address, sizeof address), errno);
    assert_return_code(listen(busy, 0), errno);
    for (int i = 0; i < 2; i++) { /* one more than it holds, so that whoever comes now waits */
        before[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect_to(before[i], &address, sizeof address);
    }
    pid_t pid = start(path, speak_to_the_agent);
    kill(pid, SIGKILL);
    assert_int_equal(end_of(pid), -SIGKILL);
    close(before[0]);
    close(before[1]);
    close(busy);
}

/* ---- listeners ---- */

static int listen_on(const struct sockaddr_un *address, socklen_t len)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 || bind(fd, (const struct sockaddr *)address, len) < 0 || listen(fd, BACKLOG) < 0
               ? -1
               : fd;
}

static int listen_in_folder(const char *name, char path[64], struct sockaddr_un *address)
{
    snprintf(path, 64, "%s/%s", folder, name);
    memcpy(address->sun_path, path, strlen(path));
    return listen_on(address, sizeof *address);
}

static int set_up(void **state)
{
    (void)state;
    struct sockaddr_un place = {.sun_family = AF_UNIX}, dead = {.sun_family = AF_UNIX};
    char unused[64];
    if (!is_confined_here() || !folder_make(folder))
        return is_confined_here() ? -1 : 0;
    pcscd = listen_in_folder("pcscd", pcscd_path, &place);
    agent_listener = listen_in_folder("agent", unused, &agent);
    /* All addresses are of one length, that of the one place's. */
    agent_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(agent.sun_path) + 1);
    memcpy(hidden.sun_path + 1, agent.sun_path, strlen(agent.sun_path));
    hidden_listener = listen_on(&hidden, agent_len);
    int nobody = listen_in_folder("ended", nobody_path, &dead);
    if (pcscd < 0 || agent_listener < 0 || hidden_listener < 0 || nobody < 0)
        return -1;
    close(nobody);
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int tear_down(void **state)
{
    (void)state;
    if (is_confined_here())
        folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_is_named_it_is_the_one_place),
        cmocka_unit_test(clients_of_others_are_refused),
        cmocka_unit_test(what_is_said_arrives_there),
        cmocka_unit_test(the_socket_is_as_a_new_one),
        cmocka_unit_test(all_threads_are_served),
        cmocka_unit_test(where_nobody_listens_it_is_said),
        cmocka_unit_test(without_the_connector_nothing_is_connected),
        cmocka_unit_test(where_somebody_listens_already_it_goes_alone),
        cmocka_unit_test(it_cannot_signal_the_connector),
        cmocka_unit_test(the_connector_keeps_no_descriptor),
        cmocka_unit_test(the_connector_ends_with_its_process),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
