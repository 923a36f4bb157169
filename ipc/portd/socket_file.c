/* SPDX-License-Identifier: MIT */
/*
 * A socket file outlives a program that was killed, so finding one says nothing. A lock on a file
 * beside it does: the kernel drops it with its holder. Whoever holds the lock may take a socket
 * away on which nobody answers; without the lock two programs that start at once could each take
 * away the other's.
 */
#include "ipc/portd/socket_file.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

int socket_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof address->sun_path)
        return log_fault(ENAMETOOLONG, path);
    memcpy(address->sun_path, path, len + 1);
    return 0;
}

/* Names the folder in which path would be. */
static int folder_missing(const char *path)
{
    struct sockaddr_un copy; /* paths of sockets are that short */
    int r = socket_address(path, &copy);
    if (r < 0)
        return r;
    log_error("the folder %s does not exist", dirname(copy.sun_path));
    return -ENOENT;
}

/* A folder that is there with other rights is refused rather than changed: it may be somebody's. */
int socket_folder_private(const char *path)
{
    struct sockaddr_un copy; /* paths of sockets are that short */
    int r = socket_address(path, &copy);
    if (r < 0)
        return r;
    const char *folder = dirname(copy.sun_path);
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return errno == ENOENT ? folder_missing(folder) : log_fault(errno, folder);
    struct stat status;
    if (lstat(folder, &status) < 0)
        return log_fault(errno, folder);
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
        return log_fault(EPERM, folder);
    return 0;
}

static int take_lock(struct socket_file *file)
{
    char path[sizeof file->address.sun_path + sizeof ".lock"];
    snprintf(path, sizeof path, "%s.lock", file->address.sun_path);
    file->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->lock < 0)
        return errno == ENOENT ? folder_missing(path) : log_fault(errno, path);
    if (flock(file->lock, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EADDRINUSE : log_fault(errno, path);
    return 0;
}

/* A full backlog (EAGAIN) is a sign of life, too. */
static bool answers(const struct sockaddr_un *address, int type)
{
    CLEANUP(close_fd) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 &&
           (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
}

static int remove_stale(const struct sockaddr_un *address, int type)
{
    struct stat status;
    if (lstat(address->sun_path, &status) < 0)
        return errno == ENOENT ? 0 : log_fault(errno, address->sun_path);
    if (!S_ISSOCK(status.st_mode))
        return log_fault(EEXIST, address->sun_path);
    if (answers(address, type))
        return -EADDRINUSE;
    return unlink(address->sun_path) < 0 && errno != ENOENT ? log_fault(errno, "unlink") : 0;
}

static int bind_and_listen(struct socket_file *file, int type, mode_t mode, int backlog)
{
    const char *path = file->address.sun_path;
    file->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file->fd < 0)
        return log_fault(errno, "socket");
    /* The rights stand before the first connection can: nobody reaches a socket that does not
     * listen yet. */
    if (bind(file->fd, (const struct sockaddr *)&file->address, sizeof file->address) < 0 ||
        chmod(path, mode) < 0 || listen(file->fd, backlog) < 0)
        return log_fault(errno, path);
    return 0;
}

int socket_file_open(struct socket_file *file, const char *path, int type, mode_t mode, int backlog)
{
    int r = socket_address(path, &file->address);
    if (r == 0)
        r = take_lock(file);
    if (r == 0)
        r = remove_stale(&file->address, type);
    if (r == 0)
        r = bind_and_listen(file, type, mode, backlog);
    if (r < 0) {
        close_fd(&file->fd);
        close_fd(&file->lock);
    }
    return r;
}

/* The lock file stays: taking it away would let two programs lock two files of one name. */
void socket_file_close(struct socket_file *file)
{
    if (file->fd >= 0)
        unlink(file->address.sun_path);
    close_fd(&file->fd);
    close_fd(&file->lock);
}
