/* SPDX-License-Identifier: MIT */
#include "agent/session/key_holder.h"

#include "ipc/base/log.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

int key_holder_set(struct key_holder *holder, const char *rp_id, const struct bytes *credential)
{
    size_t len = strlen(rp_id);
    bool sound = len > 0 && len <= FIDO_RP_ID_MAX && credential->len > 0 &&
                 credential->len <= FIDO_CREDENTIAL_ID_MAX;
    int r = sound ? bytes_set(&holder->credential, credential->data, credential->len) : -EINVAL;
    if (r < 0) {
        key_holder_deinit(holder);
        return log_fault(-r, "a security key's credential");
    }
    memcpy(holder->rp_id, rp_id, len + 1);
    return 0;
}

void key_holder_deinit(struct key_holder *holder)
{
    bytes_deinit(&holder->credential);
    *holder = (struct key_holder){0};
}

int key_holder_identity(const struct bytes *credential, uint8_t out[SESSION_IDENTITY_BYTES])
{
    return EVP_Digest(credential->data, credential->len, out, NULL, EVP_sha256(), NULL) == 1
               ? 0
               : log_fault(EIO, "hash");
}
