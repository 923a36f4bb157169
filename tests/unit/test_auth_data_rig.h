/* SPDX-License-Identifier: MIT */
/* Authenticator data as a key writes it (WebAuthn Level 3, 6.1), piece by piece. */
#pragma once

#include "ipc/base/bytes.h"

/* Empties out and begins anew: a hash that begins with 1, these flags, the counter 258. */
void auth_data_begin(struct bytes *out, uint8_t flags);
/* An AAGUID that begins with 9, and an ID of so many bytes, at most 2000, that begins with 7. The
 * public key is the caller's to add. */
void auth_data_add_credential(struct bytes *out, size_t id_len);
