/* SPDX-License-Identifier: MIT */
#include "agent/session/handover.h"

#include "ipc/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    struct handover it;
    uint64_t until; /* loop_now */
};

/* Oldest first. */
struct handovers {
    struct loop_timer *timer;
    size_t count;
    struct kept at[HANDOVERS_MAX];
};

static void take_out(struct handovers *handovers, size_t i, struct handover *out)
{
    *out = handovers->at[i].it;
    handovers->count--;
    memmove(&handovers->at[i], &handovers->at[i + 1],
            (handovers->count - i) * sizeof *handovers->at);
}

static void forget(struct handovers *handovers, size_t i)
{
    struct handover gone;
    take_out(handovers, i, &gone);
    session_key_free(&gone.key);
}

static void on_time(void *context)
{
    struct handovers *handovers = context;
    uint64_t now = loop_now();
    while (handovers->count > 0 && handovers->at[0].until <= now)
        forget(handovers, 0);
    if (handovers->count > 0)
        loop_timer_set(handovers->timer, handovers->at[0].until - now);
}

struct handovers *handovers_new(struct loop *loop)
{
    struct handovers *handovers = calloc(1, sizeof *handovers);
    if (handovers)
        handovers->timer = loop_timer_new(loop, on_time, handovers);
    if (!handovers || !handovers->timer) {
        log_fault(ENOMEM, "handovers");
        handovers_free(&handovers);
    }
    return handovers;
}

void handovers_free(struct handovers **handovers)
{
    struct handovers *h = *handovers;
    if (!h)
        return;
    while (h->count > 0)
        forget(h, 0);
    loop_timer_free(&h->timer);
    free(h);
    *handovers = NULL;
}

void handovers_add(struct handovers *handovers, const char *origin, struct ceremony_result *result)
{
    struct handover earlier;
    if (handovers_take(handovers, origin, &earlier))
        session_key_free(&earlier.key);
    if (handovers->count == HANDOVERS_MAX)
        forget(handovers, 0);
    struct kept *kept = &handovers->at[handovers->count++];
    *kept = (struct kept){.it = {.key = *result->key, .card = result->card},
                          .until = loop_now() + HANDOVER_SECONDS * 1000};
    *result->key = NULL;
    strncpy(kept->it.origin, origin, sizeof kept->it.origin - 1);
    memcpy(kept->it.identity, result->identity, sizeof kept->it.identity);
    on_time(handovers);
}

/* The index, or count. */
static size_t find(const struct handovers *handovers, const char *origin)
{
    size_t i = 0;
    while (i < handovers->count && strcmp(handovers->at[i].it.origin, origin) != 0)
        i++;
    return i;
}

bool handovers_has(struct handovers *handovers, const char *origin)
{
    on_time(handovers);
    return find(handovers, origin) < handovers->count;
}

bool handovers_take(struct handovers *handovers, const char *origin, struct handover *out)
{
    on_time(handovers);
    size_t i = find(handovers, origin);
    if (i == handovers->count)
        return false;
    take_out(handovers, i, out);
    return true;
}
