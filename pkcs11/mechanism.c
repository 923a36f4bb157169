/* SPDX-License-Identifier: MIT */
/*
 * A slot's mechanism list says what its token can do with some key; the certificate says what kind
 * of key this is. What both allow is offered. The key sizes in CK_MECHANISM_INFO are not consulted:
 * modules give them in bits, in bytes, or as zeros, and C_SignInit will say if a size is refused.
 */
#include "pkcs11/mechanism.h"

#include <string.h>

static const struct {
    unsigned algorithm;
    enum certificate_key key;
    CK_MECHANISM_TYPE mechanism;
} uses[] = {
    {CARD_ES256, CERTIFICATE_KEY_P256, CKM_ECDSA},
    {CARD_ES384, CERTIFICATE_KEY_P384, CKM_ECDSA},
    {CARD_PS256, CERTIFICATE_KEY_RSA, CKM_RSA_PKCS_PSS},
    {CARD_RS256, CERTIFICATE_KEY_RSA, CKM_RSA_PKCS},
};

#define USE_COUNT (sizeof uses / sizeof *uses)

static bool slot_signs_with(struct module *m, CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism)
{
    CK_MECHANISM_INFO info = {0};
    /* A mechanism that the token lacks is no event for the log. */
    return m->functions->C_GetMechanismInfo &&
           m->functions->C_GetMechanismInfo(slot, mechanism, &info) == CKR_OK &&
           (info.flags & CKF_SIGN);
}

unsigned mechanism_algorithms(struct module *m, CK_SLOT_ID slot,
                              const struct certificate_facts *key)
{
    unsigned algorithms = 0;
    for (size_t i = 0; i < USE_COUNT; i++)
        if (uses[i].key == key->key && slot_signs_with(m, slot, uses[i].mechanism))
            algorithms |= uses[i].algorithm;
    return algorithms;
}

/* DER of DigestInfo up to the 32 bytes of a SHA-256 digest (RFC 8017 §9.2, note 1). */
static const uint8_t sha256_digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                             0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                             0x01, 0x05, 0x00, 0x04, 0x20};

static void use_digest(struct mechanism_use *use, const uint8_t *digest, size_t len)
{
    memcpy(use->input + use->input_len, digest, len);
    use->input_len += len;
}

bool mechanism_prepare(struct mechanism_use *use, unsigned algorithm,
                       const struct certificate_facts *key, const uint8_t *digest, size_t len)
{
    *use = (struct mechanism_use){0};
    size_t i = 0;
    while (i < USE_COUNT && (uses[i].algorithm != algorithm || uses[i].key != key->key))
        i++;
    if (i == USE_COUNT || len != card_algorithm_digest_bytes((enum card_algorithm)algorithm))
        return false;
    use->mechanism.mechanism = uses[i].mechanism;
    if (algorithm == CARD_RS256) {
        memcpy(use->input, sha256_digest_info, sizeof sha256_digest_info);
        use->input_len = sizeof sha256_digest_info;
    } else if (algorithm == CARD_PS256) {
        use->pss =
            (CK_RSA_PKCS_PSS_PARAMS){.hashAlg = CKM_SHA256, .mgf = CKG_MGF1_SHA256, .sLen = len};
        use->mechanism.pParameter = &use->pss;
        use->mechanism.ulParameterLen = sizeof use->pss;
    }
    use_digest(use, digest, len);
    return true;
}
