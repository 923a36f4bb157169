/* SPDX-License-Identifier: MIT */
/*
 * What the session's key signs, all of it JWS compact (RFC 7515) with ES256: DPoP proofs (RFC 9449
 * §4.2), session proofs and end statements (ipc/PROTOCOL.md §3.3, §3.4). Any thread, one at a time;
 * nothing blocks. Each replaces *out with text, NUL-terminated behind its length, and returns 0 or
 * a fault (logged).
 */
#pragma once

#include "agent/session/session_key.h"
#include "ipc/base/bytes.h"

#include <time.h>

/* nonce: the server's; "": none. url: without query and fragment. Draws the jti. */
int dpop_proof_make(const struct session_key *key, const char *method, const char *url,
                    const char *nonce, time_t now, struct bytes *out);

int session_proof_make(const struct session_key *key, const char *origin, const char *challenge,
                       const char *sid, time_t now, struct bytes *out);

int end_statement_make(const struct session_key *key, const char *endpoint, const char *sid,
                       time_t now, struct bytes *out);
