/* SPDX-License-Identifier: MIT */
/*
 * A PIV card (NIST SP 800-73-4, part 2) without I/O: command APDU in, response APDU out.
 * No clock, no descriptor, no globals. The state that outlives a removal (PIN, PUK, tries) and the
 * state that does not (selection, verification, chaining) are both in here: piv_reset clears the
 * latter.
 */
#ifndef LANYARD_SANDBOX_PIV_H
#define LANYARD_SANDBOX_PIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys.h"

#define PIV_PIN_MIN 4 /* PIV itself wants six; the NHS allows four */
#define PIV_PIN_MAX 8
#define PIV_TRIES_MAX 3
#define PIV_GUID_SIZE 16
#define PIV_CERTIFICATE_MAX 8192
#define PIV_RESPONSE_MAX (PIV_CERTIFICATE_MAX + 258)

enum piv_slot_name {
    PIV_AUTHENTICATION,      /* 9A: PIN once */
    PIV_SIGNATURE,           /* 9C: PIN immediately before each use */
    PIV_KEY_MANAGEMENT,      /* 9D: PIN once */
    PIV_CARD_AUTHENTICATION, /* 9E: no PIN */
    PIV_SLOTS
};

/* A slot is empty (no key, no certificate), or holds either or both. */
struct piv_slot {
    struct key *key;
    uint8_t *certificate; /* DER, from malloc */
    size_t certificate_size;
};

/* What a command was, for those who count or misbehave. */
enum piv_command {
    PIV_OTHER,
    PIV_SELECT,
    PIV_READ,         /* GET DATA, GET RESPONSE */
    PIV_VERIFY,       /* VERIFY that carries a PIN */
    PIV_VERIFY_QUERY, /* VERIFY without one: how many tries are left? */
    PIV_SIGN,         /* the last GENERAL AUTHENTICATE of a chain */
};

struct piv;

/* Takes the keys and certificates out of `slots`. NULL when memory is short, the PIN or PUK is not
 * 4 to 8 characters, or a certificate is larger than PIV_CERTIFICATE_MAX; then `slots` is
 * untouched. */
struct piv *piv_new(const char *pin, const char *puk, const uint8_t guid[static PIV_GUID_SIZE],
                    struct piv_slot slots[static PIV_SLOTS]);
void piv_free(struct piv *piv);

/* Power-up or reset. */
void piv_reset(struct piv *piv);

/* Answers one command; returns the length of the response, at least 2. */
size_t piv_exchange(struct piv *piv, const uint8_t *command, size_t size,
                    uint8_t response[static PIV_RESPONSE_MAX]);

/* Says what piv_exchange would take the bytes for. */
enum piv_command piv_classify(const uint8_t *command, size_t size);

/* The registration desk's means. */
bool piv_set_pin(struct piv *piv, const char *pin); /* with all its tries; false: bad length */
void piv_set_tries(struct piv *piv, unsigned tries);
unsigned piv_tries(const struct piv *piv);

/* Fills the PIN into the eight 0xFF of a VERIFY command, as a PIN pad does. False: no room for it.
 */
bool piv_fill_pin(uint8_t *command, size_t size, const char *pin);

#endif
