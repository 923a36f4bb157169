/* SPDX-License-Identifier: MIT */
/*
 * Two of its parts are CBOR without a length of their own, the public key and the extensions: they
 * end where the item ends.
 */
#include "agent/webauthn/auth_data.h"

#include "agent/webauthn/cbor.h"
#include "ipc/base/outcome.h"
#include "ipc/fido_message.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

/* Goes past one map. */
static void skip_map(struct reader *r)
{
    struct reader ahead = *r;
    enum cbor_major major;
    cbor_read_head(&ahead, &major);
    if (major != CBOR_MAP)
        r->failed = true;
    cbor_skip(r);
}

static void read_credential(struct reader *r, struct auth_data *out)
{
    read_raw(r, AUTH_DATA_AAGUID_BYTES);
    out->credential_id_len = read_u16(r);
    if (out->credential_id_len == 0 || out->credential_id_len > FIDO_CREDENTIAL_ID_MAX)
        r->failed = true;
    out->credential_id = read_raw(r, out->credential_id_len);
    out->public_key = r->data;
    size_t before = r->left;
    skip_map(r);
    out->public_key_len = before - r->left;
}

int auth_data_parse(const uint8_t *data, size_t len, struct auth_data *out)
{
    struct reader r = READER(data, len);
    *out = (struct auth_data){0};
    out->rp_id_hash = read_raw(&r, AUTH_DATA_HASH_BYTES);
    out->flags = read_u8(&r);
    out->counter = read_u32(&r);
    if (out->flags & AUTH_DATA_CREDENTIAL)
        read_credential(&r, out);
    if (out->flags & AUTH_DATA_EXTENSIONS)
        skip_map(&r);
    return reader_done(&r) ? 0 : -EPROTO;
}

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
