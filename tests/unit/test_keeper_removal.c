/* SPDX-License-Identifier: MIT */
/* What becomes of a session when its card leaves, or can no longer be seen: over, locked or as it
 * was, by the session's mode; and who brings it back. */
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

/* ---- removal ---- */

static void the_card_is_pulled(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    card_out();
    assert_string_equal(rig.order, "due lock told ");
    assert_string_equal(status_of(from_native())->cause, "card-removed");
    assert_string_equal(kept.due, "sid-1");
    assert_int_equal(kept.audits[AUDIT_SESSION_ENDED], 1);
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    state_is("none");
}

static void the_reader_is_unplugged(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    reader_unplugged();
    state_is("none");
    assert_int_equal(screen.locks, 1);
}

static void a_module_that_crashes_is_no_removal(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    module_crashes();
    proved(ask_silently(ORIGIN));
    module_is_back();
    proved(ask_silently(ORIGIN));
    module_crashes();
    card_out();
    state_is("none");
}

static void exchanged_without_pcsc_noticing(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    module_crashes();
    another_card_in_the_same_place(BOB);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

static void a_grace_period(void **state)
{
    (void)state;
    rig.config.session_grace = 5;
    start_signed_in(NORMAL);
    card_out();
    state_is("leaving");
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    struct request *page = ask(ORIGIN);
    assert_int_equal(page->waiting, WAITING_CARD);
    pass_time(4999);
    card_in(ALICE);
    proved(page);
    card_out();
    pass_time(5000);
    state_is("none");
    assert_int_equal(screen.locks, 1);
}

static void locked_and_resumed(void **state)
{
    (void)state;
    start_signed_in(PERSISTENT);
    card_out();
    state_is("locked");
    assert_int_equal(screen.locks, 1);
    assert_int_equal(kept.dues, 0);
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    card_in(ALICE); /* the same card: the PIN is asked for */
    assert_true(prompt.out);
    assert_true(prompt.request.another_pin);
    card_signs(ALICE);
    answer_call(AUTHENTICATE_CALL, OUTCOME_OK, 1, 0);
    state_is("active");
    proved(ask_silently(ORIGIN));
    assert_int_equal(server.sent[OPEN_CALL], 1); /* the session as before */
}

static void resumed_without_the_server(void **state)
{
    (void)state;
    start_signed_in(PERSISTENT);
    card_out();
    card_in(ALICE);
    fetch();
    answer_challenge(OUTCOME_PROVIDER_UNREACHABLE);
    sign(ALICE);
    state_is("active");
    card_out();
    card_in(ALICE);
    card_signs(ALICE);
    answer_call(AUTHENTICATE_CALL, OUTCOME_PROVIDER_UNREACHABLE, 0, -1);
    state_is("active");
    card_out();
    card_in(ALICE);
    card_signs(ALICE);
    answer_call(AUTHENTICATE_CALL, OUTCOME_PROVIDER_REFUSED, 0, -1);
    state_is("locked"); /* reached, and it said no */
}

static void another_card_ends_the_locked_session(void **state)
{
    (void)state;
    start_signed_in(PERSISTENT);
    card_out();
    card_in(BOB);
    assert_string_equal(kept.due, "sid-1");
    state_is("none");
}

static void in_mobility_the_card_may_leave(void **state)
{
    (void)state;
    rig.config.session_reauthenticate = 3600;
    start_signed_in(MOBILE);
    card_out();
    proved(ask_silently(ORIGIN));
    pass_time(3600000);
    state_is("locked");
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
}

/* ---- surroundings ---- */

static void after_sleep_the_card_is_looked_for(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
    state_is("active"); /* it is in, and says so */
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    module_crashes(); /* as after sleep: not read yet */
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
    state_is("checking");
    struct request *page = ask(ORIGIN);
    assert_false(page->answered);
    module_is_back();
    proved(page);
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    card_out();
    state_is("none");
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
}

static void log_out_ends_it(void **state)
{
    (void)state;
    start_signed_in(PERSISTENT);
    keeper_desktop(rig.keeper, DESKTOP_LOGGED_OUT);
    state_is("none");
    assert_string_equal(kept.due, "sid-1"); /* the server is told */
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    keeper_desktop(rig.keeper, DESKTOP_LOCKED); /* the next person's desktop */
    keeper_desktop(rig.keeper, DESKTOP_UNLOCKED);
    state_is("none");
    assert_false(prompt.out);
}

static void the_smartcard_service_dies_and_comes_back(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    service(false);
    state_is("checking");
    refused(ask_silently(ORIGIN), OUTCOME_READER_SERVICE_DOWN);
    service(true);
    proved(ask_silently(ORIGIN));
    service(false);
    pass_time(SESSION_CHECK_MAX_MS);
    state_is("none");
    service(true);
}

static void enhanced_normal_asks_again(void **state)
{
    (void)state;
    start_signed_in(ENHANCED);
    keeper_desktop(rig.keeper, DESKTOP_LOCKED);
    state_is("locked");
    assert_false(prompt.out); /* nobody would see it */
    keeper_desktop(rig.keeper, DESKTOP_UNLOCKED);
    assert_true(prompt.out);
    card_signs(ALICE);
    answer_call(AUTHENTICATE_CALL, OUTCOME_OK, 1, 0);
    state_is("active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(the_card_is_pulled),
        KEEPER_TEST(the_reader_is_unplugged),
        KEEPER_TEST(a_module_that_crashes_is_no_removal),
        KEEPER_TEST(exchanged_without_pcsc_noticing),
        KEEPER_TEST(a_grace_period),
        KEEPER_TEST(locked_and_resumed),
        KEEPER_TEST(resumed_without_the_server),
        KEEPER_TEST(another_card_ends_the_locked_session),
        KEEPER_TEST(in_mobility_the_card_may_leave),
        KEEPER_TEST(after_sleep_the_card_is_looked_for),
        KEEPER_TEST(log_out_ends_it),
        KEEPER_TEST(the_smartcard_service_dies_and_comes_back),
        KEEPER_TEST(enhanced_normal_asks_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
