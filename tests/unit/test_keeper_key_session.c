/* SPDX-License-Identifier: MIT */
/* A session by a security key: the key's leaving is the card's, it is known again when it comes
 * back, and keys that nobody has signed in with change nothing. */
#include "ipc/base/outcome.h"
#include "tests/unit/test_clock_rig.h"
#include "tests/unit/test_keeper_callers_rig.h"
#include "tests/unit/test_keeper_cards_rig.h"
#include "tests/unit/test_keeper_kept_rig.h"
#include "tests/unit/test_keeper_keys_rig.h"
#include "tests/unit/test_keeper_prompt_rig.h"
#include "tests/unit/test_keeper_rig.h"
#include "tests/unit/test_keeper_screen_rig.h"
#include "tests/unit/test_keeper_server_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- in the session ---- */

static void the_key_is_pulled(void **state)
{
    (void)state;
    start_signed_in_with_key(NORMAL);
    key_in(KEY_B); /* others come and go */
    key_out(KEY_B);
    proved(ask_silently(ORIGIN));
    rig.order[0] = '\0';
    key_out(KEY_A);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
    assert_string_equal(rig.order, "due lock told ");
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    key_in(KEY_A);
    assert_int_equal(security_keys.probes, 0); /* nobody's key any more */
    state_is("none");
}

static void a_card_beside_it_is_nobodys(void **state)
{
    (void)state;
    start_signed_in_with_key(NORMAL);
    card_in(BOB);
    card_out();
    card_in(BOB);
    proved(ask_silently(ORIGIN));
}

static void a_grace_period(void **state)
{
    (void)state;
    rig.config.session_grace = 10;
    start_signed_in_with_key(NORMAL);
    key_out(KEY_A);
    state_is("leaving");
    struct request *page = ask(ORIGIN);
    assert_int_equal(page->waiting, WAITING_KEY);
    key_in(KEY_B);
    assert_int_equal(probed_key(), KEY_B);
    key_in(KEY_A);
    probe_says(OUTCOME_KEY_NOT_REGISTERED);
    assert_int_equal(probed_key(), KEY_A);
    probe_says(OUTCOME_OK);
    proved(page);
    state_is("active");
    assert_int_equal(security_keys.works, 1);
    key_out(KEY_A);
    pass_time(10000);
    state_is("none");
    assert_false(security_keys.probing);
}

static void locked_and_resumed(void **state)
{
    (void)state;
    start_signed_in_with_key(PERSISTENT);
    key_out(KEY_A);
    state_is("locked");
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    key_in(KEY_B); /* another person's, or a memory stick that says it is one */
    probe_says(OUTCOME_CREDENTIAL_UNKNOWN);
    state_is("locked");
    assert_int_equal(server.sent[CHALLENGE_CALL], 1); /* nobody was asked for anything */
    key_out(KEY_B);
    key_in(KEY_A);
    assert_int_equal(probed_key(), KEY_A);
    probe_says(OUTCOME_OK);
    state_is("locked"); /* it is the key, and its person has yet to show */
    resume_with_key();
    state_is("active");
    assert_int_equal(kept.audits[AUDIT_SESSION_RESUMED], 1);
    assert_string_equal(kept.key_name, "Key A");
    proved(ask_silently(ORIGIN));
    key_out(KEY_A); /* it is still the session's key */
    state_is("locked");

    struct request *page = ask(ORIGIN); /* asked for while it is out */
    answer_challenge(OUTCOME_OK);
    assert_int_equal(page->waiting, WAITING_KEY);
    assert_false(prompt.out); /* no card will do */
    key_in(KEY_A);
    probe_says(OUTCOME_OK);
    resume_with_key();
    proved(page);
}

static void a_locked_session_needs_the_server(void **state)
{
    (void)state;
    start_signed_in_with_key(PERSISTENT);
    key_out(KEY_A);
    key_in(KEY_A);
    probe_says(OUTCOME_OK);
    answer_challenge(OUTCOME_PROVIDER_UNREACHABLE); /* nobody here can verify the signature */
    assert_int_equal(screen.notices, 1);            /* and no page says so */
    state_is("locked");
    struct request *page = ask(ORIGIN);
    answer_challenge(OUTCOME_PROVIDER_UNREACHABLE);
    refused(page, OUTCOME_PROVIDER_UNREACHABLE);
    state_is("locked");
    page = ask(ORIGIN);
    answer_challenge(OUTCOME_OK);
    key_signs(KEY_A, HERS);
    answer_call(AUTHENTICATE_CALL, OUTCOME_PROVIDER_UNREACHABLE, 0, -1);
    refused(page, OUTCOME_PROVIDER_UNREACHABLE);
    state_is("locked");
    assert_int_equal(screen.notices, 1);
}

static void another_card_ends_the_locked_session(void **state)
{
    (void)state;
    start_signed_in_with_key(PERSISTENT);
    key_out(KEY_A);
    card_in(BOB);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

static void in_mobility_the_key_may_leave(void **state)
{
    (void)state;
    start_signed_in_with_key(MOBILE);
    key_out(KEY_A);
    proved(ask_silently(ORIGIN));
    key_in(KEY_A);
    probe_says(OUTCOME_OK);
    proved(ask_silently(ORIGIN));
    assert_true(keeper_key(rig.keeper) != 0);
}

static void enhanced_normal_asks_again(void **state)
{
    (void)state;
    start_signed_in_with_key(ENHANCED);
    keeper_desktop(rig.keeper, DESKTOP_LOCKED);
    state_is("locked");
    assert_int_equal(server.calls[CHALLENGE_CALL], 0);
    keeper_desktop(rig.keeper, DESKTOP_UNLOCKED);
    resume_with_key();
    state_is("active");
    key_out(KEY_A);
    state_is("none");
}

static void a_fresh_pin_on_demand(void **state)
{
    (void)state;
    start_signed_in_with_key(NORMAL);
    pass_time(5000);
    struct request *page = prove(ORIGIN, INTERACTION_IF_NEEDED, 2);
    card_in(BOB); /* no card will do */
    resume_with_key();
    proved(page);
    assert_int_equal(kept.audits[AUDIT_SESSION_RENEWED], 1);
    pass_time(1);
    page = ask_for_pin(ORIGIN);
    answer_challenge(OUTCOME_OK);
    key_says(WAITING_TOUCH);
    key_gives_up(OUTCOME_CANCELLED);
    refused(page, OUTCOME_CANCELLED);
    proved(ask_silently(ORIGIN)); /* the session is as it was */
    page = ask_for_pin(ORIGIN);
    answer_challenge(OUTCOME_OK);
    key_out(KEY_A); /* in the middle of it */
    refused(page, OUTCOME_KEY_REMOVED);
    assert_false(security_keys.working);
    state_is("none");
}

static void after_sleep_the_key_is_looked_for(void **state)
{
    (void)state;
    start_signed_in_with_key(PERSISTENT);
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    state_is("checking");
    key_out(KEY_A); /* the port loses its power */
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
    state_is("checking");
    key_in(KEY_A);
    probe_says(OUTCOME_OK);
    proved(ask_silently(ORIGIN));

    sleep_and_wake(); /* and here it does not */
    struct request *page = ask_silently(ORIGIN);
    assert_false(page->answered);
    probe_says(OUTCOME_OK);
    proved(page);
    assert_int_equal(security_keys.works, 1);

    keeper_desktop(rig.keeper, DESKTOP_SLEEP); /* pulled meanwhile, another in its place */
    key_out(KEY_A);
    key_in(KEY_B);
    probe_says(OUTCOME_CREDENTIAL_UNKNOWN);
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
    probe_says(OUTCOME_CREDENTIAL_UNKNOWN);
    state_is("checking");
    pass_time(SESSION_CHECK_MAX_MS);
    state_is("locked");
}

static void behind_another_users_desktop_it_is_pulled(void **state)
{
    (void)state;
    start_signed_in_with_key(NORMAL);
    keeper_desktop(rig.keeper, DESKTOP_SWITCHED_AWAY);
    state_is("checking");
    keeper_desktop(rig.keeper, DESKTOP_SWITCHED_BACK);
    probe_says(OUTCOME_OK);
    state_is("active");
    keeper_desktop(rig.keeper, DESKTOP_SWITCHED_AWAY);
    key_out(KEY_A); /* nobody has to come back for this */
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

/* ---- the agent's own life ---- */

static void a_restart_keeps_it(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in_with_key(NORMAL);
    rig_kill();
    rig_restart();
    assert_string_equal(kept.released, "sid-1");
    state_is("checking");
    assert_int_equal(probed_key(), KEY_A);
    probe_says(OUTCOME_OK);
    proved(ask_silently(ORIGIN));
    assert_int_equal(security_keys.works, 1);
    key_out(KEY_A);
    state_is("none");
    pass_time(0);
}

static void a_restart_without_the_key(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in_with_key(NORMAL);
    rig_stop();
    key_out(KEY_A);
    key_in(KEY_B);
    rig_restart();
    probe_says(OUTCOME_CREDENTIAL_UNKNOWN);
    state_is("checking");
    pass_time(SESSION_CHECK_MAX_MS);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

static void a_restart_while_it_is_locked(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in_with_key(PERSISTENT);
    key_out(KEY_A);
    rig_kill();
    key_in(KEY_A);
    rig_restart();
    state_is("locked");
    probe_says(OUTCOME_OK);
    resume_with_key();
    state_is("active");
    pass_time(0);
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
}

static void the_agent_stops_in_every_step(void **state)
{
    (void)state;
    start_with_keys(PERSISTENT);
    key_in(KEY_A);
    struct request *page = ask(ORIGIN);
    ceremony_waits(WAITING_CARD);
    rig_stop();
    refused(page, OUTCOME_CANCELLED);
    rig_restart();
    page = ask_without_card();
    assert_true(security_keys.working);
    rig_stop();
    refused(page, OUTCOME_CANCELLED);
    rig_restart();
    sign_in_with_key();
    key_out(KEY_A);
    key_in(KEY_A);
    assert_true(security_keys.probing);
    rig_stop();
    rig_restart();
    key_hands_over(ORIGIN, KEY_A, HERS);
    rig_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(the_key_is_pulled),
        KEEPER_TEST(a_card_beside_it_is_nobodys),
        KEEPER_TEST(a_grace_period),
        KEEPER_TEST(locked_and_resumed),
        KEEPER_TEST(a_locked_session_needs_the_server),
        KEEPER_TEST(another_card_ends_the_locked_session),
        KEEPER_TEST(in_mobility_the_key_may_leave),
        KEEPER_TEST(enhanced_normal_asks_again),
        KEEPER_TEST(a_fresh_pin_on_demand),
        KEEPER_TEST(after_sleep_the_key_is_looked_for),
        KEEPER_TEST(behind_another_users_desktop_it_is_pulled),
        KEEPER_TEST(a_restart_keeps_it),
        KEEPER_TEST(a_restart_without_the_key),
        KEEPER_TEST(a_restart_while_it_is_locked),
        KEEPER_TEST(the_agent_stops_in_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
