/* SPDX-License-Identifier: MIT */
/*
 * JSON texts of fixed shape, written by hand for the reason that agent/json_write.h gives.
 */
#include "agent/cis/dpop.h"

#include "agent/card_token.h"
#include "agent/json_write.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <openssl/rand.h>

enum {
    JTI_BYTES = 16, /* 128 random bits */
};

/* Both without their closing brace. */
static int sign(const struct session_key *key, struct bytes *header, struct bytes *payload,
                struct bytes *out)
{
    uint8_t signature[SESSION_KEY_SIGNATURE_BYTES];
    CLEANUP(bytes_deinit) struct bytes jws = {0};
    bytes_append_text(header, "}");
    bytes_append_text(payload, "}");
    base64url_append(&jws, header->data, header->len);
    bytes_append_text(&jws, ".");
    base64url_append(&jws, payload->data, payload->len);
    if (header->failed || payload->failed || jws.failed)
        return log_fault(ENOMEM, "session key: token");
    int r = session_key_sign(key, jws.data, jws.len, signature);
    if (r < 0)
        return r;
    bytes_append_text(&jws, ".");
    base64url_append(&jws, signature, sizeof signature);
    bytes_append(&jws, "", 1);
    if (jws.failed)
        return log_fault(ENOMEM, "session key: token");
    jws.len--;
    bytes_deinit(out);
    *out = jws;
    jws = (struct bytes){0};
    return 0;
}

static void begin_header(struct bytes *header, const char *type)
{
    json_string_member(header, "typ", type);
    json_string_member(header, "alg", "ES256");
}

static int jti_member(struct bytes *payload)
{
    uint8_t random[JTI_BYTES];
    if (RAND_bytes(random, sizeof random) != 1)
        return log_fault(EIO, "jti");
    json_member(payload, "jti");
    bytes_append_text(payload, "\"");
    base64url_append(payload, random, sizeof random);
    bytes_append_text(payload, "\"");
    return 0;
}

int dpop_proof_make(const struct session_key *key, const char *method, const char *url,
                    const char *nonce, time_t now, struct bytes *out)
{
    CLEANUP(bytes_deinit) struct bytes header = {0}, payload = {0};
    begin_header(&header, "dpop+jwt");
    json_member(&header, "jwk");
    bytes_append_text(&header, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":");
    json_append_string(&header, session_key_x(key));
    bytes_append_text(&header, ",\"y\":");
    json_append_string(&header, session_key_y(key));
    bytes_append_text(&header, "}");
    int r = jti_member(&payload);
    if (r < 0)
        return r;
    json_string_member(&payload, "htm", method);
    json_string_member(&payload, "htu", url);
    json_number_member(&payload, "iat", now);
    if (*nonce)
        json_string_member(&payload, "nonce", nonce);
    return sign(key, &header, &payload, out);
}

int session_proof_make(const struct session_key *key, const char *origin, const char *challenge,
                       const char *sid, time_t now, struct bytes *out)
{
    CLEANUP(bytes_deinit) struct bytes header = {0}, payload = {0};
    begin_header(&header, "lanyard-session+jwt");
    json_string_member(&payload, "aud", origin);
    json_string_member(&payload, "nonce", challenge);
    json_number_member(&payload, "iat", now);
    json_number_member(&payload, "exp", (int64_t)now + TOKEN_LIFETIME_SECONDS);
    json_string_member(&payload, "sid", sid);
    return sign(key, &header, &payload, out);
}

int end_statement_make(const struct session_key *key, const char *endpoint, const char *sid,
                       time_t now, struct bytes *out)
{
    CLEANUP(bytes_deinit) struct bytes header = {0}, payload = {0};
    begin_header(&header, "lanyard-end+jwt");
    json_string_member(&payload, "aud", endpoint);
    json_string_member(&payload, "sid", sid);
    json_number_member(&payload, "iat", now);
    return sign(key, &header, &payload, out);
}
