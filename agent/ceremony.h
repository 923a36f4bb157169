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
 *        ^                                      │          │
 *        └──────────────────────────────────────┴──────────┘ (wrong PIN; challenge too old)
 *
 * From every stage: freed, timed out, card gone, helper failed → done with an error. A PIN goes to
 * the card once; a wrong one is asked for again, from the person.
 *
 * A challenge that was given is used as it is: FETCHING is passed over. One that is fetched is good
 * for two minutes at the provider. It is fetched again when it is older than 60 seconds before a
 * PIN is asked for, and also when the PIN was typed more than 100 seconds after it was fetched:
 * that PIN waits in a secret for at most 15 seconds, and is wiped with whatever comes.
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
    struct sign_in_params params; /* an empty challenge: to be fetched; no algorithms: all;
                                     interaction does not count */
    const struct caller *caller;  /* who asks, for the prompt's words; borrowed for the ceremony's
                                     life. NULL: the agent itself, since a card was inserted */
    const char *site;        /* whom the prompt names; borrowed likewise; NULL: params.origin */
    struct session_key *key; /* of cnf, borrowed for the ceremony's life; NULL: a fresh one is
                                made, and goes with the token (ceremony_result) */
    const uint8_t *identity; /* CERTIFICATE_HASH_BYTES: only the card with this certificate
                                will do; when only others are in, the end is CARD_CHANGED;
                                NULL: any */
    uint64_t card;           /* only this insertion will do, and if it is gone it is not waited
                                for: CARD_REMOVED; 0: any */
    bool another_pin;        /* the words say that the session continues with this PIN */
};

struct ceremony_result {
    int result; /* enum outcome, or a fault; the rest counts with OUTCOME_OK */
    const struct token_answer *token; /* borrowed for the call */
    struct session_key **key;         /* the fresh one: take it (set it to NULL), or it is freed.
                                         NULL in it of Web eID, or when a key was lent */
    uint64_t card;                    /* the insertion that signed */
    uint8_t identity[CERTIFICATE_HASH_BYTES];
    /* for the audit entry, also of a failure; borrowed, "" or NULL when not known */
    const char *uid, *reader, *algorithm;
};

struct ceremony_events {
    void *context;
    /* The person should do this now. reader NULL and tries_left -1: not said. May be NULL. */
    void (*waiting)(void *context, enum waiting_for what, const char *reader, int tries_left);
    /* A challenge is wanted, since a card that will do is in: call ceremony_challenge, now or
     * later; after 15 seconds it ends with PROVIDER_UNREACHABLE. Asked again when the challenge has
     * grown too old for the provider. Not called, and may be NULL, where a challenge was given. */
    void (*fetch)(void *context);
    /* It has ended. Called exactly once, unless the ceremony is freed first; the prompt is gone
     * when it is called, and the ceremony when it returns. Never called from within ceremony_begin
     * and ceremony_challenge. A new one may be begun from within. */
    void (*done)(void *context, const struct ceremony_result *result);
};

/* Borrowed by the caller until done or freed. NULL: *refusal then says why, a fault (logged),
 * OUTCOME_BUSY beyond eight, or OUTCOME_CANCELLED from within ceremonies_free. */
struct ceremony *ceremony_begin(struct ceremonies *ceremonies,
                                const struct ceremony_request *request,
                                const struct ceremony_events *events, int *refusal);
/* What the provider takes (enum card_algorithm, best first), where it says so with its challenge:
 * before ceremony_challenge. Then the card's certificate is looked at again, and may not do. */
void ceremony_algorithms(struct ceremony *ceremony, const uint8_t *algorithms, unsigned count);
/* The answer to fetch: the challenge (borrowed for the call), or why there is none (an outcome or a
 * fault; the ceremony ends with it). Either takes effect from the loop. Without a fetch that is
 * unanswered it does nothing. */
void ceremony_challenge(struct ceremony *ceremony, int result, const char *challenge);
/* Somebody else who has a question about a card, in the same line: turn is called from the loop,
 * with the events' context, when it is this one's turn, and nobody else has it until ceremony_free.
 * Of the events waiting says WAITING_TURN, and done comes only with a cancellation or the line's
 * end. NULL and *refusal as ceremony_begin. */
struct ceremony *ceremony_begin_guest(struct ceremonies *ceremonies, loop_fn *turn,
                                      const struct ceremony_events *events, int *refusal);
/* Ends it with OUTCOME_CANCELLED: done is called before this returns, and says whose card it was.
 */
void ceremony_cancel(struct ceremony *ceremony);
/* Takes prompt and all away; done is not called. Takes NULL, and one whose done is being called. */
void ceremony_free(struct ceremony **ceremony);
