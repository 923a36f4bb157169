/* SPDX-License-Identifier: MIT */
/*
 * From the algorithms of RFC 7518 to the mechanisms of PKCS#11: which of them a key in a slot can
 * make, and what to hand to C_SignInit and C_Sign for one of them.
 *
 *     RS256   CKM_RSA_PKCS      over a DigestInfo made here (RFC 8017 §9.2)
 *     PS256   CKM_RSA_PKCS_PSS  over the digest; SHA-256, MGF1 with SHA-256, 32 bytes of salt
 *     ES256   CKM_ECDSA         over the digest; r and s as the module returns them
 *     ES384   CKM_ECDSA
 *
 * Mechanisms that hash on their own (CKM_SHA256_RSA_PKCS) are of no use: the helper is given a
 * digest, so that what the person signs never depends on a vendor's code. Main thread.
 */
#pragma once

#include "ipc/card_message.h"
#include "pkcs11/certificate.h"
#include "pkcs11/module.h"

/* The set of enum card_algorithm that this key can make in this slot. May block in the module. */
unsigned mechanism_algorithms(struct module *m, CK_SLOT_ID slot,
                              const struct certificate_facts *key);

struct mechanism_use {
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss; /* mechanism points to it: do not copy the struct */
    uint8_t input[64];          /* the largest is a DigestInfo, 51 bytes */
    CK_ULONG input_len;
};

/* Fills *use. False when this key makes no such signature, or the digest has not its length. */
bool mechanism_prepare(struct mechanism_use *use, unsigned algorithm,
                       const struct certificate_facts *key, const uint8_t *digest, size_t len);
