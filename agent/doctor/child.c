/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn with every other descriptor closed. What talks is a helper and loads a card's
 * software: it has a session of its own, in which our terminal cannot be typed into, and ends with
 * us (ipc/base/harden.h). What prints is the system's own, and is interrupted with us. The
 * variables are those that a card module and systemd's tools need; one that could have another
 * library loaded is not among them.
 */
#include "agent/doctor/child.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/clock.h"
#include "ipc/base/variables.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE_MS = 2000 };

static int prepare(posix_spawn_file_actions_t *files, enum child_kind kind, int talk, int log)
{
    int r = kind == CHILD_TALKS
                ? posix_spawn_file_actions_adddup2(files, talk, STDIN_FILENO)
                : posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = kind == CHILD_PRINTS
                ? posix_spawn_file_actions_adddup2(files, talk, STDOUT_FILENO)
                : posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = log >= 0
                ? posix_spawn_file_actions_adddup2(files, log, STDERR_FILENO)
                : posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
    return r;
}

static int spawn(const char *const *arguments, enum child_kind kind, int talk, int log, pid_t *pid)
{
    static const char *const names[] = {
        VARIABLES_FOR_CARDS, "DBUS_SESSION_BUS_ADDRESS=", "DBUS_SYSTEM_BUS_ADDRESS=", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    char *words[16] = {0};
    size_t count = 0;
    char **variables = variables_few(names);
    bool copied = variables != NULL;
    for (; copied && arguments[count] && count < sizeof words / sizeof *words - 1; count++) {
        words[count] = strdup(arguments[count]);
        copied = words[count] != NULL;
    }
    int r = copied ? posix_spawn_file_actions_init(&files) : ENOMEM;
    if (r == 0) {
        r = prepare(&files, kind, talk, log);
        if (r == 0)
            r = posix_spawnattr_init(&attributes);
        if (r == 0) {
            if (kind == CHILD_TALKS)
                r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
            if (r == 0)
                r = posix_spawnp(pid, words[0], &files, &attributes, words, variables);
            posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&files);
    }
    for (size_t i = 0; i < count; i++)
        free(words[i]);
    free(variables);
    return -r;
}

int child_start(const char *const *arguments, enum child_kind kind, struct child *child)
{
    int talk[2] = {-1, -1}, log[2] = {-1, -1};
    *child = (struct child){.talk = -1, .log = -1};
    int r = kind == CHILD_TALKS ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk)
                                : pipe2(talk, O_CLOEXEC);
    if (r < 0 || (kind == CHILD_TALKS && pipe2(log, O_CLOEXEC | O_NONBLOCK) < 0))
        r = -errno;
    else
        r = spawn(arguments, kind, talk[1], log[1], &child->pid);
    close_fd(&talk[1]);
    close_fd(&log[1]);
    child->talk = talk[0];
    child->log = log[0];
    if (r < 0)
        child_close(child);
    return r;
}

int child_end(struct child *child, bool by_itself)
{
    int status = 0;
    int64_t until = clock_ms() + GRACE_MS;
    while (by_itself && clock_ms() < until) {
        if (waitpid(child->pid, &status, WNOHANG) == child->pid) {
            child->pid = 0;
            return status;
        }
        poll(NULL, 0, 10);
    }
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    child->pid = 0;
    return status;
}

void child_close(struct child *child)
{
    close_fd(&child->talk);
    close_fd(&child->log);
}

/* True at the end of what it prints. */
static bool read_some(int fd, size_t max, int64_t left, struct bytes *out)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char piece[4096];
    int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
    if (ready < 0)
        return errno != EINTR;
    ssize_t n = ready > 0 ? read(fd, piece, sizeof piece) : 0;
    if (n <= 0)
        return true;
    size_t room = max - out->len;
    bytes_append(out, piece, (size_t)n < room ? (size_t)n : room);
    return out->len == max || out->failed;
}

int child_output(const char *const *arguments, size_t max, int ms, struct bytes *out)
{
    struct child child;
    int64_t until = clock_ms() + ms;
    int r = child_start(arguments, CHILD_PRINTS, &child);
    if (r < 0)
        return r;
    while (!read_some(child.talk, max, until - clock_ms(), out))
        ;
    close_fd(&child.talk); /* one that still prints ends by that */
    int status = child_end(&child, true);
    child_close(&child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
