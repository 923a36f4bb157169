/* SPDX-License-Identifier: MIT */
/* Signing in with a card: one prompt for everybody, nobody signed in who should not be, and nobody
 * without an answer, whoever asked: pages or the card's insertion. */
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

/* ---- one prompt for everybody ---- */

static void one_pin_serves_everybody(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    proved(ask(ORIGIN));
    proved(ask_silently(ORIGIN_TOO));
    assert_string_equal(begin(ORIGIN)->sid, "sid-1");
    assert_int_equal(prompt.begun, 1);
    assert_int_equal(server.sent[OPEN_CALL], 1);
    assert_string_equal(kept.armed, "sid-1");
    assert_int_equal(kept.audits[AUDIT_SESSION_OPENED], 1);
    assert_int_equal(kept.audits[AUDIT_SESSION_PROVED], 3);
}

static void two_pages_at_once_share_a_prompt(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    struct request *first = ask(ORIGIN);
    struct request *second = ask(ORIGIN_TOO);
    struct request *force = ask_for_pin(ORIGIN);
    card_signs(ALICE);
    assert_int_equal(first->waiting, WAITING_PROVIDER);
    assert_false(first->answered);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(first);
    proved(second);
    proved(force); /* its PIN has been typed since it was asked for */
    assert_int_equal(prompt.begun, 1);
}

static void silent_never_prompts(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    assert_false(prompt.out);
    struct request *page = ask(ORIGIN);
    refused(ask_silently(ORIGIN), OUTCOME_INTERACTION_REQUIRED);
    give_up(OUTCOME_CANCELLED);
    refused(page, OUTCOME_CANCELLED);
}

static void the_prompt_goes_with_the_last_who_asked(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    struct request *first = ask(ORIGIN);
    struct request *second = begin(ORIGIN);
    assert_true(keeper_cancel(rig.keeper, first));
    refused(first, OUTCOME_CANCELLED);
    assert_true(prompt.out);
    assert_true(keeper_cancel(rig.keeper, second));
    assert_false(prompt.out);
    state_is("none");

    /* The prompt names its site: nobody else of the provider is served by it in its stead. */
    struct request *third = ask(ORIGIN);
    assert_string_equal(prompt.request.site, ORIGIN);
    struct request *fourth = ask(ORIGIN_TOO);
    assert_true(keeper_cancel(rig.keeper, third));
    refused(fourth, OUTCOME_CANCELLED);
    assert_false(prompt.out);
}

static void a_page_that_insists_has_to_wait(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    for (int i = 0; i < 3; i++) {
        struct request *page = ask(ORIGIN);
        assert_true(prompt.out);
        give_up(OUTCOME_CANCELLED);
        refused(page, OUTCOME_CANCELLED);
    }
    refused(ask(ORIGIN), OUTCOME_CANCELLED);
    refused(ask_for_pin(ORIGIN_TOO), OUTCOME_CANCELLED);
    assert_int_equal(prompt.begun, 3);
    struct request *terminal = begin_choosing(); /* nobody but a page */
    assert_true(prompt.out);
    give_up(OUTCOME_CANCELLED);
    refused(terminal, OUTCOME_CANCELLED);
    pass_time(5000);
    struct request *page = ask(ORIGIN);
    give_up(OUTCOME_CANCELLED);
    refused(page, OUTCOME_CANCELLED);
    pass_time(5000);
    refused(ask(ORIGIN), OUTCOME_CANCELLED); /* now it is ten */
    pass_time(600000);
    sign_in();
}

static void what_asks_nobody_does_not_fill_the_journal(void **state)
{
    (void)state;
    rig_start(NORMAL);
    for (int i = 0; i < 30; i++)
        refused(begin_with(ORIGIN, "sid-1"), OUTCOME_SIGN_IN_EXPIRED);
    assert_int_equal(kept.audits[AUDIT_SIGN_IN_FAILED] + kept.audits[AUDIT_REFUSED], 0);
    assert_int_equal(rig.changes, 0);
}

static void another_provider_learns_nothing(void **state)
{
    (void)state;
    rig_start(NORMAL);
    refused(ask(OTHER_ORIGIN), OUTCOME_NO_SESSION);
    sign_in();
    refused(ask(OTHER_ORIGIN), OUTCOME_NO_SESSION);
    refused(ask_silently(OTHER_ORIGIN), OUTCOME_NO_SESSION);
    refused(begin(OTHER_ORIGIN), OUTCOME_NO_SESSION);
    assert_string_equal(status_of(from_page(OTHER_ORIGIN))->state, "none");
    assert_true(end_session(from_page(OTHER_ORIGIN))->done);
    state_is("active");
    assert_true(status_of(from_page(ORIGIN_TOO))->live);
    assert_true(end_session(from_page(ORIGIN_TOO))->done);
    state_is("none");
    assert_string_equal(status_of(from_page(ORIGIN))->cause, "sign-out");
    assert_string_equal(status_of(from_page(OTHER_ORIGIN))->cause, "");
}

static void proofs_are_rationed_by_origin(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    pass_time(10000);
    for (int i = 0; i < 60; i++)
        proved(ask_silently(ORIGIN));
    refused(ask_silently(ORIGIN), OUTCOME_BUSY);
    proved(ask_silently(ORIGIN_TOO));
    pass_time(50);
    proved(ask_silently(ORIGIN));
}

/* ---- nobody signed in who should not be ---- */

static void a_provider_that_says_no(void **state)
{
    (void)state;
    static const int noes[] = {OUTCOME_PROVIDER_UNREACHABLE, OUTCOME_PROVIDER_REFUSED,
                               OUTCOME_CERTIFICATE_REVOKED,  OUTCOME_PROVIDER_BUSY,
                               OUTCOME_CLOCK_WRONG,          OUTCOME_PROVIDER_UNTRUSTED};
    rig_start(NORMAL);
    card_in(ALICE);
    for (size_t i = 0; i < sizeof noes / sizeof *noes; i++) {
        struct request *page = ask(ORIGIN);
        card_signs(ALICE);
        answer_call(OPEN_CALL, noes[i], 0, -1);
        refused(page, noes[i]);
        state_is("none");
        struct request *unasked = ask(ORIGIN);
        fetch();
        answer_challenge(noes[i]); /* and here nobody has typed a PIN in vain */
        refused(unasked, noes[i]);
        state_is("none");
    }
    assert_string_equal(kept.armed, "");
}

static void who_cancels_is_not_signed_in(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    struct request *page = ask(ORIGIN);
    card_signs(ALICE);
    assert_true(keeper_cancel(rig.keeper, page));
    refused(page, OUTCOME_CANCELLED);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0); /* the server had opened it */
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

/* Whatever the step of the sign-in, a card that leaves leaves nobody signed in. */
static void pulled_at_each_step(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    struct request *page = ask(ORIGIN);
    fetch();
    card_out();
    give_up(OUTCOME_CARD_REMOVED); /* the ceremony sees it, too */
    refused(page, OUTCOME_CARD_REMOVED);

    card_in(ALICE);
    page = ask(ORIGIN);
    card_signs(ALICE);
    card_out(); /* the token is on its way */
    refused(page, OUTCOME_CARD_REMOVED);
    state_is("none");
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0); /* the server has opened it all the same */
    state_is("none");
    assert_string_equal(kept.armed, "sid-1");
    assert_string_equal(kept.due, "sid-1");
}

static void an_answer_that_nobody_waits_for_any_more(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    struct request *page = ask(ORIGIN);
    card_signs(ALICE);
    pass_time(SESSION_OPENING_MAX_MS);
    refused(page, OUTCOME_TIMED_OUT);
    assert_int_equal(server.calls[OPEN_CALL], 1);
    pass_time(SESSION_OPENING_MAX_MS);
    assert_int_equal(server.calls[OPEN_CALL], 0); /* and its key is wiped */
}

/* ---- a card's insertion ---- */

static void an_insertion_signs_in(void **state)
{
    (void)state;
    rig.config.session_at_insertion = true;
    rig_start(NORMAL);
    card_in(ALICE);
    assert_true(prompt.out);
    assert_null(prompt.request.caller);
    assert_int_equal(prompt.request.card, 1);
    struct request *page = ask(ORIGIN); /* joins it */
    card_signs(ALICE);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(page);
    end_session(from_native());
    assert_false(prompt.out); /* signing out is no invitation */
    card_out();
    card_in(ALICE);
    assert_true(prompt.out);
    give_up(OUTCOME_CANCELLED);
    assert_false(prompt.out);
    assert_int_equal(screen.notices, 0);
}

static void an_insertion_that_fails_is_said(void **state)
{
    (void)state;
    rig.config.session_at_insertion = true;
    rig_start(NORMAL);
    card_in(ALICE);
    fetch();
    answer_challenge(OUTCOME_PROVIDER_UNREACHABLE);
    assert_int_equal(screen.notices, 1);
    assert_string_equal(screen.notice, outcome_sentence(OUTCOME_PROVIDER_UNREACHABLE));
    state_is("none");
}

static void a_card_that_follows_another_is_invited(void **state)
{
    (void)state;
    rig.config.session_at_insertion = true;
    rig_start(PERSISTENT);
    card_in(ALICE);
    card_signs(ALICE);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    card_out();
    card_in(BOB);
    assert_string_equal(kept.due, "sid-1");
    assert_true(prompt.out);
    assert_null(prompt.request.identity);
    give_up(OUTCOME_CANCELLED);
}

static void behind_a_locked_screen_nothing_is_asked(void **state)
{
    (void)state;
    rig.config.session_at_insertion = true;
    rig_start(NORMAL);
    keeper_desktop(rig.keeper, DESKTOP_LOCKED);
    card_in(ALICE);
    assert_false(prompt.out);
    keeper_desktop(rig.keeper, DESKTOP_UNLOCKED);
    assert_true(prompt.out);
    give_up(OUTCOME_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(one_pin_serves_everybody),
        KEEPER_TEST(two_pages_at_once_share_a_prompt),
        KEEPER_TEST(silent_never_prompts),
        KEEPER_TEST(the_prompt_goes_with_the_last_who_asked),
        KEEPER_TEST(a_page_that_insists_has_to_wait),
        KEEPER_TEST(what_asks_nobody_does_not_fill_the_journal),
        KEEPER_TEST(another_provider_learns_nothing),
        KEEPER_TEST(proofs_are_rationed_by_origin),
        KEEPER_TEST(a_provider_that_says_no),
        KEEPER_TEST(who_cancels_is_not_signed_in),
        KEEPER_TEST(pulled_at_each_step),
        KEEPER_TEST(an_answer_that_nobody_waits_for_any_more),
        KEEPER_TEST(an_insertion_signs_in),
        KEEPER_TEST(an_insertion_that_fails_is_said),
        KEEPER_TEST(a_card_that_follows_another_is_invited),
        KEEPER_TEST(behind_a_locked_screen_nothing_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
