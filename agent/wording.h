/* SPDX-License-Identifier: MIT */
/*
 * The questions a person reads in Lanyard's own window: which site asks, whose card it is, in which
 * reader, and what is at stake. Everything from outside (origin, names, labels) stands on a line of
 * its own behind a fixed word, so that none of it can pose as a sentence of ours. Any thread.
 */
#pragma once

#include "agent/cards.h"
#include "ipc/door/door.h"
#include "ipc/prompt_message.h"

struct wording {
    const struct caller *caller; /* NULL: Lanyard itself, since a card was inserted */
    const char *origin;
    bool another_pin; /* the person is signed in already, and confirms it */
    const struct card *card;
    const struct certificate *holder; /* the certificate that would sign */
    unsigned timeout;                 /* seconds */
};

/* Each fills in the whole question. wrong: OUTCOME_PIN_WRONG or OUTCOME_PIN_FORMAT of the try
 * before; 0 at first. */
void wording_pin(const struct wording *w, int wrong, struct prompt_question *question);
void wording_pin_pad(const struct wording *w, int wrong, struct prompt_question *question);
void wording_last_try(const struct wording *w, int wrong, struct prompt_question *question);
/* w->card and w->holder are not used; one choice for each of count cards, at most
 * PROMPT_CHOICES_MAX. */
void wording_choice(const struct wording *w, const struct card *const *cards,
                    const struct certificate *const *holders, size_t count,
                    struct prompt_question *question);

/* ---- for the other questions in that window (agent/keys/key_wording.h) ---- */

/* Appends to the question's text. */
__attribute__((format(printf, 2, 3))) void wording_add(struct prompt_question *question,
                                                       const char *format, ...);
/* Appends a line that names the program, where it is one that asks. caller may be NULL. */
void wording_add_program(const struct caller *caller, struct prompt_question *question);

/* Appends "Card holder: Dr Alice Adams (555000000101)"; holder may be NULL: nothing. */
void wording_add_holder(const struct certificate *holder, struct prompt_question *question);

/* What is left of the card's tries: -1 when it does not say, 0 when blocked. */
int wording_tries(const struct card_token *token);
