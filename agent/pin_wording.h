/* SPDX-License-Identifier: MIT */
/*
 * The questions that a person answers to give a card another PIN, in the form of a sign-in's
 * (agent/wording.h). Any thread.
 */
#pragma once

#include "agent/cards.h"
#include "ipc/door/door.h"
#include "ipc/prompt_message.h"

struct pin_wording {
    bool unblock; /* by the PUK; else by the PIN that there is */
    const struct caller *caller;
    const struct card *card;
    const struct certificate *holder; /* NULL: the card does not say whose it is */
    int tries_left;                   /* of the PUK, or of the PIN; -1: not known */
    unsigned min, max;                /* of a new PIN, in characters */
    unsigned timeout;                 /* seconds */
};

/* Each fills in the whole question. wrong: an outcome of the try before, or one of enum wrong_pin
 * (agent/new_pin.h); OUTCOME_OK at first. */
void pin_wording_secret(const struct pin_wording *w, int wrong, struct prompt_question *question);
void pin_wording_last_try(const struct pin_wording *w, int wrong, struct prompt_question *question);
void pin_wording_new(const struct pin_wording *w, int wrong, struct prompt_question *question);
void pin_wording_again(const struct pin_wording *w, struct prompt_question *question);
void pin_wording_pad(const struct pin_wording *w, int wrong, struct prompt_question *question);
