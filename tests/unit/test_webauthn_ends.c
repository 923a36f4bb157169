/* SPDX-License-Identifier: MIT */
/* Who gives up, who is made to wait, and who is turned away. */
#include "test_webauthn_rig.h"

/* The page takes back what it has asked for. */
static void take_back(void)
{
    static const char message[] = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"operation.cancel\","
                                  "\"params\":{\"request\":1}}";
    connection_receive(&rig.page, message, sizeof message - 1);
}

static void a_page_that_asks_all_day_long_does_not_fill_the_journal(void **state)
{
    (void)state;
    rig.refusal = OUTCOME_BUSY;
    for (int i = 0; i < 60; i++) {
        ask(GET(ALLOW_ID));
        expect_error("busy", "NotAllowedError");
    }
    assert_in_range(rig.refusals_written, 1, 59);
}

static void who_gives_up_reads_another_name_than_whose_person_does(void **state)
{
    (void)state;
    ask(GET(""));
    take_back();
    expect_error("cancelled", "AbortError");
    ask(GET(""));
    fail_with(OUTCOME_CANCELLED);
    expect_error("cancelled", "NotAllowedError");
}

static void a_page_that_takes_no_no_waits(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        ask(GET(""));
        fail_with(OUTCOME_CANCELLED);
    }
    assert_int_equal(rig.begun, 3);
    ask(GET(""));
    expect_error("cancelled", "NotAllowedError");
    assert_int_equal(rig.begun, 3);
    /* The person's own programs are not stopped. */
    ask_as_program(GET(""));
    assert_int_equal(rig.begun, 4);
    fail_with(OUTCOME_CANCELLED);
}

/* So many times; each has begun. */
static void ask_and_take_back(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        ask(GET(""));
        take_back();
    }
    assert_int_equal(rig.begun, times);
}

static void what_callers_take_back_is_nobody_s_no(void **state)
{
    (void)state;
    ask_and_take_back(5);
}

/* Nor is it an endless row of windows, or a way to look again and again. */
static void but_a_site_that_takes_back_everything_waits(void **state)
{
    (void)state;
    ask_and_take_back(9);
    ask(GET(""));
    expect_error("busy", "NotAllowedError");
    assert_int_equal(rig.begun, 9);
    ask_as_program(GET(""));
    assert_int_equal(rig.begun, 10);
    fail_with(OUTCOME_CANCELLED);
}

static void a_time_out_between_does_not_count_as_a_yes(void **state)
{
    (void)state;
    static const int ends[] = {OUTCOME_CANCELLED, OUTCOME_TIMED_OUT, OUTCOME_CANCELLED,
                               OUTCOME_KEY_REMOVED, OUTCOME_CANCELLED};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        ask(GET(""));
        fail_with(ends[i]);
    }
    ask(GET(""));
    expect_error("cancelled", "NotAllowedError");
    assert_int_equal(rig.begun, 5);
}

static void too_many_are_turned_away(void **state)
{
    (void)state;
    rig.refusal = OUTCOME_BUSY;
    ask(GET(""));
    expect_error("busy", "NotAllowedError");
}

static void what_an_origin_has_asked_goes_with_it(void **state)
{
    (void)state;
    static const char text[] = "[provider a]\norigin = " ORIGIN "\n";
    const struct config_reporter silent = {0};
    assert_int_equal(config_read(&rig.config, "f", text, sizeof text - 1, silent), 0);
    assert_int_equal(config_complete(&rig.config, silent), 0);
    ask_as_program(GET(""));
    webauthns_config_changed(rig.webauthns);
    assert_int_equal(webauthns_count(rig.webauthns), 1);
    struct config none;
    config_init(&none);
    assert_int_equal(config_complete(&none, silent), 0);
    assert_int_equal(config_replace(&rig.config, &none, silent), 0);
    webauthns_config_changed(rig.webauthns);
    assert_int_equal(webauthns_count(rig.webauthns), 0);
    expect("\"reason\":\"cancelled\"");
}

static void the_agent_s_end_answers_everybody(void **state)
{
    (void)state;
    ask(GET(""));
    webauthns_free(&rig.webauthns);
    expect("\"reason\":\"cancelled\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_page_that_asks_all_day_long_does_not_fill_the_journal),
        TEST(who_gives_up_reads_another_name_than_whose_person_does),
        TEST(a_page_that_takes_no_no_waits),
        TEST(what_callers_take_back_is_nobody_s_no),
        TEST(but_a_site_that_takes_back_everything_waits),
        TEST(a_time_out_between_does_not_count_as_a_yes),
        TEST(too_many_are_turned_away),
        TEST(what_an_origin_has_asked_goes_with_it),
        TEST(the_agent_s_end_answers_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
