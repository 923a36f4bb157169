/* SPDX-License-Identifier: MIT */
/*
 * What the virtual key computes, over OpenSSL: credential keys of three kinds, the agreement of the
 * PIN protocols, hashes. A peer's input that is no key is an answer, not a fault. False, or NULL,
 * where OpenSSL refuses; its error queue is empty again then.
 */
#ifndef LANYARD_SANDBOX_KEY_CRYPTO_H
#define LANYARD_SANDBOX_KEY_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"

#define HASH_SIZE 32
#define POINT_SIZE 65 /* uncompressed, P-256 */
#define SIGNATURE_MAX 512
#define PKCS8_MAX 2048
#define AES_BLOCK 16

enum algorithm { /* COSE */
                 ALGORITHM_ES256 = -7,
                 ALGORITHM_EDDSA = -8,
                 ALGORITHM_ECDH =
                     -25, /* ECDH-ES + HKDF-256, as the PIN protocols name their keys */
                 ALGORITHM_RS256 = -257,
};

struct private_key;

/* A new one, or one from PKCS#8 (DER) or a PEM file: P-256, Ed25519 or RSA. Owned by the caller. */
struct private_key *private_key_new(int algorithm);
struct private_key *private_key_parse(const uint8_t *der, size_t size);
struct private_key *private_key_load(const char *path);
void private_key_free(struct private_key *key);

int private_key_algorithm(const struct private_key *key);
bool private_key_pkcs8(const struct private_key *key, uint8_t der[static PKCS8_MAX], size_t *size);
/* P-256 only. */
bool private_key_point(const struct private_key *key, uint8_t point[static POINT_SIZE]);
/* Over the message, which is hashed where the algorithm says so. ECDSA's is DER. */
bool private_key_sign(const struct private_key *key, const uint8_t *message, size_t size,
                      uint8_t signature[static SIGNATURE_MAX], size_t *signature_size);
/* Appends the public half as COSE_Key, `algorithm` as its alg. */
void private_key_put_cose(const struct private_key *key, int algorithm, struct cbor_writer *writer);
/* ECDH: the x coordinate. False: that is no point of the curve. */
bool private_key_agree(const struct private_key *key, const uint8_t x[static 32],
                       const uint8_t y[static 32], uint8_t shared[static 32]);

/* The certificate of a PEM file as DER. Owned by the caller (free()). */
uint8_t *certificate_load(const char *path, size_t *size);

void random_bytes(void *bytes, size_t size);
void sha256(const void *bytes, size_t size, uint8_t hash[static HASH_SIZE]);
void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                 uint8_t mac[static HASH_SIZE]);
/* RFC 5869, salt 32 zeros, output 32 bytes. */
void hkdf_sha256(const uint8_t secret[static 32], const char *info, uint8_t out[static 32]);
/* AES-256-CBC without padding; size is a multiple of the block. */
void aes_cbc(bool encrypt, const uint8_t key[static 32], const uint8_t iv[static AES_BLOCK],
             const uint8_t *in, size_t size, uint8_t *out);

/* base64url without padding, as control lines carry bytes. Decoding takes base64 too, padded or
 * not; -1: it is neither, or does not fit. */
void base64url(const uint8_t *bytes, size_t size, char *text, size_t room);
int base64url_decode(const char *text, uint8_t *bytes, size_t room);

#endif
