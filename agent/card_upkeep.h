/* SPDX-License-Identifier: MIT */
/*
 * card.changePin and card.unblockPin (PROTOCOL.md 2.17): another PIN for a card, for a native
 * caller. Each takes its turn in the line of the sign-ins (agent/ceremony.h), so that a card does
 * one thing at a time and one person reads one question. A session that hangs on the card goes on.
 *
 *     waiting its turn ──> the last try is meant ──> the PIN or PUK ──> a new PIN, twice
 *                                 ^                        ^                    │
 *                                 └────────────────────────┴── wrong ── the card's answer ──> done
 *
 * What is typed goes to the card once, and is wiped. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/cards.h"
#include "agent/ceremony.h"
#include "agent/config.h"
#include "agent/helper.h"
#include "ipc/door/card_pin.h"

struct card_upkeep;

/* All borrowed for its life. NULL on fault (logged). */
struct card_upkeep *card_upkeep_new(struct loop *loop, struct helpers *helpers, struct cards *cards,
                                    struct ceremonies *ceremonies, const struct config *config);
/* What is under way is answered with OUTCOME_CANCELLED. Takes NULL. */
void card_upkeep_free(struct card_upkeep **upkeep);
/* To be called when the cards have changed. */
void card_upkeep_cards_changed(struct card_upkeep *upkeep);

/* Answers the request, now or later, and writes the audit entry. */
void card_upkeep_add(struct card_upkeep *upkeep, struct request *request,
                     const struct card_pin_params *params);
/* If it is one of these: answers it with OUTCOME_CANCELLED, and is true. */
bool card_upkeep_cancel(struct card_upkeep *upkeep, struct request *request);
/* Answers everything under way with OUTCOME_CANCELLED. */
void card_upkeep_cancel_all(struct card_upkeep *upkeep);
size_t card_upkeep_count(const struct card_upkeep *upkeep);
