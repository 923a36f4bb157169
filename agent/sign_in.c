/* SPDX-License-Identifier: MIT */
/*
 * The list of sign-ins is looked through from its head whenever something changed: a card came or
 * went, a sign-in ended. Each that has no turn yet either ends (nothing that is in will do), waits
 * (and its caller is told for what), or gets its turn. So there is one place that decides, and
 * every event only has to say "look again".
 *
 * What the rest relies on:
 * - A sign-in remembers its card by id. Whenever the cards change and that id is gone, it ends; no
 *   later event can then find it signing with another card.
 * - Every way out goes through finish(), which answers, writes the audit entry and gives the turn
 * on.
 * - Only one line hands out a token, and it stands behind a signature verified against the
 *   certificate that was chosen before the PIN was typed.
 */
#include "agent/sign_in.h"

#include "agent/audit.h"
#include "agent/candidate.h"
#include "agent/card_token.h"
#include "agent/prompt_client.h"
#include "agent/wording.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SIGN_INS_MAX = 8, /* a person has no more pages waiting; beyond that somebody is playing */
    ROUNDS_MAX = 10,  /* no card has more tries; a module that goes on is not asking a card */
    SETTLE_MS = 600,  /* readers that poll say within 400 ms that a card has left */
};

_Static_assert((int)CANDIDATES_MAX <= (int)PROMPT_CHOICES_MAX, "every candidate can be offered");

enum stage { WAITING, CHOOSING, CONFIRMING, TYPING, SIGNING };

struct sign_in {
    struct sign_ins *home;
    struct sign_in *next;
    struct request *request;
    struct sign_in_params params;
    enum stage stage;
    int told;                    /* enum waiting_for; -1: nothing yet */
    struct loop_timer *patience; /* how long to wait for a card to come, or to have gone */

    /* from its turn on */
    struct prompt *prompt;
    uint64_t choices[CANDIDATES_MAX]; /* card ids */
    size_t choice_count;
    uint64_t card;                  /* id */
    char reader[CARD_TEXT_MAX + 1]; /* for the audit entry, when the card is gone */
    char uid[CERTIFICATE_UID_MAX + 1];
    size_t certificate;
    uint8_t algorithm;
    bool last_try_confirmed;
    unsigned rounds; /* how often the card said no to a PIN */
    int wrong;       /* how the try before ended */
    int verdict;     /* how it will end, unless the card turns out to be gone */
    struct session_key *key;
    struct token_draft draft;
};

struct sign_ins {
    struct loop *loop;
    struct helpers *helpers;
    struct cards *cards;
    const struct config *config;
    const struct issuers *issuers;
    struct sign_in *first;
    struct sign_in *turn; /* whose it is; NULL: nobody's */
    bool closing;
};

static void look_again(void *context);
static void ask_for_pin(struct sign_in *s);

/* ---- every way out ---- */

static void audit(const struct sign_in *s, int result)
{
    audit_write(&(struct audit_entry){
        .event = result == OUTCOME_OK ? AUDIT_SIGN_IN : AUDIT_SIGN_IN_FAILED,
        .result = result,
        .uid = s->uid,
        .origin = s->params.origin,
        .provider = config_provider_name_of(s->home->config, s->params.origin),
        .reader = s->reader,
        .algorithm = s->algorithm ? card_algorithm_name(s->algorithm) : NULL,
    });
}

static void release(struct sign_in *s)
{
    struct sign_ins *home = s->home;
    for (struct sign_in **at = &home->first; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    if (home->turn == s)
        home->turn = NULL;
    for (size_t i = 0; i < cards_module_count(home->cards); i++)
        card_module_forget(cards_module(home->cards, i), s);
    prompt_free(&s->prompt);
    loop_timer_free(&s->patience);
    session_key_free(&s->key);
    token_draft_deinit(&s->draft);
    free(s);
    if (!home->closing && loop_defer(home->loop, look_again, home) < 0)
        log_fault(ENOMEM, "sign-in");
}

static void finish(struct sign_in *s, int result)
{
    audit(s, result);
    answer_error(&s->request, result);
    release(s);
}

static void finish_with_token(struct sign_in *s, const struct token_answer *answer)
{
    audit(s, OUTCOME_OK);
    answer_sign_in(&s->request, &answer->result);
    release(s);
}

static void tell(struct sign_in *s, enum waiting_for what, const struct card *card)
{
    s->told = (int)what;
    request_waiting(s->request, what, card ? card->token.reader : NULL,
                    card ? wording_tries(&card->token) : -1);
}

/* A turn always comes, since every sign-in that has it ends; a card may never come. */
static void wait_for(struct sign_in *s, enum waiting_for what)
{
    if (s->told == (int)what)
        return;
    if (what == WAITING_TURN)
        loop_timer_stop(s->patience);
    else if (s->told != WAITING_READER && s->told != WAITING_CARD)
        loop_timer_set(s->patience, (uint64_t)s->home->config->pin_timeout * 1000);
    tell(s, what, NULL);
}

static void on_patience(void *context)
{
    struct sign_in *s = context;
    if (s->verdict != OUTCOME_OK)
        finish(s, s->verdict);
    else
        finish(s, s->told == WAITING_READER ? OUTCOME_NO_READER : OUTCOME_NO_CARD);
}

/* ---- the signature ---- */

static void on_signed(void *context, int result, struct card_reply *reply)
{
    struct sign_in *s = context;
    if (result == OUTCOME_OK || result == OUTCOME_PIN_WRONG || result == OUTCOME_PIN_BLOCKED)
        cards_note_pin(s->home->cards, s->card, reply->flags, reply->tries_left);
    const struct card *card = cards_find(s->home->cards, s->card);
    if (!card) {
        finish(s, OUTCOME_CARD_REMOVED);
        return;
    }
    prompt_free(&s->prompt); /* a PIN pad's notice */
    if (result == OUTCOME_PIN_WRONG || result == OUTCOME_PIN_FORMAT) {
        if (++s->rounds == ROUNDS_MAX) {
            finish(s, OUTCOME_CARD_MODULE_FAILED);
            return;
        }
        s->wrong = result;
        ask_for_pin(s);
        return;
    }
    if (reply && (result == OUTCOME_CARD_MODULE_FAILED || result == OUTCOME_CARD_UNREADABLE)) {
        /* To the module a card that was pulled and one that is broken are the same. */
        s->verdict = result;
        loop_timer_set(s->patience, SETTLE_MS);
        return;
    }
    if (result == OUTCOME_CARD_REMOVED || result == OUTCOME_CARD_CHANGED)
        cards_gone(s->home->cards, s->card);
    if (result != OUTCOME_OK) {
        finish(s, result);
        return;
    }
    const struct certificate *holder = card->certificates.at[s->certificate];
    if (!certificate_verify(holder, s->algorithm, s->draft.digest, s->draft.digest_len,
                            reply->signature, reply->signature_len)) {
        log_error("card module %s gave a signature that is not the card's",
                  card_module_path(card->module));
        finish(s, OUTCOME_CARD_MODULE_FAILED);
        return;
    }
    struct token_answer answer = {0};
    int r = token_draft_finish(&s->draft, reply->signature, reply->signature_len, &answer);
    if (r == 0)
        finish_with_token(s, &answer);
    else
        finish(s, r);
    token_answer_deinit(&answer);
}

static int make_draft(struct sign_in *s, const struct card *card)
{
    if (!s->key)
        s->key = session_key_new();
    if (!s->key)
        return -ENOMEM;
    struct token_request request = {
        .format = s->params.format,
        .origin = s->params.origin,
        .challenge = s->params.challenge,
        .algorithm = s->algorithm,
        .certificates = &card->certificates,
        .index = s->certificate,
        .key = s->key,
        .now = time(NULL),
    };
    return token_draft_make(&request, &s->draft);
}

/* pin_len 0: typed at the reader. */
static int sign(struct sign_in *s, const struct card *card, const uint8_t *pin, uint8_t pin_len)
{
    int r = make_draft(s, card);
    if (r < 0)
        return r;
    const struct certificate *holder = card->certificates.at[s->certificate];
    struct card_sign_request request = {
        .slot = card->token.slot,
        .id = card->token.certificates[s->certificate].id, /* borrowed */
        .algorithm = s->algorithm,
        .digest_len = s->draft.digest_len,
        .pin_len = pin_len,
        .pin = pin,
    };
    memcpy(request.certificate_hash, holder->hash, sizeof request.certificate_hash);
    memcpy(request.digest, s->draft.digest, s->draft.digest_len);
    r = card_module_sign(card->module, &request, on_signed, s);
    if (r == 0)
        s->stage = SIGNING;
    return r == -EAGAIN ? OUTCOME_BUSY : r;
}

/* ---- the questions ---- */

static struct wording wording_of(const struct sign_in *s, const struct card *card)
{
    return (struct wording){
        .caller = request_caller(s->request),
        .origin = s->params.origin,
        .card = card,
        .holder = card ? card->certificates.at[s->certificate] : NULL,
        .timeout = s->home->config->pin_timeout,
    };
}

/* True if the question is on its way to the person; else the sign-in has ended. */
static bool ask(struct sign_in *s, const struct prompt_question *question, prompt_fn *fn)
{
    prompt_free(&s->prompt);
    s->prompt =
        prompt_ask(s->home->loop, s->home->helpers, s->home->config->pinentry, question, fn, s);
    if (s->prompt)
        return true;
    finish(s, OUTCOME_PROMPT_UNAVAILABLE);
    return false;
}

static void on_pin(void *context, const struct prompt_answer *answer)
{
    struct sign_in *s = context;
    const struct card *card = cards_find(s->home->cards, s->card);
    int result = card ? (int)answer->result : OUTCOME_CARD_REMOVED;
    if (result == OUTCOME_OK) {
        const struct card_token *token = &card->token;
        bool fits = answer->pin_len > 0 && answer->pin_len >= token->pin_min &&
                    (token->pin_max == 0 || answer->pin_len <= token->pin_max);
        result = fits ? sign(s, card, answer->pin, answer->pin_len) : OUTCOME_PIN_FORMAT;
    }
    prompt_free(&s->prompt); /* and the PIN with it */
    if (result == OUTCOME_PIN_FORMAT) {
        s->wrong = result;
        ask_for_pin(s);
    } else if (result != OUTCOME_OK) {
        finish(s, result);
    } else {
        tell(s, WAITING_SIGNATURE, card);
    }
}

/* The notice beside a PIN pad has one button. */
static void on_pin_pad_notice(void *context, const struct prompt_answer *answer)
{
    struct sign_in *s = context;
    if (answer->result == OUTCOME_PROMPT_UNAVAILABLE)
        prompt_free(&s->prompt); /* the reader's own display still asks */
    else
        finish(s, answer->result == OUTCOME_TIMED_OUT ? OUTCOME_TIMED_OUT : OUTCOME_CANCELLED);
}

static void on_last_try(void *context, const struct prompt_answer *answer)
{
    struct sign_in *s = context;
    int result = (int)answer->result;
    prompt_free(&s->prompt);
    if (result != OUTCOME_OK) {
        finish(s, result);
        return;
    }
    s->last_try_confirmed = true;
    s->wrong = OUTCOME_OK; /* said already */
    ask_for_pin(s);
}

static void ask_for_pin(struct sign_in *s)
{
    const struct card *card = cards_find(s->home->cards, s->card);
    if (!card) {
        finish(s, OUTCOME_CARD_REMOVED);
        return;
    }
    int tries = wording_tries(&card->token);
    if (tries == 0) {
        finish(s, OUTCOME_PIN_BLOCKED);
        return;
    }
    struct wording wording = wording_of(s, card);
    struct prompt_question question;
    if (tries == 1 && !s->last_try_confirmed) {
        s->stage = CONFIRMING;
        wording_last_try(&wording, s->wrong, &question);
        if (ask(s, &question, on_last_try))
            tell(s, WAITING_PIN, card);
        return;
    }
    if (card->token.flags & CARD_PIN_PAD) {
        wording_pin_pad(&wording, s->wrong, &question);
        if (!ask(s, &question, on_pin_pad_notice))
            return;
        int result = sign(s, card, NULL, 0);
        if (result != OUTCOME_OK)
            finish(s, result);
        else
            tell(s, WAITING_PIN_PAD, card);
        return;
    }
    s->stage = TYPING;
    wording_pin(&wording, s->wrong, &question);
    if (ask(s, &question, on_pin))
        tell(s, WAITING_PIN, card);
}

/* ---- which card ---- */

static size_t find_candidates(const struct sign_in *s, struct candidate *out, int *problem)
{
    return candidates_find(s->home->cards, s->home->issuers, &s->params, out, problem);
}

/* For the audit entry of a sign-in that no card would do for: whose the first one is. */
static void note_card(struct sign_in *s, const struct card *card)
{
    snprintf(s->reader, sizeof s->reader, "%s", card->token.reader);
    for (size_t i = 0; i < card->certificates.count && s->uid[0] == '\0'; i++)
        if (card->certificates.at[i])
            snprintf(s->uid, sizeof s->uid, "%s", card->certificates.at[i]->uid);
}

static void take_card(struct sign_in *s, const struct candidate *c)
{
    s->card = c->card->id;
    s->certificate = c->choice.index;
    s->algorithm = c->choice.algorithm;
    snprintf(s->reader, sizeof s->reader, "%s", c->card->token.reader);
    snprintf(s->uid, sizeof s->uid, "%s", candidate_holder(c)->uid);
    ask_for_pin(s);
}

static void on_choice(void *context, const struct prompt_answer *answer)
{
    struct sign_in *s = context;
    int result = (int)answer->result;
    uint64_t chosen = result == OUTCOME_OK ? s->choices[answer->choice] : 0;
    prompt_free(&s->prompt);
    if (result != OUTCOME_OK) {
        finish(s, result);
        return;
    }
    struct candidate found[CANDIDATES_MAX];
    int problem;
    size_t count = find_candidates(s, found, &problem);
    for (size_t i = 0; i < count; i++)
        if (found[i].card->id == chosen) {
            take_card(s, &found[i]);
            return;
        }
    finish(s, OUTCOME_CARD_REMOVED);
}

static void begin_turn(struct sign_in *s, struct candidate *found, size_t count)
{
    s->home->turn = s;
    loop_timer_stop(s->patience);
    count = candidates_one_each(found, count);
    if (count == 1) {
        take_card(s, &found[0]);
        return;
    }
    const struct card *cards[CANDIDATES_MAX];
    const struct certificate *holders[CANDIDATES_MAX];
    for (size_t i = 0; i < count; i++) {
        cards[i] = found[i].card;
        holders[i] = candidate_holder(&found[i]);
        s->choices[i] = found[i].card->id;
    }
    s->choice_count = count;
    s->stage = CHOOSING;
    struct wording wording = wording_of(s, NULL);
    struct prompt_question question;
    wording_choice(&wording, cards, holders, count, &question);
    if (ask(s, &question, on_choice))
        tell(s, WAITING_CHOICE, NULL);
}

/* ---- whose turn ---- */

/* Decides about one that waits. True if the list has changed. */
static bool decide(struct sign_in *s)
{
    struct sign_ins *home = s->home;
    struct candidate found[CANDIDATES_MAX];
    int problem;
    size_t count = find_candidates(s, found, &problem);
    if (count == 0 && cards_reading(home->cards))
        return false; /* what is in is not all known yet */
    if (count > 0 && home->turn) {
        wait_for(s, WAITING_TURN);
        return false;
    }
    for (size_t i = 0; i < cards_count(home->cards); i++)
        if (!cards_fresh(home->cards, cards_at(home->cards, i)))
            return false; /* what is said of tries, or of who holds a card, must be true now */
    if (count > 0) {
        begin_turn(s, found, count);
        return true;
    }
    if (cards_count(home->cards) == 0)
        problem = cards_absence(home->cards);
    if (problem == OUTCOME_CARD_UNREADABLE && !cards_known(home->cards))
        return false;
    if (problem == OUTCOME_NO_READER || problem == OUTCOME_NO_CARD) {
        wait_for(s, problem == OUTCOME_NO_READER ? WAITING_READER : WAITING_CARD);
        return false;
    }
    if (cards_count(home->cards) > 0)
        note_card(s, cards_at(home->cards, 0));
    finish(s, problem);
    return true;
}

static void look_again(void *context)
{
    struct sign_ins *home = context;
    bool changed = true;
    while (changed) {
        changed = false;
        for (struct sign_in *s = home->first, *next; s && !changed; s = next) {
            next = s->next;
            if (s->stage == WAITING && s != home->turn)
                changed = decide(s);
        }
    }
}

/* A card that the one whose turn it is depends on may be gone. */
static void check_turn(struct sign_ins *home)
{
    struct sign_in *s = home->turn;
    if (!s)
        return;
    if (s->stage == CHOOSING) {
        for (size_t i = 0; i < s->choice_count; i++)
            if (!cards_find(home->cards, s->choices[i])) {
                prompt_free(&s->prompt);
                s->stage = WAITING;
                s->told = -1;
                home->turn = NULL;
                return;
            }
    } else if (!cards_find(home->cards, s->card)) {
        finish(s, OUTCOME_CARD_REMOVED);
    }
}

void sign_ins_cards_changed(struct sign_ins *sign_ins)
{
    check_turn(sign_ins);
    look_again(sign_ins);
}

/* ---- from outside ---- */

struct sign_ins *sign_ins_new(struct loop *loop, struct helpers *helpers, struct cards *cards,
                              const struct config *config, const struct issuers *issuers)
{
    struct sign_ins *sign_ins = calloc(1, sizeof *sign_ins);
    if (!sign_ins) {
        log_fault(ENOMEM, "sign-ins");
        return NULL;
    }
    *sign_ins = (struct sign_ins){
        .loop = loop, .helpers = helpers, .cards = cards, .config = config, .issuers = issuers};
    return sign_ins;
}

void sign_ins_free(struct sign_ins **sign_ins)
{
    struct sign_ins *home = *sign_ins;
    if (!home)
        return;
    home->closing = true;
    while (home->first)
        finish(home->first, OUTCOME_CANCELLED);
    loop_undefer(home->loop, home);
    free(home);
    *sign_ins = NULL;
}

static void refuse(const struct sign_ins *sign_ins, struct request **request,
                   const struct sign_in_params *params, int result)
{
    audit_write(&(struct audit_entry){
        .event = AUDIT_REFUSED,
        .result = result,
        .origin = params->origin,
        .provider = config_provider_name_of(sign_ins->config, params->origin),
    });
    answer_error(request, result);
}

void sign_ins_add(struct sign_ins *sign_ins, struct request *request,
                  const struct sign_in_params *params)
{
    int refusal = params->interaction == INTERACTION_SILENT  ? OUTCOME_INTERACTION_REQUIRED
                  : sign_ins_count(sign_ins) >= SIGN_INS_MAX ? OUTCOME_BUSY
                                                             : OUTCOME_OK;
    struct sign_in *s = refusal == OUTCOME_OK ? calloc(1, sizeof *s) : NULL;
    if (s)
        s->patience = loop_timer_new(sign_ins->loop, on_patience, s);
    if (!s || !s->patience) {
        free(s);
        refuse(sign_ins, &request, params, refusal == OUTCOME_OK ? -ENOMEM : refusal);
        return;
    }
    s->home = sign_ins;
    s->request = request;
    s->params = *params;
    s->told = -1;
    struct sign_in **end = &sign_ins->first;
    while (*end)
        end = &(*end)->next;
    *end = s;
    look_again(sign_ins);
}

void sign_ins_cancel(struct sign_ins *sign_ins, struct request *request)
{
    for (struct sign_in *s = sign_ins->first; s; s = s->next)
        if (s->request == request) {
            finish(s, OUTCOME_CANCELLED);
            return;
        }
}

size_t sign_ins_count(const struct sign_ins *sign_ins)
{
    size_t count = 0;
    for (const struct sign_in *s = sign_ins->first; s; s = s->next)
        count++;
    return count;
}
