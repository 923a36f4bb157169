/* SPDX-License-Identifier: MIT */
/*
 * Whether authenticator data is what was asked of a key. Its signature is another matter
 * (agent/webauthn/public_key.h). Any thread; nothing blocks.
 */
#pragma once

#include "ipc/auth_data.h"

/* Whether it is about that site (an RP ID or appid). */
bool auth_data_is_of(const struct auth_data *data, const char *site);

/* As a key has signed it for that site (an RP ID or appid): OUTCOME_OK, KEY_FAILED (it is
 * malformed, another site's, or nobody was there), or KEY_UNVERIFIED where the key had to know who
 * it was. */
int auth_data_check(const struct bytes *raw, const char *site, bool verified,
                    struct auth_data *out);
