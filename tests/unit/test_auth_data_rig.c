/* SPDX-License-Identifier: MIT */
#include "test_auth_data_rig.h"

#include "ipc/auth_data.h"

void auth_data_begin(struct bytes *out, uint8_t flags)
{
    static const uint8_t hash[AUTH_DATA_HASH_BYTES] = {1}, counter[] = {0, 0, 1, 2};
    bytes_reset(out);
    bytes_append(out, hash, sizeof hash);
    bytes_append(out, &flags, 1);
    bytes_append(out, counter, sizeof counter);
}

void auth_data_add_credential(struct bytes *out, size_t id_len)
{
    static const uint8_t aaguid[AUTH_DATA_AAGUID_BYTES] = {9, 9}, id[2000] = {7};
    const uint8_t len[] = {(uint8_t)(id_len >> 8), (uint8_t)id_len};
    bytes_append(out, aaguid, sizeof aaguid);
    bytes_append(out, len, sizeof len);
    bytes_append(out, id, id_len);
}
