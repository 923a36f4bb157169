/* SPDX-License-Identifier: MIT */
/* Wherever a ceremony is, it can be freed, cancelled, ended with all, or lose its card. */
#include "tests/unit/test_ceremony_play_rig.h"

enum place {
    AT_BEGIN,
    AT_CARD,
    AT_TURN,
    AT_CHOICE,
    AT_FETCH,
    AT_PIN,
    AT_LATE_PIN,
    AT_SIGNATURE,
    AT_LAST_TRY,
    AT_PIN_PAD,
    AT_FAILED_CARD,
    PLACES,
};

static void type_pin(struct play *play, bool late)
{
    fetch_and_begin(play);
    if (late)
        pass_time(101 * SECOND);
    person_types("1234");
}

/* Leads play there. ahead, which has its turn before it, is begun at AT_TURN only. */
static void reach(enum place place, struct play *play, struct play *ahead)
{
    struct ceremony_request request = request_with("");
    if (place != AT_CARD && place != AT_BEGIN)
        card_in(ALICE);
    if (place == AT_BEGIN)
        play_begin(play, &request);
    else if (place == AT_CARD || place == AT_FETCH)
        begin(play, request);
    else if (place == AT_PIN)
        fetch_and_begin(play);
    else if (place == AT_LATE_PIN || place == AT_SIGNATURE || place == AT_FAILED_CARD)
        type_pin(play, place == AT_LATE_PIN);
    if (place == AT_TURN) {
        begin(ahead, request);
        begin(play, request);
    } else if (place == AT_CHOICE) {
        card_in(BOB);
        begin(play, request);
    } else if (place == AT_LAST_TRY) {
        world.cards[0]->token.tries_left = 1;
        fetch_and_begin(play);
    } else if (place == AT_PIN_PAD) {
        world.cards[0]->token.flags |= CARD_PIN_PAD;
        begin(play, request);
        provider_gives(play, "first");
    } else if (place == AT_FAILED_CARD) {
        card_answers(OUTCOME_CARD_UNREADABLE);
    }
    assert_non_null(play->ceremony);
    assert_int_equal(play->dones, 0);
    static const int waiting[PLACES] = {
        -1,
        WAITING_CARD,
        WAITING_TURN,
        WAITING_CHOICE,
        WAITING_PROVIDER,
        WAITING_PIN,
        WAITING_PROVIDER,
        WAITING_SIGNATURE,
        WAITING_PIN,
        WAITING_PIN_PAD,
        WAITING_SIGNATURE,
    };
    assert_int_equal(play->waiting, waiting[place]);
}

/* Each place in a world of its own. */
static void in_every_place(void (*act)(enum place place, struct play *play))
{
    for (int place = 0; place < PLACES; place++) {
        world_begin();
        struct play play = {0}, ahead = {0};
        reach((enum place)place, &play, &ahead);
        act((enum place)place, &play);
        assert_false(card_is_asked());
        assert_int_equal(ceremonies_count(world.ceremonies), ahead.ceremony ? 1 : 0);
        ceremony_free(&ahead.ceremony);
        assert_int_equal(world.keys, 0);
        world_end();
    }
}

static void free_it(enum place place, struct play *play)
{
    ceremony_free(&play->ceremony);
    assert_null(play->ceremony);
    if (place != AT_TURN)
        assert_false(world.prompt_out);
    play->quiet = true;
    cards_say();
    pass_time(1000 * SECOND);
    while (world.card_count > 0)
        card_out(world.cards[0]->id);
    play->quiet = false;
    assert_int_equal(play->dones, 0);
}

static void cancel_it(enum place place, struct play *play)
{
    ceremony_cancel(play->ceremony);
    assert_int_equal(play->dones, 1);
    assert_int_equal(play->result, OUTCOME_CANCELLED);
    bool chosen = place > AT_CHOICE;
    assert_string_equal(play->uid, chosen ? ALICE : "");
    play->quiet = true;
    cards_say();
    pass_time(1000 * SECOND);
    play->quiet = false;
}

static void end_all(enum place place, struct play *play)
{
    (void)place;
    ceremonies_anew(NULL);
    assert_int_equal(play->dones, 1);
    assert_int_equal(play->result, OUTCOME_CANCELLED);
    assert_false(world.prompt_out);
}

static void pull_the_card(enum place place, struct play *play)
{
    if (place == AT_BEGIN || place == AT_CARD) {
        ceremony_free(&play->ceremony); /* none is in */
        return;
    }
    card_out(world.cards[0]->id);
    if (place == AT_TURN) {
        assert_int_equal(play->waiting, WAITING_CARD);
        ceremony_free(&play->ceremony);
    } else if (place == AT_CHOICE) { /* one is left, so there is nothing to choose */
        assert_false(world.prompt_out);
        assert_int_equal(play->waiting, WAITING_PROVIDER);
        ceremony_free(&play->ceremony);
    } else {
        assert_ended(play, OUTCOME_CARD_REMOVED);
        assert_string_equal(play->uid, ALICE);
        assert_string_equal(play->reader, "Reader of " ALICE);
    }
}

static void freed_anywhere_it_says_nothing(void **state)
{
    (void)state;
    in_every_place(free_it);
}

static void cancelled_anywhere_it_says_so_once(void **state)
{
    (void)state;
    in_every_place(cancel_it);
}

static void all_end_with_the_ceremonies(void **state)
{
    (void)state;
    in_every_place(end_all);
}

static void a_card_that_is_pulled_anywhere_ends_it(void **state)
{
    (void)state;
    in_every_place(pull_the_card);
}

/* A card that is exchanged may sit in the same reader and look the same. */
static void no_other_insertion_signs(void **state)
{
    (void)state;
    uint64_t id = card_in(ALICE)->id;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    card_made(ALICE);
    card_out(id);
    assert_ended(&play, OUTCOME_CARD_REMOVED);
    assert_int_equal(world.signs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_anywhere_it_says_nothing),
        cmocka_unit_test(cancelled_anywhere_it_says_so_once),
        cmocka_unit_test(all_end_with_the_ceremonies),
        cmocka_unit_test(a_card_that_is_pulled_anywhere_ends_it),
        TEST(no_other_insertion_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
