/* SPDX-License-Identifier: MIT */
/*
 * The chooser is asked the same question that a sign-in would ask, with every algorithm accepted,
 * so that "chosen" and "problem" in a list are what a person would meet.
 */
#include "agent/card_views.h"

#include "agent/wording.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct card_views {
    struct card_list list;
    struct reader_view *readers;
    struct card_view *cards;
    struct certificate_view *certificates; /* all cards' in one piece */
};

static const char *reader_state_name(enum reader_state state)
{
    switch (state) {
    case READER_EMPTY:
        return "empty";
    case READER_CARD:
        return "card";
    case READER_UNREADABLE:
        return "unreadable";
    case READER_UNAVAILABLE:
        break;
    }
    return "unavailable";
}

static const char *pin_state_name(const struct card_token *token)
{
    int tries = wording_tries(token);
    if (tries == 0)
        return "blocked";
    if (tries == 1)
        return "final";
    return token->flags & CARD_PIN_COUNT_LOW ? "low" : "ok";
}

static size_t view_certificates(const struct card *card, const struct issuers *issuers,
                                struct certificate_view *out)
{
    static const uint8_t every[] = {CARD_ES256, CARD_ES384, CARD_PS256, CARD_RS256};
    struct certificate_choice choice;
    certificate_choose(&card->certificates, issuers, time(NULL), every, sizeof every, &choice);
    size_t count = 0;
    for (size_t i = 0; i < card->certificates.count; i++) {
        const struct certificate *c = card->certificates.at[i];
        if (!c)
            continue;
        bool chosen = choice.result == OUTCOME_OK && choice.index == i;
        bool signs_in = c->use == CERTIFICATE_AUTHENTICATION;
        out[count++] = (struct certificate_view){
            .use = certificate_use_name(c->use),
            .subject = c->subject,
            .uid = c->uid[0] ? c->uid : NULL,
            .issuer = c->issuer,
            .serial = c->serial,
            .not_before = c->not_before_text,
            .not_after = c->not_after_text,
            .days_left = certificate_days_left(c, time(NULL)),
            .key = c->key,
            .chosen = chosen,
            .problem = signs_in && choice.problems[i] ? outcome_reason(choice.problems[i]) : NULL,
        };
    }
    return count;
}

static void view_card(const struct card *card, struct card_view *out)
{
    *out = (struct card_view){
        .reader = card->token.reader,
        .module = card_module_path(card->module),
        .label = card->token.label,
        .serial = card->token.serial,
        .tries_left = wording_tries(&card->token),
        .pin_state = pin_state_name(&card->token),
        .pin_pad = card->token.flags & CARD_PIN_PAD,
    };
}

static bool has_pin_pad(const struct cards *cards, const char *reader)
{
    for (size_t i = 0; i < cards_count(cards); i++) {
        const struct card_token *token = &cards_at(cards, i)->token;
        if (strncmp(token->reader, reader, strlen(token->reader)) == 0)
            return token->flags & CARD_PIN_PAD;
    }
    return false;
}

struct card_views *card_views_new(const struct cards *cards, const struct issuers *issuers)
{
    size_t readers = cards ? cards_reader_count(cards) : 0;
    size_t count = cards ? cards_count(cards) : 0;
    CLEANUP(card_views_free) struct card_views *views = calloc(1, sizeof *views);
    if (!views)
        return NULL;
    views->readers = calloc(readers + 1, sizeof *views->readers);
    views->cards = calloc(count + 1, sizeof *views->cards);
    views->certificates = calloc(count * CARD_CERTIFICATES_MAX + 1, sizeof *views->certificates);
    if (!views->readers || !views->cards || !views->certificates)
        return NULL;

    for (size_t i = 0; i < readers; i++) {
        const struct reader_info *reader = cards_reader(cards, i);
        views->readers[i] = (struct reader_view){
            .name = reader->name,
            .state = reader_state_name(reader->state),
            .pin_pad = has_pin_pad(cards, reader->name),
        };
    }
    struct certificate_view *next = views->certificates;
    for (size_t i = 0; i < count; i++) {
        view_card(cards_at(cards, i), &views->cards[i]);
        views->cards[i].certificates = next;
        views->cards[i].certificate_count = view_certificates(cards_at(cards, i), issuers, next);
        next += views->cards[i].certificate_count;
    }
    views->list = (struct card_list){.reader_count = readers,
                                     .readers = views->readers,
                                     .card_count = count,
                                     .cards = views->cards};
    return STEAL(views);
}

void card_views_free(struct card_views **views)
{
    if (*views) {
        free((*views)->readers);
        free((*views)->cards);
        free((*views)->certificates);
    }
    free(*views);
    *views = NULL;
}

const struct card_list *card_views_list(const struct card_views *views)
{
    return &views->list;
}
