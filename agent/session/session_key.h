/* SPDX-License-Identifier: MIT */
/*
 * The session key: a fresh P-256 pair for each sign-in. Its public half goes into the card token
 * (cnf.jwk, RFC 7800); its private half signs the session's proofs and never leaves this file.
 *
 * The private scalar lives in OpenSSL's secure heap: locked, left out of core files, wiped when
 * freed. It leaves the heap for sealed memory only (agent/session/seal.h). Any thread, one at a
 * time; nothing blocks.
 */
#pragma once

#include "ipc/base/secret.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SESSION_KEY_COORDINATE_TEXT = 43, /* base64url of 32 bytes */
    SESSION_KEY_SIGNATURE_BYTES = 64, /* r and s (RFC 7518 §3.4) */
    SESSION_KEY_SCALAR_BYTES = 32,
};

struct session_key;

/* Returns owned; NULL on fault (logged). */
struct session_key *session_key_new(void);
/* Wipes and releases; takes NULL. */
void session_key_free(struct session_key **key);

/* The public point as a JWK has it: x and y, base64url (RFC 7518 §6.2.1). Borrowed. */
const char *session_key_x(const struct session_key *key);
const char *session_key_y(const struct session_key *key);

/* ES256 over data. 0, or a fault (logged). */
int session_key_sign(const struct session_key *key, const void *data, size_t len,
                     uint8_t signature[SESSION_KEY_SIGNATURE_BYTES]);

/* The private scalar, big-endian, into *out, which has room for it (appended); and the pair anew
 * from one. For sealed memory only. 0 or a fault; owned, NULL on fault (logged). */
int session_key_export(const struct session_key *key, struct secret *out);
struct session_key *session_key_import(const uint8_t scalar[SESSION_KEY_SCALAR_BYTES]);
