/* SPDX-License-Identifier: MIT */
/*
 * A credential's public key, from COSE (RFC 9052 §7, Web Authentication Level 3 §5.8.5) to what
 * getPublicKey() gives (§5.2.1.1), and whether a signature is by it. The bytes are a key's own
 * word: hostile. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"

enum { COSE_ES256 = -7, COSE_EDDSA = -8, COSE_ES384 = -35, COSE_RS256 = -257 };

/* *algorithm is the COSE number; *spki (initialised, replaced) the SubjectPublicKeyInfo's DER,
 * empty for an algorithm that is none of the above. 0; -EPROTO: malformed, or no key of its
 * algorithm; -ENOMEM (logged). */
int public_key_parse(const uint8_t *cose, size_t len, int32_t *algorithm, struct bytes *spki);

/* Whether that is what the key's private half makes of the message (Web Authentication Level 3
 * §6.5.5: ECDSA's in DER). False also for a key that is none of the above, or malformed, and on
 * fault. */
bool public_key_has_signed(const uint8_t *cose, size_t len, const struct bytes *message,
                           const struct bytes *signature);
