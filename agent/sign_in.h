/* SPDX-License-Identifier: MIT */
/*
 * card.signIn, from the request to its answer: wait for a card, choose, ask for the PIN, have the
 * card sign, check the signature, hand out the token.
 *
 * Any number of sign-ins up to a bound may wait for a reader or a card; from then on one has its
 * turn at a time, first come first served, because one person sits in front of one prompt. What the
 * request waits for is told to its caller whenever it changes.
 *
 *     WAITING ──(a card that will do, nobody's turn)──> CHOOSING (several people's cards are in)
 *        │                                                 │
 *        └──────────────────────┬──────────────────────────┘
 *                               v
 *                   CONFIRMING (last try) ──> TYPING ──> SIGNING ──> answered with a token
 *                               ^                           │
 *                               └──────(wrong PIN)──────────┘
 *
 * From every stage: cancelled, timed out, card gone, helper failed → answered with an error. A PIN
 * goes to the card once; a wrong one is asked for again, from the person.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/cards.h"
#include "agent/config.h"
#include "agent/helper.h"
#include "ipc/door/door.h"

struct sign_ins;

/* config and cards are borrowed for its life. issuers NULL: any. NULL on fault (logged). */
struct sign_ins *sign_ins_new(struct loop *loop, struct helpers *helpers, struct cards *cards,
                              const struct config *config, const struct issuers *issuers);
/* Answers everything under way with OUTCOME_CANCELLED. */
void sign_ins_free(struct sign_ins **sign_ins);

/* Takes the request; params are copied. */
void sign_ins_add(struct sign_ins *sign_ins, struct request *request,
                  const struct sign_in_params *params);
/* Ends that request's sign-in, if it is one, with OUTCOME_CANCELLED. */
void sign_ins_cancel(struct sign_ins *sign_ins, struct request *request);
/* To be called when the cards have changed. */
void sign_ins_cards_changed(struct sign_ins *sign_ins);

size_t sign_ins_count(const struct sign_ins *sign_ins);
