/* SPDX-License-Identifier: MIT */
/* What comes of a ceremony: the token, and the key that it speaks of. */
#include "tests/unit/test_ceremony_play_rig.h"

#include <string.h>

static void a_card_and_a_pin_make_a_token(void **state)
{
    (void)state;
    const struct card *card = card_in(ALICE);
    uint64_t id = card->id;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    assert_int_equal(play.waiting, WAITING_PIN);
    assert_int_equal(play.tries_left, 3);
    assert_non_null(strstr(world.question.text, "Site: " ORIGIN "\n"));
    assert_non_null(strstr(world.question.text, ALICE));
    person_types("123456");
    assert_int_equal(play.waiting, WAITING_SIGNATURE);
    assert_string_equal(world.pin, "123456");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_true(token_says(&play, "\"nonce\":\"" CHALLENGE "\""));
    assert_true(token_says(&play, "\"aud\":\"" ORIGIN "\""));
    assert_int_equal(play.card, id);
    assert_memory_equal(play.identity, identity_of(ALICE), CERTIFICATE_HASH_BYTES);
    assert_string_equal(play.uid, ALICE);
    assert_string_equal(play.reader, "Reader of " ALICE);
    assert_string_equal(play.algorithm, "ES256");
    assert_int_equal(play.fetches, 0);
    assert_int_equal(ceremonies_count(world.ceremonies), 0);
}

static void a_signature_that_is_not_the_cards_is_no_token(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    person_types("1234");
    card_answers_with_nonsense();
    assert_ended(&play, OUTCOME_CARD_MODULE_FAILED);
}

static void sign_in(struct play *play, struct ceremony_request request)
{
    begin(play, request);
    finish(play);
}

static void a_fresh_key_is_taken_or_wiped(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play leaves = {0};
    sign_in(&leaves, request_with(CHALLENGE));
    assert_int_equal(world.keys, 0);

    struct play takes = {.wants_key = true};
    sign_in(&takes, request_with(CHALLENGE));
    assert_int_equal(world.keys, 1);
    assert_true(token_says(&takes, session_key_x(takes.key)));
    session_key_free(&takes.key);

    struct play fails = {0};
    begin(&fails, request_with(CHALLENGE));
    person_types("1234");
    assert_int_equal(world.keys, 1);
    card_answers_with_nonsense();
    assert_int_equal(world.keys, 0);
}

static void a_key_that_was_lent_stays_its_owners(void **state)
{
    (void)state;
    card_in(ALICE);
    struct session_key *key = session_key_new();
    struct ceremony_request request = request_with(CHALLENGE);
    request.key = key;
    struct play play = {.wants_key = true};
    sign_in(&play, request);
    assert_null(play.key);
    assert_int_equal(world.keys, 1);
    assert_true(token_says(&play, session_key_x(key)));

    struct play cancelled = {0};
    begin(&cancelled, request);
    person_types("1234");
    ceremony_cancel(cancelled.ceremony);
    assert_int_equal(world.keys, 1);
    session_key_free(&key);
}

static void a_web_eid_token_has_no_key(void **state)
{
    (void)state;
    card_in(ALICE);
    struct ceremony_request request = request_with(CHALLENGE);
    request.params.format = TOKEN_WEB_EID;
    struct play play = {.wants_key = true};
    begin(&play, request);
    person_types("1234");
    assert_int_equal(world.keys, 0);
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_null(play.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_card_and_a_pin_make_a_token), TEST(a_signature_that_is_not_the_cards_is_no_token),
        TEST(a_fresh_key_is_taken_or_wiped), TEST(a_key_that_was_lent_stays_its_owners),
        TEST(a_web_eid_token_has_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
