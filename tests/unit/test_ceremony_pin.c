/* SPDX-License-Identifier: MIT */
/* The prompt for the PIN: its words, its tries, and who does not want to type one. */
#include "tests/unit/test_ceremony_play_rig.h"

#include <string.h>

static void a_wrong_pin_is_asked_for_again(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    person_types("1111");
    card_answers(OUTCOME_PIN_WRONG);
    assert_int_equal(play.tries_left, 2);
    assert_non_null(strstr(world.question.error, "PIN is wrong"));
    person_types("2222");
    card_answers(OUTCOME_PIN_WRONG);
    assert_int_equal(world.question.kind, PROMPT_CONFIRM); /* the last try wants an explicit yes */
    person_answers(OUTCOME_OK);
    assert_string_equal(world.question.error, ""); /* said already */
    person_types("3333");
    card_answers(OUTCOME_PIN_WRONG);
    assert_ended(&play, OUTCOME_PIN_BLOCKED);
    assert_int_equal(world.signs, 3);
    assert_string_equal(play.uid, ALICE);
}

static void a_module_that_never_blocks_is_not_asking_a_card(void **state)
{
    (void)state;
    card_in(ALICE)->token.tries_left = CARD_TRIES_UNKNOWN;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    for (unsigned round = 0; round < 10; round++) {
        assert_int_equal(play.dones, 0);
        person_types("1111");
        card_answers(OUTCOME_PIN_WRONG);
    }
    assert_ended(&play, OUTCOME_CARD_MODULE_FAILED);
}

static void what_cannot_be_a_pin_never_reaches_the_card(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    person_types("123");
    assert_non_null(strstr(world.question.error, "length is wrong"));
    person_types("123456789");
    assert_int_equal(world.signs, 0);
    person_types("1234");
    assert_int_equal(world.signs, 1);
    ceremony_free(&play.ceremony);
}

static void the_person_may_say_no(void **state)
{
    (void)state;
    static const int results[] = {OUTCOME_CANCELLED, OUTCOME_TIMED_OUT, OUTCOME_PROMPT_UNAVAILABLE};
    card_in(ALICE);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        struct play play = {0};
        begin(&play, request_with(CHALLENGE));
        person_answers(results[i]);
        assert_ended(&play, results[i]);
        assert_string_equal(play.uid, ALICE);
    }
    struct play last_try = {0};
    world.cards[0]->token.tries_left = 1;
    begin(&last_try, request_with(CHALLENGE));
    person_answers(OUTCOME_CANCELLED);
    assert_ended(&last_try, OUTCOME_CANCELLED);
    assert_int_equal(world.signs, 0);
}

static void without_a_prompt_there_is_no_sign_in(void **state)
{
    (void)state;
    card_in(ALICE);
    world.prompt_fails = true;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    assert_ended(&play, OUTCOME_PROMPT_UNAVAILABLE);
}

static void a_pin_pad_asks_by_itself(void **state)
{
    (void)state;
    card_in(ALICE)->token.flags |= CARD_PIN_PAD;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    assert_int_equal(play.waiting, WAITING_PIN_PAD);
    assert_int_equal(world.question.kind, PROMPT_PIN_PAD);
    assert_string_equal(world.pin, "");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);

    struct play cancelled = {0};
    begin(&cancelled, request_with(CHALLENGE));
    person_answers(OUTCOME_CANCELLED);
    assert_ended(&cancelled, OUTCOME_CANCELLED);
}

static void the_prompt_says_why_it_is_there(void **state)
{
    (void)state;
    card_in(ALICE);
    struct ceremony_request request = request_with(CHALLENGE);
    request.caller = NULL;
    struct play inserted = {0};
    begin(&inserted, request);
    assert_non_null(strstr(world.question.text, "the applications on this computer"));
    assert_non_null(strstr(world.question.text, "\nSite: " ORIGIN "\n"));
    ceremony_free(&inserted.ceremony);

    request.another_pin = true;
    struct play again = {0};
    begin(&again, request);
    assert_non_null(strstr(world.question.text, "session needs your PIN again"));
    assert_non_null(strstr(world.question.text, "\nSite: " ORIGIN "\n"));
    ceremony_free(&again.ceremony);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wrong_pin_is_asked_for_again),
        TEST(a_module_that_never_blocks_is_not_asking_a_card),
        TEST(what_cannot_be_a_pin_never_reaches_the_card),
        TEST(the_person_may_say_no),
        TEST(without_a_prompt_there_is_no_sign_in),
        TEST(a_pin_pad_asks_by_itself),
        TEST(the_prompt_says_why_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
