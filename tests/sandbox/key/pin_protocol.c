/* SPDX-License-Identifier: MIT */
/* One: AES with a zero IV, half of an HMAC. Two: two keys by HKDF, a random IV, all of it. */
#include "pin_protocol.h"

#include <string.h>

static bool coordinate(const struct cbor *key, int label, const uint8_t **bytes)
{
    struct cbor item;
    size_t size;

    return cbor_member(key, label, &item) && cbor_bytes(&item, bytes, &size) && size == 32;
}

static bool number_is(const struct cbor *key, int label, int64_t expected)
{
    struct cbor item;
    int64_t value;

    return cbor_member(key, label, &item) && cbor_integer(&item, &value) && value == expected;
}

bool shared_secret_agree(int protocol, const struct private_key *own, const struct cbor *platform,
                         struct shared_secret *secret)
{
    const uint8_t *x, *y;
    uint8_t z[32];

    if (!number_is(platform, 1, 2) || !number_is(platform, 3, ALGORITHM_ECDH) ||
        !number_is(platform, -1, 1) || !coordinate(platform, -2, &x) ||
        !coordinate(platform, -3, &y) || !private_key_agree(own, x, y, z))
        return false;
    secret->protocol = protocol;
    if (protocol == 1) {
        sha256(z, sizeof z, secret->hmac_key);
        memcpy(secret->aes_key, secret->hmac_key, 32);
    } else {
        hkdf_sha256(z, "CTAP2 HMAC key", secret->hmac_key);
        hkdf_sha256(z, "CTAP2 AES key", secret->aes_key);
    }
    return true;
}

size_t shared_secret_encrypt(const struct shared_secret *secret, const uint8_t *in, size_t size,
                             uint8_t *out)
{
    uint8_t iv[AES_BLOCK] = {0};
    size_t prefix = secret->protocol == 1 ? 0 : sizeof iv;

    if (size == 0 || size % AES_BLOCK != 0 || prefix + size > SHARED_CIPHERTEXT_MAX)
        return 0;
    if (prefix > 0) {
        random_bytes(iv, sizeof iv);
        memcpy(out, iv, sizeof iv);
    }
    aes_cbc(true, secret->aes_key, iv, in, size, out + prefix);
    return prefix + size;
}

size_t shared_secret_decrypt(const struct shared_secret *secret, const uint8_t *in, size_t size,
                             uint8_t *out)
{
    uint8_t iv[AES_BLOCK] = {0};
    size_t prefix = secret->protocol == 1 ? 0 : sizeof iv;

    if (size <= prefix || size % AES_BLOCK != 0 || size > SHARED_CIPHERTEXT_MAX)
        return 0;
    memcpy(iv, in, prefix);
    aes_cbc(false, secret->aes_key, iv, in + prefix, size - prefix, out);
    return size - prefix;
}

bool pin_protocol_verify(int protocol, const uint8_t key[static 32], const uint8_t *message,
                         size_t size, const uint8_t *mac, size_t mac_size)
{
    uint8_t expected[HASH_SIZE];

    hmac_sha256(key, 32, message, size, expected);
    return mac_size == (protocol == 1 ? 16 : 32) && memcmp(expected, mac, mac_size) == 0;
}
