/* SPDX-License-Identifier: MIT */
/*
 * Sealed memory: a process that is killed, whenever it is, leaves what it had sealed and nothing
 * else; what is not such memory is refused; and without a service manager there is none.
 *
 * The test is the service manager in most of what follows: it receives the descriptor and passes it
 * to the next struct seal as systemd would. At the end the fake service manager plays it between
 * real processes, which are this program again, started with "keep".
 */
#include "agent/session/seal.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CLEAR_OF_PASSED = 100, PASSED = 3, WAIT_MS = 20000 };

/* ---- the service manager ---- */

static int notify = -1;   /* its socket */
static char said[1024];   /* the last message */
static int received = -1; /* the last descriptor */

static int open_manager(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof address;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    notify = fcntl(fd, F_DUPFD_CLOEXEC, CLEAR_OF_PASSED);
    close(fd);
    if (notify < 0 || bind(notify, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
        getsockname(notify, (struct sockaddr *)&address, &len) < 0)
        return -1;
    char name[128];
    snprintf(name, sizeof name, "@%.*s", (int)(len - offsetof(struct sockaddr_un, sun_path) - 1),
             address.sun_path + 1);
    return setenv("NOTIFY_SOCKET", name, 1);
}

static int close_manager(void **state)
{
    (void)state;
    close_fd(&notify);
    close_fd(&received);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("LISTEN_FDS");
    return 0;
}

/* The next message into said, its descriptor into received. False when there is none. */
static bool hear(void)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {said, sizeof said - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(notify, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return false;
    said[n] = '\0';
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c && c->cmsg_type == SCM_RIGHTS) {
        int fd;
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
        close_fd(&received);
        received = fcntl(fd, F_DUPFD_CLOEXEC, CLEAR_OF_PASSED);
        close(fd);
    }
    return true;
}

/* As it would be passed to this process; names with ':' between them. */
static void pass_all(const int *fds, int count, const char *names)
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

static struct seal *next_process(void)
{
    pass_all(&received, 1, "session");
    struct seal *seal = seal_new();
    assert_non_null(seal);
    assert_null(getenv("LISTEN_FDS"));
    return seal;
}

static void assert_sealed(struct seal *seal, const char *expected)
{
    CLEANUP(secret_free) struct secret *found = seal_read(seal);
    assert_non_null(found);
    assert_int_equal(secret_len(found), strlen(expected));
    assert_memory_equal(secret_peek(found), expected, strlen(expected));
}

static void assert_nothing_sealed(struct seal *seal)
{
    CLEANUP(secret_free) struct secret *found = seal_read(seal);
    assert_null(found);
}

static int secret_fd(void)
{
#ifdef SYS_memfd_secret
    return (int)syscall(SYS_memfd_secret, O_CLOEXEC);
#else
    return -1;
#endif
}

static void needs_memfd_secret(void)
{
    CLEANUP(close_fd) int fd = secret_fd();
    if (fd < 0) {
        print_message("skipped: this kernel has no memfd_secret\n");
        skip();
    }
}

static bool no_memfd_secret;
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    long a = va_arg(arguments, long), b = va_arg(arguments, long), c = va_arg(arguments, long);
    long d = va_arg(arguments, long), e = va_arg(arguments, long), f = va_arg(arguments, long);
    va_end(arguments);
#ifdef SYS_memfd_secret
    if (no_memfd_secret && number == SYS_memfd_secret) {
        errno = ENOSYS;
        return -1;
    }
#endif
    return __real_syscall(number, a, b, c, d, e, f);
}

/* ---- what it is for ---- */

static void without_a_service_manager_nothing_is_sealed(void **state)
{
    (void)state;
    CLEANUP(seal_free) struct seal *seal = seal_new();
    assert_non_null(seal);
    assert_false(seal_available(seal));
    assert_nothing_sealed(seal);
    assert_true(seal_write(seal, "x", 1) < 0);
    assert_nothing_sealed(seal);
    seal_destroy(seal);
}

static void what_is_sealed_is_there_for_the_next_process(void **state)
{
    (void)state;
    needs_memfd_secret();
    struct seal *seal = seal_new();
    assert_true(seal_available(seal));
    assert_nothing_sealed(seal);
    assert_false(hear());
    assert_int_equal(seal_write(seal, "first", 5), 0);
    assert_true(hear());
    assert_non_null(strstr(said, "FDSTORE=1\n"));
    assert_non_null(strstr(said, "FDNAME=session\n"));
    assert_sealed(seal, "first");
    assert_int_equal(seal_write(seal, "second, longer", 14), 0);
    assert_int_equal(seal_write(seal, "third", 5), 0);
    seal_free(&seal);
    assert_false(hear());

    seal = next_process();
    assert_true(seal_available(seal));
    assert_sealed(seal, "third");
    assert_int_equal(seal_write(seal, "fourth", 6), 0);
    seal_free(&seal);

    seal = next_process();
    assert_sealed(seal, "fourth");
    seal_free(&seal);
    assert_false(hear());
}

/* No other memory will do: what the manager keeps, other programs of this user could open. */
static void without_memfd_secret_nothing_is_sealed(void **state)
{
    (void)state;
    no_memfd_secret = true;
    struct seal *seal = seal_new();
    no_memfd_secret = false;
    assert_non_null(seal);
    assert_false(seal_available(seal));
    assert_true(seal_write(seal, "x", 1) < 0);
    assert_nothing_sealed(seal);
    seal_destroy(seal);
    seal_free(&seal);
    assert_false(hear());
}

/* Whoever can see the manager's descriptors cannot open this one. */
static void the_memory_is_no_file(void **state)
{
    (void)state;
    needs_memfd_secret();
    struct stat is;
    CLEANUP(seal_free) struct seal *seal = seal_new();
    assert_int_equal(seal_write(seal, "x", 1), 0);
    assert_true(hear());
    char path[32], target[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", received);
    assert_true(readlink(path, target, sizeof target - 1) > 0);
    assert_memory_equal(target, "/secretmem", 10);
    assert_true(open(path, O_RDWR | O_CLOEXEC) < 0);
    assert_true(open(path, O_RDONLY | O_CLOEXEC) < 0);
    assert_int_equal(fstat(received, &is), 0);
    assert_true(ftruncate(received, is.st_size - 1) < 0);
    assert_true(ftruncate(received, is.st_size + 1) < 0);
}

static uint8_t *map_received(void)
{
    uint8_t *at = mmap(NULL, SEAL_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, received, 0);
    assert_true(at != MAP_FAILED);
    return at;
}

static void what_is_destroyed_is_gone(void **state)
{
    (void)state;
    needs_memfd_secret();
    CLEANUP(seal_free) struct seal *seal = seal_new();
    assert_int_equal(seal_write(seal, "first", 5), 0);
    assert_int_equal(seal_write(seal, "second", 6), 0);
    assert_true(hear());
    uint8_t *memory = map_received();
    seal_destroy(seal);
    for (size_t i = 0; i < SEAL_FILE_BYTES; i++)
        assert_int_equal(memory[i], 0);
    munmap(memory, SEAL_FILE_BYTES);
    assert_true(hear());
    assert_string_equal(said, "FDSTOREREMOVE=1\nFDNAME=session");
    assert_nothing_sealed(seal);
    seal_destroy(seal);
    assert_false(hear());

    assert_true(seal_available(seal));
    assert_int_equal(seal_write(seal, "again", 5), 0);
    assert_true(hear());
    assert_non_null(strstr(said, "FDSTORE=1\n"));
    assert_sealed(seal, "again");
}

static void nothing_is_left_of_what_was_longer(void **state)
{
    (void)state;
    needs_memfd_secret();
    CLEANUP(seal_free) struct seal *seal = seal_new();
    static const char longer[] = "the tail of this must not stay behind";
    assert_int_equal(seal_write(seal, longer, sizeof longer - 1), 0);
    assert_int_equal(seal_write(seal, "a", 1), 0);
    assert_int_equal(seal_write(seal, "b", 1), 0);
    assert_true(hear());
    uint8_t *memory = map_received();
    assert_null(memmem(memory, SEAL_FILE_BYTES, "behind", 6));
    munmap(memory, SEAL_FILE_BYTES);
}

static void the_largest_fits_and_one_more_byte_does_not(void **state)
{
    (void)state;
    needs_memfd_secret();
    static uint8_t content[SEAL_BYTES_MAX + 1];
    memset(content, 0x5a, sizeof content);
    struct seal *seal = seal_new();
    assert_int_equal(seal_write(seal, content, SEAL_BYTES_MAX), 0);
    assert_true(hear());
    seal_free(&seal);
    seal = next_process();
    struct secret *found = seal_read(seal);
    assert_non_null(found);
    assert_int_equal(secret_len(found), SEAL_BYTES_MAX);
    assert_memory_equal(secret_peek(found), content, SEAL_BYTES_MAX);
    secret_free(&found);
    assert_int_equal(seal_write(seal, content, SEAL_BYTES_MAX + 1), -EMSGSIZE);
    assert_nothing_sealed(seal);
    assert_true(hear());
    assert_non_null(strstr(said, "FDSTOREREMOVE=1"));
    seal_free(&seal);
}

static void nothing_can_be_sealed_as_nothing(void **state)
{
    (void)state;
    needs_memfd_secret();
    struct seal *seal = seal_new();
    assert_int_equal(seal_write(seal, NULL, 0), 0);
    assert_true(hear());
    seal_free(&seal);
    seal = next_process();
    assert_sealed(seal, "");
    seal_free(&seal);
}

/* ---- killed ---- */

static char sealed_text[64];

/* What the next process would find in the memory as it is now; "": nothing. */
static const char *found_now(void)
{
    struct seal *seal = next_process();
    struct secret *found = seal_read(seal);
    snprintf(sealed_text, sizeof sealed_text, "%.*s", found ? (int)secret_len(found) : 0,
             found ? (const char *)secret_peek(found) : "");
    secret_free(&found);
    seal_free(&seal);
    return sealed_text;
}

/* Every state that a write may have been killed in is some of its stores done and the others not:
 * from the first on, from the last on, and in no order at all. */
static void a_write_that_was_cut_leaves_what_was_there(void **state)
{
    (void)state;
    needs_memfd_secret();
    static uint8_t before[SEAL_FILE_BYTES], after[SEAL_FILE_BYTES];
    static size_t changed[SEAL_FILE_BYTES];
    struct seal *seal = seal_new();
    assert_int_equal(seal_write(seal, "the first", 9), 0);
    assert_int_equal(seal_write(seal, "the second", 10), 0);
    assert_true(hear());
    uint8_t *memory = map_received();
    memcpy(before, memory, sizeof before);
    assert_int_equal(seal_write(seal, "and the third one", 17), 0);
    memcpy(after, memory, sizeof after);
    seal_free(&seal);
    size_t count = 0;
    for (size_t i = 0; i < sizeof before; i++)
        if (before[i] != after[i])
            changed[count++] = i;
    assert_in_range(count, 32, 256);

    for (size_t done = 0; done <= count; done++) {
        for (int backwards = 0; backwards < 2; backwards++) {
            memcpy(memory, before, sizeof before);
            for (size_t i = 0; i < done; i++) {
                size_t at = changed[backwards ? count - 1 - i : i];
                memory[at] = after[at];
            }
            assert_string_equal(found_now(), done < count ? "the second" : "and the third one");
        }
    }
    uint32_t random = 1;
    for (int round = 0; round < 500; round++) {
        memcpy(memory, before, sizeof before);
        size_t done = 0;
        for (size_t i = 0; i < count; i++) {
            random = random * 1664525 + 1013904223;
            if (random >> 31) {
                memory[changed[i]] = after[changed[i]];
                done++;
            }
        }
        assert_string_equal(found_now(), done < count ? "the second" : "and the third one");
    }
    munmap(memory, SEAL_FILE_BYTES);
}

/* What the memory was like in the middle and at the end of each wipe. */
static uint8_t *watched;
static uint8_t seen[8][SEAL_FILE_BYTES];
static size_t seen_count;

static void wipe(void *at, size_t len)
{
    for (volatile uint8_t *byte = at; len > 0; len--)
        *byte++ = 0;
    if (watched && seen_count < sizeof seen / sizeof *seen)
        memcpy(seen[seen_count++], watched, SEAL_FILE_BYTES);
}

void __wrap_explicit_bzero(void *at, size_t len);
void __wrap_explicit_bzero(void *at, size_t len)
{
    wipe(at, len / 2);
    wipe((uint8_t *)at + len / 2, len - len / 2);
}

/* What the above is called where the C library checks sizes. */
void __wrap___explicit_bzero_chk(void *at, size_t len, size_t room);
void __wrap___explicit_bzero_chk(void *at, size_t len, size_t room)
{
    (void)room;
    __wrap_explicit_bzero(at, len);
}

/* Likewise, a content that is destroyed is there or it is not; an older one never comes back. */
static void a_wipe_that_was_cut_brings_nothing_back(void **state)
{
    (void)state;
    needs_memfd_secret();
    for (int writes = 2; writes <= 3; writes++) {
        struct seal *seal = seal_new();
        for (int i = 1; i < writes; i++)
            assert_int_equal(seal_write(seal, "older", 5), 0);
        assert_int_equal(seal_write(seal, "newer", 5), 0);
        assert_true(hear());
        uint8_t *memory = map_received();
        seen_count = 0;
        watched = memory;
        seal_destroy(seal);
        watched = NULL;
        seal_free(&seal);
        assert_true(hear());
        assert_true(seen_count >= 2);
        for (size_t i = 0; i < seen_count; i++) {
            memcpy(memory, seen[i], SEAL_FILE_BYTES);
            assert_string_not_equal(found_now(), "older");
        }
        assert_string_equal(found_now(), "");
        munmap(memory, SEAL_FILE_BYTES);
    }
}

/* Writes without end; a byte to the pipe after the first. */
__attribute__((noreturn)) static void write_for_ever(int told)
{
    static char one[SEAL_BYTES_MAX], two[SEAL_BYTES_MAX / 2];
    memset(one, '1', sizeof one);
    memset(two, '2', sizeof two);
    if (received >= 0)
        pass_all(&received, 1, "session");
    struct seal *seal = seal_new();
    for (;;) {
        if (seal_write(seal, one, sizeof one) < 0 || write(told, "x", 1) < 0 ||
            seal_write(seal, two, sizeof two) < 0)
            _exit(1);
    }
}

static void a_process_that_is_killed_leaves_one_whole_content(void **state)
{
    (void)state;
    needs_memfd_secret();
    for (int round = 0; round < 40; round++) {
        int told[2];
        char byte;
        assert_int_equal(pipe2(told, O_CLOEXEC | O_NONBLOCK), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            int clear = fcntl(told[1], F_DUPFD, CLEAR_OF_PASSED);
            fcntl(clear, F_SETFL, 0);
            write_for_ever(clear);
        }
        close(told[1]);
        for (int wait = 0; wait <= round % 7; wait++) { /* at another moment each time */
            struct pollfd ready = {.fd = told[0], .events = POLLIN};
            assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
            assert_int_equal(read(told[0], &byte, 1), 1);
        }
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        close(told[0]);
        while (hear())
            continue;
        struct seal *seal = next_process();
        struct secret *found = seal_read(seal);
        assert_non_null(found);
        size_t len = secret_len(found);
        const uint8_t *bytes = secret_peek(found);
        assert_int_equal(len, bytes[0] == '1' ? SEAL_BYTES_MAX : SEAL_BYTES_MAX / 2);
        for (size_t i = 0; i < len; i++)
            if (bytes[i] != bytes[0])
                fail_msg("two contents in one, at %zu", i);
        secret_free(&found);
        seal_free(&seal);
    }
}

/* ---- what is not ours ---- */

static int clear_of_passed(int fd)
{
    int clear = fcntl(fd, F_DUPFD_CLOEXEC, CLEAR_OF_PASSED);
    close(fd);
    return clear;
}

static int memory_of(off_t size)
{
    int fd = secret_fd();
    assert_true(fd >= 0 && ftruncate(fd, size) == 0);
    return clear_of_passed(fd);
}

/* Right but for its kind. */
static int plain_memory(int seals)
{
    int fd = memfd_create("odd", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0 && ftruncate(fd, SEAL_FILE_BYTES) == 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return clear_of_passed(fd);
}

static int device(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int file(void)
{
    char path[] = "/tmp/lanyard-test-seal-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    assert_int_equal(ftruncate(fd, SEAL_FILE_BYTES), 0);
    return fd;
}

static int plain(void)
{
    return plain_memory(0);
}

static int sealed_in_size(void)
{
    return plain_memory(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

static int empty(void)
{
    return memory_of(0);
}

static int too_small(void)
{
    return memory_of(SEAL_FILE_BYTES - 4096);
}

static int too_large(void)
{
    return memory_of(SEAL_FILE_BYTES + 4096);
}

static int another_users(void)
{
    int fd = memory_of(SEAL_FILE_BYTES);
    if (getuid() == 0)
        assert_int_equal(fchown(fd, 65534, 65534), 0);
    return fd;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void what_is_not_such_memory_is_refused(void **state)
{
    (void)state;
    needs_memfd_secret();
    static int (*const make[])(void) = {device,    file,      plain,       sealed_in_size, empty,
                                        too_small, too_large, unix_socket, another_users};
    size_t count = sizeof make / sizeof *make - (getuid() != 0);
    for (size_t i = 0; i < count; i++) {
        int odd = make[i]();
        assert_true(odd >= 0);
        close_fd(&received);
        received = fcntl(odd, F_DUPFD_CLOEXEC, CLEAR_OF_PASSED);
        close(odd);
        CLEANUP(seal_free) struct seal *seal = next_process();
        assert_true(fcntl(PASSED, F_GETFD) < 0);
        assert_nothing_sealed(seal);
        assert_true(hear());
        assert_non_null(strstr(said, "FDSTOREREMOVE=1"));
        assert_int_equal(seal_write(seal, "own", 3), 0);
        assert_true(hear());
        assert_non_null(strstr(said, "FDSTORE=1"));
        assert_sealed(seal, "own");
    }
}

/* The memory is right, and what is in it is not: chance, malice, another layout. */
static void memory_with_something_else_in_it_is_as_good_as_empty(void **state)
{
    (void)state;
    needs_memfd_secret();
    for (int pattern = 0; pattern < 3; pattern++) {
        close_fd(&received);
        received = memory_of(SEAL_FILE_BYTES);
        uint8_t *memory = map_received();
        for (size_t i = 0; i < SEAL_FILE_BYTES; i++)
            memory[i] = (uint8_t)(pattern == 0 ? 0 : pattern == 1 ? 0xff : i * 31);
        munmap(memory, SEAL_FILE_BYTES);
        struct seal *seal = next_process();
        assert_nothing_sealed(seal);
        assert_int_equal(seal_write(seal, "own", 3), 0);
        seal_free(&seal);
        seal = next_process();
        assert_sealed(seal, "own");
        seal_free(&seal);
    }
}

static void of_several_descriptors_the_right_one_is_taken(void **state)
{
    (void)state;
    needs_memfd_secret();
    struct seal *seal = seal_new();
    assert_int_equal(seal_write(seal, "mine", 4), 0);
    assert_true(hear());
    seal_free(&seal);
    int all[4] = {device(), plain(), received, memory_of(SEAL_FILE_BYTES)};
    all[0] = fcntl(all[0], F_DUPFD_CLOEXEC, CLEAR_OF_PASSED);
    close(PASSED);
    pass_all(all, 4, "other:session:session:session");
    seal = seal_new();
    assert_sealed(seal, "mine");
    assert_true(fcntl(PASSED, F_GETFD) < 0);
    assert_true(fcntl(PASSED + 1, F_GETFD) < 0);
    assert_true(fcntl(PASSED + 3, F_GETFD) < 0);
    assert_false(hear());
    seal_free(&seal);
    for (int i = 0; i < 4; i++)
        if (all[i] != received)
            close(all[i]);
}

/* A manager that passes what it will not take back again. */
static void without_a_store_what_is_passed_is_wiped(void **state)
{
    (void)state;
    needs_memfd_secret();
    struct seal *seal = seal_new();
    assert_int_equal(seal_write(seal, "mine", 4), 0);
    assert_true(hear());
    seal_free(&seal);
    unsetenv("NOTIFY_SOCKET");
    seal = next_process();
    assert_false(seal_available(seal));
    assert_nothing_sealed(seal);
    seal_free(&seal);
    uint8_t *memory = map_received();
    assert_null(memmem(memory, SEAL_FILE_BYTES, "mine", 4));
    munmap(memory, SEAL_FILE_BYTES);
}

static void memory_that_cannot_be_locked_is_none(void **state)
{
    (void)state;
    needs_memfd_secret();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(2);
        setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0});
        struct seal *seal = seal_new();
        int status = seal && !seal_available(seal) && seal_write(seal, "x", 1) < 0 ? 0 : 1;
        seal_free(&seal);
        _exit(status);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_false(hear());
}

/* ---- with real processes ---- */

/* This program as a service: says what it finds, seals its own number, and waits to be killed. */
static int keep(void)
{
    struct seal *seal = seal_new();
    struct secret *found = seal_read(seal);
    printf("found %.*s\n", found ? (int)secret_len(found) : 7,
           found ? (const char *)secret_peek(found) : "nothing");
    char text[32];
    int len = snprintf(text, sizeof text, "%d", getpid());
    printf("%s\n", seal_write(seal, text, (size_t)len) == 0 ? "sealed" : "not sealed");
    fflush(stdout);
    pause();
    return 0;
}

struct service {
    pid_t pid;
    FILE *commands, *lines;
    char line[512];
};

static void service_end(struct service *service)
{
    if (service->commands)
        fclose(service->commands);
    if (service->lines)
        fclose(service->lines);
    if (service->pid > 0)
        waitpid(service->pid, NULL, 0);
}

static void service_begin(struct service *service, const char *store_max)
{
    static const char manager[] = LANYARD_BUILD "/tests/fake/service-manager/service-manager";
    int commands[2], lines[2];
    assert_int_equal(pipe2(commands, O_CLOEXEC), 0);
    assert_int_equal(pipe2(lines, O_CLOEXEC), 0);
    service->pid = fork();
    assert_true(service->pid >= 0);
    if (service->pid == 0) {
        dup2(commands[0], STDIN_FILENO);
        dup2(lines[1], STDOUT_FILENO);
        char self[256] = "";
        ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
        if (len > 0)
            execl(manager, manager, "--store-max", store_max, self, "keep", NULL);
        _exit(127);
    }
    close(commands[0]);
    close(lines[1]);
    service->commands = fdopen(commands[1], "w");
    service->lines = fdopen(lines[0], "r");
    assert_non_null(service->commands);
    assert_non_null(service->lines);
    setvbuf(service->lines, NULL, _IONBF, 0);
}

static void command(struct service *service, const char *text)
{
    fprintf(service->commands, "%s\n", text);
    fflush(service->commands);
}

/* The next line that begins so; what follows its beginning. Others before it are passed over. */
static const char *wait_for(struct service *service, const char *beginning)
{
    for (;;) {
        struct pollfd ready = {.fd = fileno(service->lines), .events = POLLIN};
        if (poll(&ready, 1, WAIT_MS) != 1 ||
            !fgets(service->line, sizeof service->line, service->lines))
            fail_msg("waited in vain for \"%s\"", beginning);
        service->line[strcspn(service->line, "\n")] = '\0';
        if (strncmp(service->line, beginning, strlen(beginning)) == 0)
            return service->line + strlen(beginning);
    }
}

static void a_killed_service_finds_what_it_had_sealed(void **state)
{
    (void)state;
    needs_memfd_secret();
    CLEANUP(service_end) struct service service = {0};
    service_begin(&service, "1");
    wait_for(&service, "READY");
    char before[32] = "nothing";
    static const struct {
        const char *command, *ended;
    } ends[] = {{"kill", "signal 9"}, {"kill", "signal 9"}, {"stop", "signal 15"}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char pid[32];
        command(&service, "start");
        snprintf(pid, sizeof pid, "%s", wait_for(&service, "STARTED "));
        assert_string_equal(wait_for(&service, "OUT found "), before);
        assert_string_equal(wait_for(&service, "OUT sealed"), "");
        snprintf(before, sizeof before, "%s", pid);
        command(&service, ends[i].command);
        assert_string_equal(wait_for(&service, "ENDED "), ends[i].ended);
    }
    command(&service, "forget");
    assert_string_equal(wait_for(&service, "FORGOTTEN "), "1");
    command(&service, "start");
    assert_string_equal(wait_for(&service, "OUT found "), "nothing");
    command(&service, "start");
    assert_string_equal(wait_for(&service, "ERROR "), "start: the program runs");
}

static void a_manager_without_a_store_keeps_nothing(void **state)
{
    (void)state;
    CLEANUP(service_end) struct service service = {0};
    service_begin(&service, "0");
    for (int round = 0; round < 2; round++) {
        command(&service, "start");
        assert_string_equal(wait_for(&service, "OUT found "), "nothing");
        command(&service, "kill");
        wait_for(&service, "ENDED ");
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_manager, close_manager)

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "keep") == 0)
        return keep();
    unsetenv("NOTIFY_SOCKET");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_service_manager_nothing_is_sealed),
        T(what_is_sealed_is_there_for_the_next_process),
        T(without_memfd_secret_nothing_is_sealed),
        T(the_memory_is_no_file),
        T(what_is_destroyed_is_gone),
        T(nothing_is_left_of_what_was_longer),
        T(the_largest_fits_and_one_more_byte_does_not),
        T(nothing_can_be_sealed_as_nothing),
        T(a_write_that_was_cut_leaves_what_was_there),
        T(a_wipe_that_was_cut_brings_nothing_back),
        T(a_process_that_is_killed_leaves_one_whole_content),
        T(what_is_not_such_memory_is_refused),
        T(memory_with_something_else_in_it_is_as_good_as_empty),
        T(of_several_descriptors_the_right_one_is_taken),
        T(without_a_store_what_is_passed_is_wiped),
        T(memory_that_cannot_be_locked_is_none),
        cmocka_unit_test(a_killed_service_finds_what_it_had_sealed),
        cmocka_unit_test(a_manager_without_a_store_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
