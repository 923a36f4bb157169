/* SPDX-License-Identifier: MIT */
/*
 * What the helper has to know of a certificate: whose key it is about, and its fingerprint.
 * Who issued it and whether it is trusted is the agent's business. Any thread; nothing blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum certificate_key {
    CERTIFICATE_KEY_OTHER, /* none that makes a signature of ipc/card_message.h */
    CERTIFICATE_KEY_RSA,   /* 2,048 to 4,096 bits */
    CERTIFICATE_KEY_P256,
    CERTIFICATE_KEY_P384,
};

struct certificate_facts {
    enum certificate_key key;
    size_t signature_len; /* what that key's signatures measure: the modulus, or r and s */
    bool authority;       /* basicConstraints says CA (RFC 5280 §4.2.1.9) */
};

/* False when the bytes are not one X.509 certificate. */
bool certificate_inspect(const uint8_t *der, size_t len, struct certificate_facts *facts);

/* SHA-256 of the bytes. False on want of memory. */
bool certificate_hash(const uint8_t *der, size_t len, uint8_t hash[static 32]);
