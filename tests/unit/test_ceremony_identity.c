/* SPDX-License-Identifier: MIT */
/* Ceremonies that only one card will do for: that identity's, or that insertion. */
#include "tests/unit/test_ceremony_play_rig.h"

#include <string.h>

static struct ceremony_request request_of(const char *uid)
{
    struct ceremony_request request = request_with("");
    request.identity = identity_of(uid);
    return request;
}

static void only_the_card_with_that_identity_will_do(void **state)
{
    (void)state;
    card_in(ALICE);
    uint64_t bob = card_in(BOB)->id;
    struct play play = {0};
    begin(&play, request_of(BOB));
    assert_int_equal(play.fetches, 1); /* nobody has to choose */
    provider_gives(&play, CHALLENGE);
    assert_non_null(strstr(world.question.text, BOB));
    finish(&play);
    assert_int_equal(play.card, bob);
    assert_memory_equal(play.identity, identity_of(BOB), CERTIFICATE_HASH_BYTES);
}

static void another_persons_card_ends_it_without_a_prompt(void **state)
{
    (void)state;
    uint64_t alice = card_in(ALICE)->id;
    struct play at_once = {0};
    begin(&at_once, request_of(BOB));
    assert_ended(&at_once, OUTCOME_CARD_CHANGED);
    card_out(alice);

    struct play later = {0};
    begin(&later, request_of(BOB));
    assert_int_equal(later.waiting, WAITING_CARD);
    card_in(ALICE);
    assert_ended(&later, OUTCOME_CARD_CHANGED);
    assert_int_equal(later.fetches + at_once.fetches, 0);
    assert_int_equal(world.prompts, 0);
}

static void the_right_card_is_waited_for_while_none_is_in(void **state)
{
    (void)state;
    struct play play = {0};
    begin(&play, request_of(BOB));
    assert_int_equal(play.waiting, WAITING_CARD);
    card_in(BOB);
    assert_int_equal(play.fetches, 1);
    ceremony_free(&play.ceremony);
}

static void what_is_wrong_with_the_right_card_is_said(void **state)
{
    (void)state;
    card_in(ALICE);
    card_in(BOB)->token.flags |= CARD_UNREADABLE | CARD_HELD;
    struct play play = {0};
    begin(&play, request_of(BOB));
    assert_ended(&play, OUTCOME_CARD_BUSY);
}

/* A card may have been renewed and hold two certificates: the younger would be chosen otherwise. */
static void the_identity_is_one_certificate(void **state)
{
    (void)state;
    struct card *card = card_made(ALICE);
    card_holds_another(card, ALICE, false);
    cards_say();
    struct play play = {0};
    begin(&play, request_of(ALICE));
    provider_gives(&play, CHALLENGE);
    finish(&play);
    assert_memory_equal(play.identity, identity_of(ALICE), CERTIFICATE_HASH_BYTES);
}

static void an_identity_that_has_expired_is_not_replaced(void **state)
{
    (void)state;
    struct card *card = card_made(ALICE);
    card_holds_another(card, ALICE, true);
    cards_say();
    struct ceremony_request request = request_with("");
    uint8_t expired[CERTIFICATE_HASH_BYTES];
    memcpy(expired, card->certificates.at[1]->hash, sizeof expired);
    request.identity = expired;
    struct play play = {0};
    begin(&play, request);
    assert_ended(&play, OUTCOME_CERTIFICATE_EXPIRED);
}

/* Of the other certificates on the card those of authorities still count. */
static void the_identity_keeps_its_chain(void **state)
{
    (void)state;
    struct recipe authority = {.authority = true, .from = ALWAYS_FROM, .to = ALWAYS_TO};
    authority.key = "P-256 root";
    authority.subject = "CN=root";
    struct made root = rig_make(&authority, NULL);
    authority.key = "P-256 between";
    authority.subject = "CN=between";
    struct made between = rig_make(&authority, &root);
    struct recipe holder = {.subject = "CN=holder", .from = ALWAYS_FROM, .to = ALWAYS_TO};
    struct made made = rig_make(&holder, &between);
    struct card *card = card_made(ALICE);
    card_holds(card, &made, CARD_ES256);
    card_holds(card, &between, 0);
    struct issuers *issuers = rig_issuers(&root);
    ceremonies_anew(issuers);
    cards_say();

    struct ceremony_request request = request_with(CHALLENGE);
    request.identity = card->certificates.at[1]->hash;
    struct play play = {0};
    begin(&play, request);
    assert_int_equal(play.waiting, WAITING_PIN);
    assert_non_null(strstr(world.question.text, "holder"));
    ceremony_free(&play.ceremony);

    request.identity = identity_of(ALICE);
    struct play other = {0};
    begin(&other, request);
    assert_ended(&other, OUTCOME_ISSUER_UNKNOWN);
    ceremonies_anew(NULL);
    issuers_free(&issuers);
}

static void only_that_insertion_will_do(void **state)
{
    (void)state;
    card_in(ALICE);
    uint64_t bob = card_in(BOB)->id;
    struct ceremony_request request = request_with("");
    request.card = bob;
    struct play play = {0};
    begin(&play, request);
    assert_int_equal(play.fetches, 1);
    card_out(bob);
    assert_ended(&play, OUTCOME_CARD_REMOVED);

    card_in(BOB); /* is another insertion */
    struct play again = {0};
    begin(&again, request);
    assert_ended(&again, OUTCOME_CARD_REMOVED);
    assert_int_equal(again.waiting, -1); /* not waited for */

    struct ceremony_request alices = request_of(ALICE);
    alices.card = world.cards[1]->id;
    struct play both = {0};
    begin(&both, alices);
    assert_ended(&both, OUTCOME_CARD_CHANGED);
    assert_string_equal(both.uid, BOB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_card_with_that_identity_will_do),
        TEST(another_persons_card_ends_it_without_a_prompt),
        TEST(the_right_card_is_waited_for_while_none_is_in),
        TEST(what_is_wrong_with_the_right_card_is_said),
        TEST(the_identity_is_one_certificate),
        TEST(an_identity_that_has_expired_is_not_replaced),
        TEST(the_identity_keeps_its_chain),
        TEST(only_that_insertion_will_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
