/* SPDX-License-Identifier: MIT */
/* A session that lasts: what the server says of it and what its silence means, how long it may
 * last, and the PIN that is typed again in its midst. */
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

/* ---- the server's word, and its silence ---- */

static void the_server_ends_it(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    pass_time(0);
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
    pass_time(60000);
    answer_call(LOOK_CALL, OUTCOME_NO_SESSION, 0, -1);
    state_is("none");
    assert_int_equal(kept.dues, 0); /* it need not be told */
    assert_string_equal(kept.disarmed, "sid-1");
}

static void the_server_wants_the_card_no_more(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    pass_time(0);
    answer_call(LOOK_CALL, OUTCOME_CERTIFICATE_REVOKED, 0, -1);
    state_is("none");
}

static void the_server_speaks_of_another_person(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    pass_time(0);
    server.uid = "666666666666";
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
    state_is("none");
}

static void the_server_is_silent(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    pass_time(0);
    answer_call(LOOK_CALL, OUTCOME_PROVIDER_UNREACHABLE, 0, -1);
    assert_int_equal(screen.notices, 1);
    proved(ask_silently(ORIGIN));
    pass_time(60000);
    answer_call(LOOK_CALL, OUTCOME_PROVIDER_BUSY, 0, -1);
    assert_int_equal(screen.notices, 1); /* said once */
    pass_time(60000);
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
    pass_time(60000);
    answer_call(LOOK_CALL, OUTCOME_PROVIDER_UNREACHABLE, 0, -1);
    assert_int_equal(screen.notices, 2);
}

/* ---- how long ---- */

static void ten_hours_are_the_end(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    for (int hour = 0; hour < 9; hour++) {
        for (int minute = 0; minute < 60; minute++) {
            pass_time(60000);
            if (server.calls[LOOK_CALL] > 0)
                answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
        }
        proved(ask_silently(ORIGIN));
    }
    pass_time(3600000);
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    assert_string_equal(kept.due, "sid-1");
}

static void idle_is_the_end(void **state)
{
    (void)state;
    rig.config.session_idle = 600;
    start_signed_in(NORMAL);
    pass_time(599000);
    proved(ask_silently(ORIGIN));
    pass_time(599000);
    state_is("active");
    pass_time(1000);
    state_is("none");
}

/* ---- a fresh PIN inside the session ---- */

static void a_fresh_pin_on_demand(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    pass_time(301000);
    proved(ask_silently(ORIGIN));
    refused(prove(ORIGIN, INTERACTION_SILENT, 300), OUTCOME_INTERACTION_REQUIRED);
    struct request *page = prove(ORIGIN, INTERACTION_IF_NEEDED, 300);
    assert_true(prompt.out);
    assert_non_null(prompt.request.identity);
    assert_true(prompt.request.another_pin);
    card_signs(ALICE);
    assert_false(page->answered);
    answer_call(AUTHENTICATE_CALL, OUTCOME_OK, 1, 0);
    proved(page);
    proved(prove(ORIGIN, INTERACTION_SILENT, 300));
    assert_int_equal(server.sent[OPEN_CALL], 1);
    assert_int_equal(kept.audits[AUDIT_SESSION_RENEWED], 1);
}

static void a_fresh_pin_that_does_not_come(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    pass_time(1000);
    struct request *page = ask_for_pin(ORIGIN);
    fetch();
    answer_challenge(OUTCOME_PROVIDER_UNREACHABLE);
    refused(page, OUTCOME_PROVIDER_UNREACHABLE);
    page = ask_for_pin(ORIGIN);
    give_up(OUTCOME_CARD_CHANGED);
    refused(page, OUTCOME_CARD_CHANGED);
    page = ask_for_pin(ORIGIN);
    card_signs(BOB); /* a ceremony that would let that pass */
    answer_call(AUTHENTICATE_CALL, OUTCOME_OK, 1, 0);
    refused(page, OUTCOME_CARD_CHANGED);
    proved(ask_silently(ORIGIN)); /* the session itself is none the worse */
    page = ask_for_pin(ORIGIN);
    card_signs(ALICE);
    answer_call(AUTHENTICATE_CALL, OUTCOME_NO_SESSION, 0, -1);
    assert_true(page->answered && page->error != OUTCOME_OK);
    state_is("none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(the_server_ends_it),
        KEEPER_TEST(the_server_wants_the_card_no_more),
        KEEPER_TEST(the_server_speaks_of_another_person),
        KEEPER_TEST(the_server_is_silent),
        KEEPER_TEST(ten_hours_are_the_end),
        KEEPER_TEST(idle_is_the_end),
        KEEPER_TEST(a_fresh_pin_on_demand),
        KEEPER_TEST(a_fresh_pin_that_does_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
