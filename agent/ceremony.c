/* SPDX-License-Identifier: MIT */
/*
 * The list of ceremonies is looked through from its head whenever something changed: a card came or
 * went, a ceremony began or ended. Each that has no turn yet either ends (nothing that is in will
 * do), waits (and is told for what), or gets its turn. So there is one place that decides, and
 * every event only has to say "look again".
 *
 * What the rest relies on:
 * - A ceremony remembers its card by id. Whenever the cards change and that id is gone, it ends; no
 *   later event can then find it signing with another card.
 * - Every way out goes through withdraw(), which takes prompt, PIN, timer and questions to modules
 *   away and gives the turn on; only then is anybody told.
 * - A ceremony has one timer. Its stage says what the timer means.
 */
#include "agent/ceremony_inside.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CEREMONIES_MAX = 8, /* a person has no more pages waiting; beyond that somebody is playing */
};

_Static_assert((int)CANDIDATES_MAX <= (int)PROMPT_CHOICES_MAX, "every candidate can be offered");

/* ---- every way out ---- */

static void withdraw(struct ceremony *c)
{
    struct ceremonies *home = c->home;
    for (struct ceremony **at = &home->first; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    if (home->turn == c)
        home->turn = NULL;
    for (size_t i = 0; i < cards_module_count(home->cards); i++)
        card_module_forget(cards_module(home->cards, i), c);
    prompt_free(&c->prompt);
    secret_free(&c->pin);
    loop_timer_free(&c->patience);
    loop_timer_set(home->look_again, 0);
}

static void release(struct ceremony *c)
{
    session_key_free(&c->fresh);
    token_draft_deinit(&c->draft);
    free(c);
}

static void end(struct ceremony *c, struct ceremony_result *result)
{
    withdraw(c);
    c->ended = true;
    result->key = &c->fresh;
    result->uid = c->uid;
    result->reader = c->reader;
    result->algorithm = c->algorithm ? card_algorithm_name(c->algorithm) : NULL;
    c->events.done(c->events.context, result);
    release(c);
}

void ceremony_finish(struct ceremony *c, int result)
{
    session_key_free(&c->fresh);
    end(c, &(struct ceremony_result){.result = result});
}

void ceremony_finish_with_token(struct ceremony *c, const struct certificate *holder,
                                const struct token_answer *token)
{
    struct ceremony_result result = {.result = OUTCOME_OK, .token = token, .card = c->card};
    memcpy(result.identity, holder->hash, sizeof result.identity);
    end(c, &result);
}

void ceremony_tell(struct ceremony *c, enum waiting_for what, const struct card *card)
{
    c->told = (int)what;
    if (c->events.waiting)
        c->events.waiting(c->events.context, what, card ? card->token.reader : NULL,
                          card ? wording_tries(&card->token) : -1);
}

/* A turn always comes, since every ceremony that has it ends; a card may never come. */
static void wait_for(struct ceremony *c, enum waiting_for what)
{
    if (c->told == (int)what)
        return;
    if (what == WAITING_TURN)
        loop_timer_stop(c->patience);
    else if (c->told != WAITING_READER && c->told != WAITING_CARD)
        loop_timer_set(c->patience, (uint64_t)c->home->config->pin_timeout * 1000);
    ceremony_tell(c, what, NULL);
}

/* ---- the questions ---- */

struct wording ceremony_wording(const struct ceremony *c, const struct card *card)
{
    return (struct wording){
        .caller = c->request.caller,
        .origin = c->request.site ? c->request.site : c->request.params.origin,
        .another_pin = c->request.another_pin,
        .card = card,
        .holder = card ? card->certificates.at[c->certificate] : NULL,
        .timeout = c->home->config->pin_timeout,
    };
}

bool ceremony_ask(struct ceremony *c, const struct prompt_question *question, prompt_fn *fn)
{
    prompt_free(&c->prompt);
    c->prompt =
        prompt_ask(c->home->loop, c->home->helpers, c->home->config->pinentry, question, fn, c);
    if (c->prompt)
        return true;
    ceremony_finish(c, OUTCOME_PROMPT_UNAVAILABLE);
    return false;
}

/* ---- which card ---- */

static size_t find_candidates(const struct ceremony *c, struct candidate *out, int *problem)
{
    struct candidate_wish wish = {
        .algorithms = c->request.params.algorithms,
        .algorithm_count = c->request.params.algorithm_count,
        .identity = c->request.identity,
        .card = c->request.card,
    };
    return candidates_find(c->home->cards, c->home->issuers, &wish, out, problem);
}

/* For the audit entry of a ceremony that no card would do for: whose the one in question is, or the
 * first one. */
static void note_card(struct ceremony *c)
{
    const struct cards *cards = c->home->cards;
    const struct card *card = c->request.card != 0     ? cards_find(cards, c->request.card)
                              : cards_count(cards) > 0 ? cards_at(cards, 0)
                                                       : NULL;
    if (!card)
        return;
    snprintf(c->reader, sizeof c->reader, "%s", card->token.reader);
    for (size_t i = 0; i < card->certificates.count && c->uid[0] == '\0'; i++)
        if (card->certificates.at[i])
            snprintf(c->uid, sizeof c->uid, "%s", card->certificates.at[i]->uid);
}

static void take_card(struct ceremony *c, const struct candidate *chosen)
{
    c->card = chosen->card->id;
    c->certificate = chosen->choice.index;
    c->algorithm = chosen->choice.algorithm;
    snprintf(c->reader, sizeof c->reader, "%s", chosen->card->token.reader);
    snprintf(c->uid, sizeof c->uid, "%s", candidate_holder(chosen)->uid);
    ceremony_ask_for_pin(c);
}

int ceremony_choose_again(struct ceremony *c, const struct card *card)
{
    struct candidate_wish wish = {
        .algorithms = c->request.params.algorithms,
        .algorithm_count = c->request.params.algorithm_count,
        .identity = card->certificates.at[c->certificate]->hash,
        .card = card->id,
    };
    struct candidate found[CANDIDATES_MAX];
    int problem;
    if (candidates_find(c->home->cards, c->home->issuers, &wish, found, &problem) == 0)
        return problem;
    c->certificate = found[0].choice.index;
    c->algorithm = found[0].choice.algorithm;
    return OUTCOME_OK;
}

static void on_choice(void *context, const struct prompt_answer *answer)
{
    struct ceremony *c = context;
    int result = (int)answer->result;
    uint64_t chosen = result == OUTCOME_OK ? c->choices[answer->choice] : 0;
    prompt_free(&c->prompt);
    if (result != OUTCOME_OK) {
        ceremony_finish(c, result);
        return;
    }
    struct candidate found[CANDIDATES_MAX];
    int problem;
    size_t count = find_candidates(c, found, &problem);
    for (size_t i = 0; i < count; i++)
        if (found[i].card->id == chosen) {
            take_card(c, &found[i]);
            return;
        }
    ceremony_finish(c, OUTCOME_CARD_REMOVED);
}

static void begin_turn(struct ceremony *c, struct candidate *found, size_t count)
{
    c->home->turn = c;
    loop_timer_stop(c->patience);
    count = candidates_one_each(found, count);
    if (count == 1) {
        take_card(c, &found[0]);
        return;
    }
    const struct card *cards[CANDIDATES_MAX];
    const struct certificate *holders[CANDIDATES_MAX];
    for (size_t i = 0; i < count; i++) {
        cards[i] = found[i].card;
        holders[i] = candidate_holder(&found[i]);
        c->choices[i] = found[i].card->id;
    }
    c->choice_count = count;
    c->stage = CHOOSING;
    struct wording wording = ceremony_wording(c, NULL);
    struct prompt_question question;
    wording_choice(&wording, cards, holders, count, &question);
    if (ceremony_ask(c, &question, on_choice))
        ceremony_tell(c, WAITING_CHOICE, NULL);
}

/* ---- whose turn ---- */

static bool decide_guest(struct ceremony *c)
{
    if (c->home->turn) {
        wait_for(c, WAITING_TURN);
        return false;
    }
    c->home->turn = c;
    c->guest(c->events.context);
    return true;
}

/* Decides about one that waits. True if the list has changed. */
static bool decide(struct ceremony *c)
{
    struct ceremonies *home = c->home;
    if (c->guest)
        return decide_guest(c);
    if (c->request.card != 0 && !cards_find(home->cards, c->request.card)) {
        ceremony_finish(c, OUTCOME_CARD_REMOVED);
        return true;
    }
    struct candidate found[CANDIDATES_MAX];
    int problem;
    size_t count = find_candidates(c, found, &problem);
    if (count == 0 && cards_reading(home->cards))
        return false; /* what is in is not all known yet */
    if (count > 0 && home->turn) {
        wait_for(c, WAITING_TURN);
        return false;
    }
    for (size_t i = 0; i < cards_count(home->cards); i++)
        if (!cards_fresh(home->cards, cards_at(home->cards, i)))
            return false; /* what is said of tries, or of who holds a card, must be true now */
    if (count > 0) {
        begin_turn(c, found, count);
        return true;
    }
    if (cards_count(home->cards) == 0)
        problem = cards_absence(home->cards);
    if (problem == OUTCOME_CARD_UNREADABLE && !cards_known(home->cards))
        return false;
    if (problem == OUTCOME_NO_READER || problem == OUTCOME_NO_CARD) {
        wait_for(c, problem == OUTCOME_NO_READER ? WAITING_READER : WAITING_CARD);
        return false;
    }
    note_card(c);
    ceremony_finish(c, problem);
    return true;
}

static void look_again(void *context)
{
    struct ceremonies *home = context;
    bool changed = true;
    while (changed) {
        changed = false;
        for (struct ceremony *c = home->first, *next; c && !changed; c = next) {
            next = c->next;
            if (c->stage == WAITING && c != home->turn)
                changed = decide(c);
        }
    }
}

/* A card that the one whose turn it is depends on may be gone. */
static void check_turn(struct ceremonies *home)
{
    struct ceremony *c = home->turn;
    if (!c || c->guest)
        return;
    if (c->stage == CHOOSING) {
        for (size_t i = 0; i < c->choice_count; i++)
            if (!cards_find(home->cards, c->choices[i])) {
                prompt_free(&c->prompt);
                c->stage = WAITING;
                c->told = -1;
                home->turn = NULL;
                return;
            }
    } else if (!cards_find(home->cards, c->card)) {
        ceremony_finish(c, OUTCOME_CARD_REMOVED);
    }
}

void ceremonies_cards_changed(struct ceremonies *ceremonies)
{
    check_turn(ceremonies);
    look_again(ceremonies);
}

static void on_patience(void *context)
{
    struct ceremony *c = context;
    if (c->stage == FETCHING)
        ceremony_fetched(c);
    else if (c->stage == SIGNING)
        ceremony_finish(c, c->verdict);
    else
        ceremony_finish(c, c->told == WAITING_READER ? OUTCOME_NO_READER : OUTCOME_NO_CARD);
}

/* ---- from outside ---- */

struct ceremonies *ceremonies_new(struct loop *loop, struct helpers *helpers, struct cards *cards,
                                  const struct config *config, const struct issuers *issuers)
{
    CLEANUP(ceremonies_free) struct ceremonies *ceremonies = calloc(1, sizeof *ceremonies);
    if (!ceremonies) {
        log_fault(ENOMEM, "ceremonies");
        return NULL;
    }
    *ceremonies = (struct ceremonies){
        .loop = loop, .helpers = helpers, .cards = cards, .config = config, .issuers = issuers};
    ceremonies->look_again = loop_timer_new(loop, look_again, ceremonies);
    return ceremonies->look_again ? STEAL(ceremonies) : NULL;
}

void ceremonies_free(struct ceremonies **ceremonies)
{
    struct ceremonies *home = *ceremonies;
    if (!home)
        return;
    home->closing = true;
    while (home->first)
        ceremony_finish(home->first, OUTCOME_CANCELLED);
    loop_timer_free(&home->look_again);
    free(home);
    *ceremonies = NULL;
}

size_t ceremonies_count(const struct ceremonies *ceremonies)
{
    size_t count = 0;
    for (const struct ceremony *c = ceremonies->first; c; c = c->next)
        count++;
    return count;
}

/* At the end of the line. */
static struct ceremony *line_up(struct ceremonies *ceremonies, const struct ceremony_events *events,
                                int *refusal)
{
    *refusal = ceremonies->closing                              ? OUTCOME_CANCELLED
               : ceremonies_count(ceremonies) >= CEREMONIES_MAX ? OUTCOME_BUSY
                                                                : OUTCOME_OK;
    if (*refusal != OUTCOME_OK)
        return NULL;
    struct ceremony *c = calloc(1, sizeof *c);
    if (c)
        c->patience = loop_timer_new(ceremonies->loop, on_patience, c);
    if (!c || !c->patience) {
        free(c);
        *refusal = log_fault(ENOMEM, "ceremony");
        return NULL;
    }
    c->home = ceremonies;
    c->events = *events;
    c->told = -1;
    struct ceremony **last = &ceremonies->first;
    while (*last)
        last = &(*last)->next;
    *last = c;
    loop_timer_set(ceremonies->look_again, 0);
    return c;
}

struct ceremony *ceremony_begin(struct ceremonies *ceremonies,
                                const struct ceremony_request *request,
                                const struct ceremony_events *events, int *refusal)
{
    struct ceremony *c = line_up(ceremonies, events, refusal);
    if (!c)
        return NULL;
    c->request = *request;
    if (request->identity) {
        memcpy(c->identity, request->identity, sizeof c->identity);
        c->request.identity = c->identity;
    }
    return c;
}

struct ceremony *ceremony_begin_guest(struct ceremonies *ceremonies, loop_fn *turn,
                                      const struct ceremony_events *events, int *refusal)
{
    struct ceremony *c = line_up(ceremonies, events, refusal);
    if (c)
        c->guest = turn;
    return c;
}

void ceremony_cancel(struct ceremony *ceremony)
{
    if (!ceremony->ended)
        ceremony_finish(ceremony, OUTCOME_CANCELLED);
}

void ceremony_free(struct ceremony **ceremony)
{
    struct ceremony *c = STEAL(*ceremony);
    if (!c || c->ended)
        return;
    withdraw(c);
    release(c);
}
