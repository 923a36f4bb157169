/* SPDX-License-Identifier: MIT */
/* Every CK_RV there is, and those there are not, has one meaning; few may mean a wrong PIN. */
#include "ipc/base/outcome.h"
#include "pkcs11/rv.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(CK_RV rv)
{
    int outcome = rv_outcome(rv);
    assert_int_equal(outcome == 0, rv == CKR_OK);
    assert_int_equal(outcome_of(outcome), outcome);
    assert_non_null(rv_name(rv));
    /* Asking again for a PIN costs a try; saying "blocked" sends a person to the desk. */
    if (outcome == OUTCOME_PIN_WRONG)
        assert_int_equal(rv, CKR_PIN_INCORRECT);
    if (outcome == OUTCOME_PIN_BLOCKED)
        assert_true(rv == CKR_PIN_LOCKED || rv == CKR_PIN_EXPIRED ||
                    rv == CKR_USER_PIN_NOT_INITIALIZED);
}

static void every_code_has_one_meaning(void **state)
{
    (void)state;
    for (CK_RV rv = 0; rv <= 0x1000; rv++) {
        check(rv);
        check(CKR_VENDOR_DEFINED + rv);
        check(ULONG_MAX - rv);
        /* A code that is only right in its lower half must not pass for that code. */
        if (rv != 0)
            check(rv << 32);
        assert_int_equal(rv_outcome((1UL << 32) + rv), OUTCOME_CARD_MODULE_FAILED);
    }
}

static void codes_mean_what_they_say(void **state)
{
    (void)state;
    static const struct {
        CK_RV rv;
        int outcome;
    } expected[] = {
        {CKR_PIN_INCORRECT, OUTCOME_PIN_WRONG},
        {CKR_PIN_LOCKED, OUTCOME_PIN_BLOCKED},
        {CKR_PIN_LEN_RANGE, OUTCOME_PIN_FORMAT},
        {CKR_FUNCTION_CANCELED, OUTCOME_CANCELLED},
        {CKR_DEVICE_REMOVED, OUTCOME_CARD_REMOVED},
        {CKR_TOKEN_NOT_PRESENT, OUTCOME_CARD_REMOVED},
        {CKR_SESSION_HANDLE_INVALID, OUTCOME_CARD_REMOVED},
        {CKR_TOKEN_NOT_RECOGNIZED, OUTCOME_CARD_UNREADABLE},
        {CKR_DEVICE_ERROR, OUTCOME_CARD_UNREADABLE},
        {CKR_USER_ANOTHER_ALREADY_LOGGED_IN, OUTCOME_CARD_BUSY},
        {CKR_MECHANISM_INVALID, OUTCOME_KEY_UNSUITABLE},
        {CKR_GENERAL_ERROR, OUTCOME_CARD_MODULE_FAILED},
        {CKR_USER_ALREADY_LOGGED_IN, OUTCOME_CARD_MODULE_FAILED},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(rv_outcome(expected[i].rv), expected[i].outcome);
    assert_string_equal(rv_name(CKR_PIN_INCORRECT), "CKR_PIN_INCORRECT");
    assert_string_equal(rv_name(0x12345), "unknown code");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_one_meaning),
        cmocka_unit_test(codes_mean_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
