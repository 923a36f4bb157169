/* SPDX-License-Identifier: MIT */
/*
 * The picture of what is in, from a watch and a module that speak when the test lets them. They
 * stand in the place of the real ones when this program is linked.
 */
#include "agent/cards.h"
#include "ipc/base/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THE_READER "Reader 0"

enum { SLOT = 4 };

/* ---- the loop, the watch and the module ---- */

static struct world {
    struct reader_snapshot seen; /* by the watch */
    loop_fn *watch_says;
    void *cards;
    card_module_fn *asked; /* NULL: it is not */
    void *asker;
    unsigned left_in_slot, left_elsewhere; /* what card_module_card_left was told */
    unsigned renewed;
    unsigned asked_places, hurried;
    loop_fn *hurry;
    bool hurries; /* its timer is set */
    /* udev's word: */
    bool others;          /* there are devices of another seat */
    const char *seats[8]; /* of the device with that number on bus 1 */
} world;

uint64_t loop_now(void)
{
    return 1000000;
}

struct loop_wakeup *loop_wakeup_new(struct loop *loop, loop_fn *fn, void *context)
{
    (void)loop;
    world.watch_says = fn;
    world.cards = context;
    return (struct loop_wakeup *)&world;
}

void loop_wakeup_free(struct loop_wakeup **wakeup)
{
    *wakeup = NULL;
}

void loop_wake(struct loop_wakeup *wakeup)
{
    (void)wakeup;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *context)
{
    (void)loop, (void)context;
    world.hurry = fn;
    return (struct loop_timer *)&world;
}

void loop_timer_set(struct loop_timer *timer, uint64_t milliseconds)
{
    (void)timer, (void)milliseconds;
    world.hurries = true;
}

void loop_timer_stop(struct loop_timer *timer)
{
    (void)timer;
    world.hurries = false;
}

void loop_timer_free(struct loop_timer **timer)
{
    *timer = NULL;
}

unsigned reader_watch_ask_places(struct reader_watch *watch)
{
    (void)watch;
    return ++world.asked_places;
}

void reader_watch_hurry(struct reader_watch *watch)
{
    (void)watch;
    world.hurried++;
}

bool seat_watch_has_others(const struct seat_watch *watch, const char *seat)
{
    (void)watch;
    return world.others || strcmp(seat, "seat0") != 0;
}

const char *seat_watch_of(const struct seat_watch *watch, uint8_t bus, uint8_t device)
{
    (void)watch;
    return bus == 1 && device < 8 ? world.seats[device] : NULL;
}

struct reader_watch *reader_watch_new(void (*changed)(void *context), void *context)
{
    (void)changed, (void)context;
    return (struct reader_watch *)&world;
}

void reader_watch_free(struct reader_watch **watch)
{
    *watch = NULL;
}

void reader_watch_snapshot(struct reader_watch *watch, struct reader_snapshot *out)
{
    (void)watch;
    *out = world.seen;
}

struct card_module *card_module_new(struct loop *loop, struct helpers *helpers, const char *path,
                                    loop_fn *restarted, void *context)
{
    (void)loop, (void)helpers, (void)path, (void)restarted, (void)context;
    return (struct card_module *)&world;
}

void card_module_free(struct card_module **module)
{
    *module = NULL;
}

int card_module_problem(const struct card_module *module)
{
    (void)module;
    return OUTCOME_OK;
}

int card_module_list(struct card_module *module, card_module_fn *fn, void *context)
{
    (void)module;
    assert_null(world.asked);
    world.asked = fn;
    world.asker = context;
    return 0;
}

void card_module_renew(struct card_module *module)
{
    (void)module;
    world.renewed++;
}

void card_module_card_left(struct card_module *module, const uint64_t *slot)
{
    (void)module;
    if (slot)
        assert_int_equal(*slot, SLOT);
    if (slot)
        world.left_in_slot++;
    else
        world.left_elsewhere++;
}

/* ---- what happens ---- */

static struct cards *cards;

static void changed(void *context)
{
    (void)context;
}

static int set_up(void **state)
{
    (void)state;
    static const char *modules[] = {"/module"};
    static struct config config = {.modules = {.count = 1, .at = modules}};
    world = (struct world){0};
    cards = cards_new(NULL, NULL, &config, changed, NULL);
    assert_non_null(cards);
    return 0;
}

static int set_up_ours(void **state)
{
    set_up(state);
    cards_set_access(cards, CARDS_OURS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cards_free(&cards);
    return 0;
}

/* The watch says so; appearance counts how often the reader came. */
static void watch_says(enum reader_state reader, unsigned appearance, uint16_t events)
{
    world.seen = (struct reader_snapshot){.service_up = true, .count = 1};
    struct reader_info *info = &world.seen.readers[0];
    snprintf(info->name, sizeof info->name, THE_READER);
    info->state = reader;
    info->changes = (uint64_t)appearance << 16 | events;
    world.watch_says(world.cards);
}

static void watch_sees_no_reader(void)
{
    world.seen = (struct reader_snapshot){.service_up = true};
    world.watch_says(world.cards);
}

static void answer(int result, struct card_reply *reply)
{
    card_module_fn *fn = world.asked;
    assert_non_null(fn);
    world.asked = NULL;
    fn(world.asker, result, reply);
}

/* The module lists one card, read when that much had happened in its reader. */
static void module_lists(const char *serial, uint32_t events)
{
    struct card_token token = {
        .slot = SLOT, .reader = THE_READER, .events = events, .tries_left = 3};
    snprintf(token.serial, sizeof token.serial, "%s", serial);
    struct card_reply reply = {.token_count = 1, .tokens = &token};
    answer(OUTCOME_OK, &reply);
    card_token_deinit(&token);
}

static uint64_t only_card(void)
{
    assert_int_equal(cards_count(cards), 1);
    return cards_at(cards, 0)->id;
}

/* ---- the tests ---- */

static void a_card_is_one_until_its_reader_says_otherwise(void **state)
{
    (void)state;
    watch_says(READER_CARD, 1, 1);
    module_lists("A", 1);
    uint64_t id = only_card();
    cards_ask(cards);
    module_lists("A", 1);
    assert_int_equal(only_card(), id);
    watch_says(READER_EMPTY, 1, 2);
    assert_int_equal(cards_count(cards), 0);
    assert_null(cards_find(cards, id));
}

/* The helper asks pcscd itself, and may be there before the watch. */
static void a_card_read_before_the_watch_speaks_is_that_card_afterwards(void **state)
{
    (void)state;
    watch_says(READER_CARD, 1, 1);
    module_lists("A", 1);
    uint64_t first = only_card();
    cards_ask(cards); /* and before the answer, another card takes its place */
    module_lists("B", 3);
    uint64_t second = only_card();
    assert_int_not_equal(second, first);
    assert_int_equal(cards_place(cards, THE_READER, cards_at(cards, 0)->changes), CARD_PLACE_LEFT);
    watch_says(READER_CARD, 1, 3);
    assert_int_equal(only_card(), second);
    assert_int_equal(cards_place(cards, THE_READER, cards_at(cards, 0)->changes), CARD_PLACE_SAME);
    module_lists("B", 3);
    assert_int_equal(only_card(), second);
}

/* The same card once more, in and out unseen, is another to whoever consented to the first. */
static void a_card_put_in_again_is_another(void **state)
{
    (void)state;
    watch_says(READER_CARD, 1, 1);
    module_lists("A", 1);
    uint64_t first = only_card();
    cards_ask(cards);
    module_lists("A", 3);
    assert_int_not_equal(only_card(), first);
}

/* PC/SC has the last word of what is in, whatever a helper says of its count. */
static void a_helper_that_lies_keeps_no_card_in(void **state)
{
    (void)state;
    static const uint32_t lies[] = {0, 1, 2, 3, CARD_EVENTS_MAX, CARD_EVENTS_UNKNOWN};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint16_t events = (uint16_t)(1 + 2 * i);
        watch_says(READER_CARD, 1, events);
        module_lists("A", lies[i]);
        watch_says(READER_EMPTY, 1, events + 1);
        assert_int_equal(cards_count(cards), 0);
        answer(OUTCOME_OK, &(struct card_reply){0});
    }
}

/* A helper that does not know; and a card that was in when pcscd started, of which the watch hears
 * no exchange. */
static void without_a_count_the_watch_s_is_taken(void **state)
{
    (void)state;
    watch_says(READER_CARD, 1, 1);
    module_lists("A", CARD_EVENTS_UNKNOWN);
    assert_int_equal(cards_at(cards, 0)->changes, 0x10001);
    watch_says(READER_CARD, 2, 0);
    module_lists("B", 2);
    assert_int_equal(cards_at(cards, 0)->changes, 0x20000);
}

static void a_reader_that_came_back_is_another_place(void **state)
{
    (void)state;
    watch_says(READER_CARD, 1, 1);
    module_lists("A", 1);
    uint64_t id = only_card();
    watch_says(READER_CARD, 2, 1);
    assert_null(cards_find(cards, id));
}

/* ---- what the module is told ---- */

static void the_module_is_told_of_what_left(void **state)
{
    (void)state;
    watch_says(READER_EMPTY, 1, 0);
    answer(OUTCOME_OK, &(struct card_reply){0});
    watch_says(READER_CARD, 1, 1);
    assert_int_equal(world.left_in_slot + world.left_elsewhere, 0);
    module_lists("A", 1);
    watch_says(READER_EMPTY, 1, 2);
    assert_int_equal(world.left_in_slot, 1);
}

static void a_card_that_was_not_listed_yet_may_leave(void **state)
{
    (void)state;
    watch_says(READER_CARD, 1, 1);
    watch_says(READER_UNAVAILABLE, 1, 1);
    assert_int_equal(world.left_in_slot, 0);
    assert_int_equal(world.left_elsewhere, 1);
    watch_sees_no_reader();
    assert_int_equal(world.left_elsewhere, 2);
    /* Its answer is out of date, and it is asked again. */
    answer(OUTCOME_CARD_CHANGED, NULL);
    assert_true(cards_reading(cards));
    answer(OUTCOME_OK, &(struct card_reply){0});
    assert_int_equal(cards_absence(cards), OUTCOME_NO_READER);
}

/* ---- whose they are ---- */

static void assert_nothing_is_seen(void)
{
    assert_int_equal(cards_count(cards), 0);
    assert_int_equal(cards_reader_count(cards), 0);
    assert_int_equal(cards_place(cards, THE_READER, 0x10001), CARD_PLACE_NO_READER);
    assert_null(world.asked);
}

static void nothing_is_seen_before_it_is_known_whose_it_is(void **state)
{
    (void)state;
    watch_says(READER_CARD, 1, 1);
    cards_ask(cards);
    cards_config_changed(cards);
    assert_nothing_is_seen();
    assert_true(cards_reading(cards));
    cards_set_access(cards, CARDS_OURS);
    assert_int_equal(cards_reader_count(cards), 1);
    module_lists("A", 1);
    only_card();
    assert_false(cards_reading(cards));
}

/* Who is known before the watch has spoken, waits for that. */
static void the_watch_may_speak_last(void **state)
{
    (void)state;
    cards_set_access(cards, CARDS_OURS);
    assert_true(cards_reading(cards));
    watch_says(READER_CARD, 1, 1);
    module_lists("A", 1);
    only_card();
}

static void what_is_withheld_is_as_if_it_were_not_there(void **state)
{
    (void)state;
    cards_set_access(cards, CARDS_WITHHELD);
    for (int i = 0; i < 2; i++) {
        assert_nothing_is_seen();
        assert_false(cards_reading(cards));
        assert_true(cards_known(cards));
        assert_true(cards_service_up(cards));
        assert_int_equal(cards_absence(cards), OUTCOME_REMOTE_SESSION);
        watch_says(READER_CARD, 1, 1);
        cards_ask(cards);
    }
    cards_set_access(cards, CARDS_OURS);
    module_lists("A", 1);
    only_card();
}

static void a_card_that_becomes_withheld_leaves(void **state)
{
    (void)state;
    cards_set_access(cards, CARDS_OURS);
    watch_says(READER_CARD, 1, 1);
    module_lists("A", 1);
    uint64_t id = only_card();
    cards_ask(cards);
    cards_set_access(cards, CARDS_WITHHELD);
    assert_int_equal(world.left_in_slot, 1);
    assert_null(cards_find(cards, id));
    module_lists("A", 1); /* the answer to what was asked before */
    assert_nothing_is_seen();
    cards_set_access(cards, CARDS_OURS);
    module_lists("A", 1);
    assert_int_not_equal(only_card(), id);
}

/* That a software token has no reader does not make it ours. */
static void a_software_token_is_withheld_too(void **state)
{
    (void)state;
    cards_set_access(cards, CARDS_OURS);
    watch_sees_no_reader();
    struct card_token token = {.slot = SLOT, .tries_left = 3, .certificate_count = 1};
    bytes_append(&token.certificates[0].der, "x", 1);
    struct card_reply reply = {.token_count = 1, .tokens = &token};
    answer(OUTCOME_OK, &reply);
    only_card();
    cards_set_access(cards, CARDS_WITHHELD);
    assert_nothing_is_seen();
    card_token_deinit(&token);
}

/* ---- at which seat ---- */

/* As the watch says it that was asked so often: the reader is that device of bus 1. */
static void watch_says_where(enum reader_place place, uint8_t device)
{
    world.seen = (struct reader_snapshot){
        .service_up = true, .count = 1, .places_asked = world.asked_places};
    struct reader_info *info = &world.seen.readers[0];
    snprintf(info->name, sizeof info->name, THE_READER);
    info->state = READER_CARD;
    info->changes = 0x10001;
    info->place = place;
    info->usb_bus = place == READER_PLACE_USB ? 1 : 0;
    info->usb_device = place == READER_PLACE_USB ? device : 0;
    world.watch_says(world.cards);
}

static void sit_at(const char *seat)
{
    cards_set_seat(cards, (const struct seat_watch *)&world, seat);
    cards_set_access(cards, CARDS_OURS);
}

static void where_there_is_one_seat_no_reader_is_asked(void **state)
{
    (void)state;
    sit_at("seat0");
    cards_seats_changed(cards);
    watch_says(READER_CARD, 1, 1);
    module_lists("A", 1);
    only_card();
    assert_int_equal(world.asked_places, 0);
    assert_false(world.hurries);
}

static void no_seat_that_is_known_is_every_seat(void **state)
{
    (void)state;
    world.others = true;
    sit_at("");
    watch_says(READER_CARD, 1, 1);
    module_lists("A", 1);
    only_card();
    assert_int_equal(world.asked_places, 0);
}

/* Nothing is seen before the reader has said where it is; then what is of this seat. */
static void a_reader_of_another_seat_is_not_there(void **state)
{
    (void)state;
    world.others = true;
    world.seats[3] = "seat0";
    world.seats[4] = "seat1";
    watch_says(READER_CARD, 1, 1);
    sit_at("seat0");
    assert_int_equal(world.asked_places, 1);
    assert_nothing_is_seen();
    assert_true(cards_reading(cards));

    watch_says_where(READER_PLACE_USB, 4);
    assert_int_equal(cards_reader_count(cards), 0);
    module_lists("A", 1);
    assert_nothing_is_seen();
    assert_int_equal(cards_absence(cards), OUTCOME_NO_READER);

    watch_says_where(READER_PLACE_USB, 3);
    module_lists("A", 1);
    only_card();
    assert_int_equal(cards_place(cards, THE_READER, 0x10001), CARD_PLACE_SAME);

    watch_says_where(READER_PLACE_UNKNOWN, 0); /* another program has it for itself */
    assert_int_equal(cards_count(cards), 0);
    module_lists("A", 1);
    watch_says_where(READER_PLACE_USB, 5); /* and of this one udev does not know yet */
    module_lists("A", 1);
    assert_nothing_is_seen();
    watch_says_where(READER_PLACE_ELSEWHERE, 0); /* what nobody can attach to a seat is seat0's */
    module_lists("A", 1);
    only_card();
}

static void another_seat_has_its_own_reader_alone(void **state)
{
    (void)state;
    world.seats[3] = "seat0";
    world.seats[4] = "seat1";
    sit_at("seat1");
    watch_says_where(READER_PLACE_USB, 4);
    module_lists("A", 1);
    only_card();
    watch_says_where(READER_PLACE_USB, 3);
    module_lists("A", 1);
    assert_nothing_is_seen();
    watch_says_where(READER_PLACE_ELSEWHERE, 0);
    module_lists("A", 1);
    assert_nothing_is_seen();
}

/* Somebody's session is not to suffer from a hub that is given to another seat. */
static void a_second_seat_takes_no_card_that_is_not_its_own(void **state)
{
    (void)state;
    world.seats[3] = "seat0";
    sit_at("seat0");
    watch_says(READER_CARD, 1, 1);
    module_lists("A", 1);
    uint64_t id = only_card();
    world.others = true;
    cards_seats_changed(cards);
    assert_int_equal(only_card(), id);
    module_lists("A", 1);
    watch_says_where(READER_PLACE_USB, 3);
    assert_int_equal(only_card(), id);
    module_lists("A", 1);
    assert_int_equal(only_card(), id);

    world.seats[3] = "seat1"; /* and now the reader is, too */
    cards_seats_changed(cards);
    assert_int_equal(world.left_in_slot, 1);
    assert_null(cards_find(cards, id));
    module_lists("A", 1);
    assert_nothing_is_seen();
}

/* Software tokens are of no seat; a reader that only the module has seen yet may be of any. */
static void a_reader_that_the_watch_has_not_seen_does_not_count(void **state)
{
    (void)state;
    world.others = true;
    sit_at("seat0");
    world.seen = (struct reader_snapshot){.service_up = true, .places_asked = 1};
    world.watch_says(world.cards);
    struct card_token token = {.slot = SLOT, .reader = THE_READER, .certificate_count = 1};
    bytes_append(&token.certificates[0].der, "x", 1);
    struct card_reply reply = {.token_count = 1, .tokens = &token};
    answer(OUTCOME_OK, &reply);
    assert_nothing_is_seen();
    cards_ask(cards);
    token.events = CARD_EVENTS_UNKNOWN;
    token.certificate_count = 1;
    bytes_append(&token.certificates[0].der, "x", 1);
    answer(OUTCOME_OK, &reply);
    only_card();
    card_token_deinit(&token);
}

/* PC/SC may miss that it is asked. */
static void the_watch_is_hurried_until_it_has_heard(void **state)
{
    (void)state;
    world.others = true;
    sit_at("seat0");
    world.hurries = false;
    watch_says(READER_CARD, 1, 1); /* an answer to nothing */
    assert_true(world.hurries);
    for (unsigned i = 0; i < 3; i++) {
        unsigned before = world.hurried;
        world.hurries = false;
        world.hurry(cards);
        assert_int_equal(world.hurried, before + 1);
        assert_true(world.hurries);
    }
    world.hurries = false;
    watch_says_where(READER_PLACE_ELSEWHERE, 0);
    world.hurry(cards);
    assert_false(world.hurries);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_ours, tear_down)
#define TEST_FROM_START(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_card_is_one_until_its_reader_says_otherwise),
        TEST(a_card_read_before_the_watch_speaks_is_that_card_afterwards),
        TEST(a_card_put_in_again_is_another),
        TEST(a_helper_that_lies_keeps_no_card_in),
        TEST(without_a_count_the_watch_s_is_taken),
        TEST(a_reader_that_came_back_is_another_place),
        TEST(the_module_is_told_of_what_left),
        TEST(a_card_that_was_not_listed_yet_may_leave),
        TEST_FROM_START(nothing_is_seen_before_it_is_known_whose_it_is),
        TEST_FROM_START(the_watch_may_speak_last),
        TEST_FROM_START(what_is_withheld_is_as_if_it_were_not_there),
        TEST_FROM_START(a_card_that_becomes_withheld_leaves),
        TEST_FROM_START(a_software_token_is_withheld_too),
        TEST_FROM_START(where_there_is_one_seat_no_reader_is_asked),
        TEST_FROM_START(no_seat_that_is_known_is_every_seat),
        TEST_FROM_START(a_reader_of_another_seat_is_not_there),
        TEST_FROM_START(another_seat_has_its_own_reader_alone),
        TEST_FROM_START(a_second_seat_takes_no_card_that_is_not_its_own),
        TEST_FROM_START(a_reader_that_the_watch_has_not_seen_does_not_count),
        TEST_FROM_START(the_watch_is_hurried_until_it_has_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
