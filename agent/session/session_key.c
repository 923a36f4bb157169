/* SPDX-License-Identifier: MIT */
/*
 * What wipes a private scalar? Copying it in and out of a secret for each signature would leave
 * more copies than it removes, because OpenSSL works on numbers of its own. OpenSSL takes a new
 * key's scalar, and each signature's nonce, from its secure heap once there is one: an arena that
 * is locked, guarded, left out of core files, and cleared whenever a piece of it is freed. So the
 * heap is set up before the first key. Sealed memory alone gets the scalar, through numbers of that
 * heap, and gives it back to the same.
 *
 * The public point is written down at once; afterwards it is only text.
 */
#include "agent/session/session_key.h"

#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    COORDINATE_BYTES = 32,
    POINT_BYTES = 1 + 2 * COORDINATE_BYTES, /* uncompressed (SEC 1 §2.3.3) */
    SECURE_HEAP_BYTES =
        65536, /* a key and a signature under way take under 2 KiB; a power of two */
    SECURE_HEAP_PIECE = 32,
    DER_SIGNATURE_MAX = 80, /* ECDSA P-256: at most 72 */
};

struct session_key {
    EVP_PKEY *pair;
    char x[SESSION_KEY_COORDINATE_TEXT + 1];
    char y[SESSION_KEY_COORDINATE_TEXT + 1];
};

static pthread_once_t heap_once = PTHREAD_ONCE_INIT;

static void make_secure_heap(void)
{
    if (!CRYPTO_secure_malloc_initialized() &&
        CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_PIECE) == 2)
        log_warning("memory for session keys cannot be locked: raise RLIMIT_MEMLOCK");
}

static int coordinate_text(const uint8_t *coordinate, char text[SESSION_KEY_COORDINATE_TEXT + 1])
{
    CLEANUP(bytes_deinit) struct bytes encoded = {0};
    base64url_append(&encoded, coordinate, COORDINATE_BYTES);
    if (encoded.failed || encoded.len != SESSION_KEY_COORDINATE_TEXT)
        return -ENOMEM;
    memcpy(text, encoded.data, encoded.len);
    text[encoded.len] = '\0';
    return 0;
}

/* Takes the pair; NULL when there is none. */
static struct session_key *key_of(EVP_PKEY *pair)
{
    CLEANUP(session_key_free) struct session_key *key = calloc(1, sizeof *key);
    uint8_t point[POINT_BYTES];
    size_t len = 0;
    if (!key) {
        EVP_PKEY_free(pair);
        return NULL;
    }
    key->pair = pair;
    if (!pair ||
        EVP_PKEY_get_octet_string_param(pair, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) !=
            1 ||
        len != POINT_BYTES || point[0] != POINT_CONVERSION_UNCOMPRESSED ||
        coordinate_text(point + 1, key->x) < 0 ||
        coordinate_text(point + 1 + COORDINATE_BYTES, key->y) < 0)
        return NULL;
    return STEAL(key);
}

struct session_key *session_key_new(void)
{
    pthread_once(&heap_once, make_secure_heap);
    struct session_key *key = key_of(EVP_EC_gen("P-256"));
    if (!key) {
        ERR_clear_error();
        log_fault(ENOMEM, "session key");
    }
    return key;
}

void session_key_free(struct session_key **key)
{
    if (*key)
        EVP_PKEY_free((*key)->pair);
    free(*key);
    *key = NULL;
}

const char *session_key_x(const struct session_key *key)
{
    return key->x;
}

const char *session_key_y(const struct session_key *key)
{
    return key->y;
}

static bool sign_der(EVP_PKEY *pair, const void *data, size_t len, uint8_t *der, size_t *der_len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pair) == 1 &&
                EVP_DigestSign(context, der, der_len, data, len) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

int session_key_sign(const struct session_key *key, const void *data, size_t len,
                     uint8_t signature[SESSION_KEY_SIGNATURE_BYTES])
{
    uint8_t der[DER_SIGNATURE_MAX];
    size_t der_len = sizeof der;
    ECDSA_SIG *pair = NULL;
    if (sign_der(key->pair, data, len, der, &der_len)) {
        const uint8_t *at = der;
        pair = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
    }
    bool done =
        pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, COORDINATE_BYTES) > 0 &&
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + COORDINATE_BYTES, COORDINATE_BYTES) > 0;
    ECDSA_SIG_free(pair);
    ERR_clear_error();
    return done ? 0 : log_fault(ENOMEM, "session key: sign");
}

/* ---- to and from sealed memory ---- */

static void free_number(BIGNUM **number)
{
    BN_clear_free(*number);
}

static void free_group(EC_GROUP **group)
{
    EC_GROUP_free(*group);
}

static void free_point(EC_POINT **point)
{
    EC_POINT_free(*point);
}

static void free_builder(OSSL_PARAM_BLD **builder)
{
    OSSL_PARAM_BLD_free(*builder);
}

int session_key_export(const struct session_key *key, struct secret *out)
{
    size_t len = secret_len(out);
    if (secret_capacity(out) - len < SESSION_KEY_SCALAR_BYTES)
        return log_fault(ENOSPC, "session key: export");
    CLEANUP(free_number) BIGNUM *scalar = BN_secure_new();
    if (!scalar || EVP_PKEY_get_bn_param(key->pair, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1 ||
        BN_bn2binpad(scalar, secret_bytes(out) + len, SESSION_KEY_SCALAR_BYTES) < 0) {
        ERR_clear_error();
        return log_fault(ENOMEM, "session key: export");
    }
    secret_set_len(out, len + SESSION_KEY_SCALAR_BYTES);
    return 0;
}

/* The public point of that scalar, if it is one of this curve's (SEC 1 §3.2.1). */
static bool point_of(const BIGNUM *scalar, uint8_t out[POINT_BYTES])
{
    CLEANUP(free_group) EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    CLEANUP(free_point) EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    return point && !BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
           EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) == 1 &&
           EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, POINT_BYTES,
                              NULL) == POINT_BYTES;
}

static EVP_PKEY *pair_of(const BIGNUM *scalar, const uint8_t point[POINT_BYTES])
{
    CLEANUP(free_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_BYTES) !=
            1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar) != 1)
        return NULL;
    EVP_PKEY *pair = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (params && context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &pair, EVP_PKEY_KEYPAIR, params) != 1)
        pair = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params); /* wipes what came from the secure heap */
    return pair;
}

struct session_key *session_key_import(const uint8_t scalar[SESSION_KEY_SCALAR_BYTES])
{
    pthread_once(&heap_once, make_secure_heap);
    CLEANUP(free_number) BIGNUM *number = BN_secure_new();
    uint8_t point[POINT_BYTES];
    struct session_key *key = NULL;
    if (number && BN_bin2bn(scalar, SESSION_KEY_SCALAR_BYTES, number) && point_of(number, point))
        key = key_of(pair_of(number, point));
    if (!key) {
        ERR_clear_error();
        log_fault(EINVAL, "session key: import");
    }
    return key;
}
