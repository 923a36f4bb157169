/* SPDX-License-Identifier: MIT */
#include "ipc/base/cleanup.h"
#include "ipc/base/proxy_variables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void nobody_is_told_a_password(void **state)
{
    (void)state;
    static const struct {
        const char *value, *told;
    } rows[] = {
        {"http://proxy:8080", "http://proxy:8080"},
        {"http://me:secret@proxy:8080", "http://proxy:8080"},
        {"http://me:se@c/r://et@proxy", "http://proxy"},
        {"me:secret@proxy:8080", "proxy:8080"},
        {"me:se://cret@proxy", "proxy"},
        {"localhost,.nhs.uk", "localhost,.nhs.uk"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(free_text) char *told = proxy_variable_told(rows[i].value);
        assert_string_equal(told, rows[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_is_told_a_password)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
