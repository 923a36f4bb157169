/* SPDX-License-Identifier: MIT */
/*
 * The messages between the agent and lanyard-chooser, for both ends: one list to choose from, one
 * answer, end of process.
 *
 * Each is one frame (ipc/frame.h): version, type, fields. No secret is in either. Decoders refuse
 * what is out of bounds, and any trailing byte. Any thread; nothing blocks. All functions return 0,
 * -EPROTO, -ENOSPC or -ENOMEM.
 */
#pragma once

#include "ipc/base/bytes.h"

enum {
    CHOOSER_MESSAGE_VERSION = 1,
    CHOOSER_TEXT_MAX = 256, /* bytes of a name, as everywhere with roles (PROTOCOL.md §6) */
    CHOOSER_CODE_MAX = 64,
    CHOOSER_ITEMS_MAX = 256,
    CHOOSER_SECONDS_MAX = 86400,
    CHOOSER_QUESTION_BYTES_MAX = 160 * 1024, /* 256 items with every text as long as it may be */
    CHOOSER_ANSWER_BYTES_MAX = 8,
};

enum chooser_kind {
    CHOOSER_ROLE = 1, /* the role in which the person works from now on */
    CHOOSER_ACCOUNT,  /* of several on a security key, the one to sign in with */
};

/* Printable UTF-8, terminated; "" when not said. */
struct chooser_item {
    char name[CHOOSER_TEXT_MAX + 1];   /* a role's; an account's display name */
    char detail[CHOOSER_TEXT_MAX + 1]; /* the organisation; the account's name */
    char code[CHOOSER_CODE_MAX + 1];   /* of a role */
};

/* About 150 KiB: not for the stack. */
struct chooser_question {
    uint8_t kind;
    uint32_t timeout_seconds; /* 1 to CHOOSER_SECONDS_MAX; the window gives up by itself, the
                                 agent kills it later */
    char subject[CHOOSER_TEXT_MAX + 1]; /* who is asked; the site that asks for an account */
    uint16_t item_count;                /* 1 to CHOOSER_ITEMS_MAX */
    uint16_t current; /* the index of the one that is chosen now; item_count: none */
    struct chooser_item items[CHOOSER_ITEMS_MAX];
};

struct chooser_answer {
    uint32_t result; /* enum outcome: OK, CANCELLED, TIMED_OUT or PROMPT_UNAVAILABLE */
    uint16_t item;   /* an index, of OK; else 0 */
};

/* Replaces *out. */
int chooser_question_encode(const struct chooser_question *question, struct bytes *out);
int chooser_question_decode(const uint8_t *body, size_t len, struct chooser_question *question);
/* Replaces *out. */
int chooser_answer_encode(const struct chooser_answer *answer, struct bytes *out);
int chooser_answer_decode(const uint8_t *body, size_t len, struct chooser_answer *answer);
