/* SPDX-License-Identifier: MIT */
/*
 * What is read of a key's own CBOR: authenticator data and public keys, whole ones and all that can
 * be wrong with them, and the attestation object that is written.
 */
#include "agent/webauthn/attestation_object.h"
#include "agent/webauthn/auth_data.h"
#include "agent/webauthn/cbor.h"
#include "agent/webauthn/public_key.h"
#include "ipc/base/cleanup.h"

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

/* ---- CBOR ---- */

static void heads_are_as_short_as_can_be(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *bytes;
        size_t len;
    } heads[] = {
        {0, "\x40", 1},
        {23, "\x57", 1},
        {24, "\x58\x18", 2},
        {255, "\x58\xff", 2},
        {256, "\x59\x01\x00", 3},
        {65535, "\x59\xff\xff", 3},
        {65536, "\x5a\x00\x01\x00\x00", 5},
        {UINT32_MAX, "\x5a\xff\xff\xff\xff", 5},
        {UINT32_MAX + 1ULL, "\x5b\x00\x00\x00\x01\x00\x00\x00\x00", 9},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        CLEANUP(bytes_deinit) struct bytes out = {0};
        enum cbor_major major;
        cbor_write_head(&out, CBOR_BYTES, heads[i].value);
        assert_int_equal(out.len, heads[i].len);
        assert_memory_equal(out.data, heads[i].bytes, out.len);
        struct reader r = READER(out.data, out.len);
        assert_int_equal(cbor_read_head(&r, &major), heads[i].value);
        assert_int_equal(major, CBOR_BYTES);
        assert_true(reader_done(&r));
    }
}

static void items_are_gone_past_whole(void **state)
{
    (void)state;
    static const struct {
        bool taken;
        const char *bytes;
        size_t len;
    } items[] = {
        {true, "\x00", 1},
        {true, "\x38\x63", 2},
        {true,
         "\x43"
         "abc",
         4},
        {true,
         "\x63"
         "abc",
         4},
        {true, "\x80", 1},
        {true, "\x83\x01\x02\x03", 4},
        {true,
         "\xa1\x61"
         "a\x81\x40",
         5},
        {true, "\xf5", 1},
        {true, "\xf8\x20", 2},
        {true, "\xf9\x00\x00", 3},
        {true, "\xc1\x00", 2},
        {true, "\x81\x81\x81\x81\x00", 5},
        {false, "", 0},
        {false, "\x18\x17", 2}, /* not its shortest form */
        {false, "\x19\x00\xff", 3},
        {false, "\x1a\x00\x00\xff\xff", 5},
        {false, "\x1b\x00\x00\x00\x00\xff\xff\xff\xff", 9},
        {false, "\xf8\x1f", 2},
        {false, "\x18", 1},
        {false,
         "\x43"
         "ab",
         3},
        {false, "\x5b\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {false, "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {false, "\xbb\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {false, "\xbb\x80\x00\x00\x00\x00\x00\x00\x00", 9},
        {false, "\x82\x00", 2},
        {false, "\xa1\x00", 2},
        {false,
         "\x5f\x41"
         "a\xff",
         4}, /* no definite length */
        {false, "\x9f\xff", 2},
        {false, "\xff", 1},
        {false, "\x1c", 1},
        {false, "\x81\x81\x81\x81\x81\x00", 6}, /* too deep */
        {false, "\xc1\xc1\xc1\xc1\xc1\x00", 6},
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        struct reader r = READER((const uint8_t *)items[i].bytes, items[i].len);
        cbor_skip(&r);
        if (reader_done(&r) != items[i].taken)
            fail_msg("item %zu", i);
    }
}

static void integers_are_of_either_sign(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int64_t value;
    } numbers[] = {{"\x00", 1, 0},
                   {"\x26", 1, -7},
                   {"\x39\x01\x00", 3, -257},
                   {"\x1b\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX},
                   {"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MIN}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct reader r = READER((const uint8_t *)numbers[i].bytes, numbers[i].len);
        assert_true(cbor_read_int(&r) == numbers[i].value);
        assert_true(reader_done(&r));
    }
    struct reader large = READER((const uint8_t *)"\x1b\x80\x00\x00\x00\x00\x00\x00\x00", 9);
    cbor_read_int(&large);
    assert_true(large.failed);
    struct reader text = READER((const uint8_t *)"\x60", 1);
    cbor_read_int(&text);
    assert_true(text.failed);
}

/* ---- authenticator data ---- */

static void start(struct bytes *out, uint8_t flags)
{
    static const uint8_t hash[AUTH_DATA_HASH_BYTES] = {1}, counter[] = {0, 0, 1, 2};
    bytes_append(out, hash, sizeof hash);
    bytes_append(out, &flags, 1);
    bytes_append(out, counter, sizeof counter);
}

static void add_credential(struct bytes *out, size_t id_len)
{
    static const uint8_t aaguid[AUTH_DATA_AAGUID_BYTES] = {9, 9}, id[2000] = {7};
    const uint8_t len[] = {(uint8_t)(id_len >> 8), (uint8_t)id_len};
    bytes_append(out, aaguid, sizeof aaguid);
    bytes_append(out, len, sizeof len);
    bytes_append(out, id, id_len);
}

static int parse(const struct bytes *raw, struct auth_data *out)
{
    return auth_data_parse(raw->data, raw->len, out);
}

static void auth_data_is_taken_apart(void **state)
{
    (void)state;
    struct auth_data data;
    CLEANUP(bytes_deinit) struct bytes raw = {0};
    start(&raw, AUTH_DATA_PRESENT | AUTH_DATA_VERIFIED);
    assert_int_equal(parse(&raw, &data), 0);
    assert_int_equal(data.rp_id_hash[0], 1);
    assert_int_equal(data.flags, 5);
    assert_int_equal(data.counter, 258);
    bytes_reset(&raw);
    start(&raw, AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL | AUTH_DATA_EXTENSIONS);
    add_credential(&raw, 16);
    bytes_append(&raw,
                 "\xa1\x01\x02\xa1\x61"
                 "a\xf5",
                 7);
    assert_int_equal(parse(&raw, &data), 0);
    assert_int_equal(data.credential_id_len, 16);
    assert_int_equal(data.credential_id[0], 7);
    assert_int_equal(data.public_key_len, 3);
}

static void auth_data_ends_where_it_ends(void **state)
{
    (void)state;
    struct auth_data data;
    CLEANUP(bytes_deinit) struct bytes raw = {0};
    start(&raw, AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL | AUTH_DATA_EXTENSIONS);
    add_credential(&raw, 16);
    bytes_append(&raw,
                 "\xa1\x01\x02\xa1\x61"
                 "a\xf5",
                 7);
    for (size_t len = 0; len < raw.len; len++)
        assert_int_equal(auth_data_parse(raw.data, len, &data), -EPROTO);
    bytes_append(&raw, "", 1);
    assert_int_equal(parse(&raw, &data), -EPROTO);
}

static void auth_data_that_lies_is_refused(void **state)
{
    (void)state;
    struct auth_data data;
    CLEANUP(bytes_deinit) struct bytes raw = {0};
    start(&raw, AUTH_DATA_PRESENT | AUTH_DATA_EXTENSIONS);
    bytes_append(&raw, "\x80", 1); /* no map */
    assert_int_equal(parse(&raw, &data), -EPROTO);
    for (size_t len = 1022; len <= 1024; len++) {
        bytes_reset(&raw);
        start(&raw, AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
        add_credential(&raw, len);
        bytes_append(&raw, "\xa0", 1);
        assert_int_equal(parse(&raw, &data), len <= 1023 ? 0 : -EPROTO);
    }
    bytes_reset(&raw);
    start(&raw, AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
    add_credential(&raw, 0);
    bytes_append(&raw, "\xa0", 1);
    assert_int_equal(parse(&raw, &data), -EPROTO);
}

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
    start(&data, AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
    add_credential(&data, 4);
    bytes_append(&data, "\xa0", 1);
    assert_int_equal(attestation_object_write_none(&data, &out), 0);
    static const uint8_t zeros[AUTH_DATA_AAGUID_BYTES];
    assert_memory_equal(data.data + AUTH_DATA_AAGUID_OFFSET, zeros, sizeof zeros);
    assert_int_equal(parse(&data, &parsed), 0);
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
        cmocka_unit_test(heads_are_as_short_as_can_be),
        cmocka_unit_test(items_are_gone_past_whole),
        cmocka_unit_test(integers_are_of_either_sign),
        cmocka_unit_test(auth_data_is_taken_apart),
        cmocka_unit_test(auth_data_ends_where_it_ends),
        cmocka_unit_test(auth_data_that_lies_is_refused),
        cmocka_unit_test(each_kind_of_key_becomes_an_spki),
        cmocka_unit_test(a_key_of_another_kind_has_no_spki),
        cmocka_unit_test(a_key_that_lies_is_none),
        cmocka_unit_test(an_attestation_object_has_three_members),
        cmocka_unit_test(none_says_nothing_of_the_kind_of_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
