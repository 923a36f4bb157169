/* SPDX-License-Identifier: MIT */
/*
 * From a site's prf inputs to the salts of hmac-secret (Web Authentication Level 3 §10.1.4):
 * hashed with a prefix of its own, so that no site can reach what other programs keep behind the
 * same key. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/door/webauthn.h"

enum { PRF_BYTES = 32 /* a salt, and a result */ };

/* SHA-256("WebAuthn PRF" 0x00 input) of the first input and, where there is one, of the second,
 * into *salts (replaced). 0 or -ENOMEM. */
int prf_salts(const struct webauthn_prf *prf, struct bytes *salts);
