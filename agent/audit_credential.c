/* SPDX-License-Identifier: MIT */
#include "agent/audit.h"

#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>

void audit_name_credential(const struct bytes *id, char name[AUDIT_CREDENTIAL_BYTES])
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    name[0] = '\0';
    if (!SHA256(id->data, id->len, hash))
        return; /* an entry without it is better than none */
    for (size_t i = 0; i < (AUDIT_CREDENTIAL_BYTES - 1) / 2; i++)
        snprintf(name + 2 * i, 3, "%02x", hash[i]);
}
