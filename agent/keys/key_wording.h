/* SPDX-License-Identifier: MIT */
/*
 * The questions about a security key that a person reads in Lanyard's own window, in the form of
 * the card's (agent/wording.h): one sentence, one line for each fact, then what a mistake would
 * cost. Any thread.
 */
#pragma once

#include "ipc/door/door.h"
#include "ipc/fido_message.h"
#include "ipc/prompt_message.h"

struct key_wording {
    enum fido_operation operation;
    const struct caller *caller; /* NULL: Lanyard itself */
    const char *site;            /* NULL: none */
    bool another_pin;            /* the person is signed in already, and confirms it */
    const char *key;             /* its name; "": not known */
    unsigned tries_left;         /* UINT8_MAX: not known */
    unsigned min_length;         /* of a new PIN, in characters */
    unsigned timeout;            /* seconds */
};

/* Each fills in the whole question. wrong: an outcome of the try before or one of enum wrong_pin
 * (agent/new_pin.h); OUTCOME_OK at first. */
void key_wording_pin(const struct key_wording *w, int wrong, struct prompt_question *question);
void key_wording_last_try(const struct key_wording *w, int wrong, struct prompt_question *question);
void key_wording_new_pin(const struct key_wording *w, int wrong, struct prompt_question *question);
void key_wording_new_pin_again(const struct key_wording *w, struct prompt_question *question);
/* A notice, without anything to answer but to call it off. */
void key_wording_notice(const struct key_wording *w, enum waiting_for what,
                        struct prompt_question *question);
void key_wording_reset(const struct key_wording *w, struct prompt_question *question);
