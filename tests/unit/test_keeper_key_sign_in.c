/* SPDX-License-Identifier: MIT */
/* A security key in the place of the card: whichever comes first signs in, and neither is an
 * obstacle to the other. */
#include "ipc/auth_data.h"
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
