/* SPDX-License-Identifier: MIT */
/*
 * Which of a card's certificates signs in. Every one is asked the same questions in the same order;
 * the first that it fails is its problem, and where all fail the one that came nearest is told,
 * since its cure is the shortest.
 */
#include "agent/certificate_inside.h"

#include "ipc/base/outcome.h"

/* How good the algorithm is that certificate i would sign with: its place among the accepted ones;
 * accepted_count: none. */
static size_t preference(const struct certificate_set *set, size_t i, const uint8_t *accepted,
                         size_t accepted_count)
{
    unsigned able = set->at[i]->algorithms & set->key_algorithms[i];
    size_t place = 0;
    while (place < accepted_count && !(able & accepted[place]))
        place++;
    return place;
}

/* The order in which problem_of looks; a later one came nearer to signing in. */
static int nearness(int problem)
{
    static const int order[] = {OUTCOME_NO_CERTIFICATE,
                                OUTCOME_KEY_UNSUITABLE,
                                OUTCOME_ISSUER_UNKNOWN,
                                OUTCOME_CERTIFICATE_REVOKED,
                                OUTCOME_CERTIFICATE_NOT_YET_VALID,
                                OUTCOME_CERTIFICATE_EXPIRED};
    int place = 0;
    while (place < (int)(sizeof order / sizeof *order) && order[place] != problem)
        place++;
    return place;
}

static int problem_of(const struct certificate_set *set, size_t i, const struct issuers *issuers,
                      time_t now, size_t place, size_t accepted_count)
{
    const struct certificate *c = set->at[i];
    if (c->use != CERTIFICATE_AUTHENTICATION)
        return OUTCOME_NO_CERTIFICATE;
    if (place == accepted_count)
        return OUTCOME_KEY_UNSUITABLE;
    int chain = issuers_judge(issuers, set, c, now);
    if (chain != OUTCOME_OK)
        return chain;
    if (now < c->not_before)
        return OUTCOME_CERTIFICATE_NOT_YET_VALID;
    if (now > c->not_after)
        return OUTCOME_CERTIFICATE_EXPIRED;
    return OUTCOME_OK;
}

/* Of two that qualify, whether a comes before b, which stands earlier on the card. */
static bool better(const struct certificate *a, size_t a_place, const struct certificate *b,
                   size_t b_place)
{
    if (a->not_before != b->not_before)
        return a->not_before > b->not_before;
    if (a->not_after != b->not_after)
        return a->not_after > b->not_after;
    return a_place < b_place;
}

void certificate_choose(const struct certificate_set *set, const struct issuers *issuers,
                        time_t now, const uint8_t *accepted, size_t accepted_count,
                        struct certificate_choice *choice)
{
    *choice = (struct certificate_choice){.result = OUTCOME_NO_CERTIFICATE};
    size_t best_place = 0;
    for (size_t i = 0; i < set->count; i++) {
        choice->problems[i] = OUTCOME_NO_CERTIFICATE;
        if (!set->at[i])
            continue;
        size_t place = preference(set, i, accepted, accepted_count);
        int problem = problem_of(set, i, issuers, now, place, accepted_count);
        choice->problems[i] = problem;
        if (problem == OUTCOME_OK &&
            (choice->result != OUTCOME_OK ||
             better(set->at[i], place, set->at[choice->index], best_place))) {
            choice->result = OUTCOME_OK;
            choice->index = i;
            choice->algorithm = accepted[place];
            best_place = place;
        } else if (problem != OUTCOME_OK && choice->result != OUTCOME_OK &&
                   nearness(problem) > nearness(choice->result)) {
            choice->result = problem;
        }
    }
}
