/* SPDX-License-Identifier: MIT */
/*
 * Whether a signature is a certificate's key's. A card signs with EC as r and s of fixed length;
 * OpenSSL verifies ASN.1, so that is made first. The key and the algorithm decide what is expected,
 * never the signature.
 */
#include "agent/certificate_inside.h"

#include "ipc/base/cleanup.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

RELEASE(der_release, unsigned char, OPENSSL_free)
RELEASE(pair_release, ECDSA_SIG, ECDSA_SIG_free)
RELEASE(pkey_context_release, EVP_PKEY_CTX, EVP_PKEY_CTX_free)

/* r and s as the ASN.1 that OpenSSL verifies (RFC 3279 §2.2.3). The length, 0 on failure. */
static size_t ec_signature_der(const uint8_t *signature, size_t len, unsigned char **der)
{
    CLEANUP(pair_release) ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, (int)(len / 2), NULL);
    BIGNUM *s = BN_bin2bn(signature + len / 2, (int)(len / 2), NULL);
    if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return 0;
    }
    int der_len = i2d_ECDSA_SIG(pair, der);
    return der_len > 0 ? (size_t)der_len : 0;
}

static bool verify(EVP_PKEY *key, const EVP_MD *hash, bool pss, const uint8_t *digest,
                   size_t digest_len, const uint8_t *signature, size_t signature_len)
{
    CLEANUP(pkey_context_release) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    if (!context || EVP_PKEY_verify_init(context) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context, hash) != 1)
        return false;
    if (pss && (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) != 1 ||
                EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) != 1 ||
                EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) != 1))
        return false;
    return EVP_PKEY_verify(context, signature, signature_len, digest, digest_len) == 1;
}

bool certificate_verify(const struct certificate *certificate, enum card_algorithm algorithm,
                        const uint8_t *digest, size_t digest_len, const uint8_t *signature,
                        size_t signature_len)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate->x509);
    if (!key || !(certificate->algorithms & algorithm) || !card_algorithm_name(algorithm) ||
        digest_len != card_algorithm_digest_bytes(algorithm) || signature_len == 0)
        return false;

    bool ec = algorithm == CARD_ES256 || algorithm == CARD_ES384;
    CLEANUP(der_release) unsigned char *der = NULL;
    if (ec) {
        if (signature_len != 2 * digest_len) /* P-256 and P-384: as long as their hash */
            return false;
        signature_len = ec_signature_der(signature, signature_len, &der);
        signature = der;
        if (signature_len == 0)
            return false;
    }
    const EVP_MD *hash = algorithm == CARD_ES384 ? EVP_sha384() : EVP_sha256();
    bool good =
        verify(key, hash, algorithm == CARD_PS256, digest, digest_len, signature, signature_len);
    ERR_clear_error();
    return good;
}
