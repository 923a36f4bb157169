/* SPDX-License-Identifier: MIT */
/* A secret holds no more than its capacity, and nothing beyond what counts. */
#include "ipc/base/cleanup.h"
#include "ipc/base/secret.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void appends_up_to_its_capacity(void **state)
{
    (void)state;
    CLEANUP(secret_free) struct secret *s = secret_new(6);
    assert_non_null(s);
    assert_int_equal(secret_capacity(s), 6);
    assert_int_equal(secret_append(s, "1234", 4), 0);
    assert_int_equal(secret_append(s, "567", 3), -ENOSPC);
    assert_int_equal(secret_len(s), 4);
    assert_memory_equal(secret_peek(s), "1234", 4);
}

static void shortening_wipes_the_rest(void **state)
{
    (void)state;
    CLEANUP(secret_free) struct secret *s = secret_new(8);
    secret_append(s, "12345678", 8);
    secret_set_len(s, 2);
    assert_memory_equal(secret_bytes(s), "12\0\0\0\0\0\0", 8);
    secret_wipe(s);
    assert_int_equal(secret_len(s), 0);
    assert_memory_equal(secret_bytes(s), "\0\0", 2);
}

static void bounds_and_null(void **state)
{
    (void)state;
    assert_null(secret_new(0));
    assert_null(secret_new(458753));
    struct secret *none = NULL;
    secret_free(&none);
    secret_wipe(NULL);
}

static void a_forked_child_sees_zeros(void **state)
{
    (void)state;
    CLEANUP(secret_free) struct secret *s = secret_new(4);
    secret_append(s, "1234", 4);
    pid_t child = fork();
    if (child == 0)
        _exit(memcmp(secret_peek(s), "\0\0\0\0", 4) == 0 ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_up_to_its_capacity),
        cmocka_unit_test(shortening_wipes_the_rest),
        cmocka_unit_test(bounds_and_null),
        cmocka_unit_test(a_forked_child_sees_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
