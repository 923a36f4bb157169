/* SPDX-License-Identifier: MIT */
/* What a certificate says, which one signs in, and whose signature it is. */
#include "agent/certificate.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_certificate_rig.h"

#include <errno.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t any[] = {CARD_ES256, CARD_ES384, CARD_PS256, CARD_RS256};

enum { ANY = sizeof any, RSA_BOTH = CARD_RS256 | CARD_PS256 };

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

/* ---- the choice ---- */

struct entry {
    struct recipe recipe;
    uint8_t algorithms;
    enum { BY_ITSELF, BY_TRUSTED, BY_STRANGER, BY_EXPIRED, BY_SUB } issuer;
};

static struct made trusted, stranger, expired, sub;

static int make_authorities(void **state)
{
    (void)state;
    struct recipe root = {.key = "P-256 root", .subject = "CN=root", .authority = true};
    struct recipe other = {.key = "P-256 stranger", .subject = "CN=stranger", .authority = true};
    struct recipe old = {.key = "P-256 old",
                         .subject = "CN=old",
                         .authority = true,
                         .from = RIG_NOW - 2 * RIG_YEAR,
                         .to = RIG_NOW - RIG_YEAR};
    struct recipe below = {.key = "P-256 sub", .subject = "CN=sub", .authority = true};
    trusted = rig_make(&root, NULL);
    stranger = rig_make(&other, NULL);
    expired = rig_make(&old, &trusted);
    sub = rig_make(&below, &trusted);
    return 0;
}

static void add_entry(struct card_token *card, const struct entry *entry)
{
    const struct made *const issuers[] = {NULL, &trusted, &stranger, &expired, &sub};
    struct made made = rig_make(&entry->recipe, issuers[entry->issuer]);
    rig_add(card, &made, entry->algorithms);
}

static struct issuers *issuers_of(const struct made *made)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, made->x509);
    char *pem;
    long len = BIO_get_mem_data(bio, &pem);
    struct issuers *issuers = NULL;
    assert_int_equal(issuers_parse(pem, (size_t)len, &issuers), 0);
    BIO_free(bio);
    return issuers;
}

static struct certificate_choice choose(const struct card_token *card,
                                        const struct issuers *issuers, time_t now,
                                        const uint8_t *accepted, size_t count)
{
    CLEANUP(certificate_set_deinit) struct certificate_set set = {0};
    struct certificate_choice choice;
    assert_int_equal(certificate_set_parse(card, &set), 0);
    certificate_choose(&set, issuers, now, accepted, count, &choice);
    return choice;
}

#define OLDER .from = RIG_NOW - RIG_YEAR
#define NEWER .from = RIG_NOW - 86400
#define GONE .from = RIG_NOW - RIG_YEAR, .to = RIG_NOW - 1
#define AHEAD .from = RIG_NOW + 1
#define SIGNING .usage = "digitalSignature,nonRepudiation"

static void the_choice(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct entry on_card[4];
        size_t count;
        bool issuers;
        int result;
        size_t index;
    } rows[] = {
        {"an empty card", {{{0}, 0, 0}}, 0, false, OUTCOME_NO_CERTIFICATE, 0},
        {"one that fits", {{{0}, CARD_ES256, BY_ITSELF}}, 1, false, OUTCOME_OK, 0},
        {"RSA", {{{.key = "RSA-2048"}, RSA_BOTH, BY_ITSELF}}, 1, false, OUTCOME_OK, 0},
        {"the signing one only", {{{SIGNING}, CARD_ES256, 0}}, 1, false, OUTCOME_NO_CERTIFICATE, 0},
        {"authentication beside signing",
         {{{SIGNING, NEWER}, CARD_ES256, 0}, {{OLDER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"for servers only",
         {{{.extended = "serverAuth"}, CARD_ES256, 0}},
         1,
         false,
         OUTCOME_NO_CERTIFICATE,
         0},
        {"an authority with a key",
         {{{.authority = true}, CARD_ES256, 0}},
         1,
         false,
         OUTCOME_NO_CERTIFICATE,
         0},
        {"no private key", {{{0}, 0, 0}}, 1, false, OUTCOME_KEY_UNSUITABLE, 0},
        {"a key of another kind than claimed",
         {{{0}, RSA_BOTH, 0}},
         1,
         false,
         OUTCOME_KEY_UNSUITABLE,
         0},
        {"RSA-1024", {{{.key = "RSA-1024"}, RSA_BOTH, 0}}, 1, false, OUTCOME_KEY_UNSUITABLE, 0},
        {"RSA-1024 beside a good one",
         {{{.key = "RSA-1024", NEWER}, RSA_BOTH, 0}, {{OLDER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"expired", {{{GONE}, CARD_ES256, 0}}, 1, false, OUTCOME_CERTIFICATE_EXPIRED, 0},
        {"not yet valid",
         {{{AHEAD}, CARD_ES256, 0}},
         1,
         false,
         OUTCOME_CERTIFICATE_NOT_YET_VALID,
         0},
        {"last second", {{{.to = RIG_NOW}, CARD_ES256, 0}}, 1, false, OUTCOME_OK, 0},
        {"first second", {{{.from = RIG_NOW}, CARD_ES256, 0}}, 1, false, OUTCOME_OK, 0},
        {"expired beside valid",
         {{{GONE}, CARD_ES256, 0}, {{OLDER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"the later of two",
         {{{OLDER}, CARD_ES256, 0}, {{NEWER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"the later of two, other order",
         {{{NEWER}, CARD_ES256, 0}, {{OLDER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         0},
        {"the longer of two as late",
         {{{OLDER}, CARD_ES256, 0}, {{OLDER, .to = RIG_NOW + 2 * RIG_YEAR}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"the preferred algorithm of two alike",
         {{{.key = "RSA-2048"}, RSA_BOTH, 0}, {{0}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"the first of two alike",
         {{{0}, CARD_ES256, 0}, {{0}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         0},
        {"by a trusted issuer", {{{0}, CARD_ES256, BY_TRUSTED}}, 1, true, OUTCOME_OK, 0},
        {"by a stranger", {{{0}, CARD_ES256, BY_STRANGER}}, 1, true, OUTCOME_ISSUER_UNKNOWN, 0},
        {"by itself", {{{0}, CARD_ES256, BY_ITSELF}}, 1, true, OUTCOME_ISSUER_UNKNOWN, 0},
        {"with SHA-1",
         {{{.sha1 = true}, CARD_ES256, BY_TRUSTED}},
         1,
         true,
         OUTCOME_ISSUER_UNKNOWN,
         0},
        {"below an authority that is not there",
         {{{0}, CARD_ES256, BY_SUB}},
         1,
         true,
         OUTCOME_ISSUER_UNKNOWN,
         0},
        {"trusted but expired",
         {{{GONE}, CARD_ES256, BY_TRUSTED}},
         1,
         true,
         OUTCOME_CERTIFICATE_EXPIRED,
         0},
        {"trusted but not yet valid",
         {{{AHEAD}, CARD_ES256, BY_TRUSTED}},
         1,
         true,
         OUTCOME_CERTIFICATE_NOT_YET_VALID,
         0},
        {"a stranger's newer beside a trusted older",
         {{{NEWER}, CARD_ES256, BY_STRANGER}, {{OLDER}, CARD_ES256, BY_TRUSTED}},
         2,
         true,
         OUTCOME_OK,
         1},
        {"the nearest of three failures",
         {{{GONE}, CARD_ES256, BY_TRUSTED},
          {{0}, CARD_ES256, BY_STRANGER},
          {{SIGNING}, CARD_ES256, 0}},
         3,
         true,
         OUTCOME_CERTIFICATE_EXPIRED,
         0},
    };
    CLEANUP(issuers_free) struct issuers *issuers = issuers_of(&trusted);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(card_token_deinit) struct card_token card = {0};
        for (size_t j = 0; j < rows[i].count; j++)
            add_entry(&card, &rows[i].on_card[j]);
        struct certificate_choice choice =
            choose(&card, rows[i].issuers ? issuers : NULL, RIG_NOW, any, ANY);
        if (choice.result != rows[i].result ||
            (choice.result == OUTCOME_OK && choice.index != rows[i].index))
            fail_msg("%s: %s, %zu", rows[i].what, outcome_reason(choice.result), choice.index);
    }
}

static void the_providers_order_decides_the_algorithm(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    add_entry(&card, &(struct entry){{.key = "RSA-2048"}, RSA_BOTH, 0});
    static const uint8_t rs_first[] = {CARD_ES256, CARD_RS256, CARD_PS256};
    static const uint8_t ec_only[] = {CARD_ES256, CARD_ES384};
    struct certificate_choice choice = choose(&card, NULL, RIG_NOW, any, ANY);
    assert_int_equal(choice.algorithm, CARD_PS256);
    choice = choose(&card, NULL, RIG_NOW, rs_first, sizeof rs_first);
    assert_int_equal(choice.algorithm, CARD_RS256);
    choice = choose(&card, NULL, RIG_NOW, ec_only, sizeof ec_only);
    assert_int_equal(choice.result, OUTCOME_KEY_UNSUITABLE);
    card.certificates[0].algorithms = CARD_RS256;
    choice = choose(&card, NULL, RIG_NOW, any, ANY);
    assert_int_equal(choice.algorithm, CARD_RS256);
}

static void every_certificate_has_its_problem(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(issuers_free) struct issuers *issuers = issuers_of(&trusted);
    add_entry(&card, &(struct entry){{0}, CARD_ES256, BY_TRUSTED});
    add_entry(&card, &(struct entry){{GONE}, CARD_ES256, BY_TRUSTED});
    add_entry(&card, &(struct entry){{0}, CARD_ES256, BY_STRANGER});
    add_entry(&card, &(struct entry){{0}, 0, BY_TRUSTED});
    add_entry(&card, &(struct entry){{SIGNING}, CARD_ES256, BY_TRUSTED});
    assert_int_equal(bytes_set(&card.certificates[5].der, "junk", 4), 0);
    card.certificate_count = 6;
    struct certificate_choice choice = choose(&card, issuers, RIG_NOW, any, ANY);
    static const int problems[] = {0,
                                   OUTCOME_CERTIFICATE_EXPIRED,
                                   OUTCOME_ISSUER_UNKNOWN,
                                   OUTCOME_KEY_UNSUITABLE,
                                   OUTCOME_NO_CERTIFICATE,
                                   OUTCOME_NO_CERTIFICATE};
    assert_memory_equal(choice.problems, problems, sizeof problems);
}

static void chains_are_built_from_the_card(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(certificate_set_deinit) struct certificate_set set = {0};
    CLEANUP(issuers_free) struct issuers *issuers = issuers_of(&trusted);
    rig_add(&card, &trusted, 0);
    rig_add(&card, &stranger, 0);
    add_entry(&card, &(struct entry){{0}, CARD_ES256, BY_SUB});
    rig_add(&card, &sub, 0);
    assert_int_equal(choose(&card, issuers, RIG_NOW, any, ANY).result, OUTCOME_OK);

    size_t order[CARD_CERTIFICATES_MAX];
    assert_int_equal(certificate_set_parse(&card, &set), 0);
    assert_int_equal(certificate_set_chain(&set, 2, order), 3);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 3);
    assert_int_equal(order[2], 0);
    assert_int_equal(certificate_set_chain(&set, 1, order), 1);
    assert_int_equal(certificate_set_chain(&set, 7, order), 0);

    /* An intermediate authority may itself be what is trusted. */
    CLEANUP(issuers_free) struct issuers *only_sub = issuers_of(&sub);
    assert_int_equal(choose(&card, only_sub, RIG_NOW, any, ANY).result, OUTCOME_OK);
}

static void authorities_count_only_while_they_are_valid(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(issuers_free) struct issuers *issuers = issuers_of(&trusted);
    add_entry(&card, &(struct entry){{0}, CARD_ES256, BY_EXPIRED});
    rig_add(&card, &expired, 0);
    assert_int_equal(choose(&card, issuers, RIG_NOW, any, ANY).result, OUTCOME_ISSUER_UNKNOWN);
}

static void an_authority_of_the_same_name_is_not_the_same(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(issuers_free) struct issuers *issuers = issuers_of(&trusted);
    struct recipe holder = {.key = "P-256"};
    struct recipe impostor = {.key = "P-256 impostor", .subject = "CN=root", .authority = true};
    struct made fake_root = rig_make(&impostor, NULL);
    struct made made = rig_make(&holder, &fake_root);
    rig_add(&card, &made, CARD_ES256);
    rig_add(&card, &fake_root, 0);
    assert_int_equal(choose(&card, issuers, RIG_NOW, any, ANY).result, OUTCOME_ISSUER_UNKNOWN);
}

static void issuer_files_are_read_strictly(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "no certificate here\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct issuers *issuers = NULL;
        assert_int_equal(issuers_parse(bad[i], strlen(bad[i]), &issuers), -EBADMSG);
        assert_null(issuers);
    }
}

/* ---- revocation ---- */

/* A list by that issuer, next due then, of these certificates, as PEM; owned. */
static char *list_of(const struct made *issuer, time_t next, const struct made *const *withdrawn)
{
    X509_CRL *list = X509_CRL_new();
    assert_non_null(list);
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer->x509));
    ASN1_TIME *when = ASN1_TIME_set(NULL, RIG_NOW - 86400);
    X509_CRL_set1_lastUpdate(list, when);
    ASN1_TIME_set(when, next);
    X509_CRL_set1_nextUpdate(list, when);
    for (; *withdrawn; withdrawn++) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber((*withdrawn)->x509));
        X509_REVOKED_set_revocationDate(entry, when);
        assert_int_equal(X509_CRL_add0_revoked(list, entry), 1);
    }
    ASN1_TIME_free(when);
    X509_CRL_sort(list);
    assert_true(X509_CRL_sign(list, issuer->key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_CRL(bio, list);
    X509_CRL_free(list);
    char *text;
    long len = BIO_get_mem_data(bio, &text); /* without an end of its own */
    char *pem = calloc(1, (size_t)len + 1);
    assert_non_null(pem);
    memcpy(pem, text, (size_t)len);
    BIO_free(bio);
    return pem;
}

static int choose_with(const struct made *card_certificate, const struct issuers *issuers)
{
    CLEANUP(card_token_deinit) struct card_token card = {0};
    rig_add(&card, card_certificate, CARD_ES256);
    return choose(&card, issuers, RIG_NOW, any, ANY).result;
}

static void a_card_in_its_issuers_list_is_refused(void **state)
{
    (void)state;
    struct made good = rig_make(&(struct recipe){0}, &trusted);
    struct made withdrawn = rig_make(&(struct recipe){.key = "P-256 withdrawn"}, &trusted);
    const struct made *const names[] = {&withdrawn, NULL};
    static const struct {
        time_t next;
        size_t old;
    } rows[] = {{RIG_NOW + 86400, 0}, {RIG_NOW - 3600, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(issuers_free) struct issuers *issuers = issuers_of(&trusted);
        assert_int_equal(choose_with(&withdrawn, issuers), OUTCOME_OK);
        char *pem = list_of(&trusted, rows[i].next, names);
        size_t old = 9;
        assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, &old), 0);
        free(pem);
        assert_int_equal(old, rows[i].old);
        assert_int_equal(choose_with(&withdrawn, issuers), OUTCOME_CERTIFICATE_REVOKED);
        assert_int_equal(choose_with(&good, issuers), OUTCOME_OK);
    }
}

/* It says nothing of others' certificates, and nobody can make one in the issuer's name. */
static void only_the_issuers_own_list_counts(void **state)
{
    (void)state;
    struct made card = rig_make(&(struct recipe){0}, &trusted);
    struct made namesake = rig_make(
        &(struct recipe){.key = "P-256 impostor", .subject = "CN=root", .authority = true}, NULL);
    const struct made *const names[] = {&card, NULL};
    CLEANUP(issuers_free) struct issuers *issuers = issuers_of(&trusted);
    char *pem = list_of(&stranger, RIG_NOW + 86400, names);
    assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, NULL), 0);
    free(pem);
    assert_int_equal(choose_with(&card, issuers), OUTCOME_OK);
    pem = list_of(&namesake, RIG_NOW + 86400, names);
    assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, NULL), 0);
    free(pem);
    assert_int_not_equal(choose_with(&card, issuers), OUTCOME_OK);
    assert_int_not_equal(choose_with(&card, issuers), OUTCOME_CERTIFICATE_REVOKED);
}

static void list_files_are_read_strictly(void **state)
{
    (void)state;
    const struct made *const nobody[] = {NULL};
    CLEANUP(issuers_free) struct issuers *issuers = issuers_of(&trusted);
    char *pem = list_of(&trusted, RIG_NOW + 86400, nobody);
    assert_int_equal(issuers_add_lists(issuers, "", 0, RIG_NOW, NULL), -EBADMSG);
    assert_int_equal(issuers_add_lists(issuers, "text", 4, RIG_NOW, NULL), -EBADMSG);
    assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem) - 30, RIG_NOW, NULL), -EBADMSG);
    pem[strlen(pem) / 2] = '!';
    assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, NULL), -EBADMSG);
    free(pem);
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
        cmocka_unit_test(the_choice),
        cmocka_unit_test(the_providers_order_decides_the_algorithm),
        cmocka_unit_test(every_certificate_has_its_problem),
        cmocka_unit_test(chains_are_built_from_the_card),
        cmocka_unit_test(authorities_count_only_while_they_are_valid),
        cmocka_unit_test(an_authority_of_the_same_name_is_not_the_same),
        cmocka_unit_test(issuer_files_are_read_strictly),
        cmocka_unit_test(a_card_in_its_issuers_list_is_refused),
        cmocka_unit_test(only_the_issuers_own_list_counts),
        cmocka_unit_test(list_files_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, make_authorities, release);
}
