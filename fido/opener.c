/* SPDX-License-Identifier: MIT */
/*
 * A question is a path, an answer a number, 0 or an errno, with the descriptor. The one that opens
 * believes nothing of what it is asked; the one that asks has nobody else to ask.
 */
#include "fido/opener.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 32 };

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

static int opener = -1;

/* ---- it ---- */

static bool is_hidraw(const char *path)
{
    static const char beginning[] = "/dev/hidraw";
    size_t len = sizeof beginning - 1;
    return strncmp(path, beginning, len) == 0 && path[len] != '\0' &&
           strspn(path + len, "0123456789") == strlen(path + len);
}

static ssize_t answer(int asker, int error, int device)
{
    union control control = {0};
    struct iovec piece = {&error, sizeof error};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (error == 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof device);
        memcpy(CMSG_DATA(&control.header), &device, sizeof device);
    }
    return sendmsg(asker, &message, MSG_NOSIGNAL);
}

static void serve(int asker)
{
    char path[PATH_BYTES_MAX + 1];
    ssize_t len, sent = 1;
    while (sent > 0 && (len = recv(asker, path, PATH_BYTES_MAX, 0)) > 0) {
        path[len] = '\0';
        int error = is_hidraw(path) ? 0 : EACCES;
        CLEANUP(close_fd)
        int device = error == 0 ? open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
        if (error == 0 && device < 0)
            error = errno;
        sent = answer(asker, error, device);
    }
}

int opener_start(int agent, int (*give_up)(void))
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return log_fault(errno, "socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        close(agent);
        close(ends[0]);
        if (give_up() == 0)
            serve(ends[1]);
        _exit(EXIT_SUCCESS);
    }
    int error = errno;
    close(ends[1]);
    opener = ends[0];
    return pid < 0 ? log_fault(error, "fork") : 0;
}

/* ---- who asks ---- */

static int receive_answer(void)
{
    int error = 0, device = -1;
    union control control = {0};
    struct iovec piece = {&error, sizeof error};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    if (recvmsg(opener, &message, MSG_CMSG_CLOEXEC) != sizeof error)
        return log_fault(EPIPE, "opener");
    if (error != 0)
        return -error;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof device))
        return log_fault(EPROTO, "opener");
    memcpy(&device, CMSG_DATA(header), sizeof device);
    return device;
}

int opener_open(const char *path)
{
    size_t len = strlen(path);
    if (len == 0 || len > PATH_BYTES_MAX)
        return -EACCES;
    return send(opener, path, len, MSG_NOSIGNAL) < 0 ? log_fault(EPIPE, "opener")
                                                     : receive_answer();
}
