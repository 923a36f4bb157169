/* SPDX-License-Identifier: MIT */
/* A ceremony in every stage, with a person, a card and a provider who do as they like. */
#include "ipc/base/outcome.h"
#include "tests/unit/test_ceremony_rig.h"

#include <errno.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1000 };

static int set_up(void **state)
{
    (void)state;
    world_begin();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_end();
    return 0;
}

/* Begins it and lets the loop run. */
static void begin(struct play *play, struct ceremony_request request)
{
    play_begin(play, &request);
    assert_non_null(play->ceremony);
    run();
}

static void assert_ended(const struct play *play, int result)
{
    assert_int_equal(world.secrets, 0);
    assert_int_equal(play->dones, 1);
    assert_int_equal(play->result, result);
    assert_null(play->ceremony);
    assert_false(world.prompt_out);
    assert_false(card_is_asked());
}

/* ---- a good one ---- */

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

static void a_card_is_waited_for(void **state)
{
    (void)state;
    struct play play = {0};
    world.absence = OUTCOME_NO_READER;
    begin(&play, request_with(CHALLENGE));
    assert_int_equal(play.waiting, WAITING_READER);
    world.absence = OUTCOME_NO_CARD;
    cards_say();
    assert_int_equal(play.waiting, WAITING_CARD);
    world.reading = true;
    cards_say();
    card_made(ALICE);
    world.reading = false;
    world.stale = true;
    cards_say();
    assert_false(world.prompt_out); /* the tries are being read again */
    world.stale = false;
    cards_say();
    assert_int_equal(play.waiting, WAITING_PIN);
    pass(PIN_TIMEOUT * SECOND); /* the prompt has a limit of its own */
    assert_int_equal(play.dones, 0);
    ceremony_free(&play.ceremony);
}

static void nobody_waits_for_ever(void **state)
{
    (void)state;
    static const struct {
        int absence, outcome;
    } cases[] = {{OUTCOME_NO_CARD, OUTCOME_NO_CARD}, {OUTCOME_NO_READER, OUTCOME_NO_READER}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct play play = {0};
        world.absence = cases[i].absence;
        begin(&play, request_with(CHALLENGE));
        pass(PIN_TIMEOUT * SECOND - 1);
        assert_int_equal(play.dones, 0);
        pass(1);
        assert_ended(&play, cases[i].outcome);
    }
}

static void what_cannot_be_waited_for_ends_it(void **state)
{
    (void)state;
    struct play play = {0};
    world.absence = OUTCOME_READER_SERVICE_DOWN;
    begin(&play, request_with(CHALLENGE));
    assert_ended(&play, OUTCOME_READER_SERVICE_DOWN);

    struct play held = {0};
    card_in(ALICE)->token.flags |= CARD_UNREADABLE | CARD_HELD;
    begin(&held, request_with(CHALLENGE));
    assert_ended(&held, OUTCOME_CARD_BUSY);
    assert_string_equal(held.uid, ALICE);
}

static void nothing_is_said_before_all_is_known(void **state)
{
    (void)state;
    world.absence = OUTCOME_CARD_UNREADABLE;
    world.unknown = true;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    assert_int_equal(play.dones, 0);
    world.unknown = false;
    cards_say();
    assert_ended(&play, OUTCOME_CARD_UNREADABLE);

    card_in(ALICE);
    world.reading = true; /* the right one may be there, too */
    struct ceremony_request request = request_with(CHALLENGE);
    request.identity = identity_of(BOB);
    struct play other = {0};
    begin(&other, request);
    assert_int_equal(other.dones, 0);
    world.reading = false;
    cards_say();
    assert_ended(&other, OUTCOME_CARD_CHANGED);
}

/* ---- the PIN ---- */

static void a_wrong_pin_is_asked_for_again(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    person_types("1111");
    card_answers(OUTCOME_PIN_WRONG);
    assert_int_equal(play.tries_left, 2);
    assert_non_null(strstr(world.question.error, "PIN is wrong"));
    person_types("2222");
    card_answers(OUTCOME_PIN_WRONG);
    assert_int_equal(world.question.kind, PROMPT_CONFIRM); /* the last try wants an explicit yes */
    person_answers(OUTCOME_OK);
    assert_string_equal(world.question.error, ""); /* said already */
    person_types("3333");
    card_answers(OUTCOME_PIN_WRONG);
    assert_ended(&play, OUTCOME_PIN_BLOCKED);
    assert_int_equal(world.signs, 3);
    assert_string_equal(play.uid, ALICE);
}

static void a_module_that_never_blocks_is_not_asking_a_card(void **state)
{
    (void)state;
    card_in(ALICE)->token.tries_left = CARD_TRIES_UNKNOWN;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    for (unsigned round = 0; round < 10; round++) {
        assert_int_equal(play.dones, 0);
        person_types("1111");
        card_answers(OUTCOME_PIN_WRONG);
    }
    assert_ended(&play, OUTCOME_CARD_MODULE_FAILED);
}

static void what_cannot_be_a_pin_never_reaches_the_card(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    person_types("123");
    assert_non_null(strstr(world.question.error, "length is wrong"));
    person_types("123456789");
    assert_int_equal(world.signs, 0);
    person_types("1234");
    assert_int_equal(world.signs, 1);
    ceremony_free(&play.ceremony);
}

static void the_person_may_say_no(void **state)
{
    (void)state;
    static const int results[] = {OUTCOME_CANCELLED, OUTCOME_TIMED_OUT, OUTCOME_PROMPT_UNAVAILABLE};
    card_in(ALICE);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        struct play play = {0};
        begin(&play, request_with(CHALLENGE));
        person_answers(results[i]);
        assert_ended(&play, results[i]);
        assert_string_equal(play.uid, ALICE);
    }
    struct play last_try = {0};
    world.cards[0]->token.tries_left = 1;
    begin(&last_try, request_with(CHALLENGE));
    person_answers(OUTCOME_CANCELLED);
    assert_ended(&last_try, OUTCOME_CANCELLED);
    assert_int_equal(world.signs, 0);
}

static void without_a_prompt_there_is_no_sign_in(void **state)
{
    (void)state;
    card_in(ALICE);
    world.prompt_fails = true;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    assert_ended(&play, OUTCOME_PROMPT_UNAVAILABLE);
}

static void a_pin_pad_asks_by_itself(void **state)
{
    (void)state;
    card_in(ALICE)->token.flags |= CARD_PIN_PAD;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    assert_int_equal(play.waiting, WAITING_PIN_PAD);
    assert_int_equal(world.question.kind, PROMPT_PIN_PAD);
    assert_string_equal(world.pin, "");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);

    struct play cancelled = {0};
    begin(&cancelled, request_with(CHALLENGE));
    person_answers(OUTCOME_CANCELLED);
    assert_ended(&cancelled, OUTCOME_CANCELLED);
}

/* ---- the card ---- */

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

static void a_module_that_takes_no_more_is_busy(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    world.module_refuses = -EAGAIN;
    person_types("1234");
    assert_ended(&play, OUTCOME_BUSY);
}

/* To the module a card that was pulled and one that is broken are the same. */
static void a_card_that_fails_may_have_been_pulled(void **state)
{
    (void)state;
    for (int pulled = 0; pulled < 2; pulled++) {
        uint64_t id = card_in(ALICE)->id;
        struct play play = {0};
        begin(&play, request_with(CHALLENGE));
        person_types("1234");
        card_answers(OUTCOME_CARD_UNREADABLE);
        assert_int_equal(play.dones, 0);
        if (pulled)
            card_out(id);
        else
            pass(SECOND);
        assert_ended(&play, pulled ? OUTCOME_CARD_REMOVED : OUTCOME_CARD_UNREADABLE);
        if (!pulled)
            card_out(id);
    }
}

static void of_several_people_one_is_chosen(void **state)
{
    (void)state;
    card_in(ALICE);
    uint64_t bob = card_in(BOB)->id;
    struct play play = {0};
    begin(&play, request_with(""));
    assert_int_equal(play.waiting, WAITING_CHOICE);
    assert_int_equal(play.fetches, 0);
    assert_int_equal(world.question.choice_count, 2);
    person_chooses(1);
    assert_int_equal(play.fetches, 1);
    ceremony_challenge(play.ceremony, OUTCOME_OK, CHALLENGE);
    run();
    assert_non_null(strstr(world.question.text, BOB));
    person_types("1234");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_int_equal(play.card, bob);
}

/* ---- the challenge ---- */

static void what_the_provider_takes_comes_with_its_challenge(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(""));
    ceremony_algorithms(play.ceremony, (const uint8_t[]){CARD_RS256}, 1);
    ceremony_challenge(play.ceremony, OUTCOME_OK, CHALLENGE);
    run();
    assert_ended(&play, OUTCOME_KEY_UNSUITABLE); /* her key is on a curve; no PIN was asked for */

    struct play other = {0};
    begin(&other, request_with(""));
    ceremony_algorithms(other.ceremony, (const uint8_t[]){CARD_RS256, CARD_ES256}, 2);
    ceremony_challenge(other.ceremony, OUTCOME_OK, CHALLENGE);
    run();
    person_types("1234");
    card_answers(OUTCOME_OK);
    assert_ended(&other, OUTCOME_OK);
    assert_string_equal(other.algorithm, "ES256");
}

static void the_challenge_is_fetched_before_the_prompt(void **state)
{
    (void)state;
    struct play play = {0};
    begin(&play, request_with(""));
    assert_int_equal(play.waiting, WAITING_CARD);
    assert_int_equal(play.fetches, 0);
    card_in(ALICE);
    assert_int_equal(play.fetches, 1);
    assert_int_equal(play.waiting, WAITING_PROVIDER);
    assert_false(world.prompt_out);
    play.quiet = true;
    ceremony_challenge(play.ceremony, OUTCOME_OK, "first");
    play.quiet = false;
    run();
    assert_int_equal(play.waiting, WAITING_PIN);
    person_types("1234");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_true(token_says(&play, "\"nonce\":\"first\""));
}

static void without_a_challenge_nobody_is_asked(void **state)
{
    (void)state;
    static const int results[] = {OUTCOME_PROVIDER_UNREACHABLE, OUTCOME_PROVIDER_BUSY, -ENOMEM};
    card_in(ALICE);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        struct play play = {0};
        begin(&play, request_with(""));
        play.quiet = true;
        ceremony_challenge(play.ceremony, results[i], NULL);
        play.quiet = false;
        run();
        assert_ended(&play, results[i]);
        assert_string_equal(play.uid, ALICE);
    }
    assert_int_equal(world.prompts, 0);
}

static void a_provider_that_never_answers_ends_it(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(""));
    pass(15 * SECOND);
    assert_ended(&play, OUTCOME_PROVIDER_UNREACHABLE);
    assert_int_equal(world.prompts, 0);
}

static void a_challenge_out_of_bounds_ends_it(void **state)
{
    (void)state;
    char longest[CHALLENGE_TEXT_MAX + 2];
    memset(longest, 'A', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *const challenges[] = {"", longest};
    card_in(ALICE);
    for (size_t i = 0; i < 2; i++) {
        struct play play = {0};
        begin(&play, request_with(""));
        ceremony_challenge(play.ceremony, OUTCOME_OK, challenges[i]);
        run();
        assert_int_equal(play.dones, 1);
        assert_int_equal(outcome_of(play.result), OUTCOME_INTERNAL);
    }
    assert_int_equal(world.prompts, 0);
}

static void a_challenge_that_nobody_asked_for_is_ignored(void **state)
{
    (void)state;
    struct play play = {0};
    begin(&play, request_with(""));
    ceremony_challenge(play.ceremony, OUTCOME_OK, "early");
    card_in(ALICE);
    assert_int_equal(play.fetches, 1);
    ceremony_challenge(play.ceremony, OUTCOME_OK, "right");
    run();
    ceremony_challenge(play.ceremony, OUTCOME_PROVIDER_BUSY, NULL);
    run();
    assert_int_equal(play.waiting, WAITING_PIN);
    person_types("1234");
    ceremony_challenge(play.ceremony, OUTCOME_OK, "later");
    run();
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_true(token_says(&play, "\"nonce\":\"right\""));
}

/* Up to where a PIN is asked for. */
static void fetch_and_begin(struct play *play)
{
    begin(play, request_with(""));
    ceremony_challenge(play->ceremony, OUTCOME_OK, "first");
    run();
    assert_int_equal(play->waiting, WAITING_PIN);
}

static void an_old_challenge_is_fetched_again_before_the_next_prompt(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    fetch_and_begin(&play);
    pass(60 * SECOND);
    person_types("1111");
    card_answers(OUTCOME_PIN_WRONG);
    assert_int_equal(play.fetches, 1); /* not yet */
    pass(1);
    person_types("2222");
    card_answers(OUTCOME_PIN_WRONG);
    assert_int_equal(play.fetches, 2);
    assert_int_equal(play.waiting, WAITING_PROVIDER);
    assert_false(world.prompt_out);
    ceremony_challenge(play.ceremony, OUTCOME_OK, "second");
    run();
    assert_int_equal(world.question.kind, PROMPT_CONFIRM);
    pass(61 * SECOND);
    person_answers(OUTCOME_OK);
    assert_int_equal(play.fetches, 3);
    ceremony_challenge(play.ceremony, OUTCOME_OK, "third");
    run();
    person_types("3333");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_true(token_says(&play, "\"nonce\":\"third\""));
}

static void a_late_pin_waits_for_a_new_challenge(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    fetch_and_begin(&play);
    pass(100 * SECOND + 1);
    person_types("1234");
    assert_int_equal(play.fetches, 2);
    assert_int_equal(play.waiting, WAITING_PROVIDER);
    assert_int_equal(world.signs, 0);
    assert_int_equal(world.secrets, 1);
    ceremony_challenge(play.ceremony, OUTCOME_OK, "second");
    run();
    assert_int_equal(play.waiting, WAITING_SIGNATURE);
    assert_int_equal(world.secrets, 0);
    assert_string_equal(world.pin, "1234");
    assert_int_equal(world.prompts, 1); /* typed once */
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_true(token_says(&play, "\"nonce\":\"second\""));
}

static void a_late_pin_is_given_up_with_the_challenge(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play silent = {0};
    fetch_and_begin(&silent);
    pass(101 * SECOND);
    person_types("1234");
    pass(15 * SECOND);
    assert_ended(&silent, OUTCOME_PROVIDER_UNREACHABLE);

    struct play refused = {0};
    fetch_and_begin(&refused);
    pass(101 * SECOND);
    person_types("1234");
    ceremony_challenge(refused.ceremony, OUTCOME_PROVIDER_BUSY, NULL);
    run();
    assert_ended(&refused, OUTCOME_PROVIDER_BUSY);

    struct play busy = {0};
    fetch_and_begin(&busy);
    pass(101 * SECOND);
    person_types("1234");
    world.module_refuses = -EAGAIN;
    ceremony_challenge(busy.ceremony, OUTCOME_OK, "second");
    run();
    assert_ended(&busy, OUTCOME_BUSY);
    assert_int_equal(world.signs, 0);
}

static void a_challenge_that_was_given_is_used_as_it_is(void **state)
{
    (void)state;
    card_in(ALICE);
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    pass(200 * SECOND);
    person_types("1111");
    card_answers(OUTCOME_PIN_WRONG);
    person_types("1234");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
    assert_int_equal(play.fetches, 0);
}

static void a_blocked_card_asks_nothing_of_the_provider(void **state)
{
    (void)state;
    card_in(ALICE)->token.flags |= CARD_PIN_LOCKED;
    struct play play = {0};
    begin(&play, request_with(""));
    assert_ended(&play, OUTCOME_PIN_BLOCKED);
    assert_int_equal(play.fetches, 0);
}

/* ---- only one card will do ---- */

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
    ceremony_challenge(play.ceremony, OUTCOME_OK, CHALLENGE);
    run();
    assert_non_null(strstr(world.question.text, BOB));
    person_types("1234");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
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
    ceremony_challenge(play.ceremony, OUTCOME_OK, CHALLENGE);
    run();
    person_types("1234");
    card_answers(OUTCOME_OK);
    assert_ended(&play, OUTCOME_OK);
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

static struct issuers *issuers_of(const struct made *authority)
{
    struct issuers *issuers = NULL;
    BIO *pem = BIO_new(BIO_s_mem());
    char *text;
    assert_int_equal(PEM_write_bio_X509(pem, authority->x509), 1);
    long len = BIO_get_mem_data(pem, &text);
    assert_int_equal(issuers_parse(text, (size_t)len, &issuers), 0);
    BIO_free(pem);
    return issuers;
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
    struct issuers *issuers = issuers_of(&root);
    ceremonies_free(&world.ceremonies);
    world.ceremonies = ceremonies_new(NULL, NULL, NULL, &world.config, issuers);
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
    ceremonies_free(&world.ceremonies);
    issuers_free(&issuers);
    world.ceremonies = ceremonies_new(NULL, NULL, NULL, &world.config, NULL);
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

/* ---- every stage ---- */

enum place {
    AT_BEGIN,
    AT_CARD,
    AT_TURN,
    AT_CHOICE,
    AT_FETCH,
    AT_PIN,
    AT_LATE_PIN,
    AT_SIGNATURE,
    AT_LAST_TRY,
    AT_PIN_PAD,
    AT_FAILED_CARD,
    PLACES,
};

static void type_pin(struct play *play, bool late)
{
    fetch_and_begin(play);
    if (late)
        pass(101 * SECOND);
    person_types("1234");
}

/* Leads play there. ahead, which has its turn before it, is begun at AT_TURN only. */
static void reach(enum place place, struct play *play, struct play *ahead)
{
    struct ceremony_request request = request_with("");
    if (place != AT_CARD && place != AT_BEGIN)
        card_in(ALICE);
    if (place == AT_BEGIN)
        play_begin(play, &request);
    else if (place == AT_CARD || place == AT_FETCH)
        begin(play, request);
    else if (place == AT_PIN)
        fetch_and_begin(play);
    else if (place == AT_LATE_PIN || place == AT_SIGNATURE || place == AT_FAILED_CARD)
        type_pin(play, place == AT_LATE_PIN);
    if (place == AT_TURN) {
        begin(ahead, request);
        begin(play, request);
    } else if (place == AT_CHOICE) {
        card_in(BOB);
        begin(play, request);
    } else if (place == AT_LAST_TRY) {
        world.cards[0]->token.tries_left = 1;
        fetch_and_begin(play);
    } else if (place == AT_PIN_PAD) {
        world.cards[0]->token.flags |= CARD_PIN_PAD;
        begin(play, request);
        ceremony_challenge(play->ceremony, OUTCOME_OK, "first");
        run();
    } else if (place == AT_FAILED_CARD) {
        card_answers(OUTCOME_CARD_UNREADABLE);
    }
    assert_non_null(play->ceremony);
    assert_int_equal(play->dones, 0);
    static const int waiting[PLACES] = {
        -1,
        WAITING_CARD,
        WAITING_TURN,
        WAITING_CHOICE,
        WAITING_PROVIDER,
        WAITING_PIN,
        WAITING_PROVIDER,
        WAITING_SIGNATURE,
        WAITING_PIN,
        WAITING_PIN_PAD,
        WAITING_SIGNATURE,
    };
    assert_int_equal(play->waiting, waiting[place]);
}

/* Each place in a world of its own. */
static void in_every_place(void (*act)(enum place place, struct play *play))
{
    for (int place = 0; place < PLACES; place++) {
        world_begin();
        struct play play = {0}, ahead = {0};
        reach((enum place)place, &play, &ahead);
        act((enum place)place, &play);
        assert_false(card_is_asked());
        assert_int_equal(ceremonies_count(world.ceremonies), ahead.ceremony ? 1 : 0);
        ceremony_free(&ahead.ceremony);
        assert_int_equal(world.keys, 0);
        world_end();
    }
}

static void free_it(enum place place, struct play *play)
{
    ceremony_free(&play->ceremony);
    assert_null(play->ceremony);
    if (place != AT_TURN)
        assert_false(world.prompt_out);
    play->quiet = true;
    cards_say();
    pass(1000 * SECOND);
    while (world.card_count > 0)
        card_out(world.cards[0]->id);
    play->quiet = false;
    assert_int_equal(play->dones, 0);
}

static void cancel_it(enum place place, struct play *play)
{
    ceremony_cancel(play->ceremony);
    assert_int_equal(play->dones, 1);
    assert_int_equal(play->result, OUTCOME_CANCELLED);
    bool chosen = place > AT_CHOICE;
    assert_string_equal(play->uid, chosen ? ALICE : "");
    play->quiet = true;
    cards_say();
    pass(1000 * SECOND);
    play->quiet = false;
}

static void end_all(enum place place, struct play *play)
{
    (void)place;
    ceremonies_free(&world.ceremonies);
    assert_int_equal(play->dones, 1);
    assert_int_equal(play->result, OUTCOME_CANCELLED);
    assert_false(world.prompt_out);
    world.ceremonies = ceremonies_new(NULL, NULL, NULL, &world.config, NULL);
}

static void pull_the_card(enum place place, struct play *play)
{
    if (place == AT_BEGIN || place == AT_CARD) {
        ceremony_free(&play->ceremony); /* none is in */
        return;
    }
    card_out(world.cards[0]->id);
    if (place == AT_TURN) {
        assert_int_equal(play->waiting, WAITING_CARD);
        ceremony_free(&play->ceremony);
    } else if (place == AT_CHOICE) { /* one is left, so there is nothing to choose */
        assert_false(world.prompt_out);
        assert_int_equal(play->waiting, WAITING_PROVIDER);
        ceremony_free(&play->ceremony);
    } else {
        assert_ended(play, OUTCOME_CARD_REMOVED);
        assert_string_equal(play->uid, ALICE);
        assert_string_equal(play->reader, "Reader of " ALICE);
    }
}

static void freed_anywhere_it_says_nothing(void **state)
{
    (void)state;
    in_every_place(free_it);
}

static void cancelled_anywhere_it_says_so_once(void **state)
{
    (void)state;
    in_every_place(cancel_it);
}

static void all_end_with_the_ceremonies(void **state)
{
    (void)state;
    for (int place = 0; place < PLACES; place++) {
        world_begin();
        struct play play = {0}, ahead = {0};
        reach((enum place)place, &play, &ahead);
        end_all((enum place)place, &play);
        assert_int_equal(world.timers, 1); /* the new ceremonies' own */
        world_end();
    }
}

static void a_card_that_is_pulled_anywhere_ends_it(void **state)
{
    (void)state;
    in_every_place(pull_the_card);
}

/* A card that is exchanged may sit in the same reader and look the same. */
static void no_other_insertion_signs(void **state)
{
    (void)state;
    uint64_t id = card_in(ALICE)->id;
    struct play play = {0};
    begin(&play, request_with(CHALLENGE));
    card_made(ALICE);
    card_out(id);
    assert_ended(&play, OUTCOME_CARD_REMOVED);
    assert_int_equal(world.signs, 0);
}

/* ---- several ---- */

static void the_ninth_is_turned_away(void **state)
{
    (void)state;
    struct play plays[9] = {0};
    for (size_t i = 0; i < 8; i++)
        begin(&plays[i], request_with(CHALLENGE));
    struct ceremony_request request = request_with(CHALLENGE);
    play_begin(&plays[8], &request);
    assert_null(plays[8].ceremony);
    assert_int_equal(plays[8].result, OUTCOME_BUSY);
    assert_int_equal(plays[8].dones, 0);
    ceremony_free(&plays[3].ceremony);
    begin(&plays[8], request);
    for (size_t i = 0; i < 9; i++)
        ceremony_free(&plays[i].ceremony);
}

static void turns_come_in_order(void **state)
{
    (void)state;
    struct play first = {0}, second = {0}, third = {0};
    begin(&first, request_with(""));
    begin(&second, request_with(""));
    begin(&third, request_with(CHALLENGE));
    card_in(ALICE);
    assert_int_equal(first.fetches, 1);
    assert_int_equal(second.waiting, WAITING_TURN);
    assert_int_equal(third.waiting, WAITING_TURN);
    assert_int_equal(second.fetches, 0); /* not before its turn: it would grow old */
    pass(10 * SECOND);
    ceremony_challenge(first.ceremony, OUTCOME_PROVIDER_BUSY, NULL);
    run();
    assert_ended(&first, OUTCOME_PROVIDER_BUSY);
    assert_int_equal(second.fetches, 1);
    ceremony_free(&second.ceremony);
    run();
    assert_int_equal(third.waiting, WAITING_PIN);
    person_types("1234");
    card_answers(OUTCOME_OK);
    assert_ended(&third, OUTCOME_OK);
}

/* A turn always comes: whoever waits for it is not timed out. */
static void waiting_for_a_turn_has_no_limit(void **state)
{
    (void)state;
    struct play first = {0}, second = {0};
    begin(&first, request_with(CHALLENGE));
    begin(&second, request_with(CHALLENGE));
    pass((PIN_TIMEOUT - 1) * SECOND);
    card_in(ALICE);
    pass(1000 * SECOND);
    assert_int_equal(second.dones, 0);
    person_answers(OUTCOME_TIMED_OUT);
    assert_int_equal(second.waiting, WAITING_PIN);
    ceremony_free(&second.ceremony);
}

static struct play next;

static void begin_next(struct play *play)
{
    ceremony_free(&play->ceremony); /* is gone anyway */
    struct ceremony_request request = request_with(CHALLENGE);
    play_begin(&next, &request);
}

static void another_may_be_begun_at_the_end(void **state)
{
    (void)state;
    card_in(ALICE);
    next = (struct play){0};
    struct play play = {.at_done = begin_next};
    begin(&play, request_with(CHALLENGE));
    person_answers(OUTCOME_CANCELLED);
    assert_int_equal(play.dones, 1);
    assert_int_equal(next.waiting, WAITING_PIN);

    struct play refused = {.at_done = begin_next};
    begin(&refused, request_with(CHALLENGE));
    ceremony_free(&next.ceremony);
    next = (struct play){0};
    ceremonies_free(&world.ceremonies);
    assert_null(next.ceremony);
    assert_int_equal(next.result, OUTCOME_CANCELLED);
    assert_int_equal(next.dones, 0);
    world.ceremonies = ceremonies_new(NULL, NULL, NULL, &world.config, NULL);
}

/* ---- keys ---- */

static void sign_in(struct play *play, struct ceremony_request request)
{
    begin(play, request);
    person_types("1234");
    card_answers(OUTCOME_OK);
    assert_ended(play, OUTCOME_OK);
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

/* ---- the words ---- */

static void the_prompt_says_why_it_is_there(void **state)
{
    (void)state;
    card_in(ALICE);
    struct ceremony_request request = request_with(CHALLENGE);
    request.caller = NULL;
    struct play inserted = {0};
    begin(&inserted, request);
    assert_non_null(strstr(world.question.text, "the applications on this computer"));
    assert_non_null(strstr(world.question.text, "\nSite: " ORIGIN "\n"));
    ceremony_free(&inserted.ceremony);

    request.another_pin = true;
    struct play again = {0};
    begin(&again, request);
    assert_non_null(strstr(world.question.text, "session needs your PIN again"));
    assert_non_null(strstr(world.question.text, "\nSite: " ORIGIN "\n"));
    ceremony_free(&again.ceremony);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_card_and_a_pin_make_a_token),
        TEST(a_card_is_waited_for),
        TEST(nobody_waits_for_ever),
        TEST(what_cannot_be_waited_for_ends_it),
        TEST(nothing_is_said_before_all_is_known),
        TEST(a_wrong_pin_is_asked_for_again),
        TEST(a_module_that_never_blocks_is_not_asking_a_card),
        TEST(what_cannot_be_a_pin_never_reaches_the_card),
        TEST(the_person_may_say_no),
        TEST(without_a_prompt_there_is_no_sign_in),
        TEST(a_pin_pad_asks_by_itself),
        TEST(a_signature_that_is_not_the_cards_is_no_token),
        TEST(a_module_that_takes_no_more_is_busy),
        TEST(a_card_that_fails_may_have_been_pulled),
        TEST(of_several_people_one_is_chosen),
        TEST(what_the_provider_takes_comes_with_its_challenge),
        TEST(the_challenge_is_fetched_before_the_prompt),
        TEST(without_a_challenge_nobody_is_asked),
        TEST(a_provider_that_never_answers_ends_it),
        TEST(a_challenge_out_of_bounds_ends_it),
        TEST(a_challenge_that_nobody_asked_for_is_ignored),
        TEST(an_old_challenge_is_fetched_again_before_the_next_prompt),
        TEST(a_late_pin_waits_for_a_new_challenge),
        TEST(a_late_pin_is_given_up_with_the_challenge),
        TEST(a_challenge_that_was_given_is_used_as_it_is),
        TEST(a_blocked_card_asks_nothing_of_the_provider),
        TEST(only_the_card_with_that_identity_will_do),
        TEST(another_persons_card_ends_it_without_a_prompt),
        TEST(the_right_card_is_waited_for_while_none_is_in),
        TEST(what_is_wrong_with_the_right_card_is_said),
        TEST(the_identity_is_one_certificate),
        TEST(an_identity_that_has_expired_is_not_replaced),
        TEST(the_identity_keeps_its_chain),
        TEST(only_that_insertion_will_do),
        cmocka_unit_test(freed_anywhere_it_says_nothing),
        cmocka_unit_test(cancelled_anywhere_it_says_so_once),
        cmocka_unit_test(all_end_with_the_ceremonies),
        cmocka_unit_test(a_card_that_is_pulled_anywhere_ends_it),
        TEST(no_other_insertion_signs),
        TEST(the_ninth_is_turned_away),
        TEST(turns_come_in_order),
        TEST(waiting_for_a_turn_has_no_limit),
        TEST(another_may_be_begun_at_the_end),
        TEST(a_fresh_key_is_taken_or_wiped),
        TEST(a_key_that_was_lent_stays_its_owners),
        TEST(a_web_eid_token_has_no_key),
        TEST(the_prompt_says_why_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
