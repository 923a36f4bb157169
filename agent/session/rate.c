/* SPDX-License-Identifier: MIT */
#include "agent/session/rate.h"

#include <stdlib.h>
#include <string.h>

enum { MS_EACH = 1000 / RATE_PER_SECOND };

/* A bucket is the time at which it would be full again: no timer fills it. */
struct rate {
    const char *const *origins;
    uint64_t full_at[];
};

struct rate *rate_new(const char *const *origins)
{
    size_t count = 0;
    while (origins[count])
        count++;
    struct rate *rate = calloc(1, sizeof *rate + count * sizeof *rate->full_at);
    if (rate)
        rate->origins = origins;
    return rate;
}

void rate_free(struct rate **rate)
{
    free(*rate);
    *rate = NULL;
}

bool rate_take(struct rate *rate, const char *origin, uint64_t now)
{
    for (size_t i = 0; rate && rate->origins[i]; i++) {
        if (strcmp(rate->origins[i], origin) != 0)
            continue;
        uint64_t from = rate->full_at[i] > now ? rate->full_at[i] : now;
        if (from + MS_EACH - now > (uint64_t)RATE_AT_ONCE * MS_EACH)
            return false;
        rate->full_at[i] = from + MS_EACH;
        return true;
    }
    return false;
}
