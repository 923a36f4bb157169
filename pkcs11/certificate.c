/* SPDX-License-Identifier: MIT */
/*
 * The key's kind is taken from the certificate, not from CKA_MODULUS or CKA_EC_PARAMS: not every
 * module shows a public key object, some show one of another length, and it is the certificate
 * that the signature will be held against.
 *
 * RSA below 2,048 bits is not offered: RFC 7518 §3.3 and §3.5 forbid it for RS256 and PS256.
 */
#include "pkcs11/certificate.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

static void judge_key(EVP_PKEY *key, struct certificate_facts *facts)
{
    int bits = EVP_PKEY_get_bits(key);
    char curve[32] = "";
    if (EVP_PKEY_is_a(key, "RSA") && bits >= 2048 && bits <= 4096) {
        facts->key = CERTIFICATE_KEY_RSA;
        facts->signature_len = ((size_t)bits + 7) / 8;
    } else if (EVP_PKEY_is_a(key, "EC") &&
               EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1) {
        if (strcmp(curve, "prime256v1") == 0)
            facts->key = CERTIFICATE_KEY_P256, facts->signature_len = 2 * 32;
        else if (strcmp(curve, "secp384r1") == 0)
            facts->key = CERTIFICATE_KEY_P384, facts->signature_len = 2 * 48;
    }
}

bool certificate_inspect(const uint8_t *der, size_t len, struct certificate_facts *facts)
{
    *facts = (struct certificate_facts){.key = CERTIFICATE_KEY_OTHER};
    const uint8_t *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)len);
    if (!certificate || at != der + len) {
        X509_free(certificate);
        return false;
    }
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (key)
        judge_key(key, facts);
    facts->authority = X509_get_extension_flags(certificate) & EXFLAG_CA;
    X509_free(certificate);
    return true;
}

bool certificate_hash(const uint8_t *der, size_t len, uint8_t hash[static 32])
{
    return EVP_Digest(der, len, hash, NULL, EVP_sha256(), NULL) == 1;
}
