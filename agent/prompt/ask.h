/* SPDX-License-Identifier: MIT */
/*
 * The agent's questions as pinentry's dialogues.
 *
 *   PROMPT_PIN       one entry. A PIN is 1 to 64 printable ASCII characters; anything else is
 *                    OUTCOME_PIN_FORMAT, without a try at the card: cards take bytes, and how other
 *                    characters would become bytes is not the same everywhere.
 *   PROMPT_CONFIRM   two buttons; every answer but yes is OUTCOME_CANCELLED.
 *   PROMPT_CHOICE    one choice after the other, below the text: yes takes it, the third button
 *                    (the question's label, else "Next") shows the next, and after the last the
 *                    first. The question's time runs over all of them.
 *   PROMPT_PIN_PAD   a notice whose one button is no: OUTCOME_CANCELLED when it is pressed.
 */
#pragma once

#include "agent/prompt/pinentry.h"
#include "ipc/prompt_message.h"

/* Puts the question (borrowed) and blocks until it is answered. *answer is filled in; its PIN
 * borrows from pin, whose capacity is PROMPT_PIN_BYTES_MAX. */
void ask(struct pinentry *pinentry, const struct prompt_question *question, struct secret *pin,
         struct prompt_answer *answer);
