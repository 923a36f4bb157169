/* SPDX-License-Identifier: MIT */
/*
 * What the session's key signs, verified by cjose, a JOSE library that had no part in making it;
 * and the key itself, on its way through sealed memory.
 */
#include "agent/cis/dpop.h"
#include "agent/json_write.h"
#include "ipc/base/cleanup.h"

#include <cjose/cjose.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1800000000

static const char url[] = "https://login.example/session/a-sid";

static void release_json(json_t **value)
{
    json_decref(*value);
}

static void jwk_text(const struct session_key *key, struct bytes *out)
{
    bytes_append_text(out, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":");
    json_append_string(out, session_key_x(key));
    bytes_append_text(out, ",\"y\":");
    json_append_string(out, session_key_y(key));
    bytes_append_text(out, "}");
}

/* The payload, once cjose has verified the token with that key; NULL: it has not. */
static json_t *payload_of(const struct session_key *key, const char *token)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    jwk_text(key, &text);
    cjose_err error;
    cjose_jwk_t *jwk = cjose_jwk_import((char *)text.data, text.len, &error);
    cjose_jws_t *jws = cjose_jws_import(token, strlen(token), &error);
    assert_non_null(jwk);
    assert_non_null(jws);
    json_t *payload = NULL;
    uint8_t *plain;
    size_t len;
    if (cjose_jws_verify(jws, jwk, &error) && cjose_jws_get_plaintext(jws, &plain, &len, &error))
        payload = json_loadb((char *)plain, len, JSON_REJECT_DUPLICATES, NULL);
    cjose_jws_release(jws);
    cjose_jwk_release(jwk);
    return payload;
}

static json_t *header_of(const char *token)
{
    CLEANUP(bytes_deinit) struct bytes header = {0};
    assert_int_equal(base64url_decode(token, strcspn(token, "."), &header), 0);
    return json_loadb((char *)header.data, header.len, JSON_REJECT_DUPLICATES, NULL);
}

/* The token's header and payload are those; a member "?" of the payload is any text. */
static void assert_token(const struct session_key *key, const struct bytes *token, json_t *header,
                         json_t *payload)
{
    assert_int_equal(strlen((char *)token->data), token->len);
    CLEANUP(release_json) json_t *wanted_header = header, *wanted = payload;
    CLEANUP(release_json) json_t *had_header = header_of((char *)token->data);
    CLEANUP(release_json) json_t *had = payload_of(key, (char *)token->data);
    assert_non_null(had);
    assert_true(json_equal(had_header, wanted_header));
    if (json_object_get(wanted, "jti")) {
        assert_int_equal(json_string_length(json_object_get(had, "jti")), 22);
        json_object_set(wanted, "jti", json_object_get(had, "jti"));
    }
    assert_true(json_equal(had, wanted));
}

static json_t *plain_header(const char *type)
{
    return json_pack("{ss ss}", "typ", type, "alg", "ES256");
}

static json_t *dpop_header(const struct session_key *key)
{
    return json_pack("{ss ss s{ss ss ss ss}}", "typ", "dpop+jwt", "alg", "ES256", "jwk", "kty",
                     "EC", "crv", "P-256", "x", session_key_x(key), "y", session_key_y(key));
}

static void a_dpop_proof_is_as_rfc_9449_has_it(void **state)
{
    (void)state;
    CLEANUP(session_key_free) struct session_key *key = session_key_new();
    CLEANUP(bytes_deinit) struct bytes token = {0};
    assert_int_equal(dpop_proof_make(key, "GET", url, "", NOW, &token), 0);
    assert_token(key, &token, dpop_header(key),
                 json_pack("{ss ss ss si}", "jti", "?", "htm", "GET", "htu", url, "iat", NOW));
    assert_int_equal(dpop_proof_make(key, "POST", url, "a~nonce", NOW, &token), 0);
    assert_token(key, &token, dpop_header(key),
                 json_pack("{ss ss ss si ss}", "jti", "?", "htm", "POST", "htu", url, "iat", NOW,
                           "nonce", "a~nonce"));
}

static void no_two_proofs_are_alike(void **state)
{
    (void)state;
    CLEANUP(session_key_free) struct session_key *key = session_key_new();
    CLEANUP(bytes_deinit) struct bytes one = {0}, other = {0};
    assert_int_equal(dpop_proof_make(key, "GET", url, "", NOW, &one), 0);
    assert_int_equal(dpop_proof_make(key, "GET", url, "", NOW, &other), 0);
    CLEANUP(release_json) json_t *first = payload_of(key, (char *)one.data);
    CLEANUP(release_json) json_t *second = payload_of(key, (char *)other.data);
    assert_false(json_equal(json_object_get(first, "jti"), json_object_get(second, "jti")));
}

static void a_session_proof_is_for_one_origin_and_challenge(void **state)
{
    (void)state;
    CLEANUP(session_key_free) struct session_key *key = session_key_new();
    CLEANUP(bytes_deinit) struct bytes token = {0};
    assert_int_equal(
        session_proof_make(key, "https://login.example", "Y2hhbGxlbmdl", "a-sid", NOW, &token), 0);
    assert_token(key, &token, plain_header("lanyard-session+jwt"),
                 json_pack("{ss ss si si ss}", "aud", "https://login.example", "nonce",
                           "Y2hhbGxlbmdl", "iat", NOW, "exp", NOW + 120, "sid", "a-sid"));
}

static void an_end_statement_names_endpoint_and_session(void **state)
{
    (void)state;
    CLEANUP(session_key_free) struct session_key *key = session_key_new();
    CLEANUP(bytes_deinit) struct bytes token = {0};
    assert_int_equal(end_statement_make(key, "https://login.example/session", "a-sid", NOW, &token),
                     0);
    assert_token(key, &token, plain_header("lanyard-end+jwt"),
                 json_pack("{ss ss si}", "aud", "https://login.example/session", "sid", "a-sid",
                           "iat", NOW));
}

static void what_is_signed_cannot_break_out_of_its_text(void **state)
{
    (void)state;
    CLEANUP(session_key_free) struct session_key *key = session_key_new();
    CLEANUP(bytes_deinit) struct bytes token = {0};
    static const char hostile[] = "a\",\"sid\":\"another\\";
    assert_int_equal(session_proof_make(key, hostile, hostile, "a-sid", NOW, &token), 0);
    assert_token(key, &token, plain_header("lanyard-session+jwt"),
                 json_pack("{ss ss si si ss}", "aud", hostile, "nonce", hostile, "iat", NOW, "exp",
                           NOW + 120, "sid", "a-sid"));
}

/* ---- the key through sealed memory ---- */

static void a_key_comes_back_from_its_scalar(void **state)
{
    (void)state;
    CLEANUP(session_key_free) struct session_key *key = session_key_new();
    CLEANUP(secret_free) struct secret *sealed = secret_new(3 + SESSION_KEY_SCALAR_BYTES);
    assert_int_equal(secret_append(sealed, "abc", 3), 0);
    assert_int_equal(session_key_export(key, sealed), 0);
    assert_int_equal(secret_len(sealed), 3 + SESSION_KEY_SCALAR_BYTES);
    assert_memory_equal(secret_peek(sealed), "abc", 3);

    CLEANUP(session_key_free)
    struct session_key *again = session_key_import(secret_peek(sealed) + 3);
    assert_non_null(again);
    assert_string_equal(session_key_x(again), session_key_x(key));
    assert_string_equal(session_key_y(again), session_key_y(key));
    CLEANUP(bytes_deinit) struct bytes token = {0};
    assert_int_equal(end_statement_make(again, url, "a-sid", NOW, &token), 0);
    CLEANUP(release_json) json_t *payload = payload_of(key, (char *)token.data);
    assert_non_null(payload);

    CLEANUP(secret_free) struct secret *twice = secret_new(SESSION_KEY_SCALAR_BYTES);
    assert_int_equal(session_key_export(again, twice), 0);
    assert_memory_equal(secret_peek(twice), secret_peek(sealed) + 3, SESSION_KEY_SCALAR_BYTES);
}

/* RFC 7515 A.3: a scalar and its point that others have written down. */
static void a_known_scalar_has_its_known_point(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes scalar = {0};
    static const char d[] = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
    assert_int_equal(base64url_decode(d, strlen(d), &scalar), 0);
    CLEANUP(session_key_free) struct session_key *key = session_key_import(scalar.data);
    assert_non_null(key);
    assert_string_equal(session_key_x(key), "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    assert_string_equal(session_key_y(key), "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
}

static void what_is_no_scalar_of_the_curve_is_no_key(void **state)
{
    (void)state;
    /* The order of P-256 (SP 800-186 §3.2.1.3). */
    static const uint8_t order[SESSION_KEY_SCALAR_BYTES] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    uint8_t scalar[SESSION_KEY_SCALAR_BYTES] = {0};
    assert_null(session_key_import(scalar));
    assert_null(session_key_import(order));
    memset(scalar, 0xff, sizeof scalar);
    assert_null(session_key_import(scalar));
    memcpy(scalar, order, sizeof scalar);
    scalar[31]--;
    CLEANUP(session_key_free) struct session_key *largest = session_key_import(scalar);
    assert_non_null(largest);
}

static void a_secret_without_room_gets_nothing(void **state)
{
    (void)state;
    CLEANUP(session_key_free) struct session_key *key = session_key_new();
    CLEANUP(secret_free) struct secret *narrow = secret_new(SESSION_KEY_SCALAR_BYTES - 1);
    assert_true(session_key_export(key, narrow) < 0);
    assert_int_equal(secret_len(narrow), 0);
}

static void the_way_through_sealed_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct session_key *key = session_key_new(), *again;
    struct secret *sealed = secret_new(SESSION_KEY_SCALAR_BYTES);
    assert_int_equal(session_key_export(key, sealed), 0);
    size_t one = CRYPTO_secure_used();
    again = session_key_import(secret_peek(sealed));
    assert_true(CRYPTO_secure_used() > one);
    session_key_free(&again);
    assert_int_equal(CRYPTO_secure_used(), one);
    session_key_free(&key);
    secret_free(&sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dpop_proof_is_as_rfc_9449_has_it),
        cmocka_unit_test(no_two_proofs_are_alike),
        cmocka_unit_test(a_session_proof_is_for_one_origin_and_challenge),
        cmocka_unit_test(an_end_statement_names_endpoint_and_session),
        cmocka_unit_test(what_is_signed_cannot_break_out_of_its_text),
        cmocka_unit_test(a_key_comes_back_from_its_scalar),
        cmocka_unit_test(a_known_scalar_has_its_known_point),
        cmocka_unit_test(what_is_no_scalar_of_the_curve_is_no_key),
        cmocka_unit_test(a_secret_without_room_gets_nothing),
        cmocka_unit_test(the_way_through_sealed_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
