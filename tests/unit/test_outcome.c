/* SPDX-License-Identifier: MIT */
/* The outcome table, read back: every row is found by number and by reason, nothing else is. */
#include "ipc/base/outcome.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROW(name, number, reason, sentence, advice) {number, reason, sentence, advice},
static const struct {
    int number;
    const char *reason, *sentence, *advice;
} rows[] = {OUTCOME_TABLE(ROW)};
#undef ROW

enum { ROWS = sizeof rows / sizeof *rows };

static void every_row_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(outcome_of(rows[i].number), rows[i].number);
        assert_string_equal(outcome_reason(rows[i].number), rows[i].reason);
        assert_string_equal(outcome_sentence(rows[i].number), rows[i].sentence);
        assert_string_equal(outcome_advice(rows[i].number), rows[i].advice);
        assert_int_equal(outcome_from_reason(rows[i].reason), rows[i].number);
    }
}

static void numbers_and_reasons_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        assert_in_range(rows[i].number, 1001, 1999);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(rows[i].number, rows[j].number);
            assert_string_not_equal(rows[i].reason, rows[j].reason);
        }
    }
}

static void texts_are_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        assert_true(strspn(rows[i].reason, "abcdefghijklmnopqrstuvwxyz-") ==
                    strlen(rows[i].reason));
        assert_int_equal(rows[i].sentence[strlen(rows[i].sentence) - 1], '.');
        assert_int_equal(rows[i].advice[strlen(rows[i].advice) - 1], '.');
    }
}

static void success_is_success_alone(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(0), OUTCOME_OK);
    assert_string_equal(outcome_reason(0), "ok");
    static const int others[] = {-1, -ENOMEM, -EPROTO, 1, 1000, 2000, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(outcome_of(others[i]), OUTCOME_INTERNAL);
        assert_string_equal(outcome_reason(others[i]), "internal");
    }
    assert_int_equal(outcome_from_reason("ok"), OUTCOME_INTERNAL);
    assert_int_equal(outcome_from_reason(""), OUTCOME_INTERNAL);
    assert_int_equal(outcome_from_reason("PIN-WRONG"), OUTCOME_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found),
        cmocka_unit_test(numbers_and_reasons_are_unique),
        cmocka_unit_test(texts_are_sentences),
        cmocka_unit_test(success_is_success_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
