/* SPDX-License-Identifier: MIT */
/*
 * Two JSON texts of fixed shape, joined by a dot and signed by a card. They are written here rather
 * than by a JSON library so that the bytes that are signed are the bytes that are seen: every value
 * goes through json_append_string, base64url or %lld, and nothing else is variable.
 *
 * A Web eID signature covers hash(origin) followed by hash(challenge), both hashed again as part of
 * the signature; hashing first keeps the two apart whatever their lengths. The challenge goes in
 * as the text that the page gave. What else the card holds goes along unsigned, as much as makes
 * the token one that Web eID's validation libraries take.
 */
#include "agent/card_token.h"

#include "agent/json_write.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum {
    JTI_BYTES = 16, /* 128 random bits */
    HASH_BYTES_MAX = CARD_DIGEST_BYTES_MAX,
};

/* ---- hashes ---- */

static int hash(enum card_algorithm algorithm, const void *data, size_t len,
                uint8_t digest[HASH_BYTES_MAX])
{
    const EVP_MD *md = algorithm == CARD_ES384 ? EVP_sha384() : EVP_sha256();
    return EVP_Digest(data, len, digest, NULL, md, NULL) == 1 ? 0 : log_fault(EIO, "hash");
}

static int set_digest(struct token_draft *draft, const void *data, size_t len)
{
    draft->digest_len = (uint8_t)card_algorithm_digest_bytes(draft->algorithm);
    return hash(draft->algorithm, data, len, draft->digest);
}

/* ---- the JWS ---- */

static void append_header(struct bytes *out, const struct token_request *request)
{
    size_t order[CARD_CERTIFICATES_MAX];
    size_t len = certificate_set_chain(request->certificates, request->index, order);
    json_string_member(out, "typ", "lanyard-card+jwt");
    json_string_member(out, "alg", card_algorithm_name(request->algorithm));
    json_member(out, "x5c");
    for (size_t i = 0; i < len; i++) {
        const struct bytes *der = &request->certificates->at[order[i]]->der;
        bytes_append_text(out, i == 0 ? "[\"" : ",\"");
        base64_append(out, der->data, der->len);
        bytes_append_text(out, "\"");
    }
    bytes_append_text(out, "]}");
}

/* 0 or a fault: no randomness. */
static int append_payload(struct bytes *out, const struct token_request *request)
{
    uint8_t random[JTI_BYTES];
    if (RAND_bytes(random, sizeof random) != 1)
        return log_fault(EIO, "jti");
    CLEANUP(bytes_deinit) struct bytes jti = {0};
    base64url_append(&jti, random, sizeof random);
    bytes_append(&jti, "", 1);
    if (jti.failed)
        return log_fault(ENOMEM, "jti");

    json_string_member(out, "aud", request->origin);
    json_string_member(out, "nonce", request->challenge);
    json_number_member(out, "iat", request->now);
    json_number_member(out, "exp", (int64_t)request->now + TOKEN_LIFETIME_SECONDS);
    json_string_member(out, "jti", (const char *)jti.data);
    json_member(out, "cnf");
    bytes_append_text(out, "{\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":");
    json_append_string(out, session_key_x(request->key));
    bytes_append_text(out, ",\"y\":");
    json_append_string(out, session_key_y(request->key));
    bytes_append_text(out, "}}}");
    return 0;
}

static int draft_jws(const struct token_request *request, struct token_draft *draft)
{
    CLEANUP(bytes_deinit) struct bytes header = {0}, payload = {0};
    append_header(&header, request);
    int r = append_payload(&payload, request);
    if (r < 0)
        return r;
    struct bytes *input = &draft->signing_input;
    base64url_append(input, header.data, header.len);
    bytes_append_text(input, ".");
    base64url_append(input, payload.data, payload.len);
    if (header.failed || payload.failed || input->failed)
        return log_fault(ENOMEM, "card token");
    return set_digest(draft, input->data, input->len);
}

/* ---- Web eID ---- */

static void append_certificate(struct token_draft *draft, const struct certificate_set *set,
                               size_t index, uint8_t signing)
{
    const struct bytes *der = &set->at[index]->der;
    base64_append(&draft->certificates, der->data, der->len);
    bytes_append(&draft->certificates, "", 1);
    draft->signing[draft->certificate_count++] = signing;
}

/* The intermediates, in whose absence the signature certificates; a card may hold neither. */
static void append_company(struct token_draft *draft, const struct token_request *request)
{
    const struct certificate_set *set = request->certificates;
    size_t order[CARD_CERTIFICATES_MAX];
    size_t len = certificate_set_intermediates(set, request->index, order);
    for (size_t i = 0; i < len; i++)
        append_certificate(draft, set, order[i], 0);
    if (len > 0)
        return;
    len = certificate_set_signatures(set, request->index, request->now, order);
    for (size_t i = 0; i < len; i++)
        append_certificate(draft, set, order[i],
                           set->at[order[i]]->algorithms & set->key_algorithms[order[i]]);
}

static int draft_web_eid(const struct token_request *request, struct token_draft *draft)
{
    uint8_t both[2 * HASH_BYTES_MAX];
    size_t len = card_algorithm_digest_bytes(request->algorithm);
    int r = hash(request->algorithm, request->origin, strlen(request->origin), both);
    if (r == 0)
        r = hash(request->algorithm, request->challenge, strlen(request->challenge), both + len);
    if (r < 0)
        return r;
    append_certificate(draft, request->certificates, request->index, 0);
    append_company(draft, request);
    if (draft->certificates.failed)
        return log_fault(ENOMEM, "Web eID token");
    return set_digest(draft, both, 2 * len);
}

/* ---- from draft to answer ---- */

int token_draft_make(const struct token_request *request, struct token_draft *draft)
{
    token_draft_deinit(draft);
    draft->format = request->format;
    draft->algorithm = request->algorithm;
    int r =
        request->format == TOKEN_JWS ? draft_jws(request, draft) : draft_web_eid(request, draft);
    if (r < 0)
        token_draft_deinit(draft);
    return r;
}

void token_draft_deinit(struct token_draft *draft)
{
    bytes_deinit(&draft->signing_input);
    bytes_deinit(&draft->certificates);
    *draft = (struct token_draft){0};
}

static void finish_jws(const struct token_draft *draft, const uint8_t *signature,
                       size_t signature_len, struct token_answer *answer)
{
    bytes_append(&answer->jws, draft->signing_input.data, draft->signing_input.len);
    bytes_append_text(&answer->jws, ".");
    base64url_append(&answer->jws, signature, signature_len);
    bytes_append(&answer->jws, "", 1);
    answer->result.jws = (const char *)answer->jws.data;
}

static void finish_web_eid(const struct token_draft *draft, const uint8_t *signature,
                           size_t signature_len, struct token_answer *answer)
{
    bytes_append(&answer->certificates, draft->certificates.data, draft->certificates.len);
    base64_append(&answer->signature, signature, signature_len);
    bytes_append(&answer->signature, "", 1);
    if (answer->certificates.failed || answer->signature.failed)
        return;
    const char *text = (const char *)answer->certificates.data;
    struct web_eid_token *token = &answer->web_eid;
    *token = (struct web_eid_token){.certificate = text,
                                    .algorithm = card_algorithm_name(draft->algorithm),
                                    .signature = (const char *)answer->signature.data,
                                    .intermediates = answer->intermediates,
                                    .signing = answer->signing};
    for (size_t i = 1; i < draft->certificate_count; i++) {
        text += strlen(text) + 1;
        if (draft->signing[i] == 0)
            answer->intermediates[token->intermediate_count++] = text;
        else
            answer->signing[token->signing_count++] =
                (struct web_eid_signing_certificate){text, draft->signing[i]};
    }
    answer->result.web_eid = token;
}

int token_draft_finish(const struct token_draft *draft, const uint8_t *signature,
                       size_t signature_len, struct token_answer *answer)
{
    token_answer_deinit(answer);
    if (draft->format == TOKEN_JWS)
        finish_jws(draft, signature, signature_len, answer);
    else
        finish_web_eid(draft, signature, signature_len, answer);
    if (answer->jws.failed || answer->certificates.failed || answer->signature.failed) {
        token_answer_deinit(answer);
        return log_fault(ENOMEM, "card token");
    }
    return 0;
}

void token_answer_deinit(struct token_answer *answer)
{
    bytes_deinit(&answer->jws);
    bytes_deinit(&answer->certificates);
    bytes_deinit(&answer->signature);
    *answer = (struct token_answer){0};
}
