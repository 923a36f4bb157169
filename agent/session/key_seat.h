/* SPDX-License-Identifier: MIT */
/*
 * The security key on which the session hangs, and whether it is in.
 *
 * That it is in is known by its having signed, and from then on by udev: a seat is one plugging in.
 * Once it is out, or was out of sight, every key that is in is asked whether the credential is on
 * it (FIDO_PROBE, which asks nobody anything and makes nothing blink), each once. What a key says
 * of itself counts for nothing: it has to sign a challenge that was made for this one question, and
 * the signature has to be right by the credential's public key, which the provider has told. A key
 * that cannot do that is another key; where the provider has told none, no key is asked, and none
 * comes back. While nobody's session hangs on a key, no key is asked for anything either.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/keys/key_work.h"
#include "agent/session/key_holder.h"

struct key_seat;

/* type: SESSION_CARD_IN, SESSION_CARD_OUT, or SESSION_READER_GONE of one that is being looked for:
 * its port may have lost its power. seat: never used again, and never that of a card. */
typedef void key_seat_fn(void *context, enum session_event_type type, uint64_t seat);

/* watch and works are borrowed for its life; both NULL: there are no keys. NULL on no memory. */
struct key_seat *key_seat_new(const struct key_watch *watch, struct key_works *works,
                              key_seat_fn *fn, void *context);
void key_seat_free(struct key_seat **seat);

/* From now on the session is that credential's (copied), in the key that was plugged in as key: its
 * seat is returned, 0 if it has left. NULL: the session is no key's; 0. */
uint64_t key_seat_hold(struct key_seat *seat, const struct key_holder *holder, uint64_t key);
/* The public key of that credential, by which it is known again (COSE; copied); len 0: nobody has
 * told it. key_seat_hold forgets it; key_seat_look asks whom it has not asked before. */
void key_seat_trust(struct key_seat *seat, const uint8_t *cose, size_t len);
/* The plugging in that the session is bound to now; 0: it is not in, or there is none. */
uint64_t key_seat_key(const struct key_seat *seat);

/* To be called when keys came or went; fn may come from within. */
void key_seat_look(struct key_seat *seat);
/* SESSION_VERIFY: asks every key that is in; CARD_IN follows, or nothing does: a port may take its
 * time to come back after sleep. False: there is no public key, so nothing will follow. */
bool key_seat_verify(struct key_seat *seat);
