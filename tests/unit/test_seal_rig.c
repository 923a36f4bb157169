/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_seal_rig.h"

#include "ipc/base/cleanup.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct manager manager = {.received = -1};
static int notify = -1; /* its socket */

int clear_of_passed(int fd)
{
    int clear = fcntl(fd, F_DUPFD_CLOEXEC, CLEAR_OF_PASSED);
    close(fd);
    return clear;
}

int rig_setup(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof address;
    notify = clear_of_passed(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (notify < 0 || bind(notify, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
        getsockname(notify, (struct sockaddr *)&address, &len) < 0)
        return -1;
    char name[128];
    snprintf(name, sizeof name, "@%.*s", (int)(len - offsetof(struct sockaddr_un, sun_path) - 1),
             address.sun_path + 1);
    return setenv("NOTIFY_SOCKET", name, 1);
}

int rig_teardown(void **state)
{
    (void)state;
    close_fd(&notify);
    close_fd(&manager.received);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("LISTEN_FDS");
    return 0;
}

bool hear(void)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {manager.said, sizeof manager.said - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(notify, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return false;
    manager.said[n] = '\0';
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c && c->cmsg_type == SCM_RIGHTS) {
        int fd;
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
        close_fd(&manager.received);
        manager.received = clear_of_passed(fd);
    }
    return true;
}

void pass_all(const int *fds, int count, const char *names)
{
    char text[32];
    for (int i = 0; i < count; i++)
        assert_int_equal(dup2(fds[i], PASSED + i), PASSED + i);
    snprintf(text, sizeof text, "%d", count);
    setenv("LISTEN_FDS", text, 1);
    setenv("LISTEN_FDNAMES", names, 1);
    snprintf(text, sizeof text, "%d", getpid());
    setenv("LISTEN_PID", text, 1);
}

struct seal *next_process(void)
{
    pass_all(&manager.received, 1, "session");
    struct seal *seal = seal_new();
    assert_non_null(seal);
    assert_null(getenv("LISTEN_FDS"));
    return seal;
}

void assert_sealed(struct seal *seal, const char *expected)
{
    CLEANUP(secret_free) struct secret *found = seal_read(seal);
    assert_non_null(found);
    assert_int_equal(secret_len(found), strlen(expected));
    assert_memory_equal(secret_peek(found), expected, strlen(expected));
}

void assert_nothing_sealed(struct seal *seal)
{
    CLEANUP(secret_free) struct secret *found = seal_read(seal);
    assert_null(found);
}

int secret_fd(void)
{
#ifdef SYS_memfd_secret
    return (int)syscall(SYS_memfd_secret, O_CLOEXEC);
#else
    return -1;
#endif
}

void needs_memfd_secret(void)
{
    CLEANUP(close_fd) int fd = secret_fd();
    if (fd < 0) {
        print_message("skipped: this kernel has no memfd_secret\n");
        skip();
    }
}

uint8_t *map_received(void)
{
    uint8_t *at =
        mmap(NULL, SEAL_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, manager.received, 0);
    assert_true(at != MAP_FAILED);
    return at;
}
