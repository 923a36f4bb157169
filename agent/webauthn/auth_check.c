/* SPDX-License-Identifier: MIT */
#include "agent/webauthn/auth_check.h"

#include "ipc/base/outcome.h"

#include <openssl/sha.h>
#include <string.h>

bool auth_data_is_of(const struct auth_data *data, const char *site)
{
    uint8_t hash[AUTH_DATA_HASH_BYTES];
    return SHA256((const uint8_t *)site, strlen(site), hash) &&
           memcmp(data->rp_id_hash, hash, sizeof hash) == 0;
}

int auth_data_check(const struct bytes *raw, const char *site, bool verified, struct auth_data *out)
{
    if (auth_data_parse(raw->data, raw->len, out) < 0 || !auth_data_is_of(out, site) ||
        (out->flags & AUTH_DATA_PRESENT) == 0)
        return OUTCOME_KEY_FAILED;
    return verified && (out->flags & AUTH_DATA_VERIFIED) == 0 ? OUTCOME_KEY_UNVERIFIED : OUTCOME_OK;
}
