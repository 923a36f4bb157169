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
#include <stddef.h>
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
 * it came later). */
int insertion_since(const struct insertion *before, const struct insertion *now);

enum { INSERTION_READERS_MAX = 16, INSERTION_READER_BYTES = 128 }; /* what pcsc-lite manages */

/* A look at every reader at once. */
struct insertions {
    size_t count; /* 0 also when pcscd does not answer */
    struct {
        char reader[INSERTION_READER_BYTES];
        struct insertion insertion;
    } at[INSERTION_READERS_MAX];
};

void insertions_look(struct insertions *all);
/* That in this reader (a slot's description); not known when there is none of that name. */
struct insertion insertions_in(const struct insertions *all, const char *reader);
/* Follows what somebody who remembers what he saw in the readers may have in mind: *held, at first
 * {0}. Between these two looks, and not since the ones before, he may have looked at any time.
 * False if he may take a card that is in now for one that is not; which stays so until he must have
 * seen the reader empty. (A card in mind that is not `known` may be any.) */
bool insertions_follow(struct insertions *held, const struct insertions *before,
                       const struct insertions *after);

/* True if another program holds the card in this reader for itself alone. */
bool insertion_held(const char *reader);
