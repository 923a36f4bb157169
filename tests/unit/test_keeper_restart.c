/* SPDX-License-Identifier: MIT */
/* The agent's process ends, in order or killed, in a session or on the way into one, and another
 * begins: what it finds and what the server is told. */
#include "ipc/base/outcome.h"
#include "tests/unit/test_clock_rig.h"
#include "tests/unit/test_keeper_callers_rig.h"
#include "tests/unit/test_keeper_cards_rig.h"
#include "tests/unit/test_keeper_kept_rig.h"
#include "tests/unit/test_keeper_prompt_rig.h"
#include "tests/unit/test_keeper_rig.h"
#include "tests/unit/test_keeper_screen_rig.h"
#include "tests/unit/test_keeper_server_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The next agent, once it has looked at the cards. */
static void restart_and_look(void)
{
    rig_restart();
    say_cards_changed();
}

static void a_restart_keeps_it(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in(NORMAL);
    rig_kill();
    rig_restart();
    assert_string_equal(kept.released, "sid-1");
    state_is("checking"); /* the card has not been looked at */
    say_cards_changed();
    proved(ask_silently(ORIGIN));
    assert_int_equal(prompt.begun, 1);
    pass_time(0);
    assert_string_equal(server.sent_sid, "sid-1"); /* and the server is asked */
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
    rig_stop();
    restart_and_look();
    proved(ask_silently(ORIGIN));
}

static void a_restart_in_enhanced_normal(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in(ENHANCED);
    rig_kill();
    restart_and_look();
    state_is("locked"); /* who knows whether the screen was */
}

static void a_restart_after_the_card_was_out(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in(NORMAL);
    rig_kill();
    card_out();
    card_in(ALICE); /* or what has her certificate */
    restart_and_look();
    state_is("none");
    assert_string_equal(kept.due, "sid-1");

    rig_stop();
    rig.config.session_modes = PERSISTENT;
    restart_and_look();
    sign_in();
    rig_kill();
    card_out();
    card_in(ALICE);
    restart_and_look();
    state_is("locked");
    assert_true(prompt.out); /* and the PIN unlocks it */
}

static void a_restart_without_the_card(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in(NORMAL);
    rig_kill();
    card_out();
    restart_and_look();
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

static void a_restart_with_another_card(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in(NORMAL);
    rig_kill();
    card_out();
    card_in(BOB);
    restart_and_look();
    assert_string_equal(kept.due, "sid-1");
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
}

static void without_sealed_memory_it_ends(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    rig_stop();
    assert_string_equal(kept.due, "sid-1");
    rig_restart();
    assert_string_equal(kept.released, "-"); /* what was armed becomes due */
    state_is("none");
}

static void the_agent_stops_in_every_step(void **state)
{
    (void)state;
    for (int step = 0; step < 6; step++) {
        rig_start(NORMAL);
        card_in(ALICE);
        struct request *page = ask(ORIGIN);
        if (step > 0)
            fetch();
        if (step > 1)
            answer_challenge(OUTCOME_OK);
        if (step > 2)
            sign(ALICE);
        if (step > 3)
            answer_call(OPEN_CALL, OUTCOME_OK, 2, -1);
        if (step > 4)
            choose(OUTCOME_OK, 1);
        rig_stop();
        refused(page, OUTCOME_CANCELLED);
        card_out();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(a_restart_keeps_it),
        KEEPER_TEST(a_restart_in_enhanced_normal),
        KEEPER_TEST(a_restart_after_the_card_was_out),
        KEEPER_TEST(a_restart_without_the_card),
        KEEPER_TEST(a_restart_with_another_card),
        KEEPER_TEST(without_sealed_memory_it_ends),
        KEEPER_TEST(the_agent_stops_in_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
