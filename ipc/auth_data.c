/* SPDX-License-Identifier: MIT */
/*
 * Two of its parts are CBOR without a length of their own, the public key and the extensions: they
 * end where the item ends.
 */
#include "ipc/auth_data.h"

#include "ipc/cbor.h"
#include "ipc/fido_message.h"

#include <errno.h>
#include <string.h>

enum {
    SIMPLE_TRUE = 21,
    EXTENSION_NAME_MAX = 32, /* Web Authentication Level 3 §9.1 */
};

static void read_credential(struct reader *r, struct auth_data *out)
{
    out->aaguid = read_raw(r, AUTH_DATA_AAGUID_BYTES);
    out->credential_id_len = read_u16(r);
    if (out->credential_id_len == 0 || out->credential_id_len > FIDO_CREDENTIAL_ID_MAX)
        r->failed = true;
    out->credential_id = read_raw(r, out->credential_id_len);
    out->public_key = r->data;
    size_t before = r->left;
    struct reader ahead = *r;
    enum cbor_major major;
    cbor_read_head(&ahead, &major);
    if (major != CBOR_MAP)
        r->failed = true;
    cbor_skip(r);
    out->public_key_len = before - r->left;
}

static bool is(const uint8_t *name, uint64_t len, const char *text)
{
    return len == strlen(text) && memcmp(name, text, len) == 0;
}

static void read_extension(struct reader *r, struct auth_data *out)
{
    enum cbor_major major;
    uint64_t len = cbor_read_head(r, &major);
    if (major != CBOR_TEXT || len > EXTENSION_NAME_MAX)
        r->failed = true;
    const uint8_t *name = read_raw(r, r->failed ? 0 : (size_t)len);
    if (!name)
        return;
    struct reader ahead = *r;
    uint64_t value = cbor_read_head(&ahead, &major);
    if (is(name, len, "hmac-secret"))
        out->hmac_secret = major == CBOR_SIMPLE && value == SIMPLE_TRUE;
    if (is(name, len, "credProtect") && major == CBOR_UNSIGNED && value <= FIDO_PROTECT_REQUIRED)
        out->protection = (uint8_t)value;
    if (is(name, len, "minPinLength") && major == CBOR_UNSIGNED) {
        out->min_pin = true;
        out->min_pin_length = value;
    }
    cbor_skip(r);
}

static void read_extensions(struct reader *r, struct auth_data *out)
{
    enum cbor_major major;
    uint64_t count = cbor_read_head(r, &major);
    if (major != CBOR_MAP)
        r->failed = true;
    for (uint64_t i = 0; i < count && !r->failed; i++)
        read_extension(r, out);
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
        read_extensions(&r, out);
    return reader_done(&r) ? 0 : -EPROTO;
}

const uint8_t *auth_data_unwrap(const uint8_t *data, size_t len, size_t *out_len)
{
    struct reader r = READER(data, data ? len : 0);
    enum cbor_major major;
    uint64_t inside = cbor_read_head(&r, &major);
    if (r.failed || major != CBOR_BYTES || inside != r.left)
        return NULL;
    *out_len = r.left;
    return r.data;
}
