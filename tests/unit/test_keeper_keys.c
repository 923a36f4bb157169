/* SPDX-License-Identifier: MIT */
/* A security key in the place of the card: it signs in, its leaving is the card's, and keys that
 * nobody has signed in with change nothing (test_keeper_rig.c). */
#include "ipc/auth_data.h"
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
#include <string.h>

/* ---- signing in ---- */

static void a_key_signs_in(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    struct request *page = sign_in_with_key();
    assert_int_equal(page->waiting, WAITING_PROVIDER);
    assert_true(server.assertion);
    assert_non_null(strstr(server.client_data, "\"type\":\"webauthn.get\""));
    assert_non_null(strstr(server.client_data, "\"challenge\":\"" CHALLENGE "\""));
    assert_non_null(strstr(server.client_data, "\"origin\":\"" ORIGIN "\""));
    assert_non_null(strstr(server.client_data, "\"lanyard_cnf\":{\"jwk\":{"));
    assert_string_equal(kept.key_name, "Key A");
    assert_string_equal(kept.armed, "sid-1");
    assert_int_equal(kept.audits[AUDIT_SESSION_OPENED], 1);
    proved(ask(ORIGIN)); /* and from now on nobody is asked */
    proved(ask_silently(ORIGIN_TOO));
    assert_int_equal(security_keys.works, 1);
    assert_int_equal(security_keys.probes, 0);
    assert_true(keeper_key(rig.keeper) != 0);
}

static void whichever_comes_first(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    struct request *page = ask_without_card();
    assert_int_equal(page->waiting, WAITING_CARD_OR_KEY);
    assert_false(security_keys.working);
    key_in(KEY_A);
    assert_false(security_keys.working); /* the challenge is fetched for this key */
    answer_challenge(OUTCOME_OK);
    assert_true(security_keys.working);
    key_says(WAITING_KEY_PIN);
    assert_int_equal(page->waiting, WAITING_KEY_PIN);
    card_in(ALICE); /* and then the card after all */
    ceremony_waits(WAITING_PROVIDER);
    assert_false(security_keys.working);
    card_signs(ALICE);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(page);
    assert_false(server.assertion);
    key_out(KEY_A); /* nobody has signed in with it */
    key_in(KEY_B);
    proved(ask_silently(ORIGIN));
    assert_int_equal(security_keys.probes, 0);
    assert_int_equal(keeper_key(rig.keeper), 0);
    card_out();
    state_is("none");
}

static void without_a_reader_a_key_is_what_is_missing(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    struct request *page = ask(ORIGIN);
    ceremony_waits(WAITING_READER);
    assert_int_equal(page->waiting, WAITING_READER);
    answer_challenge(OUTCOME_OK);
    assert_int_equal(page->waiting, WAITING_KEY);
    give_up(OUTCOME_NO_READER);
    refused(page, OUTCOME_NO_READER);
}

static void without_the_smartcard_service_too(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    service(false);
    struct request *page = ask(ORIGIN);
    give_up(OUTCOME_READER_SERVICE_DOWN);
    answer_challenge(OUTCOME_OK);
    assert_int_equal(page->waiting, WAITING_KEY);
    key_in(KEY_A);
    answer_challenge(OUTCOME_OK);
    key_signs(KEY_A, HERS);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(page);
    service(true); /* it comes and goes, and does not matter */
    service(false);
    proved(ask_silently(ORIGIN));
    key_out(KEY_A);
    state_is("none");

    page = ask(ORIGIN); /* nobody plugs one in */
    give_up(OUTCOME_READER_SERVICE_DOWN);
    answer_challenge(OUTCOME_OK);
    pass_time((uint64_t)rig.config.pin_timeout * 1000);
    refused(page, OUTCOME_READER_SERVICE_DOWN);
}

static void a_provider_that_takes_no_keys(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    server.takes_keys = false;
    key_in(KEY_A);
    struct request *page = ask_without_card();
    assert_false(security_keys.working);
    assert_int_equal(page->waiting, WAITING_CARD);
    key_in(KEY_B);
    assert_int_equal(server.calls[CHALLENGE_CALL], 0); /* it has said so */
    give_up(OUTCOME_NO_CARD);
    refused(page, OUTCOME_NO_CARD);

    server.takes_keys = true;
    server.rp_id = "elsewhere.example"; /* nor one whose keys they are not */
    page = ask_without_card();
    assert_false(security_keys.working);
    assert_int_equal(page->waiting, WAITING_CARD);
    give_up(OUTCOME_CANCELLED);
    refused(page, OUTCOME_CANCELLED);
}

static void a_provider_that_is_not_there(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    struct request *page = ask(ORIGIN);
    ceremony_waits(WAITING_CARD);
    answer_challenge(OUTCOME_PROVIDER_UNREACHABLE); /* there may still come a card */
    assert_int_equal(page->waiting, WAITING_CARD);
    key_in(KEY_A);
    answer_challenge(OUTCOME_PROVIDER_UNREACHABLE);
    refused(page, OUTCOME_PROVIDER_UNREACHABLE);
    assert_false(prompt.out);
    state_is("none");
}

static void what_ends_a_keys_sign_in(void **state)
{
    (void)state;
    static const int ends[] = {OUTCOME_CANCELLED,         OUTCOME_KEY_REMOVED, OUTCOME_KEY_BLOCKED,
                               OUTCOME_KEY_UNVERIFIED,    OUTCOME_TIMED_OUT,   OUTCOME_KEY_FAILED,
                               OUTCOME_KEY_NOT_REGISTERED};
    start_with_keys(NORMAL);
    key_in(KEY_A);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct request *page = ask_without_card();
        key_says(WAITING_TOUCH);
        key_gives_up(ends[i]);
        refused(page, ends[i]);
        assert_false(prompt.out);
        state_is("none");
    }
    assert_int_equal(server.sent[OPEN_CALL], 0);

    struct request *page = ask_without_card();
    key_signs_so(KEY_A, HERS, RP_ID, AUTH_DATA_PRESENT);
    refused(page, OUTCOME_KEY_UNVERIFIED);
    page = ask_without_card();
    key_signs_so(KEY_A, HERS, RP_ID, AUTH_DATA_VERIFIED);
    refused(page, OUTCOME_KEY_FAILED);
    page = ask_without_card();
    key_signs_so(KEY_A, HERS, "elsewhere.example", AUTH_DATA_PRESENT | AUTH_DATA_VERIFIED);
    refused(page, OUTCOME_KEY_FAILED);
    server.allowed = HERS;
    page = ask_without_card();
    assert_int_equal(security_keys.wanted, HERS);
    key_signs(KEY_A, ANOTHER); /* a key that lies */
    refused(page, OUTCOME_KEY_FAILED);

    page = ask_without_card();
    key_signs(KEY_A, HERS);
    answer_call(OPEN_CALL, OUTCOME_PERSON_UNKNOWN, 0, -1);
    refused(page, OUTCOME_PERSON_UNKNOWN);
    state_is("none");
    assert_string_equal(kept.armed, "");
}

static void pulled_between_touch_and_session(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    key_in(KEY_A);
    struct request *page = ask_without_card();
    key_out(KEY_A); /* its answer is on the way already */
    key_signs(KEY_A, HERS);
    refused(page, OUTCOME_KEY_REMOVED);
    state_is("none");

    key_in(KEY_A);
    page = ask_without_card();
    key_signs(KEY_A, HERS);
    key_out(KEY_A); /* while the provider opens the session */
    refused(page, OUTCOME_KEY_REMOVED);
    state_is("none");
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0); /* which it is told to end */
    assert_string_equal(kept.due, "sid-1");
}

static void a_key_that_is_not_registered_is_no_obstacle(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    server.allowed = HERS;
    key_in(KEY_B);
    struct request *page = ask_without_card();
    key_says(WAITING_OTHER_KEY);
    assert_int_equal(page->waiting, WAITING_CARD_OR_KEY);
    key_gives_up(OUTCOME_TIMED_OUT); /* that key's work; the card is still waited for */
    assert_false(page->answered);
    assert_true(prompt.out);
    card_in(ALICE);
    card_signs(ALICE);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(page);
}

static void where_too_many_wait_for_keys_the_card_is_left(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    security_keys.busy = true;
    key_in(KEY_A);
    struct request *page = ask_without_card();
    assert_false(page->answered);
    card_in(ALICE);
    card_signs(ALICE);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(page);
}

static void a_key_that_comes_late_gets_a_fresh_challenge(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    server.allowed = HERS;
    key_in(KEY_B);
    struct request *page = ask_without_card();
    key_says(WAITING_OTHER_KEY);
    pass_time(61000);
    key_in(KEY_A);
    assert_false(security_keys.working);
    answer_challenge(OUTCOME_OK);
    assert_int_equal(security_keys.works, 2);
    key_signs(KEY_A, HERS);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(page);
}

static void a_card_that_will_not_do_is_no_obstacle(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    key_in(KEY_A);
    struct request *page = ask(ORIGIN);
    give_up(OUTCOME_CERTIFICATE_EXPIRED);
    assert_false(page->answered);
    answer_challenge(OUTCOME_OK);
    key_signs(KEY_A, HERS);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(page);
    end_session(from_native());

    server.takes_keys = false; /* then the card is what there is to be said of */
    page = ask(ORIGIN);
    give_up(OUTCOME_CERTIFICATE_EXPIRED);
    answer_challenge(OUTCOME_OK);
    refused(page, OUTCOME_CERTIFICATE_EXPIRED);
}

static void a_key_that_is_plugged_in_starts_nothing(void **state)
{
    (void)state;
    rig.config.session_at_insertion = true;
    start_with_keys(NORMAL);
    key_in(KEY_A);
    assert_int_equal(
        security_keys.works + security_keys.probes + prompt.begun + server.sent[CHALLENGE_CALL], 0);
    state_is("none");
    card_in(ALICE); /* the card's insertion is the card's alone */
    assert_true(prompt.out);
    ceremony_waits(WAITING_CARD);
    assert_int_equal(server.sent[CHALLENGE_CALL], 0);
    give_up(OUTCOME_CARD_REMOVED);
}

static void the_prompt_goes_with_who_asked(void **state)
{
    (void)state;
    start_with_keys(NORMAL);
    key_in(KEY_A);
    struct request *page = ask_without_card();
    assert_true(security_keys.working);
    assert_true(keeper_cancel(rig.keeper, page));
    refused(page, OUTCOME_CANCELLED);
    assert_false(security_keys.working || prompt.out);
    state_is("none");
}

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

    keeper_desktop(rig.keeper, DESKTOP_SLEEP); /* and here it does not */
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
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

/* ---- keys that are not what they say ---- */

static void a_made_up_key_is_another_key(void **state)
{
    (void)state;
    rig.config.session_grace = 10;
    start_signed_in_with_key(NORMAL);
    key_out(KEY_A);
    struct request *page = ask(ORIGIN);
    for (int lie = 0; lie < PROBE_LIES; lie++) {
        key_in(KEY_B);
        assert_int_equal(probed_key(), KEY_B);
        probe_lies((enum probe_lie)lie);
        state_is("leaving");
        assert_false(page->answered || security_keys.probing); /* it is asked once */
        key_out(KEY_B);
    }
    key_in(KEY_B); /* and it hinders nobody */
    key_in(KEY_A);
    probe_lies(LIE_ANOTHERS_KEY);
    assert_int_equal(probed_key(), KEY_A);
    probe_says(OUTCOME_OK);
    proved(page);
    state_is("active");
    assert_string_equal(kept.key_name, "Key A");
    key_out(KEY_A);
    assert_false(security_keys.probing);
    pass_time(10000);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

static void a_made_up_key_is_asked_for_no_pin(void **state)
{
    (void)state;
    start_signed_in_with_key(PERSISTENT);
    key_out(KEY_A);
    for (int lie = 0; lie < PROBE_LIES; lie++) {
        key_in(KEY_B);
        probe_lies((enum probe_lie)lie);
        state_is("locked");
        assert_int_equal(server.calls[CHALLENGE_CALL], 0);
        assert_false(security_keys.working);
        key_out(KEY_B);
    }
}

static void a_made_up_key_survives_no_sleep(void **state)
{
    (void)state;
    for (int lie = 0; lie < PROBE_LIES; lie++) {
        kept.sealing = true;
        start_signed_in_with_key(NORMAL);
        keeper_desktop(rig.keeper, DESKTOP_SLEEP);
        keeper_desktop(rig.keeper, DESKTOP_RESUMED);
        probe_lies((enum probe_lie)lie); /* what is in the same place says so */
        state_is("checking");
        if (lie % 2 == 0) { /* and to the next agent */
            rig_kill();
            rig_restart();
            probe_lies((enum probe_lie)lie);
            state_is("checking");
        }
        pass_time(SESSION_CHECK_MAX_MS);
        state_is("none");
        assert_string_equal(kept.due, "sid-1");
        rig_stop();
    }
}

/* ---- a provider that does not say by what the key is known ---- */

static void start_untold(unsigned modes)
{
    server.tells_no_key = kept.sealing = true;
    start_signed_in_with_key(modes);
    proved(ask_silently(ORIGIN));
}

static void an_unknown_key_does_not_come_back(void **state)
{
    (void)state;
    rig.config.session_grace = 10;
    start_untold(NORMAL);
    key_out(KEY_A);
    key_in(KEY_A);
    assert_false(security_keys.probing);
    state_is("leaving");
    pass_time(10000);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

static void with_an_unknown_key_sleep_is_the_end(void **state)
{
    (void)state;
    start_untold(NORMAL);
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    state_is("checking");
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
    assert_int_equal(security_keys.probes, 0);
}

static void with_an_unknown_key_a_restart_is_the_end(void **state)
{
    (void)state;
    start_untold(NORMAL);
    rig_kill();
    rig_restart();
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
    assert_int_equal(security_keys.probes, 0);
    pass_time(0);
}

static void a_session_locked_on_an_unknown_key_is_resumed_on_demand(void **state)
{
    (void)state;
    start_untold(PERSISTENT);
    key_out(KEY_A);
    state_is("locked");
    key_in(KEY_A);
    assert_false(security_keys.probing || prompt.out);
    struct request *page = ask(ORIGIN);
    resume_with_key();
    proved(page);
    state_is("active");
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
    state_is("locked");
}

static void the_provider_may_say_it_later(void **state)
{
    (void)state;
    start_untold(NORMAL);
    server.tells_no_key = false;
    pass_time(0);
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
    probe_lies(LIE_GARBAGE);
    state_is("checking");
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
    probe_says(OUTCOME_OK);
    state_is("active");
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
        KEEPER_TEST(a_key_signs_in),
        KEEPER_TEST(whichever_comes_first),
        KEEPER_TEST(without_a_reader_a_key_is_what_is_missing),
        KEEPER_TEST(without_the_smartcard_service_too),
        KEEPER_TEST(a_provider_that_takes_no_keys),
        KEEPER_TEST(a_provider_that_is_not_there),
        KEEPER_TEST(what_ends_a_keys_sign_in),
        KEEPER_TEST(pulled_between_touch_and_session),
        KEEPER_TEST(a_key_that_is_not_registered_is_no_obstacle),
        KEEPER_TEST(where_too_many_wait_for_keys_the_card_is_left),
        KEEPER_TEST(a_key_that_comes_late_gets_a_fresh_challenge),
        KEEPER_TEST(a_card_that_will_not_do_is_no_obstacle),
        KEEPER_TEST(a_key_that_is_plugged_in_starts_nothing),
        KEEPER_TEST(the_prompt_goes_with_who_asked),
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
        KEEPER_TEST(a_made_up_key_is_another_key),
        KEEPER_TEST(a_made_up_key_is_asked_for_no_pin),
        KEEPER_TEST(a_made_up_key_survives_no_sleep),
        KEEPER_TEST(an_unknown_key_does_not_come_back),
        KEEPER_TEST(with_an_unknown_key_sleep_is_the_end),
        KEEPER_TEST(with_an_unknown_key_a_restart_is_the_end),
        KEEPER_TEST(a_session_locked_on_an_unknown_key_is_resumed_on_demand),
        KEEPER_TEST(the_provider_may_say_it_later),
        KEEPER_TEST(a_restart_keeps_it),
        KEEPER_TEST(a_restart_without_the_key),
        KEEPER_TEST(a_restart_while_it_is_locked),
        KEEPER_TEST(the_agent_stops_in_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
