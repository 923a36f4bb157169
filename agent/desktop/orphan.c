/* SPDX-License-Identifier: MIT */
/*
 * The locker may run for hours, must outlive the agent, and must be nobody's business here but for
 * its first moments. But agent/helper.c reaps every child of the agent, and waits for all of them
 * when it ends. So the locker is no child: a fork of the agent starts it, waits until it ends or
 * until the agent closes its end of a pipe, says how it ended, and is gone; then the locker belongs
 * to whoever adopts orphans. The fork is reaped with the helpers.
 *
 * In the fork only calls that are allowed there between fork and exec: the agent has threads. The
 * kernel has wiped every struct secret in it, and guards the rest of its memory as the agent's
 * (neither dumped nor traced).
 */
#include "agent/desktop/orphan.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct orphan {
    int fd;
    struct loop_watch *watch;
    orphan_fn *ended;
    void *context;
};

/* What posix_spawn is told; made before the fork. */
struct plan {
    char *const *words;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
};

static int plan_attributes(struct plan *plan)
{
    sigset_t none, ours;
    sigemptyset(&none);
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
    int r = posix_spawn_file_actions_addopen(&plan->files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(&plan->files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(&plan->files, STDERR_FILENO + 1);
    if (r == 0)
        r = posix_spawnattr_setsigmask(&plan->attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(&plan->attributes, &ours);
    if (r == 0)
        r = posix_spawnattr_setpgroup(&plan->attributes, 0);
    if (r == 0)
        r = posix_spawnattr_setflags(&plan->attributes, flags);
    return -r;
}

static void plan_deinit(struct plan *plan)
{
    posix_spawnattr_destroy(&plan->attributes);
    posix_spawn_file_actions_destroy(&plan->files);
}

/* *plan is to be released in any case. */
static int plan_init(struct plan *plan, char *const words[])
{
    plan->words = words;
    posix_spawn_file_actions_init(&plan->files); /* neither fails on GNU/Linux */
    posix_spawnattr_init(&plan->attributes);
    return plan_attributes(plan);
}

/* What the fork says. */
struct report {
    bool started;
    int code; /* started: the exit status, or -signal; else errno */
};

static struct report watch_over(const struct plan *plan, int agent)
{
    pid_t pid;
    int r =
        posix_spawnp(&pid, plan->words[0], &plan->files, &plan->attributes, plan->words, environ);
    if (r != 0)
        return (struct report){.code = r};
    int locker = pidfd_open(pid, 0);
    if (locker < 0)
        return (struct report){.code = errno};
    struct pollfd both[] = {{.fd = locker, .events = POLLIN}, {.fd = agent, .events = 0}};
    do
        r = poll(both, 2, -1);
    while (r < 0 && errno == EINTR);
    int status;
    if (waitpid(pid, &status, WNOHANG) != pid)
        _exit(EXIT_SUCCESS); /* the agent does not want to know any more */
    return (struct report){.started = true,
                           .code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)};
}

static void report(const struct plan *plan, int agent)
{
    struct report result = watch_over(plan, agent);
    ssize_t sent = send(agent, &result, sizeof result, MSG_NOSIGNAL);
    _exit(sent == sizeof result ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void on_report(void *context, uint32_t events)
{
    struct orphan *orphan = context;
    struct report result = {0};
    (void)events;
    ssize_t got = recv(orphan->fd, &result, sizeof result, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    loop_watch_free(&orphan->watch);
    bool known = got == sizeof result;
    char problem[128];
    if (!known)
        snprintf(problem, sizeof problem, "ended unseen");
    else if (!result.started)
        snprintf(problem, sizeof problem, "cannot be started: %s", strerror(result.code));
    else
        snprintf(problem, sizeof problem, "ended with %d", result.code);
    bool good = known && result.started && result.code == 0;
    orphan->ended(orphan->context, good ? NULL : problem);
}

/* The fork keeps no descriptor but its end and standard error: sockets of the agent would stay open
 * in it. */
static int start(const struct plan *plan, int theirs)
{
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0)
        return 0;
    if (dup2(theirs, STDIN_FILENO) < 0)
        _exit(EXIT_FAILURE);
    closefrom(STDERR_FILENO + 1);
    report(plan, STDIN_FILENO);
    return 0;
}

struct orphan *orphan_run(struct loop *loop, char *const words[], orphan_fn *ended, void *context)
{
    CLEANUP(orphan_free) struct orphan *orphan = calloc(1, sizeof *orphan);
    if (!orphan) {
        log_fault(ENOMEM, "the lock command");
        return NULL;
    }
    *orphan = (struct orphan){.fd = -1, .ended = ended, .context = context};
    CLEANUP(plan_deinit) struct plan plan;
    int r = plan_init(&plan, words);
    if (r < 0) {
        log_fault(-r, "the lock command");
        return NULL;
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        log_fault(errno, "socketpair");
        return NULL;
    }
    orphan->fd = pair[0];
    CLEANUP(close_fd) int theirs = pair[1];
    r = start(&plan, theirs);
    if (r < 0) {
        log_fault(-r, "fork");
        return NULL;
    }
    orphan->watch = loop_watch_new(loop, orphan->fd, LOOP_READABLE, on_report, orphan);
    return orphan->watch ? STEAL(orphan) : NULL;
}

void orphan_free(struct orphan **orphan)
{
    struct orphan *c = STEAL(*orphan);
    if (!c)
        return;
    loop_watch_free(&c->watch);
    close_fd(&c->fd);
    free(c);
}
