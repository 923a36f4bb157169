/* SPDX-License-Identifier: MIT */
/* The parts of lanyard-fido that need no key: its map of errors, texts. */
#include "fido/error.h"
#include "fido/text.h"
#include "ipc/base/outcome.h"

#include <fido.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- errors ---- */

static void only_ok_is_ok(void **state)
{
    (void)state;
    for (int code = -300; code <= 300; code++) {
        int outcome = error_outcome(code);
        assert_int_equal(outcome == OUTCOME_OK, code == FIDO_OK);
        assert_int_equal(outcome_of(outcome), outcome);
        assert_int_not_equal(outcome, OUTCOME_INTERNAL);
    }
    assert_int_equal(error_outcome(INT32_MIN), OUTCOME_KEY_FAILED);
}

static void each_state_of_the_pin_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(error_outcome(FIDO_ERR_PIN_INVALID), OUTCOME_PIN_WRONG);
    assert_int_equal(error_outcome(FIDO_ERR_PIN_AUTH_BLOCKED), OUTCOME_KEY_LOCKED);
    assert_int_equal(error_outcome(FIDO_ERR_PIN_BLOCKED), OUTCOME_KEY_BLOCKED);
    assert_int_equal(error_outcome(FIDO_ERR_PIN_NOT_SET), OUTCOME_KEY_PIN_NOT_SET);
    assert_int_equal(error_outcome(FIDO_ERR_PIN_POLICY_VIOLATION), OUTCOME_KEY_PIN_REFUSED);
    assert_int_equal(error_outcome(FIDO_ERR_RX), OUTCOME_KEY_FAILED);
    assert_int_equal(error_outcome(0xf3), OUTCOME_KEY_FAILED); /* a vendor's own */
}

/* ---- texts ---- */

static void texts_are_cut_at_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *given, *copied;
    } rows[] = {
        {"", ""},
        {NULL, ""},
        {"Key", "Key"},
        {"1234567", "1234567"},
        {"12345678", "1234567"},
        {"12345é", "12345é"},
        {"123456é", "123456"},
        {"漢漢漢", "漢漢"},
        {"a\nb\x7f", "a?b?"},
        {"a\xff\xc3", "a??"},
        {"\xed\xa0\x80", "???"}, /* half of a pair */
        {"a\u202eb", "a?b"},     /* what would turn the rest of the sentence */
        {"\u202a\u2066\u2069c", "???c"},
        {"\u200e\u200f\u061c", "???"},
        {"\xc2\x85\u2028\ufeff", "???"},
        {"a\u200db", "a\u200db"}, /* what some scripts need */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[8];
        memset(out, 'x', sizeof out);
        text_copy(out, sizeof out, rows[i].given);
        assert_string_equal(out, rows[i].copied);
    }
    assert_int_equal(text_characters("åäö"), 3);
    assert_int_equal(text_characters("1234"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_ok_is_ok),
        cmocka_unit_test(each_state_of_the_pin_is_told_apart),
        cmocka_unit_test(texts_are_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
