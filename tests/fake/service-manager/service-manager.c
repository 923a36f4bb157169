/* SPDX-License-Identifier: MIT */
/*
 * A service manager with one service: what systemd does for a unit with Type=notify,
 * NotifyAccess=main and FileDescriptorStoreMax=N (systemd.service(5), sd_notify(3),
 * sd_listen_fds(3)), so that a test can kill a program, start it again, and see what it has kept.
 *
 *     service-manager [--store-max N] PROGRAM [ARGUMENT...]       N: 1, at most 16; 0: no store
 *
 * It starts nothing by itself. Commands come on standard input, a line each:
 *
 *     start    runs PROGRAM, which must not be running
 *     kill     SIGKILL to it
 *     stop     SIGTERM to it; the store stays, as when a service is restarted
 *     reload   SIGHUP to it, as an ExecReload= would
 *     forget   closes what is in the store, as when a service is stopped for good
 *     quit     ends PROGRAM with SIGKILL and itself; so does the end of standard input
 *
 * It says what happens on standard output, a line each, nothing else:
 *
 *     READY                  it takes commands
 *     STARTED PID            PROGRAM runs
 *     OUT TEXT               a line that PROGRAM wrote to its standard output
 *     NOTIFIED READY         PROGRAM said READY=1
 *     NOTIFIED RELOADING     PROGRAM said RELOADING=1 and, in MONOTONIC_USEC, a time that has been
 *     STATUS TEXT            PROGRAM said STATUS=TEXT
 *     STORED NAME            PROGRAM stored a descriptor; it is passed to the next PROGRAM
 *     REFUSED NAME           the store is full, or there is none
 *     REMOVED NAME           PROGRAM had it removed
 *     FORGOTTEN N            so many were in the store at "forget"
 *     ENDED exit N           PROGRAM ended by itself
 *     ENDED signal N         or was ended; everything it had said before has been told
 *     ERROR TEXT             the command made no sense
 *
 * PROGRAM has standard error in common with this program, nothing on standard input, NOTIFY_SOCKET
 * in its environment, and LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID when the store has something.
 * What another process than PROGRAM itself says is not heard. PROGRAM does not outlive this
 * program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    STORE_MAX = 16,
    NAME_MAX_BYTES = 255, /* of a stored descriptor, as systemd has it */
    MESSAGE_MAX = 4096,   /* of a notification, as systemd has it */
    LINE_MAX_BYTES = 4096,
    LISTEN_FDS_START = 3,
    LISTEN_FDS_BEYOND = 64, /* stored ones are kept from here on, clear of where they are passed */
};

struct stored {
    int fd;
    char name[NAME_MAX_BYTES + 1];
};

/* What has come of lines that end in '\n'. */
struct lines {
    int fd; /* -1: at its end */
    size_t len;
    char text[LINE_MAX_BYTES];
};

static struct {
    char **program;
    size_t store_max;
    int notify;            /* the socket */
    char notify_name[128]; /* as NOTIFY_SOCKET has it */
    int children;          /* signalfd of SIGCHLD */
    pid_t pid;             /* 0: PROGRAM does not run */
    struct lines commands, output;
    size_t stored_count;
    struct stored stored[STORE_MAX];
    bool quitting;
} manager = {.store_max = 1, .commands.fd = STDIN_FILENO, .output.fd = -1};

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* ---- lines ---- */

/* Reads what there is, and calls fn for each whole line. The last one may lack its end. */
static void read_lines(struct lines *lines, void (*fn)(char *line))
{
    size_t room = sizeof lines->text - 1 - lines->len;
    ssize_t n = read(lines->fd, lines->text + lines->len, room);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n > 0)
        lines->len += (size_t)n;
    lines->text[lines->len] = '\0';
    char *line = lines->text;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        fn(line);
    }
    lines->len = strlen(line);
    memmove(lines->text, line, lines->len + 1);
    bool full = lines->len == sizeof lines->text - 1;
    if (lines->len > 0 && (n <= 0 || full)) {
        fn(lines->text);
        lines->len = 0;
    }
    if (n <= 0) {
        close(lines->fd);
        lines->fd = -1;
    }
}

static void on_output(char *line)
{
    say("OUT %s", line);
}

/* ---- the store ---- */

static void store_forget(const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < manager.stored_count; i++) {
        if (name && strcmp(manager.stored[i].name, name) != 0)
            manager.stored[kept++] = manager.stored[i];
        else
            close(manager.stored[i].fd);
    }
    manager.stored_count = kept;
}

static bool store_has(int fd)
{
    struct stat is, other;
    for (size_t i = 0; i < manager.stored_count; i++)
        if (fstat(fd, &is) == 0 && fstat(manager.stored[i].fd, &other) == 0 &&
            is.st_dev == other.st_dev && is.st_ino == other.st_ino)
            return true;
    return false;
}

/* fd: taken. The same descriptor twice is stored once, silently, as systemd does. */
static void store_add(int fd, const char *name)
{
    if (store_has(fd)) {
        close(fd);
        return;
    }
    int kept = manager.stored_count < manager.store_max
                   ? fcntl(fd, F_DUPFD_CLOEXEC, LISTEN_FDS_BEYOND)
                   : -1;
    close(fd);
    if (kept < 0) {
        say("REFUSED %s", name);
        return;
    }
    struct stored *stored = &manager.stored[manager.stored_count++];
    stored->fd = kept;
    snprintf(stored->name, sizeof stored->name, "%s", name);
    say("STORED %s", name);
}

/* ---- notifications ---- */

struct notification {
    bool store, remove, ready, reloading;
    unsigned long long monotonic; /* microseconds; 0: not said */
    const char *name, *status;
};

static void read_assignments(char *text, struct notification *out)
{
    *out = (struct notification){.name = "stored"};
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        out->store |= strcmp(line, "FDSTORE=1") == 0;
        out->remove |= strcmp(line, "FDSTOREREMOVE=1") == 0;
        out->ready |= strcmp(line, "READY=1") == 0;
        out->reloading |= strcmp(line, "RELOADING=1") == 0;
        if (strncmp(line, "MONOTONIC_USEC=", 15) == 0)
            out->monotonic = strtoull(line + 15, NULL, 10);
        if (strncmp(line, "FDNAME=", 7) == 0 && strlen(line + 7) <= NAME_MAX_BYTES)
            out->name = line + 7;
        if (strncmp(line, "STATUS=", 7) == 0)
            out->status = line + 7;
    }
}

/* As systemd wants it: else it cannot tell this reload's READY=1 from one before. */
static bool has_been(unsigned long long monotonic)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return monotonic > 0 && monotonic <= (unsigned long long)now.tv_sec * 1000000 +
                                             (unsigned long long)now.tv_nsec / 1000;
}

static void obey(char *text, const int *fds, size_t count)
{
    struct notification said;
    read_assignments(text, &said);
    for (size_t i = 0; i < count; i++) {
        if (said.store)
            store_add(fds[i], said.name);
        else
            close(fds[i]);
    }
    if (said.remove) {
        store_forget(said.name);
        say("REMOVED %s", said.name);
    }
    if (said.reloading && has_been(said.monotonic))
        say("NOTIFIED RELOADING");
    if (said.ready)
        say("NOTIFIED READY");
    if (said.status)
        say("STATUS %s", said.status);
}

/* One message; false when there is none. */
static bool read_notification(void)
{
    char text[MESSAGE_MAX + 1];
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(STORE_MAX * sizeof(int))];
    } control;
    struct iovec part = {text, MESSAGE_MAX};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(manager.notify, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return false;
    text[n] = '\0';
    int fds[STORE_MAX];
    size_t count = 0;
    pid_t sender = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_RIGHTS) {
            count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds, CMSG_DATA(c), count * sizeof(int));
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred credentials;
            memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
            sender = credentials.pid;
        }
    }
    if (sender == manager.pid && sender != 0) {
        obey(text, fds, count);
    } else {
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
    }
    return true;
}

/* An abstract name that the kernel chooses: no file to leave behind, and none to squat. */
static void open_notify_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof address;
    int on = 1;
    manager.notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (manager.notify < 0 ||
        bind(manager.notify, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
        setsockopt(manager.notify, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
        getsockname(manager.notify, (struct sockaddr *)&address, &len) < 0)
        die("notify socket");
    int name = (int)(len - offsetof(struct sockaddr_un, sun_path) - 1);
    snprintf(manager.notify_name, sizeof manager.notify_name, "@%.*s", name, address.sun_path + 1);
}

/* ---- the program ---- */

/* In the child, before exec. */
static void pass_store(void)
{
    char text[32], names[STORE_MAX * (NAME_MAX_BYTES + 1) + 1] = "";
    size_t used = 0;
    for (size_t i = 0; i < manager.stored_count; i++) {
        if (dup2(manager.stored[i].fd, LISTEN_FDS_START + (int)i) < 0)
            die("passing a descriptor");
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ":" : "",
                                 manager.stored[i].name);
    }
    if (manager.stored_count == 0)
        return;
    snprintf(text, sizeof text, "%zu", manager.stored_count);
    setenv("LISTEN_FDS", text, 1);
    setenv("LISTEN_FDNAMES", names, 1);
    snprintf(text, sizeof text, "%d", getpid());
    setenv("LISTEN_PID", text, 1);
}

static void become_program(int output, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
        sigprocmask(SIG_SETMASK, &none, NULL) < 0 || nothing < 0 ||
        dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0)
        _exit(126);
    setenv("NOTIFY_SOCKET", manager.notify_name, 1);
    pass_store();
    execvp(manager.program[0], manager.program);
    die(manager.program[0]);
}

static void start(void)
{
    int output[2];
    pid_t parent = getpid();
    if (pipe2(output, O_CLOEXEC) < 0)
        die("pipe");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        become_program(output[1], parent);
    close(output[1]);
    manager.output = (struct lines){.fd = output[0]};
    manager.pid = pid;
    say("STARTED %d", pid);
}

/* What the program said before its end comes first. */
static void reap(void)
{
    int status;
    struct signalfd_siginfo drained;
    while (read(manager.children, &drained, sizeof drained) > 0)
        continue;
    if (manager.pid == 0 || waitpid(manager.pid, &status, WNOHANG) != manager.pid)
        return;
    while (read_notification())
        continue;
    struct pollfd more = {.fd = manager.output.fd, .events = POLLIN};
    while (manager.output.fd >= 0 && poll(&more, 1, 0) > 0)
        read_lines(&manager.output, on_output);
    if (manager.output.len > 0)
        on_output(manager.output.text);
    if (manager.output.fd >= 0) /* a child of the program's has it still */
        close(manager.output.fd);
    manager.output.fd = -1;
    manager.pid = 0;
    if (WIFSIGNALED(status))
        say("ENDED signal %d", WTERMSIG(status));
    else
        say("ENDED exit %d", WEXITSTATUS(status));
}

/* ---- commands ---- */

static void on_command(char *line)
{
    bool running = manager.pid != 0;
    if (strcmp(line, "start") == 0 && !running) {
        start();
    } else if (strcmp(line, "kill") == 0 && running) {
        kill(manager.pid, SIGKILL);
    } else if (strcmp(line, "stop") == 0 && running) {
        kill(manager.pid, SIGTERM);
    } else if (strcmp(line, "reload") == 0 && running) {
        kill(manager.pid, SIGHUP);
    } else if (strcmp(line, "forget") == 0) {
        say("FORGOTTEN %zu", manager.stored_count);
        store_forget(NULL);
    } else if (strcmp(line, "quit") == 0) {
        manager.quitting = true;
    } else {
        say("ERROR %s: %s", line, running ? "the program runs" : "the program does not run");
    }
}

static void serve(void)
{
    while (!manager.quitting && manager.commands.fd >= 0) {
        struct pollfd watched[] = {{.fd = manager.commands.fd, .events = POLLIN},
                                   {.fd = manager.notify, .events = POLLIN},
                                   {.fd = manager.children, .events = POLLIN},
                                   {.fd = manager.output.fd, .events = POLLIN}};
        if (poll(watched, 4, -1) < 0 && errno != EINTR)
            die("poll");
        if (watched[1].revents)
            read_notification();
        if (watched[3].revents)
            read_lines(&manager.output, on_output);
        if (watched[2].revents)
            reap();
        if (watched[0].revents)
            read_lines(&manager.commands, on_command);
    }
    if (manager.pid != 0) {
        kill(manager.pid, SIGKILL);
        waitpid(manager.pid, NULL, 0);
    }
}

static int usage(void)
{
    fputs("Usage: service-manager [--store-max N] PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    int at = 1;
    if (argc > 2 && strcmp(argv[1], "--store-max") == 0) {
        char *end;
        manager.store_max = strtoul(argv[2], &end, 10);
        if (*end != '\0' || manager.store_max > STORE_MAX)
            return usage();
        at = 3;
    }
    if (at >= argc)
        return usage();
    manager.program = argv + at;
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &blocked, NULL) < 0)
        die("sigprocmask");
    manager.children = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
    if (manager.children < 0)
        die("signalfd");
    open_notify_socket();
    say("READY");
    serve();
    return EXIT_SUCCESS;
}
