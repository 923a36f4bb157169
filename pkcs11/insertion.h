/* SPDX-License-Identifier: MIT */
/*
 * Which insertion of a card this is. PC/SC counts what goes into a reader and out of it, so two
 * looks tell whether the same card has been in all the time, even when it was exchanged faster
 * than the module looks.
 *
 * Main thread; blocks no longer than pcscd needs for an answer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct insertion {
    bool known; /* false: the module's slot is no PC/SC reader, or pcscd does not answer */
    bool present;
    uint16_t events; /* insertions and removals in this reader, as pcscd counts them */
};

/* reader: a slot's description (pkcs11/pcsc_reader.h). */
struct insertion insertion_look(const char *reader);

/* What has become of the card that was in at the earlier look: OUTCOME_OK (it is still there, or
 * one of the two is not known), CARD_REMOVED (nothing is in), CARD_CHANGED (there is a card, and
 * this one was out meanwhile). */
int insertion_since(const struct insertion *before, const struct insertion *now);

/* True if another program holds the card in this reader for itself alone. */
bool insertion_held(const char *reader);
