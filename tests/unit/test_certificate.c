/* SPDX-License-Identifier: MIT */
/* What one certificate says, and whose signature it is. */
#include "agent/certificate.h"
#include "ipc/base/cleanup.h"
#include "tests/unit/test_certificate_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RSA_BOTH = CARD_RS256 | CARD_PS256 };

static struct certificate *parse_made(const struct made *made)
{
    CLEANUP(card_token_deinit) struct card_token card = {0};
    struct certificate *certificate = NULL;
    rig_add(&card, made, 0);
    const struct bytes *der = &card.certificates[0].der;
    assert_int_equal(certificate_parse(der->data, der->len, &certificate), 0);
    return certificate;
}

static struct certificate *parse_recipe(const struct recipe *recipe)
{
    struct made made = rig_make(recipe, NULL);
    return parse_made(&made);
}

/* ---- reading ---- */

static void an_nhs_certificate_is_read(void **state)
{
    (void)state;
    struct made ca = rig_make(
        &(struct recipe){.subject = "O=nhs/OU=CA/CN=NHS Level 1D", .authority = true}, NULL);
    struct made made = rig_make(&(struct recipe){.key = "RSA-2048",
                                                 .subject = "O=nhs/OU=people/CN=555123456789",
                                                 .from = 1700000000,
                                                 .to = 1900000000},
                                &ca);
    CLEANUP(certificate_free) struct certificate *c = parse_made(&made);
    assert_string_equal(c->subject, "CN=555123456789,OU=people,O=nhs");
    assert_string_equal(c->issuer, "CN=NHS Level 1D,OU=CA,O=nhs");
    assert_string_equal(c->uid, "555123456789");
    assert_string_equal(c->name, "555123456789");
    assert_string_equal(c->key, "RSA-2048");
    assert_int_equal(c->algorithms, RSA_BOTH);
    assert_int_equal(c->use, CERTIFICATE_AUTHENTICATION);
    assert_int_equal(c->not_before, 1700000000);
    assert_int_equal(c->not_after, 1900000000);
    assert_string_equal(c->not_before_text, "2023-11-14T22:13:20Z");
    assert_string_equal(c->not_after_text, "2030-03-17T17:46:40Z");
    uint8_t hash[32];
    unsigned len;
    assert_int_equal(X509_digest(made.x509, EVP_sha256(), hash, &len), 1);
    assert_memory_equal(c->hash, hash, 32);
}

static void names_and_uids(void **state)
{
    (void)state;
    static const struct {
        const char *subject, *name, *uid;
    } rows[] = {
        {"O=NHS/CN=555123456789", "555123456789", "555123456789"},
        {"O=nhs/GN=Zoë/SN=Müller/CN=555123456789", "Zoë Müller", "555123456789"},
        {"O=other/CN=555123456789", "555123456789", ""},
        {"CN=555123456789", "555123456789", ""},
        {"O=nhs/CN=55512345678", "55512345678", ""},
        {"O=nhs/CN=5551234567890", "5551234567890", ""},
        {"O=nhs/CN=55512345678x", "55512345678x", ""},
        {"O=nhs/CN=555123456789/CN=555000000000", "CN=555000000000,CN=555123456789,O=nhs", ""},
        {"O=nhs/O=nhs/CN=555123456789", "555123456789", ""},
        {"GN=Only", "GN=Only", ""},
        {"CN=line\nbreak \x1b[2J", "line?break ?[2J", ""},
        {"CN=\xe2\x80\xaegnp.exe", "?gnp.exe", ""},
        {"CN=\xc2\x9b"
         "31m",
         "?31m", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(certificate_free)
        struct certificate *c = parse_recipe(&(struct recipe){.subject = rows[i].subject});
        assert_string_equal(c->name, rows[i].name);
        assert_string_equal(c->uid, rows[i].uid);
    }
}

static void keys_have_names(void **state)
{
    (void)state;
    static const struct {
        const char *key, *name;
        unsigned algorithms;
    } rows[] = {
        {"RSA-1024", "RSA-1024", 0},    {"RSA-2048", "RSA-2048", RSA_BOTH},
        {"P-256", "P-256", CARD_ES256}, {"P-384", "P-384", CARD_ES384},
        {"P-521", "P-521", 0},          {"secp256k1", "other", 0},
        {"Ed25519", "other", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(certificate_free)
        struct certificate *c = parse_recipe(&(struct recipe){.key = rows[i].key});
        assert_string_equal(c->key, rows[i].name);
        assert_int_equal(c->algorithms, rows[i].algorithms);
    }
}

static void uses(void **state)
{
    (void)state;
    static const struct {
        struct recipe recipe;
        enum certificate_use use;
    } rows[] = {
        {{.usage = "digitalSignature"}, CERTIFICATE_AUTHENTICATION},
        {{.usage = "digitalSignature,keyEncipherment"}, CERTIFICATE_AUTHENTICATION},
        {{.extended = "clientAuth"}, CERTIFICATE_AUTHENTICATION},
        {{.extended = "1.3.6.1.4.1.311.20.2.2"}, CERTIFICATE_AUTHENTICATION},
        {{.extended = "anyExtendedKeyUsage"}, CERTIFICATE_AUTHENTICATION},
        {{.extended = "emailProtection,clientAuth"}, CERTIFICATE_AUTHENTICATION},
        {{.extended = "emailProtection"}, CERTIFICATE_OTHER},
        {{.extended = "serverAuth"}, CERTIFICATE_OTHER},
        {{.extended = "2.16.840.1.101.3.6.8"}, CERTIFICATE_OTHER}, /* PIV card authentication */
        {{.usage = "nonRepudiation"}, CERTIFICATE_SIGNATURE},
        {{.usage = "digitalSignature,nonRepudiation"}, CERTIFICATE_SIGNATURE},
        {{.usage = "keyEncipherment"}, CERTIFICATE_OTHER},
        {{.usage = ""}, CERTIFICATE_OTHER},
        {{.usage = "", .extended = "clientAuth"}, CERTIFICATE_OTHER},
        {{.authority = true}, CERTIFICATE_AUTHORITY},
        {{.authority = true, .usage = "digitalSignature,keyCertSign"}, CERTIFICATE_AUTHORITY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(certificate_free) struct certificate *c = parse_recipe(&rows[i].recipe);
        if (c->use != rows[i].use)
            fail_msg("row %zu: %s", i, certificate_use_name(c->use));
    }
}

static void hostile_der_is_no_certificate(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    struct made made = rig_make(&(struct recipe){.extended = "clientAuth"}, NULL);
    rig_add(&card, &made, 0);
    const struct bytes *der = &card.certificates[0].der;
    for (size_t cut = 0; cut < der->len; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, der->data, cut);
        struct certificate *c = NULL;
        assert_int_equal(certificate_parse(copy, cut, &c), -EBADMSG);
        assert_null(c);
        free(copy);
    }
    uint8_t *longer = calloc(1, CARD_CERTIFICATE_BYTES_MAX + 1);
    memcpy(longer, der->data, der->len);
    struct certificate *c = NULL;
    assert_int_equal(certificate_parse(longer, der->len + 1, &c), -EBADMSG);
    assert_int_equal(certificate_parse(longer, CARD_CERTIFICATE_BYTES_MAX + 1, &c), -EBADMSG);
    /* Every byte changed: whatever is made of it, nothing breaks. */
    for (size_t at = 0; at < der->len; at++) {
        longer[at] ^= 0x55;
        if (certificate_parse(longer, der->len, &c) == 0)
            certificate_free(&c);
        longer[at] ^= 0x55;
    }
    free(longer);
}

/* ---- signatures ---- */

static void signatures_are_verified(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum card_algorithm algorithm;
    } rows[] = {{"P-256", CARD_ES256},
                {"P-384", CARD_ES384},
                {"RSA-2048", CARD_RS256},
                {"RSA-2048", CARD_PS256}};
    uint8_t digest[CARD_DIGEST_BYTES_MAX] = "what was signed", signature[CARD_SIGNATURE_BYTES_MAX];
    for (size_t i = 0; i < 4; i++) {
        struct made made = rig_make(&(struct recipe){.key = rows[i].key}, NULL);
        CLEANUP(certificate_free) struct certificate *c = parse_made(&made);
        enum card_algorithm algorithm = rows[i].algorithm;
        size_t digest_len = card_algorithm_digest_bytes(algorithm);
        size_t len = rig_sign(&made, algorithm, digest, signature);
        assert_true(certificate_verify(c, algorithm, digest, digest_len, signature, len));

        for (size_t j = 0; j < 4; j++)
            if (rows[j].algorithm != algorithm)
                assert_false(certificate_verify(c, rows[j].algorithm, digest,
                                                card_algorithm_digest_bytes(rows[j].algorithm),
                                                signature, len));
        assert_false(certificate_verify(c, algorithm, digest, digest_len - 1, signature, len));
        assert_false(certificate_verify(c, algorithm, digest, digest_len, signature, len - 1));
        assert_false(certificate_verify(c, algorithm, digest, digest_len, signature, 0));
        assert_false(certificate_verify(c, 0, digest, 0, signature, len));
        signature[len / 2] ^= 1;
        assert_false(certificate_verify(c, algorithm, digest, digest_len, signature, len));
        signature[len / 2] ^= 1;
        digest[0] ^= 1;
        assert_false(certificate_verify(c, algorithm, digest, digest_len, signature, len));
        digest[0] ^= 1;
        memset(signature, 0, sizeof signature);
        assert_false(certificate_verify(c, algorithm, digest, digest_len, signature, len));
    }
}

static void another_keys_signature_is_refused(void **state)
{
    (void)state;
    uint8_t digest[32] = "what was signed", signature[CARD_SIGNATURE_BYTES_MAX];
    struct made other = rig_make(&(struct recipe){.key = "P-256 other"}, NULL);
    CLEANUP(certificate_free) struct certificate *c = parse_recipe(&(struct recipe){0});
    size_t len = rig_sign(&other, CARD_ES256, digest, signature);
    assert_false(certificate_verify(c, CARD_ES256, digest, 32, signature, len));
}

static int release(void **state)
{
    (void)state;
    rig_release();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_nhs_certificate_is_read),
        cmocka_unit_test(names_and_uids),
        cmocka_unit_test(keys_have_names),
        cmocka_unit_test(uses),
        cmocka_unit_test(hostile_der_is_no_certificate),
        cmocka_unit_test(signatures_are_verified),
        cmocka_unit_test(another_keys_signature_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
