/* SPDX-License-Identifier: MIT */
/*
 * The attestation object of a registration (Web Authentication Level 3 §6.5.4), in CTAP's canonical
 * form. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"

/* Replaces *out. statement: a CBOR map, the key's own word, and hostile. 0; -EPROTO: it is none;
 * -ENOMEM (logged). */
int attestation_object_write(const char *format, const struct bytes *statement,
                             const struct bytes *auth_data, struct bytes *out);

/* For a site that does not want to know which kind of key it is (§5.1.3, conveyance "none"): no
 * statement, and the AAGUID in *auth_data (parsed before, with a credential) becomes zeros. 0 or
 * -ENOMEM (logged). */
int attestation_object_write_none(struct bytes *auth_data, struct bytes *out);
