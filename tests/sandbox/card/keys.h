/* SPDX-License-Identifier: MIT */
/* A private key on a virtual card, and what a PIV card does with it. */
#ifndef LANYARD_SANDBOX_KEYS_H
#define LANYARD_SANDBOX_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Big enough for a signature or a secret by any key below. */
#define KEY_RESULT_MAX 512

/* Algorithm identifiers (NIST SP 800-78-5, table 6-2; RSA-4096 as several vendors number it). */
enum key_algorithm {
    KEY_RSA_3072 = 0x05,
    KEY_RSA_1024 = 0x06,
    KEY_RSA_2048 = 0x07,
    KEY_EC_P256 = 0x11,
    KEY_EC_P384 = 0x14,
    KEY_RSA_4096 = 0x16,
};

struct key;

/* Reads a PEM private key. NULL when there is none or a PIV card would not hold it. Owned. */
struct key *key_load(const char *path);

/* Takes a PEM text instead of a file's name. */
struct key *key_parse(const char *pem);

void key_free(struct key *key);

uint8_t key_algorithm(const struct key *key);

/* RSA: the bare private-key operation on a block as long as the modulus, the padding being the
 * caller's business. EC: an ECDSA signature (DER) of the digest given. */
bool key_sign(const struct key *key, const uint8_t *input, size_t size,
              uint8_t result[static KEY_RESULT_MAX], size_t *result_size);

/* EC only: the shared secret with an uncompressed point. */
bool key_agree(const struct key *key, const uint8_t *point, size_t size,
               uint8_t result[static KEY_RESULT_MAX], size_t *result_size);

#endif
