/* SPDX-License-Identifier: MIT */
/* The session as its callers, its card and its provider see it: nobody signed in who should not be,
 * one prompt for everybody, nobody without an answer, nothing left behind (test_keeper_rig.c). */
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
#include <string.h>

/* ---- signing in ---- */

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

/* ---- a page that brings its own session ---- */

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

/* ---- the role ---- */

static struct request *sign_in_to_roles(unsigned roles)
{
    card_in(ALICE);
    struct request *page = ask(ORIGIN);
    card_signs(ALICE);
    answer_call(OPEN_CALL, OUTCOME_OK, roles, -1);
    return page;
}

static void one_role_is_chosen_by_itself(void **state)
{
    (void)state;
    rig_start(NORMAL);
    struct request *page = sign_in_to_roles(1);
    assert_false(screen.choosing);
    assert_false(page->answered);
    assert_string_equal(server.sent_role, "role-0");
    answer_call(ROLE_CALL, OUTCOME_OK, 1, 0);
    proved(page);
    assert_string_equal(status_of(from_native())->role, "role-0");
}

static void several_are_asked_for(void **state)
{
    (void)state;
    rig_start(NORMAL);
    struct request *page = sign_in_to_roles(3);
    assert_true(screen.choosing);
    assert_int_equal(page->waiting, WAITING_ROLE);
    struct request *late = ask(ORIGIN);
    proved(ask_silently(ORIGIN)); /* does not wait for a person */
    assert_false(late->answered);
    assert_int_equal(late->waiting, WAITING_ROLE);
    choose(OUTCOME_OK, 2);
    assert_string_equal(server.sent_role, "role-2");
    answer_call(ROLE_CALL, OUTCOME_OK, 3, 2);
    proved(page);
    proved(late);
    assert_int_equal(kept.audits[AUDIT_SESSION_ROLE], 1);
}

static void no_role_is_no_obstacle(void **state)
{
    (void)state;
    static const int ends[] = {OUTCOME_CANCELLED, OUTCOME_TIMED_OUT, OUTCOME_PROMPT_UNAVAILABLE};
    rig_start(NORMAL);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct request *page = sign_in_to_roles(2);
        choose(ends[i], 0);
        proved(page);
        card_out();
    }
}

static void the_caller_chooses(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    struct request *terminal = begin_choosing();
    card_signs(ALICE);
    answer_call(OPEN_CALL, OUTCOME_OK, 3, -1);
    assert_false(screen.choosing);
    assert_string_equal(terminal->sid, "sid-1");
    assert_string_equal(terminal->role, "");
    refused(choose_role("role-9"), OUTCOME_ROLE_UNKNOWN);
    struct request *role = choose_role("role-1");
    refused(choose_role("role-2"), OUTCOME_BUSY);
    answer_call(ROLE_CALL, OUTCOME_OK, 3, 1);
    assert_string_equal(role->role, "role-1");
    struct request *window = choose_role("");
    choose(OUTCOME_OK, 0);
    answer_call(ROLE_CALL, OUTCOME_PROVIDER_UNREACHABLE, 0, -1);
    refused(window, OUTCOME_PROVIDER_UNREACHABLE);
    assert_string_equal(status_of(from_native())->role, "role-1");
}

static void pulled_while_the_role_is_asked_for(void **state)
{
    (void)state;
    rig_start(NORMAL);
    struct request *page = sign_in_to_roles(2);
    card_out();
    refused(page, OUTCOME_CARD_REMOVED);
    assert_false(screen.choosing);
    assert_false(prompt.out); /* nor does it begin again by itself */
    refused(choose_role("role-0"), OUTCOME_NO_SESSION);

    page = sign_in_to_roles(2);
    choose(OUTCOME_OK, 1);
    card_out();
    refused(page, OUTCOME_CARD_REMOVED);
    state_is("none");
}

static void the_provider_changes_the_role(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    int before = rig.changes;
    pass_time(0);
    answer_call(LOOK_CALL, OUTCOME_OK, 2, 1);
    assert_true(rig.changes > before);
    assert_string_equal(status_of(from_native())->role, "role-1");
}

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

/* ---- the agent's own life ---- */

static void a_restart_keeps_it(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in(NORMAL);
    rig_kill();
    rig_restart();
    assert_string_equal(kept.released, "sid-1");
    state_is("checking"); /* the card has not been looked at */
    keeper_cards_changed(rig.keeper);
    proved(ask_silently(ORIGIN));
    assert_int_equal(prompt.begun, 1);
    pass_time(0);
    assert_string_equal(server.sent_sid, "sid-1"); /* and the server is asked */
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
    rig_stop();
    rig_restart();
    keeper_cards_changed(rig.keeper);
    proved(ask_silently(ORIGIN));
}

static void a_restart_in_enhanced_normal(void **state)
{
    (void)state;
    kept.sealing = true;
    start_signed_in(ENHANCED);
    rig_kill();
    rig_restart();
    keeper_cards_changed(rig.keeper);
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
    rig_restart();
    keeper_cards_changed(rig.keeper);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");

    rig_stop();
    rig.config.session_modes = PERSISTENT;
    rig_restart();
    keeper_cards_changed(rig.keeper);
    sign_in();
    rig_kill();
    card_out();
    card_in(ALICE);
    rig_restart();
    keeper_cards_changed(rig.keeper);
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
    rig_restart();
    keeper_cards_changed(rig.keeper);
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
    rig_restart();
    keeper_cards_changed(rig.keeper);
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
        KEEPER_TEST(one_pin_serves_everybody),
        KEEPER_TEST(two_pages_at_once_share_a_prompt),
        KEEPER_TEST(silent_never_prompts),
        KEEPER_TEST(a_provider_that_says_no),
        KEEPER_TEST(the_prompt_goes_with_the_last_who_asked),
        KEEPER_TEST(who_cancels_is_not_signed_in),
        KEEPER_TEST(a_page_that_insists_has_to_wait),
        KEEPER_TEST(what_asks_nobody_does_not_fill_the_journal),
        KEEPER_TEST(another_provider_learns_nothing),
        KEEPER_TEST(proofs_are_rationed_by_origin),
        KEEPER_TEST(a_page_hands_over_its_session),
        KEEPER_TEST(a_sid_that_is_not_this_keys),
        KEEPER_TEST(a_handover_whose_answer_is_lost),
        KEEPER_TEST(a_handover_that_is_never_answered),
        KEEPER_TEST(a_handover_does_not_wait_for_ever),
        KEEPER_TEST(one_role_is_chosen_by_itself),
        KEEPER_TEST(several_are_asked_for),
        KEEPER_TEST(no_role_is_no_obstacle),
        KEEPER_TEST(the_caller_chooses),
        KEEPER_TEST(pulled_while_the_role_is_asked_for),
        KEEPER_TEST(the_provider_changes_the_role),
        KEEPER_TEST(the_card_is_pulled),
        KEEPER_TEST(the_reader_is_unplugged),
        KEEPER_TEST(a_module_that_crashes_is_no_removal),
        KEEPER_TEST(exchanged_without_pcsc_noticing),
        KEEPER_TEST(a_grace_period),
        KEEPER_TEST(locked_and_resumed),
        KEEPER_TEST(resumed_without_the_server),
        KEEPER_TEST(another_card_ends_the_locked_session),
        KEEPER_TEST(in_mobility_the_card_may_leave),
        KEEPER_TEST(pulled_at_each_step),
        KEEPER_TEST(an_answer_that_nobody_waits_for_any_more),
        KEEPER_TEST(a_fresh_pin_on_demand),
        KEEPER_TEST(a_fresh_pin_that_does_not_come),
        KEEPER_TEST(the_server_ends_it),
        KEEPER_TEST(the_server_wants_the_card_no_more),
        KEEPER_TEST(the_server_speaks_of_another_person),
        KEEPER_TEST(the_server_is_silent),
        KEEPER_TEST(ten_hours_are_the_end),
        KEEPER_TEST(idle_is_the_end),
        KEEPER_TEST(after_sleep_the_card_is_looked_for),
        KEEPER_TEST(log_out_ends_it),
        KEEPER_TEST(the_smartcard_service_dies_and_comes_back),
        KEEPER_TEST(enhanced_normal_asks_again),
        KEEPER_TEST(an_insertion_signs_in),
        KEEPER_TEST(an_insertion_that_fails_is_said),
        KEEPER_TEST(a_card_that_follows_another_is_invited),
        KEEPER_TEST(behind_a_locked_screen_nothing_is_asked),
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
