/* SPDX-License-Identifier: MIT */
/*
 * The card token: what a sign-in hands to the provider (ipc/PROTOCOL.md §3), put together around a
 * signature that only the card can make.
 *
 * First a draft, with the digest for the card; then, with the card's signature, the answer for the
 * door. Nothing here knows a card, a helper or a socket. (struct card_token of ipc/card_message.h
 * is PKCS#11's token, the card itself; hence "draft" and "token answer" here.) Any thread, one at a
 * time; nothing blocks. Functions return 0 or a fault, logged.
 */
#pragma once

#include "agent/certificate.h"
#include "agent/session/session_key.h"
#include "ipc/base/bytes.h"
#include "ipc/card_message.h"
#include "ipc/door/door.h"

#include <time.h>

enum { TOKEN_LIFETIME_SECONDS = 120 };

/* What a token is made from; all borrowed for the call. */
struct token_request {
    enum token_format format;
    const char *origin;    /* aud: the provider's origin as the agent saw it */
    const char *challenge; /* nonce: as it was given */
    uint8_t algorithm;     /* enum card_algorithm, as certificate_choose says */
    const struct certificate_set *certificates;
    size_t index;                  /* the chosen one */
    const struct session_key *key; /* cnf; unused for TOKEN_WEB_EID */
    time_t now;                    /* iat, seconds since the epoch */
};

/* Owned; initialise with zero. */
struct token_draft {
    enum token_format format;
    uint8_t algorithm;
    uint8_t digest_len;
    uint8_t digest[CARD_DIGEST_BYTES_MAX]; /* for the card to sign */
    struct bytes signing_input;            /* TOKEN_JWS: header.payload */
    /* TOKEN_WEB_EID: base64 DER, each with its NUL: the holder's, then either the intermediates or
     * the signature certificates; signing says what each of the latter signs with, 0 of others. */
    struct bytes certificates;
    size_t certificate_count;
    uint8_t signing[CARD_CERTIFICATES_MAX + 1];
};

/* Replaces *draft. Draws the jti from the system's random source. */
int token_draft_make(const struct token_request *request, struct token_draft *draft);
void token_draft_deinit(struct token_draft *draft);

/* Owned; initialise with zero. result borrows from the rest and is ready for answer_sign_in: do not
 * copy or move the struct. */
struct token_answer {
    struct sign_in_result result;
    struct web_eid_token web_eid;
    struct bytes jws, certificates, signature; /* NUL-terminated texts */
    const char *intermediates[CARD_CERTIFICATES_MAX];
    struct web_eid_signing_certificate signing[CARD_CERTIFICATES_MAX];
};

/* Replaces *answer. The signature is the card's, verified (certificate_verify): RSA as is, EC as r
 * and s of fixed length. */
int token_draft_finish(const struct token_draft *draft, const uint8_t *signature,
                       size_t signature_len, struct token_answer *answer);
void token_answer_deinit(struct token_answer *answer);
