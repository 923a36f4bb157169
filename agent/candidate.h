/* SPDX-License-Identifier: MIT */
/*
 * Of the cards that are in, those with which a sign-in could be made, and why the others could not.
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/cards.h"
#include "ipc/door/door.h"

enum { CANDIDATES_MAX = CARD_TOKENS_MAX };

/* Borrowed from cards until they change. */
struct candidate {
    const struct card *card;
    struct certificate_choice choice; /* its result is OUTCOME_OK */
};

/* Writes at most CANDIDATES_MAX, in the order of the cards, and returns how many. *problem: what is
 * wrong with the first card that will not do; NO_CARD when there is none such. issuers NULL: any.
 */
size_t candidates_find(const struct cards *cards, const struct issuers *issuers,
                       const struct sign_in_params *params, struct candidate *out, int *problem);

/* Keeps the first card of each person, and returns how many persons there are. */
size_t candidates_one_each(struct candidate *found, size_t count);

/* The certificate that would sign. */
const struct certificate *candidate_holder(const struct candidate *candidate);
