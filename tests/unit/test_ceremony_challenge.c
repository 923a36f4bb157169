/* SPDX-License-Identifier: MIT */
/* The provider's challenge: fetched when it is its time, and young when it is signed. */
#include "tests/unit/test_ceremony_play_rig.h"

#include <errno.h>
#include <string.h>

static void what_the_provider_takes_comes_with_its_challenge(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(""));
    ceremony_algorithms(play.ceremony, (const uint8_t[]){CARD_RS256}, 1);
    provider_gives(&play, CHALLENGE);
    assert_ended(&play, OUTCOME_KEY_UNSUITABLE); /* her key is on a curve; no PIN was asked for */

    struct play other = {0};
    begin(&other, request_with(""));
    ceremony_algorithms(other.ceremony, (const uint8_t[]){CARD_RS256, CARD_ES256}, 2);
    provider_gives(&other, CHALLENGE);
    finish(&other);
    assert_string_equal(other.algorithm, "ES256");
}

static void the_challenge_is_fetched_before_the_prompt(void **state)
{
    (void)state;
    struct play play = {0};
    begin(&play, request_with(""));
    assert_int_equal(play.waiting, WAITING_CARD);
    assert_int_equal(play.fetches, 0);
    card_in(ALICE);
    assert_int_equal(play.fetches, 1);
    assert_int_equal(play.waiting, WAITING_PROVIDER);
    assert_false(world.prompt_out);
    provider_gives(&play, "first");
    assert_int_equal(play.waiting, WAITING_PIN);
    finish(&play);
    assert_true(token_says(&play, "\"nonce\":\"first\""));
}

static void without_a_challenge_nobody_is_asked(void **state)
{
    (void)state;
    static const int results[] = {OUTCOME_PROVIDER_UNREACHABLE, OUTCOME_PROVIDER_BUSY, -ENOMEM};
    card_in(ALICE);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        struct play play = {0};
        begin(&play, request_with(""));
        provider_fails(&play, results[i]);
        assert_ended(&play, results[i]);
        assert_string_equal(play.uid, ALICE);
    }
    assert_int_equal(world.prompts, 0);
}

static void a_provider_that_never_answers_ends_it(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(""));
    pass_time(15 * SECOND);
    assert_ended(&play, OUTCOME_PROVIDER_UNREACHABLE);
    assert_int_equal(world.prompts, 0);
}

static void a_challenge_out_of_bounds_ends_it(void **state)
{
    (void)state;
    char longest[CHALLENGE_TEXT_MAX + 2];
    memset(longest, 'A', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *const challenges[] = {"", longest};
    card_in(ALICE);
    for (size_t i = 0; i < 2; i++) {
        struct play play = {0};
        begin(&play, request_with(""));
        provider_gives(&play, challenges[i]);
        assert_int_equal(play.dones, 1);
        assert_int_equal(outcome_of(play.result), OUTCOME_INTERNAL);
    }
    assert_int_equal(world.prompts, 0);
}

static void a_challenge_that_nobody_asked_for_is_ignored(void **state)
{
    (void)state;
    struct play play = {0};
    begin(&play, request_with(""));
    ceremony_challenge(play.ceremony, OUTCOME_OK, "early");
    card_in(ALICE);
    assert_int_equal(play.fetches, 1);
    provider_gives(&play, "right");
    provider_fails(&play, OUTCOME_PROVIDER_BUSY);
    assert_int_equal(play.waiting, WAITING_PIN);
    person_types("1234");
    provider_gives(&play, "later");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_true(token_says(&play, "\"nonce\":\"right\""));
}

static void an_old_challenge_is_fetched_again_before_the_next_prompt(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    fetch_and_begin(&play);
    pass_time(60 * SECOND);
    person_types("1111");
    card_answers(OUTCOME_PIN_WRONG);
    assert_int_equal(play.fetches, 1); /* not yet */
    pass_time(1);
    person_types("2222");
    card_answers(OUTCOME_PIN_WRONG);
    assert_int_equal(play.fetches, 2);
    assert_int_equal(play.waiting, WAITING_PROVIDER);
    assert_false(world.prompt_out);
    provider_gives(&play, "second");
    assert_int_equal(world.question.kind, PROMPT_CONFIRM);
    pass_time(61 * SECOND);
    person_answers(OUTCOME_OK);
    assert_int_equal(play.fetches, 3);
    provider_gives(&play, "third");
    person_types("3333");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_true(token_says(&play, "\"nonce\":\"third\""));
}

static void a_late_pin_waits_for_a_new_challenge(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    fetch_and_begin(&play);
    pass_time(100 * SECOND + 1);
    person_types("1234");
    assert_int_equal(play.fetches, 2);
    assert_int_equal(play.waiting, WAITING_PROVIDER);
    assert_int_equal(world.signs, 0);
    assert_int_equal(world.secrets, 1);
    provider_gives(&play, "second");
    assert_int_equal(play.waiting, WAITING_SIGNATURE);
    assert_int_equal(world.secrets, 0);
    assert_string_equal(world.pin, "1234");
    assert_int_equal(world.prompts, 1); /* typed once */
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_true(token_says(&play, "\"nonce\":\"second\""));
}

static void a_late_pin_is_given_up_with_the_challenge(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play silent = {0};
    fetch_and_begin(&silent);
    pass_time(101 * SECOND);
    person_types("1234");
    pass_time(15 * SECOND);
    assert_ended(&silent, OUTCOME_PROVIDER_UNREACHABLE);

    struct play refused = {0};
    fetch_and_begin(&refused);
    pass_time(101 * SECOND);
    person_types("1234");
    provider_fails(&refused, OUTCOME_PROVIDER_BUSY);
    assert_ended(&refused, OUTCOME_PROVIDER_BUSY);

    struct play busy = {0};
    fetch_and_begin(&busy);
    pass_time(101 * SECOND);
    person_types("1234");
    world.module_refuses = -EAGAIN;
    provider_gives(&busy, "second");
    assert_ended(&busy, OUTCOME_BUSY);
    assert_int_equal(world.signs, 0);
}

static void a_challenge_that_was_given_is_used_as_it_is(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    pass_time(200 * SECOND);
    person_types("1111");
    card_answers(OUTCOME_PIN_WRONG);
    finish(&play);
    assert_int_equal(play.fetches, 0);
}

static void a_blocked_card_asks_nothing_of_the_provider(void **state)
{
    (void)state;
    card_in(ALICE)->token.flags |= CARD_PIN_LOCKED;
    struct play play = {0};
    begin(&play, request_with(""));
    assert_ended(&play, OUTCOME_PIN_BLOCKED);
    assert_int_equal(play.fetches, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_provider_takes_comes_with_its_challenge),
        TEST(the_challenge_is_fetched_before_the_prompt),
        TEST(without_a_challenge_nobody_is_asked),
        TEST(a_provider_that_never_answers_ends_it),
        TEST(a_challenge_out_of_bounds_ends_it),
        TEST(a_challenge_that_nobody_asked_for_is_ignored),
        TEST(an_old_challenge_is_fetched_again_before_the_next_prompt),
        TEST(a_late_pin_waits_for_a_new_challenge),
        TEST(a_late_pin_is_given_up_with_the_challenge),
        TEST(a_challenge_that_was_given_is_used_as_it_is),
        TEST(a_blocked_card_asks_nothing_of_the_provider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
