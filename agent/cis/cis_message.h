/* SPDX-License-Identifier: MIT */
/*
 * The smaller messages of a provider's session endpoint (ipc/PROTOCOL.md §6): what the agent sends,
 * and the two answers that are no session object. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/door/door.h"

enum { CIS_REASON_MAX = 64 };

/* {"NAME": "VALUE"}, NUL-terminated behind its length; replaces *out. 0 or -ENOMEM (logged). */
int cis_body_write(const char *name, const char *value, struct bytes *out);

struct cis_challenge {
    char text[CHALLENGE_TEXT_MAX + 1]; /* base64url, checked */
    unsigned algorithm_count;
    uint8_t algorithms[4]; /* enum card_algorithm (ipc/card_message.h), best first; never empty */
};
/* True if the text is a challenge in every detail. Algorithms that are not known here are passed
 * over; when none is left it is not one. */
bool cis_challenge_read(const char *json, size_t len, struct cis_challenge *out);

/* The word of {"error": word}; "" when there is none, or it is none to be written in a log. */
void cis_reason_read(const char *json, size_t len, char out[CIS_REASON_MAX + 1]);
