/* SPDX-License-Identifier: MIT */
/* Which security key is erased: the one that was meant, pulled out and plugged in again. */
#include "tests/unit/test_key_work_rig.h"

#include <stdio.h>

static void a_reset_is_asked_about_first(void **state)
{
    (void)state;
    mean_key(PATH_A);
    begin(FIDO_RESET);
    assert_int_equal(rig.started, 0);
    assert_int_equal(rig.question.kind, PROMPT_CONFIRM);
    assert_true(shows("This erases the security key"));
    assert_true(shows("Security key: Example Key 1"));
    answer(OUTCOME_CANCELLED, "");
    assert_ended(OUTCOME_CANCELLED);
    assert_int_equal(rig.started, 0);

    rig.ended_count = 0;
    begin(FIDO_RESET);
    answer(OUTCOME_OK, "");
    assert_int_equal(rig.started, 0); /* the key's ten seconds begin when the person is ready */
    assert_string_equal(rig.heard, "replug[Example Key 1]");
    assert_int_equal(rig.question.kind, PROMPT_PIN_PAD);
    assert_true(shows("Pull the security key out and plug it in again, at the same place."));
    rig.in_count = 0;
    put_in(2, PATH_B); /* another one is not it */
    assert_int_equal(rig.ended_count, 0);
    assert_int_equal(rig.started, 0);
    rig.in_count = 0;
    plug_in(3, PATH_B, "Example Key 1", "");
    assert_int_equal(rig.started, 1);
    assert_string_equal(rig.told.key, PATH_B);
    assert_int_equal(rig.told.operation, FIDO_RESET);
    wait_for(FIDO_WAITING_TOUCH, PATH_B);
    assert_true(shows("Touch your security key to erase it."));
    end_at(OUTCOME_KEY_RESET_LATE, PATH_B);
    assert_ended(OUTCOME_KEY_RESET_LATE);
}

static void a_key_beside_it_that_was_in_before_is_not_erased(void **state)
{
    (void)state;
    mean_key(PATH_A);
    begin(FIDO_RESET);
    answer(OUTCOME_OK, "");
    plug_in(2, PATH_B, "Example Key 1", ""); /* of the same make */
    rig.in[0] = rig.in[1];
    rig.in_count = 1;
    keys_changed();
    assert_int_equal(rig.started, 0);
    pass_time(PIN_TIMEOUT * 1000);
    assert_ended(OUTCOME_TIMED_OUT);
    assert_int_equal(rig.started, 0);
}

/* Two of the same make: the serial number says which it is, or where it was plugged in. */
static void a_spare_put_in_instead_is_not_erased(void **state)
{
    (void)state;
    mean_key(PATH_A);
    snprintf(rig.in[0].mark, sizeof rig.in[0].mark, "serial 1");
    begin(FIDO_RESET);
    answer(OUTCOME_OK, "");
    pull_out();
    plug_in(2, PATH_A, "Example Key 1", "serial 2");
    assert_int_equal(rig.started, 0);
    assert_true(shows("Pull the security key out and plug it in again")); /* asked for still */
    plug_in(3, PATH_B, "Example Key 1", "serial 1");
    assert_int_equal(rig.started, 1);
    assert_string_equal(rig.told.key, PATH_B);
    end_at(OUTCOME_OK, PATH_B);
    assert_ended(OUTCOME_OK);
}

static void two_that_cannot_be_told_apart_are_not_erased(void **state)
{
    (void)state;
    mean_key(PATH_A);
    begin(FIDO_RESET);
    answer(OUTCOME_OK, "");
    rig.in_count = 0;
    rig.in[0] = (struct key_found){.id = 2, .path = PATH_A, .name = "Example Key 1"};
    rig.in[1] = (struct key_found){.id = 3, .path = PATH_B, .name = "Example Key 1"};
    rig.in_count = 2;
    keys_changed();
    pass_time(PIN_TIMEOUT * 1000);
    assert_int_equal(rig.started, 0);
    assert_ended(OUTCOME_TIMED_OUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reset_is_asked_about_first),
        TEST(a_spare_put_in_instead_is_not_erased),
        TEST(two_that_cannot_be_told_apart_are_not_erased),
        TEST(a_key_beside_it_that_was_in_before_is_not_erased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
