/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_key_pair_rig.h"

#include "ipc/auth_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

enum { COSE_BYTES = 77, PROOF_MESSAGE_BYTES = AUTH_DATA_AAGUID_OFFSET + 32 };
static EVP_PKEY *pairs[2];

/* {1: 2, 3: -7, -1: 1, -2: x, -3: y} */
void put_public_key(struct cis_session *session)
{
    static const uint8_t head[] = {0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32};
    static const uint8_t between[] = {0x22, 0x58, 32};
    uint8_t point[65];
    size_t len = 0;
    assert_int_equal(EVP_PKEY_get_octet_string_param(pairs[HER_KEY], OSSL_PKEY_PARAM_PUB_KEY, point,
                                                     sizeof point, &len),
                     1);
    assert_int_equal(len, sizeof point);
    uint8_t *to = session->public_key;
    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, point + 1, 32);
    memcpy(to + sizeof head + 32, between, sizeof between);
    memcpy(to + sizeof head + 32 + sizeof between, point + 33, 32);
    session->public_key_len = COSE_BYTES;
}

void sign_proof(enum signer signer, const char *rp_id, const uint8_t hash[32],
                struct fido_done *done)
{
    uint8_t message[PROOF_MESSAGE_BYTES] = {0}, signature[80];
    size_t len = sizeof signature;
    assert_non_null(SHA256((const uint8_t *)rp_id, strlen(rp_id), message));
    memcpy(message + AUTH_DATA_AAGUID_OFFSET, hash, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pairs[signer]), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, message, sizeof message), 1);
    EVP_MD_CTX_free(context);
    assert_int_equal(bytes_set(&done->auth_data, message, AUTH_DATA_AAGUID_OFFSET), 0);
    assert_int_equal(bytes_set(&done->signature, signature, len), 0);
}

void key_pairs_begin(void)
{
    for (int signer = HER_KEY; signer <= ANOTHERS_KEY; signer++) {
        pairs[signer] = EVP_EC_gen("P-256");
        assert_non_null(pairs[signer]);
    }
}

void key_pairs_end(void)
{
    for (int signer = HER_KEY; signer <= ANOTHERS_KEY; signer++)
        EVP_PKEY_free(pairs[signer]);
}
