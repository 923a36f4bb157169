/* SPDX-License-Identifier: MIT */
/* The only file of the virtual key that knows OpenSSL. */
#include "crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#define RSA_BITS 2048
#define RSA_EXPONENT_MAX 8

struct private_key {
    EVP_PKEY *pkey;
};

/* --- keys ------------------------------------------------------------------------------------ */

static struct private_key *wrap(EVP_PKEY *pkey)
{
    struct private_key *key = pkey ? calloc(1, sizeof *key) : NULL;

    ERR_clear_error();
    if (!key) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    key->pkey = pkey;
    if (private_key_algorithm(key) != 0)
        return key;
    private_key_free(key);
    return NULL;
}

struct private_key *private_key_new(int algorithm)
{
    switch (algorithm) {
    case ALGORITHM_ES256:
        return wrap(EVP_EC_gen("P-256"));
    case ALGORITHM_EDDSA:
        return wrap(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    case ALGORITHM_RS256:
        return wrap(EVP_RSA_gen(RSA_BITS));
    default:
        return NULL;
    }
}

struct private_key *private_key_parse(const uint8_t *der, size_t size)
{
    const uint8_t *at = der;

    return wrap(d2i_AutoPrivateKey(NULL, &at, (long)size));
}

struct private_key *private_key_load(const char *path)
{
    BIO *file = BIO_new_file(path, "r");
    EVP_PKEY *pkey = file ? PEM_read_bio_PrivateKey(file, NULL, NULL, NULL) : NULL;

    BIO_free(file);
    return wrap(pkey);
}

void private_key_free(struct private_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

int private_key_algorithm(const struct private_key *key)
{
    if (EVP_PKEY_is_a(key->pkey, "EC"))
        return EVP_PKEY_get_bits(key->pkey) == 256 ? ALGORITHM_ES256 : 0;
    if (EVP_PKEY_is_a(key->pkey, "ED25519"))
        return ALGORITHM_EDDSA;
    return EVP_PKEY_is_a(key->pkey, "RSA") ? ALGORITHM_RS256 : 0;
}

bool private_key_pkcs8(const struct private_key *key, uint8_t der[static PKCS8_MAX], size_t *size)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
    int length = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
    uint8_t *at = der;
    bool ok = length > 0 && length <= PKCS8_MAX && i2d_PKCS8_PRIV_KEY_INFO(info, &at) == length;

    *size = ok ? (size_t)length : 0;
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    return ok;
}

bool private_key_point(const struct private_key *key, uint8_t point[static POINT_SIZE])
{
    size_t size = 0;
    bool ok = EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_SIZE,
                                              &size) > 0;

    ERR_clear_error();
    return ok && size == POINT_SIZE && point[0] == 4;
}

bool private_key_sign(const struct private_key *key, const uint8_t *message, size_t size,
                      uint8_t signature[static SIGNATURE_MAX], size_t *signature_size)
{
    const char *digest = private_key_algorithm(key) == ALGORITHM_EDDSA ? NULL : "SHA256";
    EVP_MD_CTX *operation = EVP_MD_CTX_new();
    bool ok;

    *signature_size = SIGNATURE_MAX;
    ok = operation &&
         EVP_DigestSignInit_ex(operation, NULL, digest, NULL, NULL, key->pkey, NULL) > 0 &&
         EVP_DigestSign(operation, signature, signature_size, message, size) > 0;
    EVP_MD_CTX_free(operation);
    ERR_clear_error();
    return ok;
}

static void put_rsa(const EVP_PKEY *pkey, struct cbor_writer *writer)
{
    uint8_t n[RSA_BITS / 4], e[RSA_EXPONENT_MAX];
    BIGNUM *modulus = NULL, *exponent = NULL;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &modulus) > 0 &&
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) > 0 &&
        BN_num_bytes(modulus) <= (int)sizeof n && BN_num_bytes(exponent) <= (int)sizeof e) {
        cbor_put_map(writer, 4);
        cbor_put_integer(writer, 1); /* kty: RSA */
        cbor_put_integer(writer, 3);
        cbor_put_integer(writer, 3); /* alg */
        cbor_put_integer(writer, ALGORITHM_RS256);
        cbor_put_integer(writer, -1);
        cbor_put_bytes(writer, n, (size_t)BN_bn2bin(modulus, n));
        cbor_put_integer(writer, -2);
        cbor_put_bytes(writer, e, (size_t)BN_bn2bin(exponent, e));
    } else {
        writer->overflow = true;
    }
    BN_free(modulus);
    BN_free(exponent);
}

static void put_ed25519(const EVP_PKEY *pkey, struct cbor_writer *writer)
{
    uint8_t x[32];
    size_t size = sizeof x;

    if (EVP_PKEY_get_raw_public_key(pkey, x, &size) <= 0)
        writer->overflow = true;
    cbor_put_map(writer, 4);
    cbor_put_integer(writer, 1); /* kty: OKP */
    cbor_put_integer(writer, 1);
    cbor_put_integer(writer, 3); /* alg */
    cbor_put_integer(writer, ALGORITHM_EDDSA);
    cbor_put_integer(writer, -1); /* crv: Ed25519 */
    cbor_put_integer(writer, 6);
    cbor_put_integer(writer, -2);
    cbor_put_bytes(writer, x, sizeof x);
}

static void put_p256(const struct private_key *key, int algorithm, struct cbor_writer *writer)
{
    uint8_t point[POINT_SIZE];

    if (!private_key_point(key, point))
        writer->overflow = true;
    cbor_put_map(writer, 5);
    cbor_put_integer(writer, 1); /* kty: EC2 */
    cbor_put_integer(writer, 2);
    cbor_put_integer(writer, 3); /* alg */
    cbor_put_integer(writer, algorithm);
    cbor_put_integer(writer, -1); /* crv: P-256 */
    cbor_put_integer(writer, 1);
    cbor_put_integer(writer, -2);
    cbor_put_bytes(writer, point + 1, 32);
    cbor_put_integer(writer, -3);
    cbor_put_bytes(writer, point + 33, 32);
}

void private_key_put_cose(const struct private_key *key, int algorithm, struct cbor_writer *writer)
{
    switch (private_key_algorithm(key)) {
    case ALGORITHM_RS256:
        put_rsa(key->pkey, writer);
        break;
    case ALGORITHM_EDDSA:
        put_ed25519(key->pkey, writer);
        break;
    default:
        put_p256(key, algorithm, writer);
    }
    ERR_clear_error();
}

static EVP_PKEY *peer_of(const EVP_PKEY *own, const uint8_t x[static 32],
                         const uint8_t y[static 32])
{
    EVP_PKEY *peer = EVP_PKEY_new();
    uint8_t point[POINT_SIZE] = {4};

    memcpy(point + 1, x, 32);
    memcpy(point + 33, y, 32);
    if (peer && EVP_PKEY_copy_parameters(peer, own) > 0 &&
        EVP_PKEY_set1_encoded_public_key(peer, point, sizeof point) > 0)
        return peer;
    EVP_PKEY_free(peer);
    return NULL;
}

bool private_key_agree(const struct private_key *key, const uint8_t x[static 32],
                       const uint8_t y[static 32], uint8_t shared[static 32])
{
    EVP_PKEY *peer = peer_of(key->pkey, x, y);
    EVP_PKEY_CTX *operation = peer ? EVP_PKEY_CTX_new(key->pkey, NULL) : NULL;
    size_t size = 32;
    bool ok = operation && EVP_PKEY_derive_init(operation) > 0 &&
              EVP_PKEY_derive_set_peer(operation, peer) > 0 &&
              EVP_PKEY_derive(operation, shared, &size) > 0 && size == 32;

    EVP_PKEY_CTX_free(operation);
    EVP_PKEY_free(peer);
    ERR_clear_error();
    return ok;
}

uint8_t *certificate_load(const char *path, size_t *size)
{
    BIO *file = BIO_new_file(path, "r");
    X509 *certificate = file ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    int length = certificate ? i2d_X509(certificate, NULL) : -1;
    uint8_t *der = length > 0 ? malloc((size_t)length) : NULL;
    uint8_t *at = der;

    if (der)
        *size = (size_t)i2d_X509(certificate, &at);
    X509_free(certificate);
    BIO_free(file);
    ERR_clear_error();
    return der;
}

/* --- hashes and ciphers ---------------------------------------------------------------------- */

/* Those that follow fail only where memory does. */
static void must(bool ok)
{
    if (ok)
        return;
    fputs("lanyard-virtual-key: OpenSSL failed\n", stderr);
    abort();
}

void random_bytes(void *bytes, size_t size)
{
    must(RAND_bytes(bytes, (int)size) > 0);
}

void sha256(const void *bytes, size_t size, uint8_t hash[static HASH_SIZE])
{
    must(EVP_Digest(bytes, size, hash, NULL, EVP_sha256(), NULL) > 0);
}

void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                 uint8_t mac[static HASH_SIZE])
{
    must(HMAC(EVP_sha256(), key, (int)key_size, bytes, size, mac, NULL));
}

void hkdf_sha256(const uint8_t secret[static 32], const char *info, uint8_t out[static 32])
{
    static const uint8_t salt[32];
    uint8_t extracted[HASH_SIZE], block[64];
    size_t size = strlen(info);

    must(size < sizeof block);
    hmac_sha256(salt, sizeof salt, secret, 32, extracted);
    memcpy(block, info, size);
    block[size] = 1;
    hmac_sha256(extracted, sizeof extracted, block, size + 1, out);
}

void aes_cbc(bool encrypt, const uint8_t key[static 32], const uint8_t iv[static AES_BLOCK],
             const uint8_t *in, size_t size, uint8_t *out)
{
    EVP_CIPHER_CTX *operation = EVP_CIPHER_CTX_new();
    int used = 0;

    must(operation && EVP_CipherInit_ex(operation, EVP_aes_256_cbc(), NULL, key, iv, encrypt) > 0 &&
         EVP_CIPHER_CTX_set_padding(operation, 0) > 0 &&
         EVP_CipherUpdate(operation, out, &used, in, (int)size) > 0 && (size_t)used == size);
    EVP_CIPHER_CTX_free(operation);
}

/* --- base64url ------------------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url(const uint8_t *bytes, size_t size, char *text, size_t room)
{
    size_t used = 0;
    uint32_t bits = 0;
    unsigned count = 0;

    must(room > (size * 4 + 2) / 3);
    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 6; count -= 6)
            text[used++] = alphabet[bits >> (count - 6) & 63];
    }
    if (count > 0)
        text[used++] = alphabet[bits << (6 - count) & 63];
    text[used] = '\0';
}

static int digit(char c)
{
    const char *found = c ? strchr(alphabet, c == '+' ? '-' : c == '/' ? '_' : c) : NULL;

    return found ? (int)(found - alphabet) : -1;
}

int base64url_decode(const char *text, uint8_t *bytes, size_t room)
{
    size_t used = 0, length = strcspn(text, "=");
    uint32_t bits = 0;
    unsigned count = 0;

    if (strspn(text + length, "=") != strlen(text + length) || length % 4 == 1)
        return -1;
    for (size_t i = 0; i < length; i++) {
        int value = digit(text[i]);

        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        if (used == room)
            return -1;
        bytes[used++] = (uint8_t)(bits >> count);
    }
    return (int)used;
}
