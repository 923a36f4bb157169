/* SPDX-License-Identifier: MIT */
/* A page that has signed its person in by itself, with a card or a security key, brings the session
 * that its server opened: the keeper takes it over from that page, while the proof is fresh. */
#include "ipc/base/outcome.h"
#include "tests/unit/test_clock_rig.h"
#include "tests/unit/test_keeper_callers_rig.h"
#include "tests/unit/test_keeper_cards_rig.h"
#include "tests/unit/test_keeper_kept_rig.h"
#include "tests/unit/test_keeper_keys_rig.h"
#include "tests/unit/test_keeper_prompt_rig.h"
#include "tests/unit/test_keeper_rig.h"
#include "tests/unit/test_keeper_server_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- by a card ---- */

static void hand_over(int person)
{
    struct session_key *key = session_key_new();
    struct ceremony_result result = {.result = OUTCOME_OK, .key = &key, .card = card_now()};
    memset(result.identity, person, sizeof result.identity);
    keeper_card_token(rig.keeper, ORIGIN, &result);
    assert_null(key);
}

static void a_page_hands_over_its_session(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    refused(begin_with(ORIGIN, "sid-1"), OUTCOME_SIGN_IN_EXPIRED);
    hand_over(ALICE);
    refused(begin_with(ORIGIN_TOO, "sid-1"), OUTCOME_SIGN_IN_EXPIRED); /* not its token */
    struct request *page = begin_with(ORIGIN, "sid-1");
    assert_false(prompt.out);
    assert_string_equal(server.sent_sid, "sid-1");
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
    assert_string_equal(page->sid, "sid-1");
    proved(ask_silently(ORIGIN));
    assert_string_equal(begin_with(ORIGIN, "sid-1")->sid, "sid-1");
    refused(begin_with(ORIGIN, "sid-2"), OUTCOME_SESSION_EXISTS);
}

static void a_sid_that_is_not_this_keys(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    hand_over(ALICE);
    struct request *page = begin_with(ORIGIN, "stolen");
    answer_call(LOOK_CALL, OUTCOME_PROVIDER_REFUSED, 0, -1);
    refused(page, OUTCOME_PROVIDER_REFUSED);
    assert_string_equal(kept.due, "stolen"); /* which does nothing, by this key */
    hand_over(ALICE);
    page = begin_with(ORIGIN, "unknown");
    answer_call(LOOK_CALL, OUTCOME_NO_SESSION, 0, -1);
    refused(page, OUTCOME_SIGN_IN_EXPIRED);
    state_is("none");
    assert_string_equal(kept.disarmed, "unknown");
    assert_int_equal(kept.dues, 1);
}

/* Asked for, it lasts at the server; and nobody here has it. */
static void a_handover_whose_answer_is_lost(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    hand_over(ALICE);
    struct request *page = begin_with(ORIGIN, "sid-1");
    assert_string_equal(kept.armed, "sid-1");
    answer_call(LOOK_CALL, OUTCOME_PROVIDER_UNREACHABLE, 0, -1);
    refused(page, OUTCOME_PROVIDER_UNREACHABLE);
    assert_string_equal(kept.due, "sid-1");

    hand_over(ALICE);
    page = begin_with(ORIGIN, "sid-2");
    card_out();
    refused(page, OUTCOME_CARD_REMOVED);
    assert_string_equal(kept.due, "sid-1");
    answer_call(LOOK_CALL, OUTCOME_PROVIDER_UNREACHABLE, 0, -1);
    assert_string_equal(kept.due, "sid-2");
}

static void a_handover_that_is_never_answered(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    hand_over(ALICE);
    struct request *page = begin_with(ORIGIN, "sid-1");
    card_out();
    refused(page, OUTCOME_CARD_REMOVED);
    pass_time(SESSION_OPENING_MAX_MS);
    assert_int_equal(server.calls[LOOK_CALL], 0);
    assert_string_equal(kept.due, "sid-1");
}

static void a_handover_does_not_wait_for_ever(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    hand_over(ALICE);
    pass_time(130000);
    refused(begin_with(ORIGIN, "sid-1"), OUTCOME_SIGN_IN_EXPIRED);
    hand_over(ALICE);
    card_out();
    refused(begin_with(ORIGIN, "sid-1"), OUTCOME_SIGN_IN_EXPIRED);
}

/* ---- by a security key ---- */

static void a_page_hands_over_its_keys_session(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    key_in(KEY_A);
    key_hands_over(ORIGIN, KEY_A, HERS);
    refused(begin_with(ORIGIN_TOO, "sid-1"), OUTCOME_SIGN_IN_EXPIRED);
    struct request *page = begin_with(ORIGIN, "sid-1");
    assert_false(prompt.out || security_keys.working);
    assert_string_equal(server.sent_sid, "sid-1");
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
    assert_string_equal(page->sid, "sid-1");
    proved(ask_silently(ORIGIN));
    key_out(KEY_A);
    state_is("none");

    key_in(KEY_A);
    key_hands_over(ORIGIN, KEY_A, HERS);
    key_out(KEY_A);
    refused(begin_with(ORIGIN, "sid-2"), OUTCOME_SIGN_IN_EXPIRED);
    key_in(KEY_A);
    key_hands_over(ORIGIN, KEY_A, HERS);
    pass_time(131000);
    refused(begin_with(ORIGIN, "sid-3"), OUTCOME_SIGN_IN_EXPIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(a_page_hands_over_its_session),
        KEEPER_TEST(a_sid_that_is_not_this_keys),
        KEEPER_TEST(a_handover_whose_answer_is_lost),
        KEEPER_TEST(a_handover_that_is_never_answered),
        KEEPER_TEST(a_handover_does_not_wait_for_ever),
        KEEPER_TEST(a_page_hands_over_its_keys_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
