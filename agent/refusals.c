/* SPDX-License-Identifier: MIT */
#include "agent/refusals.h"

bool refusals_take(struct refusals *refusals, uint64_t now)
{
    uint64_t from = refusals->full_at > now ? refusals->full_at : now;
    if (from - now > (uint64_t)(REFUSALS_AT_ONCE - 1) * REFUSALS_EACH_MS)
        return false;
    refusals->full_at = from + REFUSALS_EACH_MS;
    return true;
}
