/* SPDX-License-Identifier: MIT */
/* The prefix is hashed with its terminating zero. */
#include "agent/webauthn/prf.h"

#include "ipc/base/cleanup.h"

#include <errno.h>
#include <openssl/sha.h>

static const char prefix[] = "WebAuthn PRF";

static void append_salt(const struct bytes *input, struct bytes *salts)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    uint8_t hash[PRF_BYTES];
    bytes_append(&text, prefix, sizeof prefix);
    bytes_append(&text, input->data, input->len);
    if (text.failed || !SHA256(text.data, text.len, hash))
        salts->failed = true;
    else
        bytes_append(salts, hash, sizeof hash);
}

int prf_salts(const struct webauthn_prf *prf, struct bytes *salts)
{
    bytes_reset(salts);
    append_salt(&prf->first, salts);
    if (prf->has_second)
        append_salt(&prf->second, salts);
    return salts->failed ? -ENOMEM : 0;
}
