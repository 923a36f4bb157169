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
 * - Only one line hands out a token, and it stands behind a signature verified against the
 *   certificate that was chosen before the PIN was typed.
 * - A ceremony has one timer. Its stage says what the timer means.
 */
#include "agent/ceremony.h"

#include "agent/candidate.h"
#include "agent/prompt_client.h"
#include "agent/wording.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CEREMONIES_MAX = 8, /* a person has no more pages waiting; beyond that somebody is playing */
    ROUNDS_MAX = 10,    /* no card has more tries; a module that goes on is not asking a card */
    SETTLE_MS = 600,    /* readers that poll say within 400 ms that a card has left */
    FETCH_MS = 15000,   /* a request's own deadline; a PIN is kept no longer than that */
    /* A provider takes a challenge for two minutes. */
    CHALLENGE_OLD_MS = 60000,   /* too old to ask for a PIN: a minute for typing it is left */
    CHALLENGE_LATE_MS = 100000, /* too old to sign: the card and the network need the rest */
};

_Static_assert((int)CANDIDATES_MAX <= (int)PROMPT_CHOICES_MAX, "every candidate can be offered");

enum stage { WAITING, CHOOSING, FETCHING, CONFIRMING, TYPING, SIGNING };

struct ceremony {
    struct ceremonies *home;
    struct ceremony *next;
    struct ceremony_request request; /* the challenge in it is the one in use */
    uint8_t identity[CERTIFICATE_HASH_BYTES];
    struct ceremony_events events;
    bool ended; /* done is being called */
    enum stage stage;
    int told; /* enum waiting_for; -1: nothing yet */
    /* WAITING: how long for a card to come. FETCHING: for the challenge, then at once. SIGNING: for
     * a card to have gone. */
    struct loop_timer *patience;

    /* from its turn on */
    struct prompt *prompt;
    uint64_t choices[CANDIDATES_MAX]; /* card ids */
    size_t choice_count;
    uint64_t card;                  /* id */
    char reader[CARD_TEXT_MAX + 1]; /* for the audit entry, when the card is gone */
    char uid[CERTIFICATE_UID_MAX + 1];
    size_t certificate;
    uint8_t algorithm;
    bool fetches;        /* the challenge is fetched; it was not given */
    uint64_t fetched_at; /* loop_now, when it was asked for */
    int fetched;         /* what came of it */
    struct secret *pin;  /* typed so late that the challenge is fetched first */
    bool last_try_confirmed;
    unsigned rounds;           /* how often the card said no to a PIN */
    int wrong;                 /* how the try before ended */
    int verdict;               /* how it will end, unless the card turns out to be gone */
    struct session_key *fresh; /* unless one was lent */
    struct token_draft draft;
};

struct ceremonies {
    struct loop *loop;
    struct helpers *helpers;
    struct cards *cards;
    const struct config *config;
    const struct issuers *issuers;
    struct ceremony *first;
    struct ceremony *turn;         /* whose it is; NULL: nobody's */
    struct loop_timer *look_again; /* a timer, because setting one cannot fail */
    bool closing;
};

static void ask_for_pin(struct ceremony *c);

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

static void finish(struct ceremony *c, int result)
{
    session_key_free(&c->fresh);
    end(c, &(struct ceremony_result){.result = result});
}

static void finish_with_token(struct ceremony *c, const struct certificate *holder,
                              const struct token_answer *token)
{
    struct ceremony_result result = {.result = OUTCOME_OK, .token = token, .card = c->card};
    memcpy(result.identity, holder->hash, sizeof result.identity);
    end(c, &result);
}

static void tell(struct ceremony *c, enum waiting_for what, const struct card *card)
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
    tell(c, what, NULL);
}

/* ---- the signature ---- */

static void on_signed(void *context, int result, struct card_reply *reply)
{
    struct ceremony *c = context;
    if (result == OUTCOME_OK || result == OUTCOME_PIN_WRONG || result == OUTCOME_PIN_BLOCKED)
        cards_note_pin(c->home->cards, c->card, reply->flags, reply->tries_left);
    const struct card *card = cards_find(c->home->cards, c->card);
    if (!card) {
        finish(c, OUTCOME_CARD_REMOVED);
        return;
    }
    prompt_free(&c->prompt); /* a PIN pad's notice */
    if (result == OUTCOME_PIN_WRONG || result == OUTCOME_PIN_FORMAT) {
        if (++c->rounds == ROUNDS_MAX) {
            finish(c, OUTCOME_CARD_MODULE_FAILED);
            return;
        }
        c->wrong = result;
        ask_for_pin(c);
        return;
    }
    if (reply && (result == OUTCOME_CARD_MODULE_FAILED || result == OUTCOME_CARD_UNREADABLE)) {
        /* To the module a card that was pulled and one that is broken are the same. */
        c->verdict = result;
        loop_timer_set(c->patience, SETTLE_MS);
        return;
    }
    if (result == OUTCOME_CARD_REMOVED || result == OUTCOME_CARD_CHANGED)
        cards_gone(c->home->cards, c->card);
    if (result != OUTCOME_OK) {
        finish(c, result);
        return;
    }
    const struct certificate *holder = card->certificates.at[c->certificate];
    if (!certificate_verify(holder, c->algorithm, c->draft.digest, c->draft.digest_len,
                            reply->signature, reply->signature_len)) {
        log_error("card module %s gave a signature that is not the card's",
                  card_module_path(card->module));
        finish(c, OUTCOME_CARD_MODULE_FAILED);
        return;
    }
    struct token_answer token = {0};
    int r = token_draft_finish(&c->draft, reply->signature, reply->signature_len, &token);
    if (r == 0)
        finish_with_token(c, holder, &token);
    else
        finish(c, r);
    token_answer_deinit(&token);
}

static int make_draft(struct ceremony *c, const struct card *card)
{
    const struct sign_in_params *params = &c->request.params;
    const struct session_key *key = c->request.key ? c->request.key : c->fresh;
    if (!key && params->format == TOKEN_JWS) {
        key = c->fresh = session_key_new();
        if (!key)
            return -ENOMEM;
    }
    struct token_request request = {
        .format = params->format,
        .origin = params->origin,
        .challenge = params->challenge,
        .algorithm = c->algorithm,
        .certificates = &card->certificates,
        .index = c->certificate,
        .key = key,
        .now = time(NULL),
    };
    return token_draft_make(&request, &c->draft);
}

/* pin_len 0: typed at the reader. */
static int sign(struct ceremony *c, const struct card *card, const uint8_t *pin, size_t pin_len)
{
    int r = make_draft(c, card);
    if (r < 0)
        return r;
    const struct certificate *holder = card->certificates.at[c->certificate];
    struct card_sign_request request = {
        .slot = card->token.slot,
        .id = card->token.certificates[c->certificate].id, /* borrowed */
        .algorithm = c->algorithm,
        .digest_len = c->draft.digest_len,
        .pin_len = (uint8_t)pin_len,
        .pin = pin,
    };
    memcpy(request.certificate_hash, holder->hash, sizeof request.certificate_hash);
    memcpy(request.digest, c->draft.digest, c->draft.digest_len);
    r = card_module_sign(card->module, &request, on_signed, c);
    if (r == 0)
        c->stage = SIGNING;
    return r == -EAGAIN ? OUTCOME_BUSY : r;
}

/* ---- the challenge ---- */

static bool challenge_older(const struct ceremony *c, uint64_t milliseconds)
{
    return c->request.params.challenge[0] == '\0' ||
           (c->fetches && loop_now() - c->fetched_at > milliseconds);
}

static void fetch(struct ceremony *c)
{
    c->stage = FETCHING;
    c->fetches = true;
    c->fetched_at = loop_now();
    c->fetched = OUTCOME_PROVIDER_UNREACHABLE;
    loop_timer_set(c->patience, FETCH_MS);
    tell(c, WAITING_PROVIDER, NULL);
    c->events.fetch(c->events.context);
}

/* The challenge has come, or will not. */
static void on_fetched(struct ceremony *c)
{
    const struct card *card = cards_find(c->home->cards, c->card);
    if (c->fetched != OUTCOME_OK || !card) {
        finish(c, card ? c->fetched : OUTCOME_CARD_REMOVED);
        return;
    }
    if (!c->pin) {
        ask_for_pin(c);
        return;
    }
    int result = sign(c, card, secret_peek(c->pin), secret_len(c->pin));
    secret_free(&c->pin);
    if (result == OUTCOME_OK)
        tell(c, WAITING_SIGNATURE, card);
    else
        finish(c, result);
}

static int keep_pin(struct ceremony *c, const struct prompt_answer *answer)
{
    c->pin = secret_new(CARD_PIN_BYTES_MAX);
    return c->pin ? secret_append(c->pin, answer->pin, answer->pin_len) : -ENOMEM;
}

void ceremony_challenge(struct ceremony *ceremony, int result, const char *challenge)
{
    struct ceremony *c = ceremony;
    if (c->stage != FETCHING || c->ended)
        return;
    char *space = c->request.params.challenge;
    if (result == OUTCOME_OK && (challenge[0] == '\0' || strlen(challenge) > CHALLENGE_TEXT_MAX))
        result = log_fault(EPROTO, "challenge");
    if (result == OUTCOME_OK)
        memcpy(space, challenge, strlen(challenge) + 1);
    c->fetched = result;
    loop_timer_set(c->patience, 0);
}

/* ---- the questions ---- */

static struct wording wording_of(const struct ceremony *c, const struct card *card)
{
    return (struct wording){
        .caller = c->request.caller,
        .origin = c->request.params.origin,
        .another_pin = c->request.another_pin,
        .card = card,
        .holder = card ? card->certificates.at[c->certificate] : NULL,
        .timeout = c->home->config->pin_timeout,
    };
}

/* True if the question is on its way to the person; else the ceremony has ended. */
static bool ask(struct ceremony *c, const struct prompt_question *question, prompt_fn *fn)
{
    prompt_free(&c->prompt);
    c->prompt =
        prompt_ask(c->home->loop, c->home->helpers, c->home->config->pinentry, question, fn, c);
    if (c->prompt)
        return true;
    finish(c, OUTCOME_PROMPT_UNAVAILABLE);
    return false;
}

static bool could_be_pin(const struct card_token *token, const struct prompt_answer *answer)
{
    return answer->pin_len > 0 && answer->pin_len >= token->pin_min &&
           (token->pin_max == 0 || answer->pin_len <= token->pin_max);
}

static void on_pin(void *context, const struct prompt_answer *answer)
{
    struct ceremony *c = context;
    const struct card *card = cards_find(c->home->cards, c->card);
    int result = card ? (int)answer->result : OUTCOME_CARD_REMOVED;
    if (result == OUTCOME_OK && !could_be_pin(&card->token, answer))
        result = OUTCOME_PIN_FORMAT;
    bool late = result == OUTCOME_OK && challenge_older(c, CHALLENGE_LATE_MS);
    if (result == OUTCOME_OK)
        result = late ? keep_pin(c, answer) : sign(c, card, answer->pin, answer->pin_len);
    prompt_free(&c->prompt); /* and the PIN with it */
    if (result == OUTCOME_PIN_FORMAT) {
        c->wrong = result;
        ask_for_pin(c);
    } else if (result != OUTCOME_OK) {
        finish(c, result);
    } else if (late) {
        fetch(c);
    } else {
        tell(c, WAITING_SIGNATURE, card);
    }
}

/* The notice beside a PIN pad has one button. */
static void on_pin_pad_notice(void *context, const struct prompt_answer *answer)
{
    struct ceremony *c = context;
    if (answer->result == OUTCOME_PROMPT_UNAVAILABLE)
        prompt_free(&c->prompt); /* the reader's own display still asks */
    else
        finish(c, answer->result == OUTCOME_TIMED_OUT ? OUTCOME_TIMED_OUT : OUTCOME_CANCELLED);
}

static void on_last_try(void *context, const struct prompt_answer *answer)
{
    struct ceremony *c = context;
    int result = (int)answer->result;
    prompt_free(&c->prompt);
    if (result != OUTCOME_OK) {
        finish(c, result);
        return;
    }
    c->last_try_confirmed = true;
    c->wrong = OUTCOME_OK; /* said already */
    ask_for_pin(c);
}

static void show_question(struct ceremony *c, const struct card *card, int tries)
{
    struct wording wording = wording_of(c, card);
    struct prompt_question question;
    if (tries == 1 && !c->last_try_confirmed) {
        c->stage = CONFIRMING;
        wording_last_try(&wording, c->wrong, &question);
        if (ask(c, &question, on_last_try))
            tell(c, WAITING_PIN, card);
        return;
    }
    if (card->token.flags & CARD_PIN_PAD) {
        wording_pin_pad(&wording, c->wrong, &question);
        if (!ask(c, &question, on_pin_pad_notice))
            return;
        int result = sign(c, card, NULL, 0);
        if (result != OUTCOME_OK)
            finish(c, result);
        else
            tell(c, WAITING_PIN_PAD, card);
        return;
    }
    c->stage = TYPING;
    wording_pin(&wording, c->wrong, &question);
    if (ask(c, &question, on_pin))
        tell(c, WAITING_PIN, card);
}

static void ask_for_pin(struct ceremony *c)
{
    const struct card *card = cards_find(c->home->cards, c->card);
    int tries = card ? wording_tries(&card->token) : -1;
    if (!card)
        finish(c, OUTCOME_CARD_REMOVED);
    else if (tries == 0)
        finish(c, OUTCOME_PIN_BLOCKED);
    else if (challenge_older(c, CHALLENGE_OLD_MS))
        fetch(c);
    else
        show_question(c, card, tries);
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
    ask_for_pin(c);
}

static void on_choice(void *context, const struct prompt_answer *answer)
{
    struct ceremony *c = context;
    int result = (int)answer->result;
    uint64_t chosen = result == OUTCOME_OK ? c->choices[answer->choice] : 0;
    prompt_free(&c->prompt);
    if (result != OUTCOME_OK) {
        finish(c, result);
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
    finish(c, OUTCOME_CARD_REMOVED);
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
    struct wording wording = wording_of(c, NULL);
    struct prompt_question question;
    wording_choice(&wording, cards, holders, count, &question);
    if (ask(c, &question, on_choice))
        tell(c, WAITING_CHOICE, NULL);
}

/* ---- whose turn ---- */

/* Decides about one that waits. True if the list has changed. */
static bool decide(struct ceremony *c)
{
    struct ceremonies *home = c->home;
    if (c->request.card != 0 && !cards_find(home->cards, c->request.card)) {
        finish(c, OUTCOME_CARD_REMOVED);
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
    finish(c, problem);
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
    if (!c)
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
        finish(c, OUTCOME_CARD_REMOVED);
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
        on_fetched(c);
    else if (c->stage == SIGNING)
        finish(c, c->verdict);
    else
        finish(c, c->told == WAITING_READER ? OUTCOME_NO_READER : OUTCOME_NO_CARD);
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
        finish(home->first, OUTCOME_CANCELLED);
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

struct ceremony *ceremony_begin(struct ceremonies *ceremonies,
                                const struct ceremony_request *request,
                                const struct ceremony_events *events, int *refusal)
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
    c->request = *request;
    if (request->identity) {
        memcpy(c->identity, request->identity, sizeof c->identity);
        c->request.identity = c->identity;
    }
    c->events = *events;
    c->told = -1;
    struct ceremony **last = &ceremonies->first;
    while (*last)
        last = &(*last)->next;
    *last = c;
    loop_timer_set(ceremonies->look_again, 0);
    return c;
}

void ceremony_cancel(struct ceremony *ceremony)
{
    if (!ceremony->ended)
        finish(ceremony, OUTCOME_CANCELLED);
}

void ceremony_free(struct ceremony **ceremony)
{
    struct ceremony *c = STEAL(*ceremony);
    if (!c || c->ended)
        return;
    withdraw(c);
    release(c);
}
