/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's side of the virtual card: the only file of it that knows EVP. The card gets its input
 * from whoever talks to the reader, so a wrong length or a point off the curve is an answer, not a
 * fault; OpenSSL's error queue is emptied after each such refusal.
 */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

struct key {
    EVP_PKEY *pkey;
    uint8_t algorithm;
};

static uint8_t algorithm_of(const EVP_PKEY *pkey)
{
    bool ec = EVP_PKEY_is_a(pkey, "EC");

    if (!ec && !EVP_PKEY_is_a(pkey, "RSA"))
        return 0;
    switch (EVP_PKEY_get_bits(pkey)) {
    case 256:
        return ec ? KEY_EC_P256 : 0;
    case 384:
        return ec ? KEY_EC_P384 : 0;
    case 1024:
        return KEY_RSA_1024;
    case 2048:
        return KEY_RSA_2048;
    case 3072:
        return KEY_RSA_3072;
    case 4096:
        return KEY_RSA_4096;
    default:
        return 0;
    }
}

static struct key *read_key(BIO *source)
{
    struct key *key = calloc(1, sizeof *key);

    if (key && source)
        key->pkey = PEM_read_bio_PrivateKey(source, NULL, NULL, NULL);
    if (key && key->pkey)
        key->algorithm = algorithm_of(key->pkey);
    BIO_free(source);
    ERR_clear_error();
    if (key && !key->algorithm) {
        key_free(key);
        key = NULL;
    }
    return key;
}

struct key *key_load(const char *path)
{
    return read_key(BIO_new_file(path, "r"));
}

struct key *key_parse(const char *pem)
{
    return read_key(BIO_new_mem_buf(pem, -1));
}

void key_free(struct key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

uint8_t key_algorithm(const struct key *key)
{
    return key->algorithm;
}

static bool is_ec(const struct key *key)
{
    return key->algorithm == KEY_EC_P256 || key->algorithm == KEY_EC_P384;
}

static bool sign_digest(EVP_PKEY_CTX *operation, const uint8_t *digest, size_t size,
                        uint8_t *result, size_t *result_size)
{
    return EVP_PKEY_sign_init(operation) > 0 &&
           EVP_PKEY_sign(operation, result, result_size, digest, size) > 0;
}

/* Decryption without padding is the bare operation: the same arithmetic serves both uses. */
static bool apply_rsa(EVP_PKEY_CTX *operation, const uint8_t *block, size_t size, uint8_t *result,
                      size_t *result_size)
{
    return EVP_PKEY_decrypt_init(operation) > 0 &&
           EVP_PKEY_CTX_set_rsa_padding(operation, RSA_NO_PADDING) > 0 &&
           EVP_PKEY_decrypt(operation, result, result_size, block, size) > 0;
}

bool key_sign(const struct key *key, const uint8_t *input, size_t size,
              uint8_t result[static KEY_RESULT_MAX], size_t *result_size)
{
    EVP_PKEY_CTX *operation = EVP_PKEY_CTX_new(key->pkey, NULL);
    bool fits = is_ec(key) ? size > 0 : size == (size_t)EVP_PKEY_get_size(key->pkey);
    bool ok = false;

    *result_size = KEY_RESULT_MAX;
    if (operation && fits)
        ok = is_ec(key) ? sign_digest(operation, input, size, result, result_size)
                        : apply_rsa(operation, input, size, result, result_size);
    EVP_PKEY_CTX_free(operation);
    ERR_clear_error();
    return ok;
}

static EVP_PKEY *peer_of(const struct key *key, const uint8_t *point, size_t size)
{
    EVP_PKEY *peer = EVP_PKEY_new();

    if (peer && EVP_PKEY_copy_parameters(peer, key->pkey) > 0 &&
        EVP_PKEY_set1_encoded_public_key(peer, point, size) > 0)
        return peer;
    EVP_PKEY_free(peer);
    return NULL;
}

bool key_agree(const struct key *key, const uint8_t *point, size_t size,
               uint8_t result[static KEY_RESULT_MAX], size_t *result_size)
{
    EVP_PKEY *peer = is_ec(key) ? peer_of(key, point, size) : NULL;
    EVP_PKEY_CTX *operation = peer ? EVP_PKEY_CTX_new(key->pkey, NULL) : NULL;
    bool ok;

    *result_size = KEY_RESULT_MAX;
    ok = operation && EVP_PKEY_derive_init(operation) > 0 &&
         EVP_PKEY_derive_set_peer(operation, peer) > 0 &&
         EVP_PKEY_derive(operation, result, result_size) > 0;
    EVP_PKEY_CTX_free(operation);
    EVP_PKEY_free(peer);
    ERR_clear_error();
    return ok;
}
