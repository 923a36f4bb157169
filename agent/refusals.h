/* SPDX-License-Identifier: MIT */
/*
 * How many refusals are written down: a page that asks all day long must not fill the journal. Ten
 * at once, and one in six seconds from then on; the others go unsaid. Any thread, one at a time;
 * nothing blocks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { REFUSALS_AT_ONCE = 10, REFUSALS_EACH_MS = 6000 };

/* Zeroed at first. */
struct refusals {
    uint64_t full_at; /* when it would be as at first, as in session/rate.c */
};

/* Whether this one is written down. now: ms of any clock that does not go back. */
bool refusals_take(struct refusals *refusals, uint64_t now);
