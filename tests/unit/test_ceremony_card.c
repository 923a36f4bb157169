/* SPDX-License-Identifier: MIT */
/* Which card a ceremony is held with, what it waits for until one is in, and a card that fails. */
#include "tests/unit/test_ceremony_play_rig.h"

#include <errno.h>
#include <string.h>

static void a_card_is_waited_for(void **state)
{
    (void)state;
    struct play play = {0};
    world.absence = OUTCOME_NO_READER;
    begin(&play, request_with(CHALLENGE));
    assert_int_equal(play.waiting, WAITING_READER);
    world.absence = OUTCOME_NO_CARD;
    cards_say();
    assert_int_equal(play.waiting, WAITING_CARD);
    world.reading = true;
    cards_say();
    card_made(ALICE);
    world.reading = false;
    world.stale = true;
    cards_say();
    assert_false(world.prompt_out); /* the tries are being read again */
    world.stale = false;
    cards_say();
    assert_int_equal(play.waiting, WAITING_PIN);
    pass_time(PIN_TIMEOUT * SECOND); /* the prompt has a limit of its own */
    assert_int_equal(play.dones, 0);
    ceremony_free(&play.ceremony);
}

static void nobody_waits_for_ever(void **state)
{
    (void)state;
    static const struct {
        int absence, outcome;
    } cases[] = {{OUTCOME_NO_CARD, OUTCOME_NO_CARD}, {OUTCOME_NO_READER, OUTCOME_NO_READER}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct play play = {0};
        world.absence = cases[i].absence;
        begin(&play, request_with(CHALLENGE));
        pass_time(PIN_TIMEOUT * SECOND - 1);
        assert_int_equal(play.dones, 0);
        pass_time(1);
        assert_ended(&play, cases[i].outcome);
    }
}

static void what_cannot_be_waited_for_ends_it(void **state)
{
    (void)state;
    struct play play = {0};
    world.absence = OUTCOME_READER_SERVICE_DOWN;
    begin(&play, request_with(CHALLENGE));
    assert_ended(&play, OUTCOME_READER_SERVICE_DOWN);

    struct play held = {0};
    card_in(ALICE)->token.flags |= CARD_UNREADABLE | CARD_HELD;
    begin(&held, request_with(CHALLENGE));
    assert_ended(&held, OUTCOME_CARD_BUSY);
    assert_string_equal(held.uid, ALICE);
}

static void nothing_is_said_before_all_is_known(void **state)
{
    (void)state;
    world.absence = OUTCOME_CARD_UNREADABLE;
    world.unknown = true;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    assert_int_equal(play.dones, 0);
    world.unknown = false;
    cards_say();
    assert_ended(&play, OUTCOME_CARD_UNREADABLE);

    card_in(ALICE);
    world.reading = true; /* the right one may be there, too */
    struct ceremony_request request = request_with(CHALLENGE);
    request.identity = identity_of(BOB);
    struct play other = {0};
    begin(&other, request);
    assert_int_equal(other.dones, 0);
    world.reading = false;
    cards_say();
    assert_ended(&other, OUTCOME_CARD_CHANGED);
}

static void a_module_that_takes_no_more_is_busy(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    world.module_refuses = -EAGAIN;
    person_types("1234");
    assert_ended(&play, OUTCOME_BUSY);
}

/* To the module a card that was pulled and one that is broken are the same. */
static void a_card_that_fails_may_have_been_pulled(void **state)
{
    (void)state;
    for (int pulled = 0; pulled < 2; pulled++) {
        uint64_t id = card_in(ALICE)->id;
        struct play play = {0};
        begin(&play, request_with(CHALLENGE));
        person_types("1234");
        card_answers(OUTCOME_CARD_UNREADABLE);
        assert_int_equal(play.dones, 0);
        if (pulled)
            card_out(id);
        else
            pass_time(SECOND);
        assert_ended(&play, pulled ? OUTCOME_CARD_REMOVED : OUTCOME_CARD_UNREADABLE);
        if (!pulled)
            card_out(id);
    }
}

static void of_several_people_one_is_chosen(void **state)
{
    (void)state;
    card_in(ALICE);
    uint64_t bob = card_in(BOB)->id;
    struct play play = {0};
    begin(&play, request_with(""));
    assert_int_equal(play.waiting, WAITING_CHOICE);
    assert_int_equal(play.fetches, 0);
    assert_int_equal(world.question.choice_count, 2);
    person_chooses(1);
    assert_int_equal(play.fetches, 1);
    provider_gives(&play, CHALLENGE);
    assert_non_null(strstr(world.question.text, BOB));
    finish(&play);
    assert_int_equal(play.card, bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_card_is_waited_for),
        TEST(nobody_waits_for_ever),
        TEST(what_cannot_be_waited_for_ends_it),
        TEST(nothing_is_said_before_all_is_known),
        TEST(a_module_that_takes_no_more_is_busy),
        TEST(a_card_that_fails_may_have_been_pulled),
        TEST(of_several_people_one_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
