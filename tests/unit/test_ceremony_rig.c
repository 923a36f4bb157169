/* SPDX-License-Identifier: MIT */
/* The fakes have the names of the functions they stand for, so the linker takes these and never
 * looks into the agent's library for the real ones. */
#include "tests/unit/test_ceremony_rig.h"

#include "agent/prompt_client.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world world;

/* ---- people and cards ---- */

static struct person {
    char uid[16];
    struct made card;
} people[4];

static const struct made *person(const char *uid)
{
    struct person *p = people;
    while (p->uid[0] && strcmp(p->uid, uid) != 0)
        p++;
    assert_true(p < people + sizeof people / sizeof *people);
    if (p->uid[0])
        return &p->card;
    char subject[64], key[32];
    snprintf(p->uid, sizeof p->uid, "%s", uid);
    snprintf(subject, sizeof subject, "O=nhs/OU=people/CN=%s", uid);
    snprintf(key, sizeof key, "P-256 %s", uid);
    p->card = rig_make(
        &(struct recipe){.key = key, .subject = subject, .from = ALWAYS_FROM, .to = ALWAYS_TO},
        NULL);
    return &p->card;
}

const uint8_t *identity_of(const char *uid)
{
    static uint8_t hash[CERTIFICATE_HASH_BYTES];
    assert_int_equal(X509_digest(person(uid)->x509, EVP_sha256(), hash, NULL), 1);
    return hash;
}

static void read_certificates(struct card *card)
{
    certificate_set_deinit(&card->certificates);
    assert_int_equal(certificate_set_parse(&card->token, &card->certificates), 0);
}

struct card *card_made(const char *uid)
{
    static uint64_t last_id;
    struct card *card = calloc(1, sizeof *card);
    assert_non_null(card);
    card->id = ++last_id;
    card->token = (struct card_token){.tries_left = 3, .pin_min = 4, .pin_max = 8};
    snprintf(card->token.reader, sizeof card->token.reader, "Reader of %s", uid);
    rig_add(&card->token, person(uid), CARD_ES256);
    read_certificates(card);
    world.cards[world.card_count++] = card;
    return card;
}

void card_holds(struct card *card, const struct made *made, uint8_t algorithms)
{
    rig_add(&card->token, made, algorithms);
    read_certificates(card);
}

void card_holds_another(struct card *card, const char *uid, bool expired)
{
    char subject[64];
    snprintf(subject, sizeof subject, "O=nhs/OU=people/CN=%s", uid);
    struct recipe recipe = {.key = "P-256 another",
                            .subject = subject,
                            .from = ALWAYS_FROM + 1,
                            .to = expired ? ALWAYS_FROM + 2 : ALWAYS_TO};
    struct made made = rig_make(&recipe, NULL);
    card_holds(card, &made, CARD_ES256);
}

void cards_say(void)
{
    ceremonies_cards_changed(world.ceremonies);
    run();
}

struct card *card_in(const char *uid)
{
    struct card *card = card_made(uid);
    cards_say();
    return card;
}

static void take_out(uint64_t id)
{
    for (size_t i = 0; i < world.card_count; i++)
        if (world.cards[i]->id == id) {
            card_token_deinit(&world.cards[i]->token);
            certificate_set_deinit(&world.cards[i]->certificates);
            free(world.cards[i]);
            world.cards[i] = world.cards[--world.card_count];
            return;
        }
}

void card_out(uint64_t id)
{
    take_out(id);
    cards_say();
}

size_t cards_count(const struct cards *cards)
{
    (void)cards;
    return world.card_count;
}

const struct card *cards_at(const struct cards *cards, size_t i)
{
    (void)cards;
    return world.cards[i];
}

const struct card *cards_find(const struct cards *cards, uint64_t id)
{
    (void)cards;
    for (size_t i = 0; i < world.card_count; i++)
        if (world.cards[i]->id == id)
            return world.cards[i];
    return NULL;
}

bool cards_reading(const struct cards *cards)
{
    (void)cards;
    return world.reading;
}

bool cards_fresh(struct cards *cards, const struct card *card)
{
    (void)cards;
    (void)card;
    return !world.stale;
}

bool cards_known(struct cards *cards)
{
    (void)cards;
    return !world.unknown;
}

int cards_absence(const struct cards *cards)
{
    (void)cards;
    return world.absence;
}

void cards_note_pin(struct cards *cards, uint64_t id, uint8_t flags, uint8_t tries_left)
{
    (void)cards;
    for (size_t i = 0; i < world.card_count; i++)
        if (world.cards[i]->id == id) {
            world.cards[i]->token.flags = flags;
            world.cards[i]->token.tries_left = tries_left;
        }
}

void cards_gone(struct cards *cards, uint64_t id)
{
    (void)cards;
    take_out(id);
}

/* ---- the module ---- */

static struct {
    card_module_fn *fn; /* NULL: nothing is asked */
    void *context;
    uint64_t card; /* told by the certificate */
    enum card_algorithm algorithm;
    uint8_t digest[CARD_DIGEST_BYTES_MAX];
} asked;

size_t cards_module_count(const struct cards *cards)
{
    (void)cards;
    return 1;
}

struct card_module *cards_module(const struct cards *cards, size_t i)
{
    (void)cards;
    (void)i;
    return NULL;
}

const char *card_module_path(const struct card_module *module)
{
    (void)module;
    return "fake";
}

static struct card *card_with(const uint8_t *hash)
{
    for (size_t i = 0; i < world.card_count; i++)
        for (size_t k = 0; k < world.cards[i]->certificates.count; k++)
            if (memcmp(world.cards[i]->certificates.at[k]->hash, hash, CERTIFICATE_HASH_BYTES) == 0)
                return world.cards[i];
    return NULL;
}

int card_module_sign(struct card_module *module, const struct card_sign_request *sign,
                     card_module_fn *fn, void *context)
{
    (void)module;
    if (world.module_refuses != 0)
        return world.module_refuses;
    assert_null(asked.fn);
    const struct card *card = card_with(sign->certificate_hash);
    assert_non_null(card);
    asked.fn = fn;
    asked.context = context;
    asked.card = card->id;
    asked.algorithm = (enum card_algorithm)sign->algorithm;
    memcpy(asked.digest, sign->digest, sizeof asked.digest);
    snprintf(world.pin, sizeof world.pin, "%.*s", (int)sign->pin_len,
             sign->pin ? (const char *)sign->pin : "");
    world.signs++;
    return 0;
}

void card_module_forget(struct card_module *module, void *context)
{
    (void)module;
    if (asked.context == context)
        memset(&asked, 0, sizeof asked);
}

bool card_is_asked(void)
{
    return asked.fn != NULL;
}

static void answer(int result, struct card_reply *reply)
{
    assert_non_null(asked.fn);
    card_module_fn *fn = asked.fn;
    void *context = asked.context;
    memset(&asked, 0, sizeof asked);
    fn(context, result, reply);
    run();
}

void card_answers(int result)
{
    struct card_reply reply = {.type = CARD_REQUEST_SIGN, .result = (uint32_t)result};
    const struct card *card = cards_find(NULL, asked.card);
    assert_non_null(card);
    reply.flags = card->token.flags;
    reply.tries_left = card->token.tries_left;
    if (result == OUTCOME_PIN_WRONG && reply.tries_left != CARD_TRIES_UNKNOWN)
        reply.tries_left--;
    if (reply.tries_left == 0)
        reply.flags |= CARD_PIN_LOCKED;
    if (result == OUTCOME_OK)
        reply.signature_len = (uint16_t)rig_sign(person(card->certificates.at[0]->uid),
                                                 asked.algorithm, asked.digest, reply.signature);
    answer(result, &reply);
}

void card_answers_with_nonsense(void)
{
    struct card_reply reply = {.type = CARD_REQUEST_SIGN, .signature_len = 64, .tries_left = 3};
    answer(OUTCOME_OK, &reply);
}

/* ---- the prompt ---- */

struct prompt {
    prompt_fn *fn;
    void *context;
};

static struct prompt *shown;

struct prompt *prompt_ask(struct loop *loop, struct helpers *helpers, const char *pinentry,
                          const struct prompt_question *question, prompt_fn *fn, void *context)
{
    (void)loop;
    (void)helpers;
    (void)pinentry;
    assert_null(shown); /* one person, one prompt */
    if (world.prompt_fails)
        return NULL;
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(prompt_question_encode(question, &body), 0);
    assert_int_equal(prompt_question_decode(body.data, body.len, &world.question), 0);
    shown = calloc(1, sizeof *shown);
    assert_non_null(shown);
    *shown = (struct prompt){fn, context};
    world.prompt_out = true;
    world.prompts++;
    return shown;
}

void prompt_free(struct prompt **prompt)
{
    struct prompt *p = STEAL(*prompt);
    if (!p)
        return;
    assert_ptr_equal(p, shown);
    shown = NULL;
    world.prompt_out = false;
    free(p);
}

/* The callback frees this prompt, and may show another. */
static void reply(const struct prompt_answer *answer)
{
    assert_non_null(shown);
    unsigned before = world.prompts;
    shown->fn(shown->context, answer);
    assert_true(!shown || world.prompts > before);
    run();
}

void person_types(const char *pin)
{
    uint8_t typed[CARD_PIN_BYTES_MAX]; /* gone when the callback returns */
    memcpy(typed, pin, strlen(pin));
    assert_int_equal(world.question.kind, PROMPT_PIN);
    struct prompt_answer answer = {.pin = typed, .pin_len = (uint8_t)strlen(pin)};
    reply(&answer);
}

void person_answers(int result)
{
    struct prompt_answer answer = {.result = (uint32_t)result};
    reply(&answer);
}

void person_chooses(uint8_t choice)
{
    assert_int_equal(world.question.kind, PROMPT_CHOICE);
    struct prompt_answer answer = {.choice = choice};
    reply(&answer);
}

/* ---- keys ---- */

struct session_key {
    char x[32];
};

struct session_key *session_key_new(void)
{
    static unsigned last;
    struct session_key *key = calloc(1, sizeof *key);
    assert_non_null(key);
    snprintf(key->x, sizeof key->x, "key-%u", ++last);
    world.keys++;
    return key;
}

void session_key_free(struct session_key **key)
{
    if (*key)
        world.keys--;
    free(*key);
    *key = NULL;
}

const char *session_key_x(const struct session_key *key)
{
    return key->x;
}

const char *session_key_y(const struct session_key *key)
{
    (void)key;
    return "y";
}

/* ---- secrets: the linker's --wrap puts these in front of the real ones ---- */

struct secret *__real_secret_new(size_t capacity);
struct secret *__wrap_secret_new(size_t capacity);
void __real_secret_free(struct secret **secret);
void __wrap_secret_free(struct secret **secret);

struct secret *__wrap_secret_new(size_t capacity)
{
    struct secret *secret = __real_secret_new(capacity);
    world.secrets += secret != NULL;
    return secret;
}

void __wrap_secret_free(struct secret **secret)
{
    world.secrets -= *secret != NULL;
    __real_secret_free(secret);
}

/* ---- the world ---- */

void ceremonies_anew(const struct issuers *issuers)
{
    ceremonies_free(&world.ceremonies);
    clock_end();
    world.ceremonies = ceremonies_new(NULL, NULL, NULL, &world.config, issuers);
    assert_non_null(world.ceremonies);
}

void world_begin(void)
{
    memset(&world, 0, sizeof world);
    clock_begin();
    world.absence = OUTCOME_NO_CARD;
    world.config.pin_timeout = PIN_TIMEOUT;
    ceremonies_anew(NULL);
}

void world_end(void)
{
    assert_int_equal(ceremonies_count(world.ceremonies), 0);
    ceremonies_free(&world.ceremonies);
    assert_null(shown);
    assert_false(card_is_asked());
    assert_int_equal(world.keys, 0);
    assert_int_equal(world.secrets, 0);
    clock_end();
    while (world.card_count > 0)
        take_out(world.cards[0]->id);
    memset(people, 0, sizeof people);
    rig_release();
}
