/* SPDX-License-Identifier: MIT */
/*
 * A helper is started by posix_spawn with one end of a socket pair as its descriptor 0. Standard
 * error stays shared, so that its log lines reach the journal; all else is closed, what we were
 * started with included. It has a session of its own: a terminal from which we were started is not
 * the terminal of a card's software, which could type into it otherwise. What asks for a PIN on one
 * opens it by its name (GPG_TTY).
 *
 * The helpers of cards and keys get few of our variables (ipc/base/variables.h).
 *
 * A spare is a helper like any other, except that nobody has it yet. The one who is given it does
 * not notice; so it is made sure first that it still waits.
 *
 * Two things end a helper: we free it (SIGKILL, and so does what it has forked), or the socket
 * ends. The process table is looked after separately: SIGCHLD arrives on the loop, every ended
 * child is reaped, and a helper whose process was reaped forgets the pid, so that a number which
 * the kernel has given to somebody else is never signalled. Which program a process runs is kept
 * until then, since the helper itself is mostly freed before: the journal says which one died, and
 * whether it had to (ipc/confine).
 */
#include "agent/helper.h"

#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/variables.h"
#include "ipc/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { HELPER_SEND_BYTES = 208 * 1024 }; /* the kernel's own default, lest somebody lowered it */

/* A process that is not reaped yet. */
struct child {
    struct child *next;
    pid_t pid;
    enum helper_program program;
};

struct helpers {
    struct loop *loop;
    const char *folder;
    struct loop_watch *child_ended;
    struct helper *first;
    struct child *children;
    enum helper_program spare_program;
    const char *spare_argument; /* NULL: none is kept */
    struct helper *spare;       /* NULL: none waits */
};

static const char *const program_names[] = {[HELPER_CARD] = "lanyard-card",
                                            [HELPER_FIDO] = "lanyard-fido",
                                            [HELPER_PROMPT] = "lanyard-prompt",
                                            [HELPER_CHOOSER] = "lanyard-chooser"};

struct helper {
    struct helpers *home;
    struct helper *next;
    pid_t pid; /* 0 once reaped */
    int fd;
    bool spare_after; /* there is to be a spare once it is gone */
    struct loop_watch *watch;
    helper_fn *readable;
    void *context;
};

static void free_child(struct child **child)
{
    free(*child);
    *child = NULL;
}

/* What ran as that process, which is gone. NULL: what locked the screen (agent/desktop/orphan.h).
 */
static const char *forget_child(struct helpers *helpers, pid_t pid)
{
    for (struct child **at = &helpers->children; *at; at = &(*at)->next) {
        struct child *child = *at;
        if (child->pid != pid)
            continue;
        const char *name = program_names[child->program];
        *at = child->next;
        free(child);
        return name;
    }
    return NULL;
}

static void say_died(const char *name, pid_t pid, int signal)
{
    if (signal == SIGSYS)
        log_error("%s (process %d) was ended: it made a system call that it must not make",
                  name ? name : "a child", (int)pid);
    else if (signal != SIGKILL)
        log_warning("%s (process %d) died of signal %d", name ? name : "a child", (int)pid, signal);
}

static void reap(void *context)
{
    struct helpers *helpers = context;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (struct helper *h = helpers->first; h; h = h->next)
            if (h->pid == pid)
                h->pid = 0;
        const char *name = forget_child(helpers, pid);
        if (WIFSIGNALED(status))
            say_died(name, pid, WTERMSIG(status));
    }
}

static const char *const for_cards[] = {VARIABLES_FOR_CARDS, NULL};
/* libfido2 needs none. */
static const char *const for_keys[] = {"LANG=", "LC_", "PATH=", "TZ=", NULL};

struct helpers *helpers_new(struct loop *loop, const char *folder)
{
    struct helpers *helpers = calloc(1, sizeof *helpers);
    if (!helpers) {
        log_fault(ENOMEM, "helpers");
        return NULL;
    }
    helpers->loop = loop;
    helpers->folder = folder;
    helpers->child_ended = loop_signal_new(loop, SIGCHLD, reap, helpers);
    if (!helpers->child_ended)
        helpers_free(&helpers);
    return helpers;
}

void helpers_free(struct helpers **helpers)
{
    if (!*helpers)
        return;
    helpers_keep_spare(*helpers, 0, NULL);
    loop_watch_free(&(*helpers)->child_ended);
    /* What was killed ends soon, but not necessarily before now: wait for each. */
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
    while ((*helpers)->children)
        forget_child(*helpers, (*helpers)->children->pid);
    free(*helpers);
    *helpers = NULL;
}

static void on_socket(void *context, uint32_t events)
{
    (void)events;
    struct helper *h = context;
    h->readable(h->context, h);
}

/* Descriptor 0 is the socket, 1 is nowhere, 2 is ours; signals are as in a fresh program. */
static int spawn(char *const arguments[], char *const variables[], int socket, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&files) != 0)
        return -ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return -ENOMEM;
    }
    sigset_t none, ours;
    sigemptyset(&none);
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    int r = posix_spawn_file_actions_adddup2(&files, socket, STDIN_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    if (r == 0)
        r = posix_spawnattr_setsigmask(&attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(&attributes, &ours);
    if (r == 0)
        r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                      POSIX_SPAWN_SETSID);
    if (r == 0)
        r = posix_spawn(pid, arguments[0], &files, &attributes, arguments, variables);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return -r;
}

/* An agent that an upgrade has not ended goes on with the helpers that it was installed with: the
 * upgrade keeps a copy of them, under the name of that package, for as long as such agents run. */
static bool find_kept(const struct helpers *helpers, enum helper_program program, char *path,
                      size_t size)
{
    int len = snprintf(path, size, "%s/kept/" LANYARD_PACKAGE "/%s", helpers->folder,
                       program_names[program]);
    return len < (int)size && access(path, X_OK) == 0;
}

static struct helper *start(struct helpers *helpers, enum helper_program program,
                            const char *argument, helper_fn *readable, void *context)
{
    CLEANUP(free_child) struct child *child = calloc(1, sizeof *child);
    CLEANUP(helper_free) struct helper *h = calloc(1, sizeof *h);
    if (!h || !child) {
        log_fault(ENOMEM, program_names[program]);
        return NULL;
    }
    child->program = program;
    h->home = helpers;
    h->fd = -1;
    h->readable = readable;
    h->context = context;
    h->next = helpers->first;
    helpers->first = h;

    char path[PATH_MAX], parent[16];
    if (!find_kept(helpers, program, path, sizeof path) &&
        snprintf(path, sizeof path, "%s/%s", helpers->folder, program_names[program]) >=
            (int)sizeof path) {
        log_fault(ENAMETOOLONG, helpers->folder);
        return NULL;
    }
    snprintf(parent, sizeof parent, "%d", (int)getpid());

    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        log_fault(errno, "socketpair");
        return NULL;
    }
    h->fd = pair[0];
    const int room = HELPER_SEND_BYTES;
    setsockopt(h->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    CLEANUP(close_fd) int theirs = pair[1];
    char *arguments[] = {path, strdup(argument), parent, NULL};
    const char *const *passed = program == HELPER_CARD   ? for_cards
                                : program == HELPER_FIDO ? for_keys
                                                         : NULL;
    char **few = passed ? variables_few(passed) : NULL;
    char **variables = passed ? few : environ;
    int r = arguments[1] && variables ? spawn(arguments, variables, theirs, &h->pid) : -ENOMEM;
    free(few);
    free(arguments[1]);
    if (r < 0) {
        log_error("cannot start %s: %s", path, strerror(-r));
        return NULL;
    }
    child->pid = h->pid;
    child->next = helpers->children;
    helpers->children = STEAL(child);
    h->watch = loop_watch_new(helpers->loop, h->fd, LOOP_READABLE, on_socket, h);
    return h->watch ? STEAL(h) : NULL;
}

/* ---- the spare ---- */

/* It has ended, or spoken unasked. */
static void on_spare(void *context, struct helper *helper)
{
    (void)helper;
    struct helpers *helpers = context;
    helper_free(&helpers->spare);
}

static void start_spare(struct helpers *helpers)
{
    if (helpers->spare_argument && !helpers->spare)
        helpers->spare =
            start(helpers, helpers->spare_program, helpers->spare_argument, on_spare, helpers);
}

void helpers_keep_spare(struct helpers *helpers, enum helper_program program, const char *argument)
{
    if (!argument)
        helper_free(&helpers->spare);
    helpers->spare_program = program;
    helpers->spare_argument = argument;
    start_spare(helpers);
}

static bool is_spared(const struct helpers *helpers, enum helper_program program,
                      const char *argument)
{
    return helpers->spare_argument && program == helpers->spare_program &&
           strcmp(argument, helpers->spare_argument) == 0;
}

/* NULL: none waits. */
static struct helper *take_spare(struct helpers *helpers)
{
    uint8_t word;
    if (helpers->spare && helper_read(helpers->spare, &word, sizeof word) != -EAGAIN)
        helper_free(&helpers->spare);
    return STEAL(helpers->spare);
}

struct helper *helper_spawn(struct helpers *helpers, enum helper_program program,
                            const char *argument, helper_fn *readable, void *context)
{
    bool spared = is_spared(helpers, program, argument);
    struct helper *h = spared ? take_spare(helpers) : NULL;
    if (!h)
        h = start(helpers, program, argument, readable, context);
    if (h) {
        h->spare_after = spared;
        h->readable = readable;
        h->context = context;
    }
    return h;
}

/* ---- one helper ---- */

void helper_free(struct helper **helper)
{
    struct helper *h = *helper;
    if (!h)
        return;
    for (struct helper **at = &h->home->first; *at; at = &(*at)->next)
        if (*at == h) {
            *at = h->next;
            break;
        }
    if (h->pid > 0)
        kill(-h->pid, SIGKILL); /* whoever has a session leads a group for as long as it lives */
    loop_watch_free(&h->watch);
    close_fd(&h->fd);
    if (h->spare_after)
        start_spare(h->home);
    free(h);
    *helper = NULL;
}

/* A helper has at most one request unanswered, and the largest (a list of 256 roles) is smaller
 * than what its socket takes at once, so there is room unless it stopped reading: then it counts as
 * gone. */
int helper_send(struct helper *helper, const void *body, size_t len)
{
    uint8_t header[FRAME_HEADER_BYTES];
    struct writer w = WRITER(header, sizeof header);
    write_u32(&w, (uint32_t)len);
    struct iovec parts[] = {{header, sizeof header}, {(void *)(uintptr_t)body, len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent;
    do
        sent = sendmsg(helper->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    return (size_t)sent == sizeof header + len ? 0 : -EPIPE;
}

int helper_read(struct helper *helper, void *space, size_t size)
{
    ssize_t got;
    do
        got = recv(helper->fd, space, size < INT_MAX ? size : INT_MAX, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : (int)got;
}
