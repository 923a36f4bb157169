/* SPDX-License-Identifier: MIT */
/*
 * A new PIN is typed twice, whether it is a card's or a security key's: what both do with the two
 * answers, and say of them. Any thread.
 */
#pragma once

#include "ipc/base/secret.h"
#include "ipc/prompt_message.h"

#include <stdbool.h>

/* Why a new PIN is asked for again, beside outcomes. */
enum wrong_pin {
    WRONG_PIN_SHORT = -1,
    WRONG_PIN_DIFFERENT = -2, /* the second time it was typed */
    WRONG_PIN_LONG = -3,      /* or of characters that no keyboard has everywhere */
    WRONG_PIN_SAME = -4,      /* as the one it is to replace */
    WRONG_PIN_FAULT = -5,     /* no memory */
};

/* The first time (an answer that is OK, or PIN_FORMAT): keeps it in *typed, owned, and is 0, or
 * says what is wrong; *typed is then NULL. */
int new_pin_take(const struct prompt_answer *answer, unsigned min, unsigned max,
                 struct secret **typed);
/* The second time: whether it is the same. */
bool new_pin_same(const struct prompt_answer *answer, const struct secret *typed);

/* The question's error for one of enum wrong_pin; false: it is none. */
bool new_pin_put_error(int wrong, unsigned min, unsigned max, struct prompt_question *question);
