/* SPDX-License-Identifier: MIT */
/*
 * Sealed memory: what one process seals is there for the next and for nobody else, in memory that
 * is no file; without a service manager, or without such memory, nothing is sealed.
 */
#include "ipc/base/cleanup.h"
#include "tests/unit/test_seal_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

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
    assert_non_null(strstr(manager.said, "FDSTORE=1\n"));
    assert_non_null(strstr(manager.said, "FDNAME=session\n"));
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
    snprintf(path, sizeof path, "/proc/self/fd/%d", manager.received);
    assert_true(readlink(path, target, sizeof target - 1) > 0);
    assert_memory_equal(target, "/secretmem", 10);
    assert_true(open(path, O_RDWR | O_CLOEXEC) < 0);
    assert_true(open(path, O_RDONLY | O_CLOEXEC) < 0);
    assert_int_equal(fstat(manager.received, &is), 0);
    assert_true(ftruncate(manager.received, is.st_size - 1) < 0);
    assert_true(ftruncate(manager.received, is.st_size + 1) < 0);
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
    assert_string_equal(manager.said, "FDSTOREREMOVE=1\nFDNAME=session");
    assert_nothing_sealed(seal);
    seal_destroy(seal);
    assert_false(hear());

    assert_true(seal_available(seal));
    assert_int_equal(seal_write(seal, "again", 5), 0);
    assert_true(hear());
    assert_non_null(strstr(manager.said, "FDSTORE=1\n"));
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
    assert_non_null(strstr(manager.said, "FDSTOREREMOVE=1"));
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

int main(void)
{
    unsetenv("NOTIFY_SOCKET");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_service_manager_nothing_is_sealed),
        SEAL_TEST(what_is_sealed_is_there_for_the_next_process),
        SEAL_TEST(without_memfd_secret_nothing_is_sealed),
        SEAL_TEST(the_memory_is_no_file),
        SEAL_TEST(what_is_destroyed_is_gone),
        SEAL_TEST(nothing_is_left_of_what_was_longer),
        SEAL_TEST(the_largest_fits_and_one_more_byte_does_not),
        SEAL_TEST(nothing_can_be_sealed_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
