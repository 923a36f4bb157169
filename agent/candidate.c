/* SPDX-License-Identifier: MIT */
/* Two cards are one person's when their certificates have the same subject: NHS subjects carry the
 * UID, and a person may hold an old and a new card at once. */
#include "agent/candidate.h"

#include "ipc/base/outcome.h"

#include <string.h>
#include <time.h>

static void choose(const struct card *card, const struct issuers *issuers,
                   const struct sign_in_params *params, struct certificate_choice *choice)
{
    if (card->token.flags & CARD_HELD)
        choice->result = OUTCOME_CARD_BUSY;
    else if (card->token.flags & CARD_UNREADABLE)
        choice->result = OUTCOME_CARD_UNREADABLE;
    else
        certificate_choose(&card->certificates, issuers, time(NULL), params->algorithms,
                           params->algorithm_count, choice);
}

size_t candidates_find(const struct cards *cards, const struct issuers *issuers,
                       const struct sign_in_params *params, struct candidate *out, int *problem)
{
    size_t count = 0;
    *problem = OUTCOME_NO_CARD;
    for (size_t i = 0; i < cards_count(cards); i++) {
        struct candidate c = {.card = cards_at(cards, i)};
        choose(c.card, issuers, params, &c.choice);
        if (c.choice.result == OUTCOME_OK && count < CANDIDATES_MAX)
            out[count++] = c;
        else if (c.choice.result != OUTCOME_OK && *problem == OUTCOME_NO_CARD)
            *problem = c.choice.result;
    }
    return count;
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
