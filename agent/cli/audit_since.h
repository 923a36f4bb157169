/* SPDX-License-Identifier: MIT */
/* Moments as people write them. Any thread; does not block. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* "2026-11-22", "2026-11-22 18:00", "2026-11-22T18:00:30" (the time here; with Z behind it UTC),
 * "today", "yesterday", or how long before now: "45s", "90m", "2h", "7d". False when it is none of
 * these; else *microseconds since the epoch. */
bool audit_since(const char *text, time_t now, uint64_t *microseconds);
