/* SPDX-License-Identifier: MIT */
/* A person may change his mind twice; then it is the page that insists. */
#include "agent/quiet.h"

enum {
    CANCELS_FREE = 2,
    QUIET_MIN_MS = 5000,
    QUIET_MAX_MS = 300000,
    CANCELS_FORGOTTEN_MS = 600000,
};

void quiet_note_cancel(struct quiet *quiet, uint64_t now)
{
    uint64_t length = QUIET_MIN_MS;
    unsigned free = CANCELS_FREE + quiet->further;
    if (now - quiet->last > CANCELS_FORGOTTEN_MS)
        quiet->cancels = 0;
    quiet->last = now;
    if (++quiet->cancels <= free)
        return;
    for (unsigned i = free + 1; i < quiet->cancels && length < QUIET_MAX_MS; i++)
        length *= 2;
    quiet->until = now + (length < QUIET_MAX_MS ? length : QUIET_MAX_MS);
}

void quiet_note_end(struct quiet *quiet)
{
    quiet->cancels = 0;
}

bool quiet_wanted(const struct quiet *quiet, uint64_t now)
{
    return now < quiet->until;
}
