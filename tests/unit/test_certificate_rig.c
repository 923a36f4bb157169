/* SPDX-License-Identifier: MIT */
/* RSA keys are slow to make, so each kind and name is made once per program. */
#include "tests/unit/test_certificate_rig.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS_MAX = 16, MADE_MAX = 256 };

static struct {
    char name[32];
    EVP_PKEY *key;
} keys[KEYS_MAX];
static size_t key_count;
static X509 *made[MADE_MAX];
static size_t made_count;

static EVP_PKEY *key_named(const char *name)
{
    for (size_t i = 0; i < key_count; i++)
        if (strcmp(keys[i].name, name) == 0)
            return keys[i].key;
    char kind[16];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(name, " "), name);
    EVP_PKEY *key = strncmp(kind, "RSA-", 4) == 0
                        ? EVP_RSA_gen((unsigned)strtoul(kind + 4, NULL, 10))
                    : strcmp(kind, "Ed25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                                   : EVP_EC_gen(kind);
    assert_non_null(key);
    assert_true(key_count < KEYS_MAX);
    snprintf(keys[key_count].name, sizeof keys[key_count].name, "%s", name);
    keys[key_count++].key = key;
    return key;
}

static void set_subject(X509 *x509, const char *subject)
{
    char text[512];
    snprintf(text, sizeof text, "%s", subject);
    X509_NAME *name = X509_get_subject_name(x509);
    for (char *rest = text, *part; (part = strsep(&rest, "/"));) {
        char *value = strchr(part, '=');
        assert_non_null(value);
        *value++ = '\0';
        assert_int_equal(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8,
                                                    (unsigned char *)value, -1, -1, 0),
                         1);
    }
}

static void extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
    if (!value || value[0] == '\0')
        return;
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

struct made rig_make(const struct recipe *recipe, const struct made *issuer)
{
    static long serial = 1;
    X509 *x509 = X509_new();
    EVP_PKEY *key = key_named(recipe->key ? recipe->key : "P-256");
    assert_non_null(x509);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    ASN1_TIME_set(X509_getm_notBefore(x509), recipe->from ? recipe->from : RIG_NOW - RIG_YEAR);
    ASN1_TIME_set(X509_getm_notAfter(x509), recipe->to ? recipe->to : RIG_NOW + RIG_YEAR);
    X509_set_pubkey(x509, key);
    set_subject(x509, recipe->subject ? recipe->subject : "CN=test");
    X509 *by = issuer ? issuer->x509 : x509;
    X509_set_issuer_name(x509, X509_get_subject_name(by));
    extend(x509, by, NID_subject_key_identifier, "hash");
    extend(x509, by, NID_authority_key_identifier, "keyid");
    if (recipe->authority)
        extend(x509, by, NID_basic_constraints, "critical,CA:TRUE");
    extend(x509, by, NID_key_usage,
           recipe->usage       ? recipe->usage
           : recipe->authority ? "critical,keyCertSign,cRLSign"
                               : "critical,digitalSignature");
    extend(x509, by, NID_ext_key_usage, recipe->extended);
    EVP_PKEY *signer = issuer ? issuer->key : key;
    const EVP_MD *hash = EVP_PKEY_is_a(signer, "ED25519") ? NULL
                         : recipe->sha1                   ? EVP_sha1()
                                                          : EVP_sha256();
    assert_true(X509_sign(x509, signer, hash) > 0);
    assert_true(made_count < MADE_MAX);
    made[made_count++] = x509;
    return (struct made){x509, key};
}

void rig_add(struct card_token *card, const struct made *one, uint8_t algorithms)
{
    assert_true(card->certificate_count < CARD_CERTIFICATES_MAX);
    struct card_certificate *to = &card->certificates[card->certificate_count++];
    unsigned char *der = NULL;
    int len = i2d_X509(one->x509, &der);
    assert_true(len > 0);
    assert_int_equal(bytes_set(&to->der, der, (size_t)len), 0);
    to->algorithms = algorithms;
    OPENSSL_free(der);
}

size_t rig_sign(const struct made *one, enum card_algorithm algorithm, const uint8_t *digest,
                uint8_t signature[CARD_SIGNATURE_BYTES_MAX])
{
    size_t digest_len = card_algorithm_digest_bytes(algorithm);
    size_t len = CARD_SIGNATURE_BYTES_MAX;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(one->key, NULL);
    assert_int_equal(EVP_PKEY_sign_init(context), 1);
    EVP_PKEY_CTX_set_signature_md(context, algorithm == CARD_ES384 ? EVP_sha384() : EVP_sha256());
    if (algorithm == CARD_PS256) {
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32);
    }
    assert_int_equal(EVP_PKEY_sign(context, signature, &len, digest, digest_len), 1);
    EVP_PKEY_CTX_free(context);
    if (algorithm == CARD_ES256 || algorithm == CARD_ES384) {
        const uint8_t *at = signature;
        ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
        assert_non_null(pair);
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, (int)digest_len);
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + digest_len, (int)digest_len);
        ECDSA_SIG_free(pair);
        len = 2 * digest_len;
    }
    return len;
}

struct issuers *rig_issuers(const struct made *authority)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, authority->x509);
    char *pem;
    long len = BIO_get_mem_data(bio, &pem);
    struct issuers *issuers = NULL;
    assert_int_equal(issuers_parse(pem, (size_t)len, &issuers), 0);
    BIO_free(bio);
    return issuers;
}

void rig_release(void)
{
    while (made_count > 0)
        X509_free(made[--made_count]);
    while (key_count > 0)
        EVP_PKEY_free(keys[--key_count].key);
}
