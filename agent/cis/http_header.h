/* SPDX-License-Identifier: MIT */
/*
 * What an answer's headers say, read from hostile text. Any thread; nothing blocks.
 */
#pragma once

#include <stdbool.h>

/* True if a WWW-Authenticate value (RFC 9110 §11.6.1, several challenges in one perhaps) asks for a
 * DPoP nonce: DPoP with error="use_dpop_nonce" (RFC 9449 §8). */
bool http_header_wants_dpop_nonce(const char *value);

/* True if the value is a nonce as RFC 9449 §8.1 has it, of at most max characters. */
bool http_header_nonce_valid(const char *value, unsigned max);

/* True if the value is delay-seconds (RFC 9110 §10.2.3); *seconds is then at most max. */
bool http_header_delay(const char *value, unsigned max, unsigned *seconds);
