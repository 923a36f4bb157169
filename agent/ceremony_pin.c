/* SPDX-License-Identifier: MIT */
/*
 * From a card that has been chosen to its signature. Whatever comes back (an answer of the person,
 * of the card or of the provider) looks for the card by its id first, because it may have been
 * pulled meanwhile. Only one line hands out a token, and it stands behind a signature verified
 * against the certificate that was chosen before the PIN was typed.
 *
 * The challenge decides how long a person may take. One that is fetched is looked at twice: before
 * the person is asked, when fetching again costs nobody anything, and when the PIN has been typed.
 * Only then a PIN has to wait, in a secret, for the one answer of the provider.
 */
#include "agent/ceremony_inside.h"

#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    ROUNDS_MAX = 10,  /* no card has more tries; a module that goes on is not asking a card */
    SETTLE_MS = 600,  /* readers that poll say within 400 ms that a card has left */
    FETCH_MS = 15000, /* a request's own deadline; a PIN is kept no longer than that */
    /* A provider takes a challenge for two minutes. */
    CHALLENGE_OLD_MS = 60000,   /* too old to ask for a PIN: a minute for typing it is left */
    CHALLENGE_LATE_MS = 100000, /* too old to sign: the card and the network need the rest */
};

/* ---- the signature ---- */

static void on_signed(void *context, int result, struct card_reply *reply)
{
    struct ceremony *c = context;
    if (result == OUTCOME_OK || result == OUTCOME_PIN_WRONG || result == OUTCOME_PIN_BLOCKED)
        cards_note_pin(c->home->cards, c->card, reply->flags, reply->tries_left);
    const struct card *card = cards_find(c->home->cards, c->card);
    if (!card) {
        ceremony_finish(c, OUTCOME_CARD_REMOVED);
        return;
    }
    prompt_free(&c->prompt); /* a PIN pad's notice */
    if (result == OUTCOME_PIN_WRONG || result == OUTCOME_PIN_FORMAT) {
        if (++c->rounds == ROUNDS_MAX) {
            ceremony_finish(c, OUTCOME_CARD_MODULE_FAILED);
            return;
        }
        c->wrong = result;
        ceremony_ask_for_pin(c);
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
        ceremony_finish(c, result);
        return;
    }
    const struct certificate *holder = card->certificates.at[c->certificate];
    if (!certificate_verify(holder, c->algorithm, c->draft.digest, c->draft.digest_len,
                            reply->signature, reply->signature_len)) {
        log_error("card module %s gave a signature that is not the card's",
                  card_module_path(card->module));
        ceremony_finish(c, OUTCOME_CARD_MODULE_FAILED);
        return;
    }
    struct token_answer token = {0};
    int r = token_draft_finish(&c->draft, reply->signature, reply->signature_len, &token);
    if (r == 0)
        ceremony_finish_with_token(c, holder, &token);
    else
        ceremony_finish(c, r);
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
    ceremony_tell(c, WAITING_PROVIDER, NULL);
    c->events.fetch(c->events.context);
}

/* The challenge has come, or will not. */
void ceremony_fetched(struct ceremony *c)
{
    const struct card *card = cards_find(c->home->cards, c->card);
    int problem = !card                      ? OUTCOME_CARD_REMOVED
                  : c->fetched != OUTCOME_OK ? c->fetched
                                             : ceremony_choose_again(c, card);
    if (problem != OUTCOME_OK) {
        ceremony_finish(c, problem);
        return;
    }
    if (!c->pin) {
        ceremony_ask_for_pin(c);
        return;
    }
    int result = sign(c, card, secret_peek(c->pin), secret_len(c->pin));
    secret_free(&c->pin);
    if (result == OUTCOME_OK)
        ceremony_tell(c, WAITING_SIGNATURE, card);
    else
        ceremony_finish(c, result);
}

static int keep_pin(struct ceremony *c, const struct prompt_answer *answer)
{
    c->pin = secret_new(CARD_PIN_BYTES_MAX);
    return c->pin ? secret_append(c->pin, answer->pin, answer->pin_len) : -ENOMEM;
}

void ceremony_algorithms(struct ceremony *ceremony, const uint8_t *algorithms, unsigned count)
{
    struct sign_in_params *params = &ceremony->request.params;
    if (count > sizeof params->algorithms)
        count = sizeof params->algorithms;
    memcpy(params->algorithms, algorithms, count);
    params->algorithm_count = count;
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
        ceremony_ask_for_pin(c);
    } else if (result != OUTCOME_OK) {
        ceremony_finish(c, result);
    } else if (late) {
        fetch(c);
    } else {
        ceremony_tell(c, WAITING_SIGNATURE, card);
    }
}

/* The notice beside a PIN pad has one button. */
static void on_pin_pad_notice(void *context, const struct prompt_answer *answer)
{
    struct ceremony *c = context;
    if (answer->result == OUTCOME_PROMPT_UNAVAILABLE)
        prompt_free(&c->prompt); /* the reader's own display still asks */
    else
        ceremony_finish(c, answer->result == OUTCOME_TIMED_OUT ? OUTCOME_TIMED_OUT
                                                               : OUTCOME_CANCELLED);
}

static void on_last_try(void *context, const struct prompt_answer *answer)
{
    struct ceremony *c = context;
    int result = (int)answer->result;
    prompt_free(&c->prompt);
    if (result != OUTCOME_OK) {
        ceremony_finish(c, result);
        return;
    }
    c->last_try_confirmed = true;
    c->wrong = OUTCOME_OK; /* said already */
    ceremony_ask_for_pin(c);
}

static void show_question(struct ceremony *c, const struct card *card, int tries)
{
    struct wording wording = ceremony_wording(c, card);
    struct prompt_question question;
    if (tries == 1 && !c->last_try_confirmed) {
        c->stage = CONFIRMING;
        wording_last_try(&wording, c->wrong, &question);
        if (ceremony_ask(c, &question, on_last_try))
            ceremony_tell(c, WAITING_PIN, card);
        return;
    }
    if (card->token.flags & CARD_PIN_PAD) {
        wording_pin_pad(&wording, c->wrong, &question);
        if (!ceremony_ask(c, &question, on_pin_pad_notice))
            return;
        int result = sign(c, card, NULL, 0);
        if (result != OUTCOME_OK)
            ceremony_finish(c, result);
        else
            ceremony_tell(c, WAITING_PIN_PAD, card);
        return;
    }
    c->stage = TYPING;
    wording_pin(&wording, c->wrong, &question);
    if (ceremony_ask(c, &question, on_pin))
        ceremony_tell(c, WAITING_PIN, card);
}

void ceremony_ask_for_pin(struct ceremony *c)
{
    const struct card *card = cards_find(c->home->cards, c->card);
    int tries = card ? wording_tries(&card->token) : -1;
    if (!card)
        ceremony_finish(c, OUTCOME_CARD_REMOVED);
    else if (tries == 0)
        ceremony_finish(c, OUTCOME_PIN_BLOCKED);
    else if (challenge_older(c, CHALLENGE_OLD_MS))
        fetch(c);
    else
        show_question(c, card, tries);
}
