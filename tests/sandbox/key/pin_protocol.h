/* SPDX-License-Identifier: MIT */
/* PIN/UV auth protocols one and two (CTAP 2.1 §6.5.6, §6.5.7): what the two sides share. */
#ifndef LANYARD_SANDBOX_KEY_PIN_PROTOCOL_H
#define LANYARD_SANDBOX_KEY_PIN_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"
#include "crypto.h"

#define PIN_PROTOCOLS 2
#define SHARED_CIPHERTEXT_MAX 128 /* of what protocols carry: PIN, token, salts */

struct shared_secret {
    int protocol; /* 1, 2 */
    uint8_t hmac_key[32], aes_key[32];
};

/* From the platform's COSE_Key. False: it is none, or not of P-256. */
bool shared_secret_agree(int protocol, const struct private_key *own, const struct cbor *platform,
                         struct shared_secret *secret);
/* Returns the size of what is in `out`, which has SHARED_CIPHERTEXT_MAX; 0: it has no such length.
 */
size_t shared_secret_encrypt(const struct shared_secret *secret, const uint8_t *in, size_t size,
                             uint8_t *out);
size_t shared_secret_decrypt(const struct shared_secret *secret, const uint8_t *in, size_t size,
                             uint8_t *out);
/* Whether `mac` is the protocol's for the message under that key. */
bool pin_protocol_verify(int protocol, const uint8_t key[static 32], const uint8_t *message,
                         size_t size, const uint8_t *mac, size_t mac_size);

#endif
