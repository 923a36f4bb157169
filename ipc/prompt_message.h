/* SPDX-License-Identifier: MIT */
/*
 * The messages between the agent and lanyard-prompt, for both ends: one question, one answer, end
 * of process.
 *
 * Each is one frame (ipc/frame.h): version, type, fields. The answer may carry a PIN and is read
 * into a secret. Decoders refuse what is out of bounds, and any trailing byte. Any thread; nothing
 * blocks. All functions return 0, -EPROTO, -ENOSPC or -ENOMEM.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/base/secret.h"

enum {
    PROMPT_MESSAGE_VERSION = 1,
    PROMPT_TEXT_MAX = 512,
    PROMPT_CHOICES_MAX = 8,
    PROMPT_PIN_BYTES_MAX = 64,
    PROMPT_QUESTION_BYTES_MAX = 16384,
    PROMPT_ANSWER_BYTES_MAX = 128,
};

enum prompt_kind {
    PROMPT_PIN = 1,     /* a PIN is typed */
    PROMPT_CONFIRM = 2, /* yes or no; no is the safe answer */
    PROMPT_CHOICE = 3,  /* one of several */
    PROMPT_PIN_PAD = 4, /* a notice while the PIN is typed at the reader; cancel may be pressed */
};

/* Pinentry gets each text as one Assuan line of at most 1,000 bytes, in which '%' and '\n' take
 * three: all lines of text together, with the command in front and, of PROMPT_CHOICE, the choice
 * that is shown. What does not fit is answered with PROMPT_UNAVAILABLE. */
struct prompt_question {
    uint8_t kind;
    uint32_t timeout_seconds; /* the prompt gives up by itself; the agent kills it later */
    char title[PROMPT_TEXT_MAX + 1];
    char text[4 * PROMPT_TEXT_MAX + 1]; /* several lines, '\n' between them */
    char label[PROMPT_TEXT_MAX + 1];    /* in front of the entry: "PIN:"; PROMPT_CHOICE: the text
                                           of the button that shows the next card */
    char error[PROMPT_TEXT_MAX + 1];    /* what was wrong the last time; empty at first */
    char yes[PROMPT_TEXT_MAX + 1];      /* the buttons */
    char no[PROMPT_TEXT_MAX + 1];
    uint8_t choice_count;
    char choices[PROMPT_CHOICES_MAX][PROMPT_TEXT_MAX + 1];
};

struct prompt_answer {
    /* enum outcome: OK, CANCELLED, TIMED_OUT, PROMPT_UNAVAILABLE; of PROMPT_PIN also PIN_FORMAT,
     * for what is empty, longer than PROMPT_PIN_BYTES_MAX or not printable ASCII. */
    uint32_t result;
    uint8_t choice; /* PROMPT_CHOICE: index below the question's choice_count */
    uint8_t pin_len;
    const uint8_t *pin; /* borrowed: when decoded, from the frame's secret */
};

/* Replaces *out. */
int prompt_question_encode(const struct prompt_question *question, struct bytes *out);
int prompt_question_decode(const uint8_t *body, size_t len, struct prompt_question *question);
/* Appends to *out, whose capacity is at least PROMPT_ANSWER_BYTES_MAX. */
int prompt_answer_encode(const struct prompt_answer *answer, struct secret *out);
int prompt_answer_decode(const uint8_t *body, size_t len, struct prompt_answer *answer);
