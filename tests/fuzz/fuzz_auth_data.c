/* SPDX-License-Identifier: MIT */
/* Authenticator data as a security key gives it out, wrapped in its CBOR byte string. What was
 * found in it lies in it. */
#include "ipc/auth_data.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len = 0;
    struct auth_data parsed;
    const uint8_t *inside = auth_data_unwrap(data, size, &len);
    if (!inside)
        return 0;
    if (inside < data || inside + len != data + size)
        abort();
    if (auth_data_parse(inside, len, &parsed) < 0)
        return 0;
    if (len < AUTH_DATA_HEAD_BYTES || parsed.rp_id_hash != inside)
        abort();
    if (parsed.credential_id &&
        (parsed.aaguid < inside || parsed.credential_id_len == 0 ||
         parsed.credential_id != parsed.aaguid + AUTH_DATA_AAGUID_BYTES + 2 ||
         parsed.public_key != parsed.credential_id + parsed.credential_id_len ||
         parsed.public_key + parsed.public_key_len > inside + len))
        abort();
    return 0;
}
