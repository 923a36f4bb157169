/* SPDX-License-Identifier: MIT */
#include "agent/session/handover.h"

#include "ipc/base/cleanup.h"
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

static void release(struct handover *handover)
{
    session_key_free(&handover->key);
    key_holder_deinit(&handover->holder);
}

static void forget(struct handovers *handovers, size_t i)
{
    struct handover gone;
    take_out(handovers, i, &gone);
    release(&gone);
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

/* The latest of its origin; room is made. */
static struct handover *add(struct handovers *handovers, const char *origin)
{
    struct handover earlier;
    if (handovers_take(handovers, origin, &earlier))
        release(&earlier);
    if (handovers->count == HANDOVERS_MAX)
        forget(handovers, 0);
    struct kept *kept = &handovers->at[handovers->count++];
    *kept = (struct kept){.until = loop_now() + HANDOVER_SECONDS * 1000};
    strncpy(kept->it.origin, origin, sizeof kept->it.origin - 1);
    return &kept->it;
}

void handovers_add(struct handovers *handovers, const char *origin, struct ceremony_result *result)
{
    struct handover *it = add(handovers, origin);
    it->key = STEAL(*result->key);
    it->card = result->card;
    memcpy(it->identity, result->identity, sizeof it->identity);
    on_time(handovers);
}

void handovers_add_assertion(struct handovers *handovers, const char *origin,
                             struct session_key **key, const char *rp_id,
                             const struct bytes *credential, uint64_t plugged)
{
    struct handover *it = add(handovers, origin);
    it->key = STEAL(*key);
    it->plugged = plugged;
    if (key_holder_set(&it->holder, rp_id, credential) < 0 ||
        key_holder_identity(credential, it->identity) < 0)
        forget(handovers, handovers->count - 1);
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
