/* SPDX-License-Identifier: MIT */
/*
 * One question to the person: a lanyard-prompt process that lives as long as the question.
 *
 * Freeing the prompt takes the window away. A PIN is read from the socket straight into a secret,
 * which is wiped when the callback returns. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/helper.h"
#include "ipc/prompt_message.h"

struct prompt;

/* answer: borrowed for the call, its PIN with it; its result is one of OUTCOME_OK, CANCELLED,
 * TIMED_OUT, PROMPT_UNAVAILABLE (texts that do not fit an Assuan line of 1,000 bytes included) and,
 * of PROMPT_PIN, PIN_FORMAT (empty, longer than 64 bytes, or not printable ASCII). Called exactly
 * once, unless the prompt is freed first; the callback frees the prompt. */
typedef void prompt_fn(void *context, const struct prompt_answer *answer);

/* Shows the question (borrowed for the call) with the pinentry program of that absolute path. Of
 * PROMPT_CHOICE the label is the text of the "next card" button.
 * Returns owned; NULL on fault (logged). */
struct prompt *prompt_ask(struct loop *loop, struct helpers *helpers, const char *pinentry,
                          const struct prompt_question *question, prompt_fn *fn, void *context);
/* Takes NULL. */
void prompt_free(struct prompt **prompt);
