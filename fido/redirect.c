/* SPDX-License-Identifier: MIT */
/* The transport itself, 64-byte reports on a stream, is device.c's: there it differs from a hidraw
 * device by one leading byte. Here is only how the stream is come by. */
#include "fido/redirect.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

int redirect_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >=
        (int)sizeof address.sun_path)
        return -ENAMETOOLONG;
    CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    uid_t uid;
    pid_t pid;
    int r = harden_peer(fd, &uid, &pid);
    if (r < 0)
        return r;
    if (uid != geteuid() && uid != 0) {
        log_error("%s: user %u listens there, who is not this one", path, (unsigned)uid);
        return -EACCES;
    }
    return steal_fd(&fd);
}
