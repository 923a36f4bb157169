/* SPDX-License-Identifier: MIT */
/* Two cards are one person's when their certificates have the same subject: NHS subjects carry the
 * UID, and a person may hold an old and a new card at once. */
#include "agent/candidate.h"

#include "ipc/base/outcome.h"

#include <string.h>
#include <time.h>

/* All of them, in the order in which a door fills them in. */
static const uint8_t all_algorithms[] = {CARD_ES256, CARD_ES384, CARD_PS256, CARD_RS256};

/* The set without the certificates of other identities; its authorities stay, for the chain. False
 * if that identity is none of the set's. */
static bool narrow(const struct certificate_set *set, const uint8_t *identity,
                   struct certificate_set *narrowed)
{
    bool found = false;
    *narrowed = *set;
    for (size_t i = 0; i < set->count; i++) {
        const struct certificate *one = set->at[i];
        if (!one || one->use != CERTIFICATE_AUTHENTICATION)
            continue;
        if (memcmp(one->hash, identity, sizeof one->hash) == 0)
            found = true;
        else
            narrowed->at[i] = NULL;
    }
    return found;
}

static void choose(const struct card *card, const struct issuers *issuers,
                   const struct candidate_wish *wish, struct certificate_choice *choice)
{
    const uint8_t *algorithms = wish->algorithms;
    size_t count = wish->algorithm_count;
    if (count == 0) {
        algorithms = all_algorithms;
        count = sizeof all_algorithms;
    }
    struct certificate_set narrowed; /* borrows */
    if (card->token.flags & CARD_HELD)
        choice->result = OUTCOME_CARD_BUSY;
    else if (card->token.flags & CARD_UNREADABLE)
        choice->result = OUTCOME_CARD_UNREADABLE;
    else if (!wish->identity)
        certificate_choose(&card->certificates, issuers, time(NULL), algorithms, count, choice);
    else if (narrow(&card->certificates, wish->identity, &narrowed))
        certificate_choose(&narrowed, issuers, time(NULL), algorithms, count, choice);
    else
        choice->result = OUTCOME_CARD_CHANGED;
}

size_t candidates_find(const struct cards *cards, const struct issuers *issuers,
                       const struct candidate_wish *wish, struct candidate *out, int *problem)
{
    size_t count = 0;
    *problem = OUTCOME_NO_CARD;
    for (size_t i = 0; i < cards_count(cards); i++) {
        struct candidate c = {.card = cards_at(cards, i)};
        if (wish->card != 0 && c.card->id != wish->card)
            continue;
        choose(c.card, issuers, wish, &c.choice);
        if (c.choice.result == OUTCOME_OK && count < CANDIDATES_MAX)
            out[count++] = c;
        else if (c.choice.result != OUTCOME_OK &&
                 (*problem == OUTCOME_NO_CARD || *problem == OUTCOME_CARD_CHANGED))
            *problem = c.choice.result;
    }
    return count;
}

bool candidate_of(const struct card *card, const struct issuers *issuers, struct candidate *out)
{
    struct candidate c = {.card = card};
    choose(card, issuers, &(struct candidate_wish){0}, &c.choice);
    if (c.choice.result == OUTCOME_OK)
        *out = c;
    return c.choice.result == OUTCOME_OK;
}

const struct certificate *candidate_holder(const struct candidate *candidate)
{
    return candidate->card->certificates.at[candidate->choice.index];
}

size_t candidates_one_each(struct candidate *found, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        for (size_t k = 0; k < kept; k++)
            known = known || strcmp(candidate_holder(&found[k])->subject,
                                    candidate_holder(&found[i])->subject) == 0;
        if (!known)
            found[kept++] = found[i];
    }
    return kept;
}
