/* SPDX-License-Identifier: MIT */
/*
 * What the ceremony's own files share: ceremony.c (whose turn, which card, every way out) and
 * ceremony_pin.c (challenge, PIN, signature). For them only.
 */
#pragma once

#include "agent/candidate.h"
#include "agent/ceremony.h"
#include "agent/prompt_client.h"
#include "agent/wording.h"
#include "ipc/base/secret.h"

enum stage { WAITING, CHOOSING, FETCHING, CONFIRMING, TYPING, SIGNING };

struct ceremony {
    struct ceremonies *home;
    struct ceremony *next;
    struct ceremony_request request; /* the challenge in it is the one in use */
    uint8_t identity[CERTIFICATE_HASH_BYTES];
    struct ceremony_events events;
    bool ended;     /* done is being called */
    loop_fn *guest; /* it has but a place in the line: called when it has its turn */
    enum stage stage;
    int told; /* enum waiting_for; -1: nothing yet */
    /* WAITING: how long for a card to come. FETCHING: for the challenge, then at once. SIGNING: for
     * a card to have gone. */
    struct loop_timer *patience;

    /* from its turn on */
    struct prompt *prompt;
    uint64_t choices[CANDIDATES_MAX]; /* card ids */
    size_t choice_count;
    uint64_t card;                  /* id */
    char reader[CARD_TEXT_MAX + 1]; /* for the audit entry, when the card is gone */
    char uid[CERTIFICATE_UID_MAX + 1];
    size_t certificate;
    uint8_t algorithm;
    bool fetches;        /* the challenge is fetched; it was not given */
    uint64_t fetched_at; /* loop_now, when it was asked for */
    int fetched;         /* what came of it */
    struct secret *pin;  /* typed so late that the challenge is fetched first */
    bool last_try_confirmed;
    unsigned rounds;           /* how often the card said no to a PIN */
    int wrong;                 /* how the try before ended */
    int verdict;               /* how it will end, unless the card turns out to be gone */
    struct session_key *fresh; /* unless one was lent */
    struct token_draft draft;
};

struct ceremonies {
    struct loop *loop;
    struct helpers *helpers;
    struct cards *cards;
    const struct config *config;
    const struct issuers *issuers;
    struct ceremony *first;
    struct ceremony *turn;         /* whose it is; NULL: nobody's */
    struct loop_timer *look_again; /* a timer, because setting one cannot fail */
    bool closing;
};

/* ---- ceremony.c ---- */

/* Each ends the ceremony, and releases it. */
void ceremony_finish(struct ceremony *c, int result);
void ceremony_finish_with_token(struct ceremony *c, const struct certificate *holder,
                                const struct token_answer *token);
/* To whoever waits; card NULL: none in particular. */
void ceremony_tell(struct ceremony *c, enum waiting_for what, const struct card *card);
struct wording ceremony_wording(const struct ceremony *c, const struct card *card);
/* The chosen certificate with the algorithms as they are now: OUTCOME_OK, or what is wrong with it.
 */
int ceremony_choose_again(struct ceremony *c, const struct card *card);
/* True if the question is on its way to the person; else the ceremony has ended. */
bool ceremony_ask(struct ceremony *c, const struct prompt_question *question, prompt_fn *fn);

/* ---- ceremony_pin.c ---- */

/* The card is chosen: goes on from there to the end. */
void ceremony_ask_for_pin(struct ceremony *c);
/* The timer has come while FETCHING. */
void ceremony_fetched(struct ceremony *c);
