/* SPDX-License-Identifier: MIT */
/*
 * Both directions of each message stand next to each other, so that a field added to one is missed
 * in the other only by somebody who is not looking. The bounds are checked where a field is read;
 * what remains after the last field makes the whole message invalid.
 */
#include "ipc/card_message.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum card_algorithm algorithm;
    const char *name;
    size_t digest_bytes;
} algorithms[] = {
    {CARD_ES256, "ES256", 32},
    {CARD_ES384, "ES384", 48},
    {CARD_PS256, "PS256", 32},
    {CARD_RS256, "RS256", 32},
};

#define ALGORITHM_COUNT (sizeof algorithms / sizeof *algorithms)

const char *card_algorithm_name(enum card_algorithm algorithm)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (algorithms[i].algorithm == algorithm)
            return algorithms[i].name;
    return NULL;
}

unsigned card_algorithm_named(const char *name)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return algorithms[i].algorithm;
    return 0;
}

size_t card_algorithm_digest_bytes(enum card_algorithm algorithm)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (algorithms[i].algorithm == algorithm)
            return algorithms[i].digest_bytes;
    return 0;
}

void card_request_deinit(struct card_request *request)
{
    bytes_deinit(&request->sign.id);
    bytes_deinit(&request->pin.id);
    explicit_bzero(request, sizeof *request);
}

void card_token_deinit(struct card_token *token)
{
    for (size_t i = 0; i < CARD_CERTIFICATES_MAX; i++) {
        bytes_deinit(&token->certificates[i].id);
        bytes_deinit(&token->certificates[i].der);
    }
    *token = (struct card_token){0};
}

void card_reply_deinit(struct card_reply *reply)
{
    if (reply->tokens)
        for (size_t i = 0; i < reply->token_count; i++)
            card_token_deinit(&reply->tokens[i]);
    free(reply->tokens);
    explicit_bzero(reply, sizeof *reply);
}

/* ---- requests ---- */

static bool about_pin(uint8_t type)
{
    return type == CARD_REQUEST_PIN_CHANGE || type == CARD_REQUEST_PIN_UNBLOCK;
}

int card_request_encode(const struct card_request *request, struct secret *out)
{
    size_t used = secret_len(out);
    struct writer w = WRITER(secret_bytes(out) + used, secret_capacity(out) - used);
    write_u8(&w, CARD_MESSAGE_VERSION);
    write_u8(&w, request->type);
    write_u32(&w, request->number);
    if (request->type == CARD_REQUEST_SIGN) {
        const struct card_sign_request *sign = &request->sign;
        write_u64(&w, sign->slot);
        write_field(&w, sign->id.data, sign->id.len);
        write_raw(&w, sign->certificate_hash, sizeof sign->certificate_hash);
        write_u8(&w, sign->algorithm);
        write_field(&w, sign->digest, sign->digest_len);
        write_field(&w, sign->pin, sign->pin_len);
    }
    if (about_pin(request->type)) {
        const struct card_pin_request *pin = &request->pin;
        write_u64(&w, pin->slot);
        write_field(&w, pin->id.data, pin->id.len);
        write_raw(&w, pin->certificate_hash, sizeof pin->certificate_hash);
        write_field(&w, pin->secret, pin->secret_len);
        write_field(&w, pin->new_pin, pin->new_pin_len);
    }
    if (w.failed) {
        secret_set_len(out, used);
        return -ENOSPC;
    }
    secret_set_len(out, used + w.len);
    return 0;
}

static void decode_hash(struct reader *r, uint8_t out[static 32])
{
    const uint8_t *hash = read_raw(r, 32);
    if (hash)
        memcpy(out, hash, 32);
}

static void decode_sign(struct reader *r, struct card_sign_request *sign)
{
    sign->slot = read_u64(r);
    read_bytes(r, CARD_ID_BYTES_MAX, &sign->id);
    decode_hash(r, sign->certificate_hash);
    sign->algorithm = read_u8(r);
    size_t len;
    const uint8_t *digest = read_field(r, CARD_DIGEST_BYTES_MAX, &len);
    if (len == 0 || len != card_algorithm_digest_bytes(sign->algorithm))
        r->failed = true;
    else
        memcpy(sign->digest, digest, len);
    sign->digest_len = (uint8_t)len;
    sign->pin = read_field(r, CARD_PIN_BYTES_MAX, &len);
    sign->pin_len = (uint8_t)len;
}

static void decode_pin(struct reader *r, struct card_pin_request *pin)
{
    pin->slot = read_u64(r);
    read_bytes(r, CARD_ID_BYTES_MAX, &pin->id);
    decode_hash(r, pin->certificate_hash);
    size_t secret_len, new_pin_len;
    pin->secret = read_field(r, CARD_PIN_BYTES_MAX, &secret_len);
    pin->new_pin = read_field(r, CARD_PIN_BYTES_MAX, &new_pin_len);
    pin->secret_len = (uint8_t)secret_len;
    pin->new_pin_len = (uint8_t)new_pin_len;
    if ((secret_len > 0) != (new_pin_len > 0))
        r->failed = true;
}

int card_request_decode(const uint8_t *body, size_t len, struct card_request *request)
{
    struct reader r = READER(body, len);
    uint8_t version = read_u8(&r);
    request->type = read_u8(&r);
    request->number = read_u32(&r);
    if (request->type == CARD_REQUEST_SIGN)
        decode_sign(&r, &request->sign);
    else if (about_pin(request->type))
        decode_pin(&r, &request->pin);
    bool known = request->type == CARD_REQUEST_LIST || request->type == CARD_REQUEST_SIGN ||
                 about_pin(request->type);
    if (version == CARD_MESSAGE_VERSION && known && reader_done(&r))
        return 0;
    card_request_deinit(request);
    return -EPROTO;
}

/* ---- replies ---- */

static void encode_token(struct writer *w, const struct card_token *token)
{
    write_u64(w, token->slot);
    write_text(w, token->reader);
    write_text(w, token->label);
    write_text(w, token->serial);
    write_u32(w, token->events);
    write_u8(w, token->flags);
    write_u8(w, token->tries_left);
    write_u8(w, token->pin_min);
    write_u8(w, token->pin_max);
    write_u8(w, token->certificate_count);
    for (size_t i = 0; i < token->certificate_count; i++) {
        const struct card_certificate *certificate = &token->certificates[i];
        write_field(w, certificate->id.data, certificate->id.len);
        write_field(w, certificate->der.data, certificate->der.len);
        write_u8(w, certificate->algorithms);
        write_u8(w, certificate->pin_for_each_use);
    }
}

static void decode_token(struct reader *r, struct card_token *token)
{
    token->slot = read_u64(r);
    read_text(r, token->reader, sizeof token->reader);
    read_text(r, token->label, sizeof token->label);
    read_text(r, token->serial, sizeof token->serial);
    token->events = read_u32(r);
    token->flags = read_u8(r);
    token->tries_left = read_u8(r);
    token->pin_min = read_u8(r);
    token->pin_max = read_u8(r);
    token->certificate_count = read_u8(r);
    if (token->certificate_count > CARD_CERTIFICATES_MAX || (token->flags & ~CARD_TOKEN_FLAGS) ||
        token->events > CARD_EVENTS_UNKNOWN) {
        token->certificate_count = 0;
        r->failed = true;
    }
    for (size_t i = 0; i < token->certificate_count; i++) {
        struct card_certificate *certificate = &token->certificates[i];
        read_bytes(r, CARD_ID_BYTES_MAX, &certificate->id);
        read_bytes(r, CARD_CERTIFICATE_BYTES_MAX, &certificate->der);
        certificate->algorithms = read_u8(r);
        certificate->pin_for_each_use = read_u8(r);
        if ((certificate->algorithms & ~CARD_ALGORITHMS) || certificate->pin_for_each_use > 1)
            r->failed = true;
    }
}

int card_reply_encode(const struct card_reply *reply, struct bytes *out)
{
    CLEANUP(bytes_deinit) struct bytes space = {0};
    space.data = malloc(FRAME_MAX_HELPER);
    if (!space.data)
        return -ENOMEM;
    space.capacity = FRAME_MAX_HELPER;

    struct writer w = WRITER(space.data, space.capacity);
    write_u8(&w, CARD_MESSAGE_VERSION);
    write_u8(&w, reply->type);
    write_u32(&w, reply->number);
    write_u32(&w, reply->result);
    write_u64(&w, reply->module_code);
    if (reply->type == CARD_REQUEST_LIST) {
        write_u8(&w, reply->token_count);
        for (size_t i = 0; i < reply->token_count; i++)
            encode_token(&w, &reply->tokens[i]);
    } else if (about_pin(reply->type)) {
        write_u8(&w, reply->flags);
        write_u8(&w, reply->tries_left);
        write_u8(&w, reply->puk_tries_left);
    } else {
        write_u8(&w, reply->flags);
        write_u8(&w, reply->tries_left);
        write_field(&w, reply->signature, reply->signature_len);
    }
    if (w.failed)
        return -EMSGSIZE;
    return bytes_set(out, space.data, w.len);
}

static int decode_list(struct reader *r, struct card_reply *reply)
{
    uint8_t count = read_u8(r);
    if (count > CARD_TOKENS_MAX)
        return -EPROTO;
    reply->tokens = calloc(count ? count : 1, sizeof *reply->tokens);
    if (!reply->tokens)
        return -ENOMEM;
    reply->token_count = count;
    for (size_t i = 0; i < count; i++)
        decode_token(r, &reply->tokens[i]);
    return 0;
}

static void decode_signature(struct reader *r, struct card_reply *reply)
{
    reply->flags = read_u8(r);
    reply->tries_left = read_u8(r);
    size_t len;
    const uint8_t *signature = read_field(r, CARD_SIGNATURE_BYTES_MAX, &len);
    if (len > 0)
        memcpy(reply->signature, signature, len);
    reply->signature_len = (uint16_t)len;
    /* Success is a signature, failure is none: nothing in between. */
    if ((reply->flags & ~CARD_TOKEN_FLAGS) || (reply->result == OUTCOME_OK) != (len > 0))
        r->failed = true;
}

static void decode_pin_reply(struct reader *r, struct card_reply *reply)
{
    reply->flags = read_u8(r);
    reply->tries_left = read_u8(r);
    reply->puk_tries_left = read_u8(r);
    if (reply->flags & ~CARD_TOKEN_FLAGS)
        r->failed = true;
}

int card_reply_decode(const uint8_t *body, size_t len, struct card_reply *reply)
{
    struct reader r = READER(body, len);
    uint8_t version = read_u8(&r);
    reply->type = read_u8(&r);
    reply->number = read_u32(&r);
    reply->result = read_u32(&r);
    reply->module_code = read_u64(&r);
    int result = 0;
    if (reply->type == CARD_REQUEST_LIST)
        result = decode_list(&r, reply);
    else if (reply->type == CARD_REQUEST_SIGN)
        decode_signature(&r, reply);
    else if (about_pin(reply->type))
        decode_pin_reply(&r, reply);
    else
        result = -EPROTO;
    if (result == 0 && (version != CARD_MESSAGE_VERSION || !reader_done(&r) ||
                        outcome_of((int)reply->result) != (int)reply->result))
        result = -EPROTO;
    if (result < 0)
        card_reply_deinit(reply);
    return result;
}
