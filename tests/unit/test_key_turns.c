/* SPDX-License-Identifier: MIT */
/* Who gets the security keys when several want them, for how long, and who makes room for whom. */
#include "tests/unit/test_key_work_rig.h"

static void one_is_done_at_a_time(void **state)
{
    (void)state;
    int second, third;
    struct key_work *first = begin(FIDO_INFO);
    struct key_work *later = line_up(&program, &second), *last = line_up(&program, &third);
    run();
    assert_string_equal(rig.heard, "turn turn");
    assert_int_equal(key_works_count(rig.works), 3);
    assert_int_equal(rig.started, 1);
    key_work_free(&later); /* done is not called */
    assert_null(later);
    assert_int_equal(rig.ended_count, 0);
    key_work_cancel(first);
    assert_ended(OUTCOME_CANCELLED);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
    pass_time(500);
    assert_int_equal(rig.started, 1); /* the first process has not ended yet */
    pass_time(500);
    assert_int_equal(rig.started, 2); /* it was killed */
    key_work_cancel(last);
    assert_int_equal(rig.ended[1].result, OUTCOME_CANCELLED);
    assert_ptr_equal(rig.ended[1].context, &third);
    hang_up(); /* it has ended by itself */
    assert_null(rig.running);
}

static void beyond_nine_it_is_busy(void **state)
{
    (void)state;
    for (int i = 0; i < 9; i++)
        line_up(&program, NULL);
    assert_turned_away(&program, OUTCOME_BUSY);
    key_works_free(&rig.works);
    assert_int_equal(rig.ended_count, 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(rig.ended[i].result, OUTCOME_CANCELLED);
}

/* However many pages insist, programs find room, and the session always. */
static void pages_do_not_take_all_the_room(void **state)
{
    (void)state;
    static struct caller others[] = {{.door = DOOR_WEB, .origin = "https://a.example"},
                                     {.door = DOOR_WEB, .origin = "https://b.example"},
                                     {.door = DOOR_WEB, .origin = "https://c.example"}};
    line_up(&page, NULL);
    line_up(&page, NULL);
    assert_turned_away(&page, OUTCOME_BUSY); /* one at work, one that waits */
    line_up(&others[0], NULL);
    line_up(&others[1], NULL);
    assert_turned_away(&others[2], OUTCOME_BUSY);
    for (int i = 0; i < 5; i++)
        line_up(&program, NULL);
    assert_turned_away(&program, OUTCOME_BUSY);
    look_for_session(NULL);
    sign_in_for_session(NULL);
    assert_int_equal(key_works_count(rig.works), 11);
}

static void a_look_for_the_sessions_key_waits_for_nobodys_touch(void **state)
{
    (void)state;
    int looked;
    begin_by(&page, FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    look_for_session(&looked);
    assert_true(was_told(FIDO_MESSAGE_CANCEL)); /* the key stops blinking */
    hang_up();
    assert_int_equal(rig.started, 2);
    assert_string_equal(rig.told.rp_id, SESSION_RP_ID);
    end_at(OUTCOME_OK, PATH_A);
    assert_ended(OUTCOME_OK);
    assert_ptr_equal(rig.ended[0].context, &looked);
    hang_up();
    assert_int_equal(rig.started, 3); /* and the page's goes on, from its beginning */
    assert_string_equal(rig.told.rp_id, SITE_RP_ID);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    end_at(OUTCOME_OK, PATH_A);
    assert_int_equal(rig.ended_count, 2);
    assert_int_equal(rig.ended[1].result, OUTCOME_OK);
    assert_string_equal(rig.heard, "touch[Example Key 1] turn touch[Example Key 1]");
}

static void ignore(void *context, struct fido_done *done, uint64_t key)
{
    (void)context;
    (void)done;
    (void)key;
}

/* Two that open the key that has come would be in each other's way. */
static void nor_does_the_other_open_the_key_that_has_come(void **state)
{
    (void)state;
    static const struct fido_start probe = {.operation = FIDO_PROBE};
    int refusal;
    const struct key_work_request request = {.start = &probe};
    const struct key_work_events events = {.done = ignore};
    begin_by(&page, FIDO_GET);
    wait_for(FIDO_WAITING_OTHER_KEY, "");
    assert_non_null(key_work_begin(rig.works, &request, &events, &refusal));
    put_in(2, PATH_B);
    assert_false(was_told(FIDO_MESSAGE_KEYS));
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
    hang_up();
    assert_int_equal(rig.told.operation, FIDO_PROBE);
}

static void nor_for_a_pin_that_nobody_types(void **state)
{
    (void)state;
    begin_by(&page, FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    look_for_session(NULL);
    assert_null(rig.prompt);
    hang_up();
    end_at(OUTCOME_KEY_NOT_REGISTERED, PATH_A);
    hang_up();
    ask_pin(8, OUTCOME_OK);
    type_pin("1234");
    assert_string_equal(rig.typed, "1234");
}

static void but_nothing_that_had_a_pin_is_done_again(void **state)
{
    (void)state;
    begin_by(&page, FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    type_pin("1234");
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    look_for_session(NULL);
    assert_int_equal(rig.started, 1);
    assert_false(was_told(FIDO_MESSAGE_CANCEL));
    end_at(OUTCOME_OK, PATH_A);
    assert_ended(OUTCOME_OK);
    hang_up();
    assert_int_equal(rig.told.operation, FIDO_PROBE);
}

static void a_pages_work_keeps_the_time_that_it_has_left(void **state)
{
    (void)state;
    begin_by(&page, FIDO_GET);
    pass_time(PIN_TIMEOUT * 1000 - 50);
    look_for_session(NULL);
    hang_up();
    pass_time(100); /* not its own */
    end_at(OUTCOME_OK, PATH_A);
    assert_int_equal(rig.ended_count, 1);
    hang_up();
    pass_time(49);
    assert_int_equal(rig.ended_count, 1);
    pass_time(1);
    assert_int_equal(rig.ended[1].result, OUTCOME_TIMED_OUT);
}

static void the_sessions_sign_in_goes_before_a_pages_that_waits(void **state)
{
    (void)state;
    int signed_in;
    begin_by(&page, FIDO_GET);
    wait_for(FIDO_WAITING_KEY, "");
    sign_in_for_session(&signed_in);
    hang_up();
    assert_string_equal(rig.told.rp_id, SESSION_RP_ID);
    end_at(OUTCOME_OK, PATH_A);
    assert_ptr_equal(rig.ended[0].context, &signed_in);
    hang_up();
    assert_string_equal(rig.told.rp_id, SITE_RP_ID);
}

/* A window must not be exchanged under the fingers of who types into it. */
static void but_takes_no_window_away(void **state)
{
    (void)state;
    begin_by(&page, FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    sign_in_for_session(NULL);
    assert_non_null(rig.prompt);
    answer(OUTCOME_CANCELLED, "");
    hang_up();
    assert_string_equal(rig.told.rp_id, SESSION_RP_ID);
}

static void a_program_is_not_interrupted_by_a_sign_in(void **state)
{
    (void)state;
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    sign_in_for_session(NULL);
    assert_int_equal(rig.started, 1);
    end_at(OUTCOME_OK, PATH_A);
    hang_up();
    assert_string_equal(rig.told.rp_id, SESSION_RP_ID);
}

static void where_keys_are_not_used_there_is_none(void **state)
{
    (void)state;
    rig.config.keys_enabled = false;
    assert_turned_away(&program, OUTCOME_KEYS_OFF);
}

static void time_runs_from_the_turn_on(void **state)
{
    (void)state;
    begin(FIDO_GET);
    line_up(&program, NULL);
    pass_time(PIN_TIMEOUT * 1000 - 1);
    assert_int_equal(rig.ended_count, 0);
    pass_time(1);
    assert_ended(OUTCOME_TIMED_OUT);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
    pass_time(1000);
    assert_int_equal(rig.started, 2);
    pass_time(PIN_TIMEOUT * 1000 - 1);
    assert_int_equal(rig.ended_count, 1);
    pass_time(1);
    assert_int_equal(rig.ended_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_is_done_at_a_time),
        TEST(beyond_nine_it_is_busy),
        TEST(pages_do_not_take_all_the_room),
        TEST(a_look_for_the_sessions_key_waits_for_nobodys_touch),
        TEST(nor_does_the_other_open_the_key_that_has_come),
        TEST(nor_for_a_pin_that_nobody_types),
        TEST(but_nothing_that_had_a_pin_is_done_again),
        TEST(a_pages_work_keeps_the_time_that_it_has_left),
        TEST(the_sessions_sign_in_goes_before_a_pages_that_waits),
        TEST(but_takes_no_window_away),
        TEST(a_program_is_not_interrupted_by_a_sign_in),
        TEST(where_keys_are_not_used_there_is_none),
        TEST(time_runs_from_the_turn_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
