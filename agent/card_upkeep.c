/* SPDX-License-Identifier: MIT */
/*
 * Every answer, of the person or of the card, leads to go_on(), which looks at what is there and
 * asks for what is missing: the secret, the new PIN; with both the card is asked. What turned out
 * to be wrong is wiped, and so missing again. Every way out goes through finish().
 */
#include "agent/card_upkeep.h"

#include "agent/audit.h"
#include "agent/new_pin.h"
#include "agent/pin_wording.h"
#include "agent/prompt_client.h"
#include "agent/wording.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS_MAX = 10, /* no card has more tries */
    SETTLE_MS = 600, /* readers that poll say within 400 ms that a card has left */
    PIN_MIN = 4,     /* where the card says nothing: no PIN is shorter (ISO 9564-1 §5.1) */
};

struct job {
    struct card_upkeep *home;
    struct job *next;
    struct request *request;
    struct card_pin_params params;
    struct ceremony *place; /* in the line */
    bool turn;

    uint64_t card; /* id; 0: not settled */
    char reader[CARD_TEXT_MAX + 1];
    char uid[CERTIFICATE_UID_MAX + 1];

    struct prompt *prompt;
    struct secret *secret;  /* the PIN there is, or the PUK; NULL: not typed yet */
    struct secret *new_pin; /* likewise */
    int wrong_secret;       /* an outcome */
    int wrong_new;          /* an outcome, or one of enum wrong_pin */
    bool last_try_confirmed;
    unsigned rounds;
    int verdict; /* how it will end, unless the card turns out to be gone */
    struct loop_timer *settle;
};

struct card_upkeep {
    struct loop *loop;
    struct helpers *helpers;
    struct cards *cards;
    struct ceremonies *ceremonies;
    const struct config *config;
    struct job *first;
};

/* ---- every way out ---- */

static void job_free(struct job **job)
{
    struct job *j = STEAL(*job);
    if (!j)
        return;
    ceremony_free(&j->place);
    prompt_free(&j->prompt);
    secret_free(&j->secret);
    secret_free(&j->new_pin);
    loop_timer_free(&j->settle);
    free(j);
}

static void finish(struct job *job, int result)
{
    CLEANUP(job_free) struct job *j = job;
    for (struct job **at = &j->home->first; *at; at = &(*at)->next)
        if (*at == j) {
            *at = j->next;
            break;
        }
    struct cards *cards = j->home->cards;
    for (size_t i = 0; i < cards_module_count(cards); i++)
        card_module_forget(cards_module(cards, i), j);
    audit_write(&(struct audit_entry){
        .event = j->params.unblock ? AUDIT_PIN_UNBLOCK : AUDIT_PIN_CHANGE,
        .result = result,
        .uid = j->uid,
        .reader = j->reader,
    });
    if (result == OUTCOME_OK)
        answer_done(&j->request);
    else
        answer_error(&j->request, result);
}

/* ---- the questions ---- */

static int tries_left(const struct job *job, const struct card *card)
{
    if (!job->params.unblock)
        return wording_tries(&card->token);
    return card->puk_tries_left == CARD_TRIES_UNKNOWN ? -1 : card->puk_tries_left;
}

static unsigned longest(const struct card *card)
{
    unsigned max = card->token.pin_max;
    return max == 0 || max > CARD_PIN_BYTES_MAX ? CARD_PIN_BYTES_MAX : max;
}

static unsigned shortest(const struct card *card)
{
    return card->token.pin_min > PIN_MIN ? card->token.pin_min : PIN_MIN;
}

static struct pin_wording wording(const struct job *job, const struct card *card)
{
    return (struct pin_wording){
        .unblock = job->params.unblock,
        .caller = request_caller(job->request),
        .card = card,
        .holder = certificate_set_holder(&card->certificates),
        .tries_left = tries_left(job, card),
        .min = shortest(card),
        .max = longest(card),
        .timeout = job->home->config->pin_timeout,
    };
}

/* Shows it in the place of whatever is shown. False: the job has ended. */
static bool show(struct job *job, const struct prompt_question *question, prompt_fn *fn)
{
    struct card_upkeep *home = job->home;
    prompt_free(&job->prompt);
    job->prompt = prompt_ask(home->loop, home->helpers, home->config->pinentry, question, fn, job);
    if (!job->prompt)
        finish(job, OUTCOME_PROMPT_UNAVAILABLE);
    return job->prompt != NULL;
}

static void tell(const struct job *job, enum waiting_for what, const struct card *card)
{
    request_waiting(job->request, what, card->token.reader, tries_left(job, card));
}

static void go_on(struct job *job);

/* An answer that ends it: the person, or the window, has given up. */
static bool given_up(struct job *job, const struct prompt_answer *answer)
{
    int result = (int)answer->result;
    if (result == OUTCOME_OK || result == OUTCOME_PIN_FORMAT)
        return false;
    finish(job, result);
    return true;
}

static void on_secret(void *context, const struct prompt_answer *answer)
{
    struct job *job = context;
    const struct card *card = cards_find(job->home->cards, job->card);
    if (given_up(job, answer))
        return;
    unsigned min = card && !job->params.unblock ? card->token.pin_min : 1;
    unsigned max = card && !job->params.unblock ? longest(card) : CARD_PIN_BYTES_MAX;
    int wrong = new_pin_take(answer, min > 0 ? min : 1, max, &job->secret);
    job->wrong_secret = wrong == 0 ? OUTCOME_OK : OUTCOME_PIN_FORMAT;
    prompt_free(&job->prompt);
    if (wrong == WRONG_PIN_FAULT)
        finish(job, -ENOMEM);
    else
        go_on(job);
}

static void on_again(void *context, const struct prompt_answer *answer)
{
    struct job *job = context;
    if (given_up(job, answer))
        return;
    if (!new_pin_same(answer, job->new_pin)) {
        secret_free(&job->new_pin);
        job->wrong_new = WRONG_PIN_DIFFERENT;
    }
    prompt_free(&job->prompt);
    go_on(job);
}

static bool same_as_before(const struct job *job)
{
    size_t len = secret_len(job->new_pin);
    return !job->params.unblock && len == secret_len(job->secret) &&
           CRYPTO_memcmp(secret_peek(job->new_pin), secret_peek(job->secret), len) == 0;
}

static void on_new(void *context, const struct prompt_answer *answer)
{
    struct job *job = context;
    const struct card *card = cards_find(job->home->cards, job->card);
    if (given_up(job, answer))
        return;
    if (!card) {
        finish(job, OUTCOME_CARD_REMOVED);
        return;
    }
    int wrong = new_pin_take(answer, shortest(card), longest(card), &job->new_pin);
    if (wrong == 0 && same_as_before(job))
        wrong = WRONG_PIN_SAME;
    prompt_free(&job->prompt);
    if (wrong == WRONG_PIN_FAULT) {
        finish(job, -ENOMEM);
    } else if (wrong != 0) {
        secret_free(&job->new_pin);
        job->wrong_new = wrong;
        go_on(job);
    } else {
        struct pin_wording words = wording(job, card);
        struct prompt_question question;
        pin_wording_again(&words, &question);
        show(job, &question, on_again);
    }
}

static void on_last_try(void *context, const struct prompt_answer *answer)
{
    struct job *job = context;
    if (answer->result != OUTCOME_OK) {
        finish(job, (int)answer->result);
        return;
    }
    prompt_free(&job->prompt);
    job->last_try_confirmed = true;
    job->wrong_secret = OUTCOME_OK; /* said already */
    go_on(job);
}

/* The notice beside a PIN pad has one button. */
static void on_pad_notice(void *context, const struct prompt_answer *answer)
{
    struct job *job = context;
    if (answer->result == OUTCOME_PROMPT_UNAVAILABLE)
        prompt_free(&job->prompt); /* the reader's own display still asks */
    else
        finish(job, answer->result == OUTCOME_TIMED_OUT ? OUTCOME_TIMED_OUT : OUTCOME_CANCELLED);
}

/* ---- the card ---- */

static void on_settled(void *context)
{
    struct job *job = context;
    finish(job, job->verdict);
}

/* True if the person shall try again with something else. */
static bool try_again(struct job *job, int result)
{
    bool pad = !job->secret;
    if (result == OUTCOME_PIN_WRONG || result == OUTCOME_PUK_WRONG ||
        (result == OUTCOME_PIN_FORMAT && !pad)) {
        secret_free(&job->secret);
        job->wrong_secret = result;
        job->last_try_confirmed = false;
        return true;
    }
    if (result == OUTCOME_PIN_REFUSED && !pad) {
        secret_free(&job->new_pin);
        job->wrong_new = result;
        return true;
    }
    return false;
}

static void on_worked(void *context, int result, struct card_reply *reply)
{
    struct job *job = context;
    struct cards *cards = job->home->cards;
    prompt_free(&job->prompt); /* a PIN pad's notice */
    if (reply &&
        (result == OUTCOME_OK || (result >= OUTCOME_PIN_WRONG && result < OUTCOME_NO_CARD)))
        cards_note_pin(cards, job->card, reply->flags, reply->tries_left);
    if (reply && reply->puk_tries_left != CARD_TRIES_UNKNOWN)
        cards_note_puk(cards, job->card, reply->puk_tries_left);
    else if (result == OUTCOME_OK && job->params.unblock)
        cards_note_puk(cards, job->card, CARD_TRIES_UNKNOWN); /* it has them all again */
    if (try_again(job, result)) {
        if (++job->rounds == ROUNDS_MAX)
            finish(job, OUTCOME_CARD_MODULE_FAILED);
        else
            go_on(job);
        return;
    }
    if (reply && (result == OUTCOME_CARD_MODULE_FAILED || result == OUTCOME_CARD_UNREADABLE)) {
        /* To the module a card that was pulled and one that is broken are the same. */
        job->verdict = result;
        loop_timer_set(job->settle, SETTLE_MS);
        return;
    }
    if (result == OUTCOME_CARD_REMOVED || result == OUTCOME_CARD_CHANGED)
        cards_gone(cards, job->card);
    finish(job, result);
}

/* Names one of the card's certificates, so that no other card gets what was typed for this one. */
static void name_card(const struct card *card, struct card_pin_request *request)
{
    for (size_t i = 0; i < card->certificates.count; i++) {
        if (!card->certificates.at[i])
            continue;
        request->id = card->token.certificates[i].id; /* borrowed */
        memcpy(request->certificate_hash, card->certificates.at[i]->hash,
               sizeof request->certificate_hash);
        return;
    }
}

/* With what was typed; without, it is typed at the pad. False: the job has ended. */
static bool work(struct job *job, const struct card *card)
{
    struct card_pin_request request = {.slot = card->token.slot};
    name_card(card, &request);
    if (job->secret) {
        request.secret = secret_peek(job->secret);
        request.secret_len = (uint8_t)secret_len(job->secret);
        request.new_pin = secret_peek(job->new_pin);
        request.new_pin_len = (uint8_t)secret_len(job->new_pin);
    }
    int r = card_module_pin(
        card->module, job->params.unblock ? CARD_REQUEST_PIN_UNBLOCK : CARD_REQUEST_PIN_CHANGE,
        &request, on_worked, job);
    if (r != 0)
        finish(job, r == -EAGAIN ? OUTCOME_BUSY : r);
    return r == 0;
}

static void ask_at_pad(struct job *job, const struct card *card)
{
    struct pin_wording words = wording(job, card);
    struct prompt_question question;
    pin_wording_pad(&words, job->wrong_secret, &question);
    if (show(job, &question, on_pad_notice) && work(job, card))
        tell(job, WAITING_PIN_PAD, card);
}

static void ask_for_missing(struct job *job, const struct card *card)
{
    struct pin_wording words = wording(job, card);
    struct prompt_question question;
    if (!job->secret) {
        pin_wording_secret(&words, job->wrong_secret, &question);
        if (show(job, &question, on_secret))
            tell(job, job->params.unblock ? WAITING_PUK : WAITING_PIN, card);
    } else {
        pin_wording_new(&words, job->wrong_new, &question);
        if (show(job, &question, on_new))
            request_waiting(job->request, WAITING_NEW_PIN, card->token.reader, -1);
    }
}

static void go_on(struct job *job)
{
    const struct card *card = cards_find(job->home->cards, job->card);
    int tries = card ? tries_left(job, card) : -1;
    if (!card) {
        finish(job, OUTCOME_CARD_REMOVED);
    } else if (tries == 0) {
        finish(job, job->params.unblock ? OUTCOME_PUK_BLOCKED : OUTCOME_PIN_BLOCKED);
    } else if (tries == 1 && !job->last_try_confirmed) {
        struct pin_wording words = wording(job, card);
        struct prompt_question question;
        pin_wording_last_try(&words, job->wrong_secret, &question);
        if (show(job, &question, on_last_try))
            tell(job, job->params.unblock ? WAITING_PUK : WAITING_PIN, card);
    } else if (card->token.flags & CARD_PIN_PAD) {
        ask_at_pad(job, card);
    } else if (job->secret && job->new_pin) {
        work(job, card);
    } else {
        ask_for_missing(job, card);
    }
}

/* ---- which card ---- */

/* There are readers, and none of that name. */
static bool is_unknown(const struct cards *cards, const char *reader)
{
    size_t count = cards_reader_count(cards);
    for (size_t i = 0; i < count; i++)
        if (strcmp(cards_reader(cards, i)->name, reader) == 0)
            return false;
    return count > 0;
}

/* Why there is none, once everything is known. */
static int absence(const struct job *job)
{
    const struct cards *cards = job->home->cards;
    if (*job->params.reader && is_unknown(cards, job->params.reader))
        return OUTCOME_READER_UNKNOWN;
    return cards_count(cards) == 0 ? cards_absence(cards) : OUTCOME_NO_CARD;
}

/* Settles which card is meant, unless the cards are still being read: then it is called again. */
static void look_for_card(struct job *job)
{
    struct cards *cards = job->home->cards;
    const struct card *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < cards_count(cards); i++) {
        const struct card *card = cards_at(cards, i);
        if (*job->params.reader && strcmp(job->params.reader, card->token.reader) != 0)
            continue;
        found = card;
        count++;
    }
    if (cards_reading(cards) || (count == 0 ? !cards_known(cards) : !cards_fresh(cards, found)))
        return;
    if (count != 1) {
        finish(job, count == 0 ? absence(job) : OUTCOME_CARD_AMBIGUOUS);
        return;
    }
    const struct certificate *holder = certificate_set_holder(&found->certificates);
    job->card = found->id;
    snprintf(job->reader, sizeof job->reader, "%s", found->token.reader);
    snprintf(job->uid, sizeof job->uid, "%s", holder ? holder->uid : "");
    if (found->token.flags & CARD_UNREADABLE)
        finish(job, found->token.flags & CARD_HELD ? OUTCOME_CARD_BUSY : OUTCOME_CARD_UNREADABLE);
    else
        go_on(job);
}

static void on_turn(void *context)
{
    struct job *job = context;
    job->turn = true;
    look_for_card(job);
}

void card_upkeep_cards_changed(struct card_upkeep *upkeep)
{
    struct job *job = upkeep->first;
    while (job && !job->turn)
        job = job->next;
    if (!job)
        return;
    if (job->card == 0)
        look_for_card(job);
    else if (!cards_find(upkeep->cards, job->card))
        finish(job, OUTCOME_CARD_REMOVED);
}

/* ---- from outside ---- */

static void on_waiting(void *context, enum waiting_for what, const char *reader, int tries)
{
    struct job *job = context;
    request_waiting(job->request, what, reader, tries);
}

/* The line is no more. */
static void on_done(void *context, const struct ceremony_result *result)
{
    struct job *job = context;
    job->place = NULL;
    finish(job, result->result);
}

struct card_upkeep *card_upkeep_new(struct loop *loop, struct helpers *helpers, struct cards *cards,
                                    struct ceremonies *ceremonies, const struct config *config)
{
    struct card_upkeep *upkeep = calloc(1, sizeof *upkeep);
    if (!upkeep) {
        log_fault(ENOMEM, "upkeep of cards");
        return NULL;
    }
    *upkeep = (struct card_upkeep){.loop = loop,
                                   .helpers = helpers,
                                   .cards = cards,
                                   .ceremonies = ceremonies,
                                   .config = config};
    return upkeep;
}

void card_upkeep_cancel_all(struct card_upkeep *upkeep)
{
    while (upkeep->first)
        finish(upkeep->first, OUTCOME_CANCELLED);
}

void card_upkeep_free(struct card_upkeep **upkeep)
{
    struct card_upkeep *home = STEAL(*upkeep);
    if (home)
        card_upkeep_cancel_all(home);
    free(home);
}

static int begin(struct card_upkeep *upkeep, struct request *request,
                 const struct card_pin_params *params)
{
    CLEANUP(job_free) struct job *job = calloc(1, sizeof *job);
    if (!job)
        return log_fault(ENOMEM, "upkeep of a card");
    *job = (struct job){.home = upkeep, .request = request, .params = *params};
    job->settle = loop_timer_new(upkeep->loop, on_settled, job);
    if (!job->settle)
        return -ENOMEM;
    struct ceremony_events events = {.context = job, .waiting = on_waiting, .done = on_done};
    int refusal;
    job->place = ceremony_begin_guest(upkeep->ceremonies, on_turn, &events, &refusal);
    if (!job->place)
        return refusal;
    job->next = upkeep->first;
    upkeep->first = STEAL(job);
    return OUTCOME_OK;
}

void card_upkeep_add(struct card_upkeep *upkeep, struct request *request,
                     const struct card_pin_params *params)
{
    int refusal = begin(upkeep, request, params);
    if (refusal != OUTCOME_OK)
        answer_error(&request, refusal);
}

bool card_upkeep_cancel(struct card_upkeep *upkeep, struct request *request)
{
    struct job *job = upkeep->first;
    while (job && job->request != request)
        job = job->next;
    if (job)
        finish(job, OUTCOME_CANCELLED);
    return job != NULL;
}

size_t card_upkeep_count(const struct card_upkeep *upkeep)
{
    size_t count = 0;
    for (const struct job *job = upkeep->first; job; job = job->next)
        count++;
    return count;
}
