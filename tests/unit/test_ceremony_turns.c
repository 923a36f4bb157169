/* SPDX-License-Identifier: MIT */
/* Several ceremonies, of which one has its turn. */
#include "tests/unit/test_ceremony_play_rig.h"

static void the_ninth_is_turned_away(void **state)
{
    (void)state;
    struct play plays[9] = {0};
    for (size_t i = 0; i < 8; i++)
        begin(&plays[i], request_with(CHALLENGE));
    struct ceremony_request request = request_with(CHALLENGE);
    play_begin(&plays[8], &request);
    assert_null(plays[8].ceremony);
    assert_int_equal(plays[8].result, OUTCOME_BUSY);
    assert_int_equal(plays[8].dones, 0);
    ceremony_free(&plays[3].ceremony);
    begin(&plays[8], request);
    for (size_t i = 0; i < 9; i++)
        ceremony_free(&plays[i].ceremony);
}

static void turns_come_in_order(void **state)
{
    (void)state;
    struct play first = {0}, second = {0}, third = {0};
    begin(&first, request_with(""));
    begin(&second, request_with(""));
    begin(&third, request_with(CHALLENGE));
    card_in(ALICE);
    assert_int_equal(first.fetches, 1);
    assert_int_equal(second.waiting, WAITING_TURN);
    assert_int_equal(third.waiting, WAITING_TURN);
    assert_int_equal(second.fetches, 0); /* not before its turn: it would grow old */
    pass_time(10 * SECOND);
    provider_fails(&first, OUTCOME_PROVIDER_BUSY);
    assert_ended(&first, OUTCOME_PROVIDER_BUSY);
    assert_int_equal(second.fetches, 1);
    ceremony_free(&second.ceremony);
    run();
    assert_int_equal(third.waiting, WAITING_PIN);
    finish(&third);
}

/* A turn always comes: whoever waits for it is not timed out. */
static void waiting_for_a_turn_has_no_limit(void **state)
{
    (void)state;
    struct play first = {0}, second = {0};
    begin(&first, request_with(CHALLENGE));
    begin(&second, request_with(CHALLENGE));
    pass_time((PIN_TIMEOUT - 1) * SECOND);
    card_in(ALICE);
    pass_time(1000 * SECOND);
    assert_int_equal(second.dones, 0);
    person_answers(OUTCOME_TIMED_OUT);
    assert_int_equal(second.waiting, WAITING_PIN);
    ceremony_free(&second.ceremony);
}

static struct play next;

static void begin_next(struct play *play)
{
    ceremony_free(&play->ceremony); /* is gone anyway */
    struct ceremony_request request = request_with(CHALLENGE);
    play_begin(&next, &request);
}

static void another_may_be_begun_at_the_end(void **state)
{
    (void)state;
    card_in(ALICE);
    next = (struct play){0};
    struct play play = {.at_done = begin_next};
    begin(&play, request_with(CHALLENGE));
    person_answers(OUTCOME_CANCELLED);
    assert_int_equal(play.dones, 1);
    assert_int_equal(next.waiting, WAITING_PIN);

    struct play refused = {.at_done = begin_next};
    begin(&refused, request_with(CHALLENGE));
    ceremony_free(&next.ceremony);
    next = (struct play){0};
    ceremonies_anew(NULL);
    assert_null(next.ceremony);
    assert_int_equal(next.result, OUTCOME_CANCELLED);
    assert_int_equal(next.dones, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_ninth_is_turned_away),
        TEST(turns_come_in_order),
        TEST(waiting_for_a_turn_has_no_limit),
        TEST(another_may_be_begun_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
