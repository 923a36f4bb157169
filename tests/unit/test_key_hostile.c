/* SPDX-License-Identifier: MIT */
/* A helper that says what it should not, or does not listen: no more than a key that failed. */
#include "tests/unit/test_key_work_rig.h"

static void assert_failed(void)
{
    pass_time(2000);
    assert_ended(OUTCOME_KEY_FAILED);
    assert_null(rig.running); /* killed */
    assert_null(rig.prompt);
    rig.ended_count = 0;
}

static void nonsense_is_a_failed_key(void **state)
{
    (void)state;
    static const uint8_t garbage[] = {1, 129, 9, 9, 9};
    static const uint8_t heads[][4] = {{0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {0, 7, 0, 1}};
    begin(FIDO_GET);
    say_framed(garbage, sizeof garbage);
    assert_failed();
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        begin(FIDO_GET);
        say_bytes(heads[i], sizeof heads[i]);
        assert_failed();
    }
    begin(FIDO_GET);
    say_bytes("\0\0\0\x40half", 8);
    assert_int_equal(rig.ended_count, 0);
    hang_up();
    assert_failed();
}

static void nobody_is_asked_what_the_operation_has_no_use_for(void **state)
{
    (void)state;
    static const enum fido_operation silent[] = {FIDO_PROBE, FIDO_INFO};
    for (size_t i = 0; i < 2; i++) {
        begin(silent[i]);
        ask_pin(8, OUTCOME_OK);
        assert_failed();
    }
    begin(FIDO_INFO);
    end_at(OUTCOME_OK, PATH_A); /* and says nothing */
    assert_failed();
}

static void a_question_is_not_overtaken(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    assert_failed();
    begin(FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    end_at(OUTCOME_OK, PATH_A);
    assert_failed();
}

static void nobody_is_asked_for_ever(void **state)
{
    (void)state;
    begin(FIDO_GET);
    for (int i = 0; i < 32; i++) {
        ask_pin(8, OUTCOME_PIN_WRONG);
        rig.word_count = 0;
        type_pin("1234");
    }
    assert_int_equal(rig.ended_count, 0);
    ask_pin(8, OUTCOME_PIN_WRONG);
    assert_failed();
}

static void only_the_key_that_was_meant_will_do(void **state)
{
    (void)state;
    put_in(2, PATH_B);
    mean_key(PATH_A);
    begin(FIDO_CREDENTIALS);
    wait_for(FIDO_WAITING_TOUCH, PATH_B);
    assert_failed();
    begin(FIDO_CREDENTIALS);
    end_at(OUTCOME_OK, PATH_B);
    assert_failed();
}

static void a_helper_that_does_not_listen_has_failed(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    rig.deaf = true;
    type_pin("1234");
    assert_failed();
    line_up(&program, NULL); /* not even to START */
    run();
    assert_ended(OUTCOME_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nonsense_is_a_failed_key),
        TEST(nobody_is_asked_what_the_operation_has_no_use_for),
        TEST(a_question_is_not_overtaken),
        TEST(nobody_is_asked_for_ever),
        TEST(only_the_key_that_was_meant_will_do),
        TEST(a_helper_that_does_not_listen_has_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
