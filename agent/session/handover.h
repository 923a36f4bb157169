/* SPDX-License-Identifier: MIT */
/*
 * Card tokens that were handed to a page, kept with their key until the page comes back with
 * session.begin and the sid that the provider made of them: at most 130 seconds, and one for each
 * origin, the latest. Nothing else can be done with a key that is here. Loop thread only; nothing
 * blocks.
 */
#pragma once

#include "agent/ceremony.h"
#include "agent/session/session_key.h"

enum { HANDOVER_SECONDS = 130, HANDOVERS_MAX = 8 };

struct handovers;

/* Owned by whoever has taken it: free the key. */
struct handover {
    char origin[ORIGIN_TEXT_MAX + 1];
    struct session_key *key;
    uint64_t card; /* agent/cards.h */
    uint8_t identity[CERTIFICATE_HASH_BYTES];
};

/* NULL on fault (logged). */
struct handovers *handovers_new(struct loop *loop);
/* Wipes every key. */
void handovers_free(struct handovers **handovers);

/* Takes the key out of *result (it is NULL then). */
void handovers_add(struct handovers *handovers, const char *origin, struct ceremony_result *result);
bool handovers_has(struct handovers *handovers, const char *origin);
/* False: there is none for that origin any more. */
bool handovers_take(struct handovers *handovers, const char *origin, struct handover *out);
