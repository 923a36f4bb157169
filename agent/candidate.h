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

/* Which card will do. */
struct candidate_wish {
    const uint8_t *algorithms; /* that the provider accepts (enum card_algorithm), best first; none:
                                  all */
    size_t algorithm_count;
    const uint8_t *identity; /* CERTIFICATE_HASH_BYTES: only this certificate; NULL: any */
    uint64_t card;           /* only this insertion: other cards count as not there; 0: any */
};

/* Writes at most CANDIDATES_MAX, in the order of the cards, and returns how many. *problem: what is
 * wrong with the first card that will not do, CARD_CHANGED if it is only that none holds the
 * identity; NO_CARD when there is none such. issuers NULL: any. */
size_t candidates_find(const struct cards *cards, const struct issuers *issuers,
                       const struct candidate_wish *wish, struct candidate *out, int *problem);

/* True if that card could sign somebody in, with any algorithm; *out is written then, and
 * candidate_holder says with which identity. */
bool candidate_of(const struct card *card, const struct issuers *issuers, struct candidate *out);

/* Keeps the first card of each person, and returns how many persons there are. */
size_t candidates_one_each(struct candidate *found, size_t count);

/* The certificate that would sign; its hash is the identity. */
const struct certificate *candidate_holder(const struct candidate *candidate);
