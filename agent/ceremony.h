/* SPDX-License-Identifier: MIT */
/*
 * A ceremony: the person, the card and the PIN. Wait for a card, choose, fetch a challenge where
 * none was given, ask for the PIN, have the card sign, check the signature, hand out the token.
 * card.signIn is one (agent/sign_in.h), and so is every sign-in, resume and step-up of the session
 * (agent/session/keeper.h).
 *
 * Any number up to a bound may wait for a reader or a card; from then on one has its turn at a
 * time, first come first served, because one person sits in front of one prompt. What it waits for
 * is told whenever that changes.
 *
 *     WAITING ──(a card that will do, nobody's turn)──> CHOOSING (several people's cards are in)
 *        │                                                 │
 *        └──────────────────────┬──────────────────────────┘
 *                               v
 *     FETCHING ──> CONFIRMING (last try) ──> TYPING ──> SIGNING ──> done, with a token
 *                               ^                          │
 *                               └──────(wrong PIN)─────────┘
 *
 * From every stage: freed, timed out, card gone, helper failed → done with an error. A PIN goes to
 * the card once; a wrong one is asked for again, from the person.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/card_token.h"
#include "agent/cards.h"
#include "agent/config.h"
#include "agent/helper.h"
#include "ipc/door/door.h"

struct ceremonies;

/* config and cards are borrowed for its life. issuers NULL: any. NULL on fault (logged). */
struct ceremonies *ceremonies_new(struct loop *loop, struct helpers *helpers, struct cards *cards,
                                  const struct config *config, const struct issuers *issuers);
/* Every ceremony must have been freed, or ends with OUTCOME_CANCELLED now. */
void ceremonies_free(struct ceremonies **ceremonies);
/* To be called when the cards have changed. */
void ceremonies_cards_changed(struct ceremonies *ceremonies);
size_t ceremonies_count(const struct ceremonies *ceremonies);

struct ceremony;

/* What is asked. Copied, but for what is named as borrowed. */
struct ceremony_request {
    struct sign_in_params
        params;                  /* an empty challenge: to be fetched; interaction does not count */
    const struct caller *caller; /* who asks, for the prompt's words; borrowed for the ceremony's
                                    life. NULL: the agent itself, since a card was inserted */
    struct session_key *key;     /* of cnf, borrowed for the ceremony's life; NULL: a fresh one is
                                    made, and goes with the token (ceremony_result) */
    const uint8_t *identity;     /* CERTIFICATE_HASH_BYTES: only the card with this certificate
                                    will do; NULL: any */
    uint64_t card;               /* only this insertion will do, and if it is gone it is not waited
                                    for; 0: any */
    bool another_pin;            /* the words say that the session continues with this PIN */
};

struct ceremony_result {
    int result; /* enum outcome, or a fault; the rest counts with OUTCOME_OK */
    const struct token_answer *token; /* borrowed for the call */
    struct session_key **key;         /* the fresh one: take it (set it to NULL), or it is freed */
    uint64_t card;                    /* the insertion that signed */
    uint8_t identity[CERTIFICATE_HASH_BYTES];
    /* for the audit entry, also of a failure; borrowed, "" or NULL when not known */
    const char *uid, *reader, *algorithm;
};

struct ceremony_events {
    void *context;
    /* The person should do this now. reader NULL and tries_left -1: not said. May be NULL. */
    void (*waiting)(void *context, enum waiting_for what, const char *reader, int tries_left);
    /* A challenge is wanted, since a card that will do is in: call ceremony_challenge sooner or
     * later. Asked again when the one given has grown too old for the provider. */
    void (*fetch)(void *context);
    /* It has ended. Called exactly once, unless the ceremony is freed first; the ceremony is gone
     * when it returns. Never called from within ceremony_begin. */
    void (*done)(void *context, const struct ceremony_result *result);
};

/* Borrowed by the caller until done or freed. NULL on fault (logged), or with more than eight:
 * *refusal then says OUTCOME_BUSY. */
struct ceremony *ceremony_begin(struct ceremonies *ceremonies,
                                const struct ceremony_request *request,
                                const struct ceremony_events *events, int *refusal);
/* The answer to fetch: the challenge, or why there is none (an outcome; the ceremony ends with it,
 * from the loop). */
void ceremony_challenge(struct ceremony *ceremony, int result, const char *challenge);
/* Takes prompt and all away; done is not called. Takes NULL. */
void ceremony_free(struct ceremony **ceremony);
