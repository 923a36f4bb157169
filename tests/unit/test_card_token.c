/* SPDX-License-Identifier: MIT */
/*
 * Card tokens as a provider sees them: verified by cjose, a JOSE library that had no part in making
 * them, and by OpenSSL for Web eID's format.
 */
#include "agent/card_token.h"
#include "agent/json_write.h"
#include "ipc/base/cleanup.h"
#include "tests/unit/test_certificate_rig.h"

#include <cjose/cjose.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char origin[] = "https://login.example:8443";
static const char challenge[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

static const struct {
    const char *key;
    enum card_algorithm algorithm;
} kinds[] = {{"P-256", CARD_ES256},
             {"P-384", CARD_ES384},
             {"RSA-2048", CARD_RS256},
             {"RSA-2048", CARD_PS256}};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* A card whose holder's certificate stands behind its authority's, and one of a stranger. */
struct rig {
    struct made holder, authority;
    struct card_token card;
    struct certificate_set set;
    struct session_key *key;
    struct token_draft draft;
    struct token_answer answer;
};

static void rig_init(struct rig *rig, const char *key)
{
    *rig = (struct rig){0};
    struct recipe authority = {.key = "P-256 root", .subject = "CN=root", .authority = true};
    struct recipe stranger = {.key = "P-256 other", .subject = "CN=other", .authority = true};
    struct made other = rig_make(&stranger, NULL);
    rig->authority = rig_make(&authority, NULL);
    rig->holder = rig_make(&(struct recipe){.key = key}, &rig->authority);
    rig_add(&rig->card, &other, 0);
    rig_add(&rig->card, &rig->authority, 0);
    rig_add(&rig->card, &rig->holder, CARD_ALGORITHMS);
    assert_int_equal(certificate_set_parse(&rig->card, &rig->set), 0);
    rig->key = session_key_new();
    assert_non_null(rig->key);
}

static void rig_deinit(struct rig *rig)
{
    token_answer_deinit(&rig->answer);
    token_draft_deinit(&rig->draft);
    session_key_free(&rig->key);
    certificate_set_deinit(&rig->set);
    card_token_deinit(&rig->card);
}

/* The certificate at that index signs in with the holder's key. */
static void rig_sign_in(struct rig *rig, enum token_format format, enum card_algorithm algorithm,
                        size_t index)
{
    uint8_t signature[CARD_SIGNATURE_BYTES_MAX];
    struct token_request request = {.format = format,
                                    .origin = origin,
                                    .challenge = challenge,
                                    .algorithm = algorithm,
                                    .certificates = &rig->set,
                                    .index = index,
                                    .key = rig->key,
                                    .now = RIG_NOW};
    assert_int_equal(token_draft_make(&request, &rig->draft), 0);
    assert_int_equal(rig->draft.digest_len, card_algorithm_digest_bytes(algorithm));
    size_t len = rig_sign(&rig->holder, algorithm, rig->draft.digest, signature);
    assert_true(certificate_verify(rig->set.at[index], algorithm, rig->draft.digest,
                                   rig->draft.digest_len, signature, len));
    assert_int_equal(token_draft_finish(&rig->draft, signature, len, &rig->answer), 0);
}

static void rig_token(struct rig *rig, enum token_format format, enum card_algorithm algorithm)
{
    rig_sign_in(rig, format, algorithm, 2);
}

/* ---- as cjose sees it ---- */

static cjose_jwk_t *rsa_jwk(EVP_PKEY *key)
{
    BIGNUM *n = NULL, *e = NULL;
    uint8_t modulus[512], exponent[8];
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n), 1);
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e), 1);
    cjose_jwk_rsa_keyspec spec = {.n = modulus,
                                  .nlen = (size_t)BN_bn2bin(n, modulus),
                                  .e = exponent,
                                  .elen = (size_t)BN_bn2bin(e, exponent)};
    BN_free(n);
    BN_free(e);
    return cjose_jwk_create_RSA_spec(&spec, NULL);
}

static cjose_jwk_t *ec_jwk(EVP_PKEY *key, size_t coordinate)
{
    uint8_t point[256];
    size_t len;
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len),
        1);
    assert_int_equal(len, 1 + 2 * coordinate);
    cjose_jwk_ec_keyspec spec = {.crv = coordinate == 32 ? CJOSE_JWK_EC_P_256 : CJOSE_JWK_EC_P_384,
                                 .x = point + 1,
                                 .xlen = coordinate,
                                 .y = point + 1 + coordinate,
                                 .ylen = coordinate};
    return cjose_jwk_create_EC_spec(&spec, NULL);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    return text;
}

static void assert_payload(const json_t *payload, const struct session_key *key)
{
    assert_int_equal(json_object_size(payload), 6);
    assert_string_equal(text_of(payload, "aud"), origin);
    assert_string_equal(text_of(payload, "nonce"), challenge);
    assert_int_equal(json_integer_value(json_object_get(payload, "iat")), RIG_NOW);
    assert_int_equal(json_integer_value(json_object_get(payload, "exp")), RIG_NOW + 120);
    assert_int_equal(strlen(text_of(payload, "jti")), 22);
    const json_t *jwk = json_object_get(json_object_get(payload, "cnf"), "jwk");
    assert_string_equal(text_of(jwk, "kty"), "EC");
    assert_string_equal(text_of(jwk, "crv"), "P-256");
    assert_string_equal(text_of(jwk, "x"), session_key_x(key));
    assert_string_equal(text_of(jwk, "y"), session_key_y(key));
}

static void assert_x5c(const char *token, const struct certificate_set *set)
{
    CLEANUP(bytes_deinit) struct bytes header = {0}, leaf = {0}, root = {0};
    assert_int_equal(base64url_decode(token, strcspn(token, "."), &header), 0);
    json_t *object = json_loadb((const char *)header.data, header.len, 0, NULL);
    assert_int_equal(json_object_size(object), 3);
    assert_string_equal(text_of(object, "typ"), "lanyard-card+jwt");
    const json_t *x5c = json_object_get(object, "x5c");
    assert_int_equal(json_array_size(x5c), 2);
    base64_append(&leaf, set->at[2]->der.data, set->at[2]->der.len);
    base64_append(&root, set->at[1]->der.data, set->at[1]->der.len);
    bytes_append(&leaf, "", 1);
    bytes_append(&root, "", 1);
    assert_string_equal(json_string_value(json_array_get(x5c, 0)), (char *)leaf.data);
    assert_string_equal(json_string_value(json_array_get(x5c, 1)), (char *)root.data);
    json_decref(object);
}

static void cjose_verifies_what_the_card_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        CLEANUP(rig_deinit) struct rig rig;
        rig_init(&rig, kinds[i].key);
        rig_token(&rig, TOKEN_JWS, kinds[i].algorithm);
        const char *token = rig.answer.result.jws;
        assert_non_null(token);
        assert_null(rig.answer.result.web_eid);

        bool rsa = strncmp(kinds[i].key, "RSA", 3) == 0;
        cjose_jwk_t *jwk = rsa ? rsa_jwk(rig.holder.key)
                               : ec_jwk(rig.holder.key, kinds[i].algorithm == CARD_ES384 ? 48 : 32);
        cjose_err error;
        cjose_jws_t *jws = cjose_jws_import(token, strlen(token), &error);
        assert_non_null(jws);
        assert_true(cjose_jws_verify(jws, jwk, &error));
        assert_string_equal(cjose_header_get(cjose_jws_get_protected(jws), "alg", &error),
                            card_algorithm_name(kinds[i].algorithm));
        uint8_t *plain;
        size_t len;
        assert_true(cjose_jws_get_plaintext(jws, &plain, &len, &error));
        json_t *payload = json_loadb((char *)plain, len, JSON_REJECT_DUPLICATES, NULL);
        assert_payload(payload, rig.key);
        json_decref(payload);
        assert_x5c(token, &rig.set);
        cjose_jws_release(jws);
        cjose_jwk_release(jwk);
    }
}

static void no_two_tokens_are_alike(void **state)
{
    (void)state;
    CLEANUP(rig_deinit) struct rig rig;
    rig_init(&rig, "RSA-2048");
    rig_token(&rig, TOKEN_JWS, CARD_RS256);
    char *first = strdup(rig.answer.result.jws);
    rig_token(&rig, TOKEN_JWS, CARD_RS256);
    assert_string_not_equal(first, rig.answer.result.jws);
    free(first);
}

static void web_eid_signs_the_hashes_of_origin_and_challenge(void **state)
{
    (void)state;
    CLEANUP(rig_deinit) struct rig rig;
    rig_init(&rig, "P-384");
    rig_token(&rig, TOKEN_WEB_EID, CARD_ES384);
    assert_null(rig.answer.result.jws);
    assert_string_equal(rig.answer.result.web_eid->algorithm, "ES384");

    uint8_t both[2 * SHA384_DIGEST_LENGTH], wanted[SHA384_DIGEST_LENGTH];
    SHA384((const uint8_t *)origin, strlen(origin), both);
    SHA384((const uint8_t *)challenge, strlen(challenge), both + SHA384_DIGEST_LENGTH);
    SHA384(both, sizeof both, wanted);
    assert_memory_equal(rig.draft.digest, wanted, sizeof wanted);

    uint8_t signature[100], certificate[4096];
    const char *text = rig.answer.result.web_eid->signature;
    assert_int_equal(EVP_DecodeBlock(signature, (const uint8_t *)text, (int)strlen(text)), 96);
    assert_true(
        certificate_verify(rig.set.at[2], CARD_ES384, wanted, sizeof wanted, signature, 96));
    text = rig.answer.result.web_eid->certificate;
    assert_true(EVP_DecodeBlock(certificate, (const uint8_t *)text, (int)strlen(text)) > 0);
    assert_memory_equal(certificate, rig.set.at[2]->der.data, rig.set.at[2]->der.len);
}

/* ---- what goes along with a Web eID token ---- */

/* A holder below an intermediate below a root, with a certificate for signatures beside. */
struct company {
    struct made root, intermediate, other, holder;
    struct recipe signature;
};

static struct company company_make(void)
{
    struct company c = {.signature = {.subject = "CN=holder", .usage = "critical,nonRepudiation"}};
    struct recipe root = {.key = "P-256 root", .subject = "CN=root", .authority = true};
    struct recipe below = {.key = "P-256 below", .subject = "CN=below", .authority = true};
    struct recipe again = {.key = "P-256 again", .subject = "CN=below", .authority = true};
    c.root = rig_make(&root, NULL);
    c.intermediate = rig_make(&below, &c.root);
    c.other = rig_make(&again, &c.root); /* the same name with another key */
    c.holder = rig_make(&(struct recipe){.subject = "CN=holder"}, &c.intermediate);
    return c;
}

/* The token of a card that holds the holder, the root and these. */
static void company_token(struct rig *rig, const struct company *c, const struct made *intermediate,
                          const struct made *signature, uint8_t algorithms)
{
    *rig = (struct rig){.holder = c->holder};
    rig_add(&rig->card, &c->holder, CARD_ES256);
    rig_add(&rig->card, &c->root, 0);
    if (signature)
        rig_add(&rig->card, signature, algorithms);
    if (intermediate)
        rig_add(&rig->card, intermediate, 0);
    assert_int_equal(certificate_set_parse(&rig->card, &rig->set), 0);
    rig_sign_in(rig, TOKEN_WEB_EID, CARD_ES256, 0);
}

static void assert_base64_of(const char *text, const struct card_token *card, size_t index)
{
    CLEANUP(bytes_deinit) struct bytes wanted = {0};
    const struct bytes *der = &card->certificates[index].der;
    base64_append(&wanted, der->data, der->len);
    bytes_append(&wanted, "", 1);
    assert_string_equal(text, (char *)wanted.data);
}

static void intermediates_go_along_and_the_root_does_not(void **state)
{
    (void)state;
    struct company c = company_make();
    struct made signature = rig_make(&c.signature, &c.intermediate);
    CLEANUP(rig_deinit) struct rig rig;
    company_token(&rig, &c, &c.intermediate, &signature, CARD_ES256);
    const struct web_eid_token *token = rig.answer.result.web_eid;
    assert_int_equal(token->intermediate_count, 1);
    assert_int_equal(token->signing_count, 0);
    assert_base64_of(token->certificate, &rig.card, 0);
    assert_base64_of(token->intermediates[0], &rig.card, 3);
}

static void signature_certificates_go_along_without_intermediates(void **state)
{
    (void)state;
    struct company c = company_make();
    c.signature.key = "RSA-2048";
    struct made signature = rig_make(&c.signature, &c.intermediate);
    CLEANUP(rig_deinit) struct rig rig;
    company_token(&rig, &c, NULL, &signature, CARD_RS256 | CARD_ES256);
    const struct web_eid_token *token = rig.answer.result.web_eid;
    assert_int_equal(token->intermediate_count, 0);
    assert_int_equal(token->signing_count, 1);
    assert_base64_of(token->signing[0].certificate, &rig.card, 2);
    assert_int_equal(token->signing[0].algorithms, CARD_RS256);
}

static void what_a_provider_would_refuse_stays_behind(void **state)
{
    (void)state;
    struct company c = company_make();
    struct recipe person = c.signature, expired = c.signature, early = c.signature,
                  weak = c.signature, usage = c.signature;
    person.subject = "CN=somebody else";
    expired.to = RIG_NOW - 1;
    early.from = RIG_NOW + 1;
    weak.key = "RSA-1024";
    usage.usage = NULL;
    const struct {
        const struct recipe *recipe; /* NULL: no such certificate */
        const struct made *issuer;
        uint8_t algorithms;
    } cards[] = {{NULL, NULL, 0},
                 {&c.signature, &c.intermediate, 0},
                 {&c.signature, &c.other, CARD_ES256},
                 {&c.signature, &c.root, CARD_ES256},
                 {&person, &c.intermediate, CARD_ES256},
                 {&expired, &c.intermediate, CARD_ES256},
                 {&early, &c.intermediate, CARD_ES256},
                 {&weak, &c.intermediate, CARD_RS256},
                 {&usage, &c.intermediate, CARD_ES256}};
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        struct made signature = {0};
        if (cards[i].recipe)
            signature = rig_make(cards[i].recipe, cards[i].issuer);
        CLEANUP(rig_deinit) struct rig rig;
        company_token(&rig, &c, NULL, cards[i].recipe ? &signature : NULL, cards[i].algorithms);
        assert_int_equal(rig.answer.result.web_eid->intermediate_count, 0);
        assert_int_equal(rig.answer.result.web_eid->signing_count, 0);
    }
}

/* ---- JSON strings ---- */

static void strings_survive_a_json_parser(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "plain",
                                        "\"quoted\"",
                                        "back\\slash",
                                        "</script>",
                                        "line\nbreak\ttab\x01\x1f\x7f",
                                        "é漢😀",
                                        "\xe2\x80\xa8\xe2\x80\xa9 separators",
                                        "\xe2\x80\xaa not one"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CLEANUP(bytes_deinit) struct bytes json = {0};
        json_append_string(&json, texts[i]);
        for (size_t j = 0; j < json.len; j++)
            assert_true(json.data[j] >= 0x20 && json.data[j] != 0x7f);
        json_t *value = json_loadb((char *)json.data, json.len, JSON_DECODE_ANY, NULL);
        assert_string_equal(json_string_value(value), texts[i]);
        json_decref(value);
    }
    CLEANUP(bytes_deinit) struct bytes json = {0};
    json_append_string(&json, "a\"\xe2\x80\xa8");
    bytes_append(&json, "", 1);
    assert_string_equal((char *)json.data, "\"a\\u0022\\u2028\"");
}

/* ---- the session key ---- */

static void the_session_key_signs_as_its_jwk_says(void **state)
{
    (void)state;
    static const char input[] = "eyJhbGciOiJFUzI1NiJ9.e30"; /* {"alg":"ES256"} and {} */
    struct session_key *key = session_key_new();
    struct session_key *other = session_key_new();
    uint8_t signature[SESSION_KEY_SIGNATURE_BYTES];
    assert_string_not_equal(session_key_x(key), session_key_x(other));
    assert_int_equal(session_key_sign(key, input, strlen(input), signature), 0);
    CLEANUP(bytes_deinit) struct bytes token = {0}, jwk_text = {0};
    bytes_append_text(&token, input);
    bytes_append_text(&token, ".");
    base64url_append(&token, signature, sizeof signature);
    bytes_append_text(&jwk_text, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":");
    json_append_string(&jwk_text, session_key_x(key));
    bytes_append_text(&jwk_text, ",\"y\":");
    json_append_string(&jwk_text, session_key_y(key));
    bytes_append_text(&jwk_text, "}");

    cjose_err error;
    cjose_jwk_t *jwk = cjose_jwk_import((char *)jwk_text.data, jwk_text.len, &error);
    cjose_jws_t *jws = cjose_jws_import((char *)token.data, token.len, &error);
    assert_non_null(jwk);
    assert_non_null(jws);
    assert_true(cjose_jws_verify(jws, jwk, &error));
    cjose_jws_release(jws);
    cjose_jwk_release(jwk);
    session_key_free(&key);
    session_key_free(&other);
    assert_null(key);
}

static void the_private_key_lives_in_the_secure_heap(void **state)
{
    (void)state;
    struct session_key *key = session_key_new();
    session_key_free(&key); /* from here on OpenSSL's random source has what it keeps there */
    size_t before = CRYPTO_secure_used();
    key = session_key_new();
    assert_true(CRYPTO_secure_malloc_initialized());
    assert_true(CRYPTO_secure_used() > before);
    session_key_free(&key);
    assert_int_equal(CRYPTO_secure_used(), before);
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
        cmocka_unit_test(the_session_key_signs_as_its_jwk_says),
        cmocka_unit_test(the_private_key_lives_in_the_secure_heap),
        cmocka_unit_test(cjose_verifies_what_the_card_signed),
        cmocka_unit_test(no_two_tokens_are_alike),
        cmocka_unit_test(web_eid_signs_the_hashes_of_origin_and_challenge),
        cmocka_unit_test(intermediates_go_along_and_the_root_does_not),
        cmocka_unit_test(signature_certificates_go_along_without_intermediates),
        cmocka_unit_test(what_a_provider_would_refuse_stays_behind),
        cmocka_unit_test(strings_survive_a_json_parser),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
