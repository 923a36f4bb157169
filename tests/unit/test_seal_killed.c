/* SPDX-License-Identifier: MIT */
/* A process that is killed, whenever it is, leaves what it had sealed and nothing else: not half of
 * a write, and nothing of what was wiped. */
#include "tests/unit/test_seal_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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
    if (manager.received >= 0)
        pass_all(&manager.received, 1, "session");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAL_TEST(a_write_that_was_cut_leaves_what_was_there),
        SEAL_TEST(a_wipe_that_was_cut_brings_nothing_back),
        SEAL_TEST(a_process_that_is_killed_leaves_one_whole_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
