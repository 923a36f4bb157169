/* SPDX-License-Identifier: MIT */
/*
 * Labels 1 to 3 and -1 to -3 are all that these keys have. What label -1 and below mean depends on
 * the kind of key, so the map is read whole before anything is made of it; that a point is on its
 * curve is OpenSSL's to find out.
 */
#include "agent/webauthn/public_key.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/cbor.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

enum {
    KTY_OKP = 1,
    KTY_EC2 = 2,
    KTY_RSA = 3,
    CRV_P256 = 1,
    CRV_P384 = 2,
    CRV_ED25519 = 6,
    LABEL_KTY = 1,
    LABEL_ALG = 3,
    PARAMETERS = 3,      /* labels -1, -2 and -3 */
    COORDINATE_MAX = 48, /* of P-384 */
    MODULUS_BYTES_MAX = 1024,
    EXPONENT_BYTES_MAX = 8,
    ENTRIES_MAX = 16,
};

struct parameter {
    bool is_number;
    int64_t number;
    const uint8_t *data; /* NULL: it is not there, or a number */
    size_t len;
};

struct cose_key {
    int64_t kty, alg;
    struct parameter at[PARAMETERS]; /* label -1 first */
};

/* ---- reading ---- */

static void read_parameter(struct reader *r, struct parameter *out)
{
    struct reader ahead = *r;
    enum cbor_major major;
    cbor_read_head(&ahead, &major);
    if (out->is_number || out->data) /* for the second time */
        r->failed = true;
    if (major == CBOR_BYTES) {
        out->data = cbor_read_bytes(r, &out->len);
    } else {
        out->is_number = true;
        out->number = cbor_read_int(r);
    }
}

static bool read_key(const uint8_t *cose, size_t len, struct cose_key *out)
{
    struct reader r = READER(cose, len);
    enum cbor_major major;
    uint64_t count = cbor_read_head(&r, &major);
    if (major != CBOR_MAP || count > ENTRIES_MAX)
        r.failed = true;
    for (uint64_t i = 0; i < count && !r.failed; i++) {
        int64_t label = cbor_read_int(&r);
        if (label == LABEL_KTY && out->kty == 0)
            out->kty = cbor_read_int(&r);
        else if (label == LABEL_ALG && out->alg == 0)
            out->alg = cbor_read_int(&r);
        else if (label < 0 && label >= -PARAMETERS)
            read_parameter(&r, &out->at[-1 - label]);
        else if (label == LABEL_KTY || label == LABEL_ALG)
            r.failed = true;
        else
            cbor_skip(&r);
    }
    return reader_done(&r) && out->kty != 0 && out->alg != 0 && out->alg >= INT32_MIN &&
           out->alg <= INT32_MAX;
}

/* ---- into OpenSSL ---- */

static void free_pkey(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

/* Takes build. NULL: no key, or no memory. */
static EVP_PKEY *pkey_of(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static EVP_PKEY *ec_key(const struct cose_key *key, int64_t curve, const char *group,
                        size_t coordinate)
{
    const struct parameter *x = &key->at[1], *y = &key->at[2];
    uint8_t point[1 + 2 * COORDINATE_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
    if (key->kty != KTY_EC2 || !key->at[0].is_number || key->at[0].number != curve || !x->data ||
        !y->data || x->len != coordinate || y->len != coordinate)
        return NULL;
    memcpy(point + 1, x->data, coordinate);
    memcpy(point + 1 + coordinate, y->data, coordinate);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         1 + 2 * coordinate) == 1)
        return pkey_of("EC", build);
    OSSL_PARAM_BLD_free(build);
    return NULL;
}

static EVP_PKEY *ed25519_key(const struct cose_key *key)
{
    const struct parameter *x = &key->at[1];
    if (key->kty != KTY_OKP || !key->at[0].is_number || key->at[0].number != CRV_ED25519 ||
        !x->data)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x->data, x->len);
}

static EVP_PKEY *rsa_key(const struct cose_key *key)
{
    const struct parameter *n = &key->at[0], *e = &key->at[1];
    if (key->kty != KTY_RSA || !n->data || !e->data || n->len == 0 || e->len == 0 ||
        n->len > MODULUS_BYTES_MAX || e->len > EXPONENT_BYTES_MAX)
        return NULL;
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn(n->data, (int)n->len, NULL);
    BIGNUM *exponent = BN_bin2bn(e->data, (int)e->len, NULL);
    if (build && modulus && exponent &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        pkey = pkey_of("RSA", STEAL(build));
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return pkey;
}

/* NULL: none of its algorithm, or of one that is not known here. */
static EVP_PKEY *key_of(const struct cose_key *key)
{
    switch (key->alg) {
    case COSE_ES256:
        return ec_key(key, CRV_P256, "P-256", 32);
    case COSE_ES384:
        return ec_key(key, CRV_P384, "P-384", 48);
    case COSE_EDDSA:
        return ed25519_key(key);
    case COSE_RS256:
        return rsa_key(key);
    default:
        return NULL;
    }
}

static int write_spki(EVP_PKEY *pkey, struct bytes *spki)
{
    unsigned char *der = NULL;
    size_t len = 0;
    OSSL_ENCODER_CTX *context = OSSL_ENCODER_CTX_new_for_pkey(pkey, EVP_PKEY_PUBLIC_KEY, "DER",
                                                              "SubjectPublicKeyInfo", NULL);
    int r = context && OSSL_ENCODER_to_data(context, &der, &len) == 1 ? bytes_set(spki, der, len)
                                                                      : -ENOMEM;
    OPENSSL_free(der);
    OSSL_ENCODER_CTX_free(context);
    return r < 0 ? log_fault(ENOMEM, "public key of a credential") : 0;
}

int public_key_parse(const uint8_t *cose, size_t len, int32_t *algorithm, struct bytes *spki)
{
    struct cose_key key = {0};
    bytes_reset(spki);
    if (!read_key(cose, len, &key))
        return -EPROTO;
    *algorithm = (int32_t)key.alg;
    if (key.alg != COSE_ES256 && key.alg != COSE_ES384 && key.alg != COSE_EDDSA &&
        key.alg != COSE_RS256)
        return 0;
    CLEANUP(free_pkey) EVP_PKEY *pkey = key_of(&key);
    int r = pkey ? write_spki(pkey, spki) : -EPROTO;
    ERR_clear_error();
    return r;
}

/* NULL: the algorithm hashes for itself. */
static const EVP_MD *hash_of(int64_t algorithm)
{
    if (algorithm == COSE_EDDSA)
        return NULL;
    return algorithm == COSE_ES384 ? EVP_sha384() : EVP_sha256();
}

bool public_key_has_signed(const uint8_t *cose, size_t len, const struct bytes *message,
                           const struct bytes *signature)
{
    struct cose_key key = {0};
    CLEANUP(free_pkey) EVP_PKEY *pkey = read_key(cose, len, &key) ? key_of(&key) : NULL;
    EVP_MD_CTX *context = pkey ? EVP_MD_CTX_new() : NULL;
    bool signed_by_it =
        context && EVP_DigestVerifyInit(context, NULL, hash_of(key.alg), NULL, pkey) == 1 &&
        EVP_DigestVerify(context, signature->data, signature->len, message->data, message->len) ==
            1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return signed_by_it;
}
