/* SPDX-License-Identifier: MIT */
/*
 * A filter sees the numbers that a call is made with, but not the address behind one; so it can
 * tell a socket's kind, but not whom it is connected with. Therefore the kernel asks another
 * process of ours about each connect() (seccomp_unotify(2)), and what that one answers does not
 * depend on the address at all, which whoever asks could change meanwhile: it makes a socket,
 * connects it with the one place there is, puts it over the descriptor that was named, and says
 * that all is well. Nobody's memory is read, and no call is let through.
 *
 * A client of another service would then wait for an answer that pcscd does not give: OpenSC looks
 * for the session bus while it is loaded. So it is refused where it shows, by how long its address
 * is: libpcsclite counts the path with its end, most others the whole structure. Nothing hangs on
 * that but who is refused and who is disappointed.
 *
 * Who answers is a child of the process, and neither the agent nor doctor: the kernel lets it wait
 * until the descriptor is replaced, and what was there is closed, which the other side can draw out
 * (a file of a network's, say). Whoever starts lanyard-card need not know that it exists.
 *
 * It is forked before anything is confined, so that it is outside of the other's Landlock domain,
 * which can then neither trace nor (from version 6) signal it, and keeps nothing but the listener.
 * It ends with the process. If it ends before, connect() fails with ENOSYS, and no other listener
 * can be had: the filter refuses seccomp().
 *
 * SECCOMP_FILTER_FLAG_TSYNC_ESRCH, which nobody needs here, is of Linux 5.7: a kernel that is older
 * says so by refusing it. Version 5.9 can replace a descriptor; on the two in between, which nobody
 * maintains, nothing is connected.
 */
#include "ipc/confine/confine.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/confine/filters.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

union descriptor_space {
    struct cmsghdr aligned;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int send_descriptor(int channel, int fd)
{
    union descriptor_space space = {0};
    struct iovec part = {&(char){0}, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = space.bytes,
                             .msg_controllen = sizeof space.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    ssize_t sent;
    do
        sent = sendmsg(channel, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? log_fault(errno, "to lanyard-connect") : 0;
}

/* -1: there is none. */
static int receive_descriptor(int channel)
{
    union descriptor_space space = {0};
    struct iovec part = {&(char){0}, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = space.bytes,
                             .msg_controllen = sizeof space.bytes};
    ssize_t got;
    do
        got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    const struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    int fd = -1;
    if (header && header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

/* ---- the one that connects ---- */

/* Waiting for a service that is busy keeps nobody but the one that asks. */
static int connect_with(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    return steal_fd(&fd);
}

/* Some know /run by its other name, /var/run. */
static bool may_mean(const char *path, const struct seccomp_notif *asked)
{
    size_t said = (uint32_t)asked->data.args[2];
    size_t len = offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
    return said == len || said == len + strlen("/var");
}

/* Whichever descriptor it is, the worst is that the other has closed one of its own. */
static int connect_for(int listener, const struct seccomp_notif *asked, const char *path)
{
    CLEANUP(close_fd) int fd = connect_with(path);
    if (fd < 0)
        return fd;
    struct seccomp_notif_addfd replacement = {
        .id = asked->id,
        .flags = SECCOMP_ADDFD_FLAG_SETFD,
        .srcfd = (uint32_t)fd,
        .newfd = (uint32_t)asked->data.args[0],
        .newfd_flags = O_CLOEXEC,
    };
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &replacement) < 0 ? -errno : 0;
}

/* Who has asked may be gone at any step: that is nobody's mistake. */
static void answer(int listener, const char *path)
{
    struct seccomp_notif asked = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
        return;
    struct seccomp_notif_resp said = {.id = asked.id};
    said.error = may_mean(path, &asked) ? connect_for(listener, &asked, path) : -ECONNREFUSED;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &said);
}

static _Noreturn void serve(int channel, const char *path, pid_t parent)
{
    enum { CHANNEL = STDERR_FILENO + 1, LISTENER };
    if (harden_die_with_parent(parent) < 0 || prctl(PR_SET_NAME, "lanyard-connect") < 0)
        _exit(EXIT_FAILURE);
    if (channel != CHANNEL && dup2(channel, CHANNEL) < 0) {
        log_fault(errno, "lanyard-connect");
        _exit(EXIT_FAILURE);
    }
    closefrom(LISTENER);
    int listener = receive_descriptor(CHANNEL);
    close(CHANNEL);
    if (listener < 0)
        _exit(EXIT_SUCCESS);
    if (confine_reach(NULL, 0, 0) < 0 || confine_calls(CONFINE_CONNECTOR) < 0)
        _exit(EXIT_FAILURE);
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    while (poll(&waiting, 1, -1) < 0 ? errno == EINTR : waiting.revents == POLLIN)
        answer(listener, path);
    _exit(EXIT_SUCCESS); /* nobody is left that could ask */
}

/* ---- the one that is confined ---- */

/* The listener, or -errno. */
static int listen_to_calls(void)
{
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                     SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC |
                         SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
                     &confine_filters[CONFINE_CARD]);
    return r < 0 ? -errno : (int)r;
}

static int go_alone(pid_t connector, int *channel)
{
    close_fd(channel);
    waitpid(connector, NULL, 0);
    log_warning("this kernel does not let us say which sockets are connected: what reads cards "
                "reaches other programs'");
    return confine_calls(CONFINE_CARD_ALONE);
}

int confine_connections(const char *path)
{
    if (LANYARD_INSTRUMENTED)
        return confine_calls(CONFINE_CARD);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return log_fault(errno, "socketpair");
    CLEANUP(close_fd) int channel = pair[0];
    pid_t parent = getpid(), connector = fork();
    if (connector == 0)
        serve(pair[1], path, parent);
    close(pair[1]);
    if (connector < 0)
        return log_fault(errno, "fork");
    CLEANUP(close_fd) int listener = listen_to_calls();
    if (listener == -EINVAL || listener == -EBUSY)
        return go_alone(connector, &channel);
    if (listener < 0)
        return log_fault(-listener, "seccomp");
    return send_descriptor(channel, listener);
}
