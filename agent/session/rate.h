/* SPDX-License-Identifier: MIT */
/*
 * How many proofs a site gets: a bucket for each listed origin, 60 at once, 20 a second. Any
 * thread, one at a time; nothing blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RATE_AT_ONCE = 60, RATE_PER_SECOND = 20 };

struct rate;

/* origins: canonical, NULL-terminated, borrowed for its life. NULL on
 * no memory. */
struct rate *rate_new(const char *const *origins);
void rate_free(struct rate **rate);

/* Takes one for that origin at that time (ms, any clock that does not go back); false: too many,
 * or an origin that is not listed. rate NULL: none is. */
bool rate_take(struct rate *rate, const char *origin, uint64_t now);
