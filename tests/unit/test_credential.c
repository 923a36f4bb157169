/* SPDX-License-Identifier: MIT */
/*
 * What is read of a key's own CBOR: public keys, whole ones and all that can be wrong with them;
 * and the attestation object that is written.
 */
#include "agent/webauthn/attestation_object.h"
#include "agent/webauthn/public_key.h"
#include "ipc/auth_data.h"
#include "ipc/base/cleanup.h"
#include "ipc/cbor.h"
#include "test_auth_data_rig.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- public keys ---- */

static void add_int(struct bytes *out, int64_t value)
{
    if (value >= 0)
        cbor_write_head(out, CBOR_UNSIGNED, (uint64_t)value);
    else
        cbor_write_head(out, CBOR_NEGATIVE, (uint64_t)(-1 - value));
}

static void add_pair(struct bytes *out, int64_t label, int64_t value)
{
    add_int(out, label);
    add_int(out, value);
}

static void add_data(struct bytes *out, int64_t label, const void *data, size_t len)
{
    add_int(out, label);
    cbor_write_bytes(out, data, len);
}

/* What OpenSSL itself writes for that key. */
static void assert_spki(EVP_PKEY *pkey, const struct bytes *spki)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    assert_true(len > 0);
    assert_int_equal(spki->len, len);
    assert_memory_equal(spki->data, der, spki->len);
    OPENSSL_free(der);
}

/* That its signatures are known for its own, and nothing else is. */
static void assert_signatures(EVP_PKEY *pkey, const struct bytes *cose, const EVP_MD *hash)
{
    uint8_t space[512], text[] = "what was asked";
    struct bytes message = {.data = text, .len = sizeof text}, signature = {.data = space};
    size_t len = sizeof space;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, hash, NULL, pkey), 1);
    assert_int_equal(EVP_DigestSign(context, space, &len, message.data, message.len), 1);
    EVP_MD_CTX_free(context);
    signature.len = len;
    assert_true(public_key_has_signed(cose->data, cose->len, &message, &signature));
    text[0] ^= 1;
    assert_false(public_key_has_signed(cose->data, cose->len, &message, &signature));
    text[0] ^= 1;
    assert_false(public_key_has_signed(cose->data, cose->len - 1, &message, &signature));
    assert_false(public_key_has_signed(NULL, 0, &message, &signature));
    signature.len = len - 1;
    assert_false(public_key_has_signed(cose->data, cose->len, &message, &signature));
    signature.len = 0;
    assert_false(public_key_has_signed(cose->data, cose->len, &message, &signature));
    signature.len = len;
    space[len - 1] ^= 1;
    assert_false(public_key_has_signed(cose->data, cose->len, &message, &signature));
    memset(space, 0, sizeof space);
    assert_false(public_key_has_signed(cose->data, cose->len, &message, &signature));
}

static void cose_ec(struct bytes *out, const char *group, int64_t alg, int64_t crv, size_t size,
                    EVP_PKEY **pkey)
{
    uint8_t point[200];
    size_t len = 0;
    *pkey = EVP_EC_gen(group);
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(*pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len),
        1);
    cbor_write_head(out, CBOR_MAP, 5);
    add_pair(out, 1, 2);
    add_pair(out, 3, alg);
    add_pair(out, -1, crv);
    add_data(out, -2, point + 1, size);
    add_data(out, -3, point + 1 + size, size);
}

static void each_kind_of_key_becomes_an_spki(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes cose = {0}, spki = {0};
    int32_t alg = 0;
    EVP_PKEY *pkey;
    cose_ec(&cose, "P-256", COSE_ES256, 1, 32, &pkey);
    assert_int_equal(public_key_parse(cose.data, cose.len, &alg, &spki), 0);
    assert_int_equal(alg, COSE_ES256);
    assert_spki(pkey, &spki);
    assert_signatures(pkey, &cose, EVP_sha256());
    EVP_PKEY_free(pkey);

    bytes_reset(&cose);
    cose_ec(&cose, "P-384", COSE_ES384, 2, 48, &pkey);
    assert_int_equal(public_key_parse(cose.data, cose.len, &alg, &spki), 0);
    assert_spki(pkey, &spki);
    assert_signatures(pkey, &cose, EVP_sha384());
    EVP_PKEY_free(pkey);

    uint8_t raw[512];
    size_t len = sizeof raw;
    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, raw, &len), 1);
    bytes_reset(&cose);
    cbor_write_head(&cose, CBOR_MAP, 4);
    add_pair(&cose, 1, 1);
    add_pair(&cose, 3, COSE_EDDSA);
    add_pair(&cose, -1, 6);
    add_data(&cose, -2, raw, len);
    assert_int_equal(public_key_parse(cose.data, cose.len, &alg, &spki), 0);
    assert_spki(pkey, &spki);
    assert_signatures(pkey, &cose, NULL);
    EVP_PKEY_free(pkey);

    pkey = EVP_RSA_gen(2048);
    BIGNUM *n = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n), 1);
    len = (size_t)BN_bn2bin(n, raw);
    BN_free(n);
    bytes_reset(&cose);
    cbor_write_head(&cose, CBOR_MAP, 4);
    add_pair(&cose, 1, 3);
    add_pair(&cose, 3, COSE_RS256);
    add_data(&cose, -1, raw, len);
    add_data(&cose, -2, "\x01\x00\x01", 3);
    assert_int_equal(public_key_parse(cose.data, cose.len, &alg, &spki), 0);
    assert_spki(pkey, &spki);
    assert_signatures(pkey, &cose, EVP_sha256());
    EVP_PKEY_free(pkey);
}

static void a_key_of_another_kind_has_no_spki(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes cose = {0}, spki = {0};
    int32_t alg = 0;
    cbor_write_head(&cose, CBOR_MAP, 2);
    add_pair(&cose, 1, 7);
    add_pair(&cose, 3, -47);
    assert_int_equal(public_key_parse(cose.data, cose.len, &alg, &spki), 0);
    assert_int_equal(alg, -47);
    assert_int_equal(spki.len, 0);
    assert_false(public_key_has_signed(cose.data, cose.len, &spki, &spki));
}

static void assert_no_key(const struct bytes *cose)
{
    CLEANUP(bytes_deinit) struct bytes spki = {0};
    int32_t alg = 0;
    assert_int_equal(public_key_parse(cose->data, cose->len, &alg, &spki), -EPROTO);
    assert_int_equal(spki.len, 0);
}

static void a_key_that_lies_is_none(void **state)
{
    (void)state;
    static const uint8_t coordinate[48] = {1};
    static const uint8_t modulus[1025] = {1};
    CLEANUP(bytes_deinit) struct bytes cose = {0};
    EVP_PKEY *pkey;
    cose_ec(&cose, "P-256", COSE_ES256, 1, 32, &pkey);
    EVP_PKEY_free(pkey);
    const struct bytes whole = cose;
    for (size_t len = 0; len < whole.len; len++)
        assert_no_key(&(struct bytes){.data = whole.data, .len = len});
    bytes_append(&cose, "", 1);
    assert_no_key(&cose);

    static const struct {
        int64_t kty, alg, crv;
        size_t x, y;
    } wrong[] = {
        {2, COSE_ES256, 1, 32, 32}, /* not on the curve */
        {2, COSE_ES256, 2, 48, 48},      {2, COSE_ES256, 1, 31, 32}, {2, COSE_ES256, 1, 32, 0},
        {1, COSE_ES256, 1, 32, 32},      {2, COSE_ES384, 1, 32, 32}, {2, COSE_EDDSA, 6, 32, 32},
        {1, COSE_EDDSA, 6, 31, 0},       {1, COSE_EDDSA, 1, 32, 0},  {3, COSE_RS256, 1, 32, 32},
        {2, INT32_MIN - 1LL, 1, 32, 32}, {0, COSE_ES256, 1, 32, 32},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bytes_reset(&cose);
        cbor_write_head(&cose, CBOR_MAP, 5);
        add_pair(&cose, 1, wrong[i].kty);
        add_pair(&cose, 3, wrong[i].alg);
        add_pair(&cose, -1, wrong[i].crv);
        add_data(&cose, -2, coordinate, wrong[i].x);
        add_data(&cose, -3, coordinate, wrong[i].y);
        assert_no_key(&cose);
    }
    bytes_reset(&cose);
    cbor_write_head(&cose, CBOR_MAP, 4);
    add_pair(&cose, 1, 3);
    add_pair(&cose, 3, COSE_RS256);
    add_data(&cose, -1, modulus, sizeof modulus);
    add_data(&cose, -2, "\x01\x00\x01", 3);
    assert_no_key(&cose);
    bytes_reset(&cose);
    cbor_write_head(&cose, CBOR_MAP, 3);
    add_pair(&cose, 1, 2);
    add_pair(&cose, 1, 2); /* twice */
    add_pair(&cose, 3, -47);
    assert_no_key(&cose);
    bytes_reset(&cose);
    cbor_write_head(&cose, CBOR_MAP, 4);
    add_pair(&cose, 1, 2);
    add_pair(&cose, 3, -47);
    add_pair(&cose, -1, 1);
    add_pair(&cose, -1, 1);
    assert_no_key(&cose);
    bytes_reset(&cose);
    cbor_write_head(&cose, CBOR_MAP, 17);
    for (int i = 1; i <= 17; i++)
        add_pair(&cose, i, 2);
    assert_no_key(&cose);
}

/* ---- the attestation object ---- */

static struct bytes borrowed(const char *data, size_t len)
{
    return (struct bytes){.data = (uint8_t *)(uintptr_t)data, .len = len};
}

static void an_attestation_object_has_three_members(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes out = {0};
    const struct bytes statement = borrowed("\xa1\x61"
                                            "x\x01",
                                            4),
                       data = borrowed("abc", 3);
    assert_int_equal(attestation_object_write("packed", &statement, &data, &out), 0);
    static const char wanted[] = "\xa3\x63"
                                 "fmt\x66"
                                 "packed\x67"
                                 "attStmt\xa1\x61"
                                 "x\x01\x68"
                                 "authData\x43"
                                 "abc";
    assert_int_equal(out.len, sizeof wanted - 1);
    assert_memory_equal(out.data, wanted, out.len);
    static const struct {
        const char *bytes;
        size_t len;
    } wrong[] = {{"", 0}, {"\x80", 1}, {"\xa0\xa0", 2}, {"\xa1\x01", 2}, {"\xa0\x00", 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct bytes bad = borrowed(wrong[i].bytes, wrong[i].len);
        assert_int_equal(attestation_object_write("packed", &bad, &data, &out), -EPROTO);
    }
}

static void none_says_nothing_of_the_kind_of_key(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes out = {0}, data = {0};
    struct auth_data parsed;
    auth_data_begin(&data, AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
    auth_data_add_credential(&data, 4);
    bytes_append(&data, "\xa0", 1);
    assert_int_equal(attestation_object_write_none(&data, &out), 0);
    static const uint8_t zeros[AUTH_DATA_AAGUID_BYTES];
    assert_memory_equal(data.data + AUTH_DATA_AAGUID_OFFSET, zeros, sizeof zeros);
    assert_int_equal(auth_data_parse(data.data, data.len, &parsed), 0);
    assert_int_equal(parsed.credential_id[0], 7);
    static const char head[] = "\xa3\x63"
                               "fmt\x64"
                               "none\x67"
                               "attStmt\xa0\x68"
                               "authData\x58\x3c";
    assert_memory_equal(out.data, head, sizeof head - 1);
    assert_memory_equal(out.data + sizeof head - 1, data.data, data.len);
    assert_int_equal(out.len, sizeof head - 1 + data.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_key_becomes_an_spki),
        cmocka_unit_test(a_key_of_another_kind_has_no_spki),
        cmocka_unit_test(a_key_that_lies_is_none),
        cmocka_unit_test(an_attestation_object_has_three_members),
        cmocka_unit_test(none_says_nothing_of_the_kind_of_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
