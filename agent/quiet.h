/* SPDX-License-Identifier: MIT */
/*
 * Pages that do not take a no: when the person has taken their prompts away three times running,
 * they have to wait, five seconds at first, twice as long each time, five minutes at most. Ten
 * minutes without forget it. Any thread, one at a time; nothing blocks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Zeroed at first. Times are ms of any clock that does not go back. */
struct quiet {
    unsigned cancels, further; /* so many more than two are free */
    uint64_t last, until;
};

/* The person has taken a page's prompt away. */
void quiet_note_cancel(struct quiet *quiet, uint64_t now);
/* A page's prompt has ended in another way. */
void quiet_note_end(struct quiet *quiet);
/* True: no page may prompt now. */
bool quiet_wanted(const struct quiet *quiet, uint64_t now);
