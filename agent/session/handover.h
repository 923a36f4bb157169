/* SPDX-License-Identifier: MIT */
/*
 * Card tokens and security keys' assertions that were handed to a page, kept with their session key
 * until the page comes back with session.begin and the sid that the provider made of them: at most
 * 130 seconds, and one for each origin, the latest. Nothing else can be done with a key that is
 * here. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/ceremony.h"
#include "agent/session/key_holder.h"
#include "agent/session/session_key.h"

enum { HANDOVER_SECONDS = 130, HANDOVERS_MAX = 8 };

struct handovers;

/* Owned by whoever has taken it: free the key, deinitialise the holder. */
struct handover {
    char origin[ORIGIN_TEXT_MAX + 1];
    struct session_key *key;
    uint64_t card;            /* agent/cards.h; 0: it was a security key */
    struct key_holder holder; /* none: it was a card */
    uint64_t plugged;         /* fido/key_watch.h */
    uint8_t identity[SESSION_IDENTITY_BYTES];
};

/* NULL on fault (logged). */
struct handovers *handovers_new(struct loop *loop);
/* Wipes every key. */
void handovers_free(struct handovers **handovers);

/* Takes the key out of *result (it is NULL then). */
void handovers_add(struct handovers *handovers, const char *origin, struct ceremony_result *result);
/* Takes *key (it is NULL then), in any case; copies the credential. */
void handovers_add_assertion(struct handovers *handovers, const char *origin,
                             struct session_key **key, const char *rp_id,
                             const struct bytes *credential, uint64_t plugged);
bool handovers_has(struct handovers *handovers, const char *origin);
/* False: there is none for that origin any more. */
bool handovers_take(struct handovers *handovers, const char *origin, struct handover *out);
