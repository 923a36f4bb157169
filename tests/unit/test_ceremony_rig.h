/* SPDX-License-Identifier: MIT */
/*
 * A world in which a ceremony is played move by move: a clock with timers, cards in readers, a card
 * module, a prompt and keys that are counted. They stand in the place of the agent's own when a
 * test program is linked, so nothing moves by itself and no clock is read but the certificates'.
 */
#pragma once

#include "agent/ceremony.h"
#include "ipc/prompt_message.h"
#include "tests/unit/test_certificate_rig.h"
#include "tests/unit/test_clock_rig.h"

#include <stdbool.h>
#include <stdint.h>

#define ORIGIN "https://provider.example"
#define ALICE "555000000101"
#define BOB "555000000202"
#define CHALLENGE "Y2hhbGxlbmdlIGdpdmVuIGJ5IHRoZSBwYWdlLCAzMisgYnl0ZXM"

enum { PIN_TIMEOUT = 300 }; /* seconds */

struct world {
    struct ceremonies *ceremonies;
    struct config config;

    /* what is in; change it freely */
    size_t card_count;
    struct card *cards[8];
    bool reading, stale, unknown; /* unknown: what is in may have been missed */
    int absence;                  /* an outcome, while no card is in */

    /* what the module was asked for last, and how often */
    unsigned signs;
    char pin[CARD_PIN_BYTES_MAX + 1];
    int module_refuses; /* what card_module_sign gives instead */

    /* the prompt that is out */
    bool prompt_out;
    unsigned prompts; /* shown so far */
    struct prompt_question question;
    bool prompt_fails;

    /* that are alive */
    unsigned keys, secrets;
};
extern struct world world;

void world_begin(void);
/* Asserts that every ceremony has ended or was freed, and that nothing of them is left. */
void world_end(void);
/* Ends all and has new ones, which trust those issuers (borrowed). Asserts that nothing of the old
 * ones is left that could move. */
void ceremonies_anew(const struct issuers *issuers);

/* ---- cards ---- */

/* Puts a card of that person, with three tries, into a reader of its own ("Reader of UID").
 * Borrowed until it is out. */
struct card *card_in(const char *uid);
/* Puts one in without saying so: change it, then say cards_say. */
struct card *card_made(const char *uid);
/* A further certificate on the same card. */
void card_holds(struct card *card, const struct made *made, uint8_t algorithms);
/* One of that person, younger than the other, or expired. */
void card_holds_another(struct card *card, const char *uid, bool expired);
void cards_say(void);
void card_out(uint64_t id);
/* The certificate's hash. */
const uint8_t *identity_of(const char *uid);

/* Certificates are valid whenever the tests run. */
#define ALWAYS_FROM ((time_t)946684800) /* 2000 */
#define ALWAYS_TO ((time_t)4102444800)  /* 2100 */

/* What the card answers to the question that is out; OUTCOME_OK comes with a signature. */
void card_answers(int result);
void card_answers_with_nonsense(void);
bool card_is_asked(void);

/* ---- the person ---- */

void person_types(const char *pin);
void person_answers(int result); /* also of PIN questions: CANCELLED, TIMED_OUT */
void person_chooses(uint8_t choice);
