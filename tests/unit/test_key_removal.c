/* SPDX-License-Identifier: MIT */
/* Security keys that come and go while something is done with one. */
#include "tests/unit/test_key_work_rig.h"

static void the_key_that_has_left_ends_it(void **state)
{
    (void)state;
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    pull_out();
    assert_ended(OUTCOME_KEY_REMOVED);
    assert_int_equal(rig.ended[0].key, 0);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
}

static void another_key_only_has_the_helper_look(void **state)
{
    (void)state;
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    put_in(2, PATH_B);
    assert_int_equal(rig.ended_count, 0);
    assert_int_equal(rig.word_count, 1);
    assert_int_equal(rig.words[0].type, FIDO_MESSAGE_KEYS);
    wait_for(FIDO_WAITING_KEY_CHOICE, ""); /* none is settled: any may leave */
    pull_out();
    assert_int_equal(rig.ended_count, 0);
    end_at(OUTCOME_CANCELLED, "");
    assert_ended(OUTCOME_CANCELLED);
}

static void a_key_that_left_while_others_were_served_is_not_replaced(void **state)
{
    (void)state;
    mean_key(PATH_A);
    line_up(&program, NULL);
    pull_out();
    assert_ended(OUTCOME_KEY_REMOVED);
    assert_int_equal(rig.started, 0);
}

/* The kernel gives the same path to the next key. */
static void nor_by_one_that_has_its_place(void **state)
{
    (void)state;
    rig.start.operation = FIDO_GET;
    line_up(&program, NULL);
    run();
    mean_key(PATH_A);
    rig.start.operation = FIDO_DELETE;
    line_up(&program, NULL);
    pull_out();
    put_in(2, PATH_A);
    assert_int_equal(rig.ended_count, 0);
    end_at(OUTCOME_CANCELLED, "");
    hang_up();
    pass_time(2000);
    assert_int_equal(rig.started, 1);
    assert_int_equal(rig.ended_count, 2);
    assert_int_equal(rig.ended[1].result, OUTCOME_KEY_REMOVED);
}

/* The process notices a pulled key before udev tells of it. */
static void a_failure_waits_for_udev(void **state)
{
    (void)state;
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    end_at(OUTCOME_KEY_FAILED, PATH_A);
    assert_int_equal(rig.ended_count, 0);
    pull_out();
    assert_ended(OUTCOME_KEY_REMOVED);
    hang_up();

    rig.ended_count = 0;
    put_in(3, PATH_A);
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    hang_up();
    assert_int_equal(rig.ended_count, 0);
    pass_time(1000);
    assert_ended(OUTCOME_KEY_FAILED);
}

static void a_removal_ends_the_question(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    assert_non_null(rig.prompt);
    end_at(OUTCOME_KEY_REMOVED, PATH_A);
    assert_null(rig.prompt);
    pull_out();
    assert_ended(OUTCOME_KEY_REMOVED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_key_that_has_left_ends_it),
        TEST(another_key_only_has_the_helper_look),
        TEST(a_key_that_left_while_others_were_served_is_not_replaced),
        TEST(nor_by_one_that_has_its_place),
        TEST(a_failure_waits_for_udev),
        TEST(a_removal_ends_the_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
