/* SPDX-License-Identifier: MIT */
/* What a service manager may pass that is not such memory, or has something else in it, or cannot
 * be locked: it is refused, wiped and replaced. */
#include "ipc/base/cleanup.h"
#include "tests/unit/test_seal_rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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
        close_fd(&manager.received);
        manager.received = clear_of_passed(odd);
        CLEANUP(seal_free) struct seal *seal = next_process();
        assert_true(fcntl(PASSED, F_GETFD) < 0);
        assert_nothing_sealed(seal);
        assert_true(hear());
        assert_non_null(strstr(manager.said, "FDSTOREREMOVE=1"));
        assert_int_equal(seal_write(seal, "own", 3), 0);
        assert_true(hear());
        assert_non_null(strstr(manager.said, "FDSTORE=1"));
        assert_sealed(seal, "own");
    }
}

/* The memory is right, and what is in it is not: chance, malice, another layout. */
static void memory_with_something_else_in_it_is_as_good_as_empty(void **state)
{
    (void)state;
    needs_memfd_secret();
    for (int pattern = 0; pattern < 3; pattern++) {
        close_fd(&manager.received);
        manager.received = memory_of(SEAL_FILE_BYTES);
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

static void an_earlier_process_seals_mine(void)
{
    struct seal *seal = seal_new();
    assert_int_equal(seal_write(seal, "mine", 4), 0);
    assert_true(hear());
    seal_free(&seal);
}

static void of_several_descriptors_the_right_one_is_taken(void **state)
{
    (void)state;
    needs_memfd_secret();
    an_earlier_process_seals_mine();
    int all[4] = {clear_of_passed(device()), plain(), manager.received, memory_of(SEAL_FILE_BYTES)};
    pass_all(all, 4, "other:session:session:session");
    struct seal *seal = seal_new();
    assert_sealed(seal, "mine");
    assert_true(fcntl(PASSED, F_GETFD) < 0);
    assert_true(fcntl(PASSED + 1, F_GETFD) < 0);
    assert_true(fcntl(PASSED + 3, F_GETFD) < 0);
    assert_false(hear());
    seal_free(&seal);
    for (int i = 0; i < 4; i++)
        if (all[i] != manager.received)
            close(all[i]);
}

/* A manager that passes what it will not take back again. */
static void without_a_store_what_is_passed_is_wiped(void **state)
{
    (void)state;
    needs_memfd_secret();
    an_earlier_process_seals_mine();
    unsetenv("NOTIFY_SOCKET");
    struct seal *seal = next_process();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAL_TEST(what_is_not_such_memory_is_refused),
        SEAL_TEST(memory_with_something_else_in_it_is_as_good_as_empty),
        SEAL_TEST(of_several_descriptors_the_right_one_is_taken),
        SEAL_TEST(without_a_store_what_is_passed_is_wiped),
        SEAL_TEST(memory_that_cannot_be_locked_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
