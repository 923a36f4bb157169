/* SPDX-License-Identifier: MIT */
/* Memory and descriptors that fail. */
#include "tests/fuzz/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

WRAP(malloc, void *, NULL, ENOMEM, (size_t size), (size))
WRAP(calloc, void *, NULL, ENOMEM, (size_t count, size_t size), (count, size))
WRAP(realloc, void *, NULL, ENOMEM, (void *old, size_t size), (old, size))
WRAP(reallocarray, void *, NULL, ENOMEM, (void *old, size_t count, size_t size), (old, count, size))
WRAP(strdup, char *, NULL, ENOMEM, (const char *text), (text))
WRAP(strndup, char *, NULL, ENOMEM, (const char *text, size_t len), (text, len))
WRAP(mmap, void *, MAP_FAILED, ENOMEM,
     (void *at, size_t len, int protection, int flags, int fd, off_t offset),
     (at, len, protection, flags, fd, offset))
WRAP(mlock, int, -1, ENOMEM, (const void *at, size_t len), (at, len))
WRAP(read, ssize_t, -1, EIO, (int fd, void *data, size_t len), (fd, data, len))
WRAP(write, ssize_t, -1, EIO, (int fd, const void *data, size_t len), (fd, data, len))
WRAP(send, ssize_t, -1, EPIPE, (int fd, const void *data, size_t len, int flags),
     (fd, data, len, flags))
WRAP(recv, ssize_t, -1, ECONNRESET, (int fd, void *data, size_t len, int flags),
     (fd, data, len, flags))
WRAP(sendmsg, ssize_t, -1, EPIPE, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(recvmsg, ssize_t, -1, ECONNRESET, (int fd, struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(socketpair, int, -1, EMFILE, (int domain, int type, int protocol, int fds[2]),
     (domain, type, protocol, fds))
WRAP(pipe2, int, -1, EMFILE, (int fds[2], int flags), (fds, flags))
WRAP(fopen, FILE *, NULL, EMFILE, (const char *path, const char *mode), (path, mode))
WRAP(fmemopen, FILE *, NULL, ENOMEM, (void *data, size_t len, const char *mode), (data, len, mode))
WRAP(open_memstream, FILE *, NULL, ENOMEM, (char **data, size_t *len), (data, len))
WRAP(getrandom, ssize_t, -1, EIO, (void *data, size_t len, unsigned flags), (data, len, flags))
WRAP(epoll_create1, int, -1, EMFILE, (int flags), (flags))
WRAP(epoll_ctl, int, -1, ENOMEM, (int fd, int what, int watched, struct epoll_event *event),
     (fd, what, watched, event))
WRAP(fstat, int, -1, EIO, (int fd, struct stat *status), (fd, status))

WRAP_BY_HAND(asprintf);
__attribute__((format(printf, 2, 3))) int __wrap_asprintf(char **out, const char *format, ...);
int __wrap_asprintf(char **out, const char *format, ...)
{
    if (fault_strikes()) {
        errno = ENOMEM;
        return -1;
    }
    va_list arguments;
    va_start(arguments, format);
    int len = vasprintf(out, format, arguments);
    va_end(arguments);
    return len;
}
