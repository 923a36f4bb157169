/* SPDX-License-Identifier: MIT */
/*
 * Properties of the card helper's messages, over many random but valid ones: what is encoded is
 * decoded to the same; no proper prefix is accepted, nor anything longer; and a message with one
 * bit flipped is refused or is another valid message, which encodes to exactly those bytes.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/card_message.h"
#include "ipc/frame.h"
#include "test_message_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 40, FLIPS_MAX = 400 };

static void random_bytes(struct bytes *out, uint32_t max)
{
    uint8_t data[CARD_CERTIFICATE_BYTES_MAX];
    size_t len = random_below(max + 1);
    random_fill(data, len);
    assert_int_equal(bytes_set(out, data, len), 0);
}

/* ---- requests ---- */

static void random_pin_request(struct card_pin_request *out, uint8_t pin[CARD_PIN_BYTES_MAX])
{
    bool pad = random_below(4) == 0;
    out->slot = random_below(UINT32_MAX);
    random_bytes(&out->id, CARD_ID_BYTES_MAX);
    random_fill(out->certificate_hash, sizeof out->certificate_hash);
    random_fill(pin, CARD_PIN_BYTES_MAX);
    out->secret = out->new_pin = pin;
    out->secret_len = pad ? 0 : (uint8_t)(1 + random_below(CARD_PIN_BYTES_MAX));
    out->new_pin_len = pad ? 0 : (uint8_t)(1 + random_below(CARD_PIN_BYTES_MAX));
}

static void random_request(struct card_request *request, uint8_t pin[CARD_PIN_BYTES_MAX])
{
    static const uint8_t algorithms[] = {CARD_ES256, CARD_ES384, CARD_PS256, CARD_RS256};
    static const uint8_t types[] = {CARD_REQUEST_SIGN, CARD_REQUEST_SIGN, CARD_REQUEST_LIST,
                                    CARD_REQUEST_PIN_CHANGE, CARD_REQUEST_PIN_UNBLOCK};
    request->type = types[random_below(5)];
    request->number = random_below(UINT32_MAX);
    if (request->type == CARD_REQUEST_LIST)
        return;
    if (request->type != CARD_REQUEST_SIGN) {
        random_pin_request(&request->pin, pin);
        return;
    }
    struct card_sign_request *sign = &request->sign;
    sign->slot = ((uint64_t)random_below(UINT32_MAX) << 32) | random_below(UINT32_MAX);
    random_bytes(&sign->id, CARD_ID_BYTES_MAX);
    random_fill(sign->certificate_hash, sizeof sign->certificate_hash);
    sign->algorithm = algorithms[random_below(4)];
    sign->digest_len = (uint8_t)card_algorithm_digest_bytes(sign->algorithm);
    random_fill(sign->digest, sign->digest_len);
    sign->pin_len = (uint8_t)random_below(CARD_PIN_BYTES_MAX + 1);
    random_fill(pin, sign->pin_len);
    sign->pin = pin;
}

static void assert_request_equal(const struct card_request *a, const struct card_request *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->number, b->number);
    assert_true(a->sign.slot == b->sign.slot);
    assert_true(bytes_equal(&a->sign.id, &b->sign.id));
    assert_memory_equal(a->sign.certificate_hash, b->sign.certificate_hash, 32);
    assert_int_equal(a->sign.algorithm, b->sign.algorithm);
    assert_int_equal(a->sign.digest_len, b->sign.digest_len);
    assert_memory_equal(a->sign.digest, b->sign.digest, CARD_DIGEST_BYTES_MAX);
    assert_int_equal(a->sign.pin_len, b->sign.pin_len);
    if (a->sign.pin_len > 0)
        assert_memory_equal(a->sign.pin, b->sign.pin, a->sign.pin_len);
    assert_true(a->pin.slot == b->pin.slot);
    assert_true(bytes_equal(&a->pin.id, &b->pin.id));
    assert_memory_equal(a->pin.certificate_hash, b->pin.certificate_hash, 32);
    assert_int_equal(a->pin.secret_len, b->pin.secret_len);
    assert_int_equal(a->pin.new_pin_len, b->pin.new_pin_len);
    if (a->pin.secret_len > 0) {
        assert_memory_equal(a->pin.secret, b->pin.secret, a->pin.secret_len);
        assert_memory_equal(a->pin.new_pin, b->pin.new_pin, a->pin.new_pin_len);
    }
}

/* Decodes; when that is accepted, it must encode to the same bytes. */
static int decode_request(const uint8_t *data, size_t len)
{
    uint8_t *copy = exact(data, len);
    CLEANUP(card_request_deinit) struct card_request request = {0};
    int r = card_request_decode(copy, len, &request);
    if (r == 0) {
        CLEANUP(secret_free) struct secret *again = secret_new(CARD_REQUEST_BYTES_MAX);
        assert_int_equal(card_request_encode(&request, again), 0);
        assert_int_equal(secret_len(again), len);
        assert_memory_equal(secret_peek(again), data, len);
    }
    free(copy);
    return r;
}

static void requests_survive(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t pin[CARD_PIN_BYTES_MAX];
        CLEANUP(card_request_deinit) struct card_request request = {0}, decoded = {0};
        CLEANUP(secret_free) struct secret *body = secret_new(CARD_REQUEST_BYTES_MAX);
        random_request(&request, pin);
        assert_int_equal(card_request_encode(&request, body), 0);
        size_t len = secret_len(body);
        assert_int_equal(card_request_decode(secret_peek(body), len, &decoded), 0);
        assert_request_equal(&request, &decoded);

        assert_withstands(decode_request, secret_peek(body), len, 1);
    }
}

static void a_request_that_does_not_fit_leaves_nothing(void **state)
{
    (void)state;
    uint8_t pin[CARD_PIN_BYTES_MAX] = "12345678";
    struct card_request request = {.type = CARD_REQUEST_SIGN};
    request.sign.algorithm = CARD_ES256;
    request.sign.digest_len = 32;
    request.sign.pin = pin;
    request.sign.pin_len = 8;
    CLEANUP(secret_free) struct secret *body = secret_new(90);
    assert_int_equal(secret_append(body, "head", 4), 0);
    assert_int_equal(card_request_encode(&request, body), -ENOSPC);
    assert_int_equal(secret_len(body), 4);
    for (size_t i = 4; i < secret_capacity(body); i++)
        assert_int_equal(secret_peek(body)[i], 0);
}

/* ---- replies ---- */

static void random_token(struct card_token *token)
{
    token->slot = random_below(UINT32_MAX);
    random_text(token->reader, sizeof token->reader);
    random_text(token->label, sizeof token->label);
    random_text(token->serial, sizeof token->serial);
    token->events = random_below(CARD_EVENTS_UNKNOWN + 1);
    token->flags = (uint8_t)random_below(CARD_TOKEN_FLAGS + 1);
    token->tries_left = (uint8_t)random_below(256);
    token->pin_min = (uint8_t)random_below(16);
    token->pin_max = (uint8_t)random_below(256);
    token->certificate_count = (uint8_t)random_below(CARD_CERTIFICATES_MAX + 1);
    for (size_t i = 0; i < token->certificate_count; i++) {
        struct card_certificate *certificate = &token->certificates[i];
        random_bytes(&certificate->id, CARD_ID_BYTES_MAX);
        random_bytes(&certificate->der, random_below(16) ? 64 : CARD_CERTIFICATE_BYTES_MAX);
        certificate->algorithms = (uint8_t)random_below(CARD_ALGORITHMS + 1);
        certificate->pin_for_each_use = (uint8_t)random_below(2);
    }
}

static void random_reply(struct card_reply *reply)
{
    static const uint32_t results[] = {OUTCOME_OK, OUTCOME_PIN_WRONG, OUTCOME_PIN_BLOCKED,
                                       OUTCOME_CARD_REMOVED, OUTCOME_CARD_MODULE_FAILED};
    reply->type = (uint8_t)(CARD_REQUEST_LIST + random_below(4));
    reply->number = random_below(UINT32_MAX);
    reply->result = results[random_below(5)];
    reply->module_code = random_below(UINT32_MAX);
    if (reply->type == CARD_REQUEST_LIST) {
        reply->token_count = (uint8_t)random_below(CARD_TOKENS_MAX + 1);
        reply->tokens = calloc(CARD_TOKENS_MAX, sizeof *reply->tokens);
        assert_non_null(reply->tokens);
        for (size_t i = 0; i < reply->token_count; i++)
            random_token(&reply->tokens[i]);
        return;
    }
    reply->flags = (uint8_t)random_below(CARD_TOKEN_FLAGS + 1);
    reply->tries_left = (uint8_t)random_below(256);
    if (reply->type != CARD_REQUEST_SIGN) {
        reply->puk_tries_left = (uint8_t)random_below(256);
        return;
    }
    if (reply->result == OUTCOME_OK)
        reply->signature_len = (uint16_t)(1 + random_below(CARD_SIGNATURE_BYTES_MAX));
    random_fill(reply->signature, reply->signature_len);
}

static void assert_token_equal(const struct card_token *a, const struct card_token *b)
{
    assert_true(a->slot == b->slot);
    assert_string_equal(a->reader, b->reader);
    assert_string_equal(a->label, b->label);
    assert_string_equal(a->serial, b->serial);
    assert_int_equal(a->events, b->events);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->tries_left, b->tries_left);
    assert_int_equal(a->pin_min, b->pin_min);
    assert_int_equal(a->pin_max, b->pin_max);
    assert_int_equal(a->certificate_count, b->certificate_count);
    for (size_t i = 0; i < a->certificate_count; i++) {
        assert_true(bytes_equal(&a->certificates[i].id, &b->certificates[i].id));
        assert_true(bytes_equal(&a->certificates[i].der, &b->certificates[i].der));
        assert_int_equal(a->certificates[i].algorithms, b->certificates[i].algorithms);
        assert_int_equal(a->certificates[i].pin_for_each_use, b->certificates[i].pin_for_each_use);
    }
}

static void assert_reply_equal(const struct card_reply *a, const struct card_reply *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->result, b->result);
    assert_true(a->module_code == b->module_code);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->tries_left, b->tries_left);
    assert_int_equal(a->puk_tries_left, b->puk_tries_left);
    assert_int_equal(a->signature_len, b->signature_len);
    assert_memory_equal(a->signature, b->signature, CARD_SIGNATURE_BYTES_MAX);
    assert_int_equal(a->token_count, b->token_count);
    for (size_t i = 0; i < a->token_count; i++)
        assert_token_equal(&a->tokens[i], &b->tokens[i]);
}

static int decode_reply(const uint8_t *data, size_t len)
{
    uint8_t *copy = exact(data, len);
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    int r = card_reply_decode(copy, len, &reply);
    if (r == 0) {
        CLEANUP(bytes_deinit) struct bytes again = {0};
        assert_int_equal(card_reply_encode(&reply, &again), 0);
        assert_int_equal(again.len, len);
        assert_memory_equal(again.data, data, len);
    }
    free(copy);
    return r;
}

static void replies_survive(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        CLEANUP(card_reply_deinit) struct card_reply reply = {0}, decoded = {0};
        CLEANUP(bytes_deinit) struct bytes body = {0};
        random_reply(&reply);
        assert_int_equal(card_reply_encode(&reply, &body), 0);
        assert_in_range(body.len, 1, FRAME_MAX_HELPER);
        assert_int_equal(card_reply_decode(body.data, body.len, &decoded), 0);
        assert_reply_equal(&reply, &decoded);

        assert_withstands(decode_reply, body.data, body.len, 1 + body.len / FLIPS_MAX);
    }
}

/* Every byte of one short reply of each type, so that no cut is stepped over. */
static void short_replies_are_cut_everywhere(void **state)
{
    (void)state;
    struct card_token token = {
        .slot = 1, .reader = "Reader 0", .label = "card", .serial = "1", .certificate_count = 1};
    uint8_t der[] = {0x30, 0x00};
    token.certificates[0] = (struct card_certificate){
        .id = {.data = der, .len = 1}, .der = {.data = der, .len = 2}, .algorithms = CARD_RS256};
    struct card_reply replies[] = {
        {.type = CARD_REQUEST_LIST, .number = 7, .token_count = 1, .tokens = &token},
        {.type = CARD_REQUEST_SIGN, .number = 8, .signature_len = 3, .signature = {1, 2, 3}},
        {.type = CARD_REQUEST_SIGN, .number = 9, .result = OUTCOME_PIN_WRONG, .tries_left = 2},
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        CLEANUP(bytes_deinit) struct bytes body = {0};
        assert_int_equal(card_reply_encode(&replies[i], &body), 0);
        assert_withstands(decode_reply, body.data, body.len, 1);
    }
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    struct card_token token = {.events = CARD_EVENTS_UNKNOWN + 1}; /* pcscd counts to 65535 */
    struct card_reply replies[] = {
        {.type = CARD_REQUEST_SIGN}, /* success without a signature */
        {.type = CARD_REQUEST_SIGN, .result = OUTCOME_PIN_WRONG, .signature_len = 4},
        {.type = CARD_REQUEST_SIGN, .result = OUTCOME_PIN_WRONG, .flags = 128},
        {.type = CARD_REQUEST_SIGN, .result = 4242},
        {.type = 5, .result = OUTCOME_PIN_WRONG},
        {.type = CARD_REQUEST_PIN_CHANGE, .flags = 128},
        {.type = CARD_REQUEST_LIST, .token_count = 1, .tokens = &token},
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        CLEANUP(bytes_deinit) struct bytes body = {0};
        assert_int_equal(card_reply_encode(&replies[i], &body), 0);
        assert_int_equal(decode_reply(body.data, body.len), -EPROTO);
    }
}

static void algorithms_have_names(void **state)
{
    (void)state;
    static const struct {
        enum card_algorithm algorithm;
        const char *name;
        size_t digest;
    } rows[] = {{CARD_ES256, "ES256", 32},
                {CARD_ES384, "ES384", 48},
                {CARD_PS256, "PS256", 32},
                {CARD_RS256, "RS256", 32}};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(card_algorithm_name(rows[i].algorithm), rows[i].name);
        assert_int_equal(card_algorithm_named(rows[i].name), rows[i].algorithm);
        assert_int_equal(card_algorithm_digest_bytes(rows[i].algorithm), rows[i].digest);
    }
    assert_null(card_algorithm_name(0));
    assert_null(card_algorithm_name(CARD_ES256 | CARD_RS256));
    assert_int_equal(card_algorithm_named("RS512"), 0);
    assert_int_equal(card_algorithm_named("none"), 0);
    assert_int_equal(card_algorithm_named(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_survive),
        cmocka_unit_test(a_request_that_does_not_fit_leaves_nothing),
        cmocka_unit_test(replies_survive),
        cmocka_unit_test(short_replies_are_cut_everywhere),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(algorithms_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
