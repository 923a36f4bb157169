/* SPDX-License-Identifier: MIT */
/*
 * The public key and the extensions are CBOR in CTAP's canonical form (CTAP 2.1 §8): definite
 * lengths, in the shortest form, and nesting of at most four. The key's map is stepped over, which
 * is all that is needed to find the extensions behind it.
 */
#include "fido/auth_data.h"

#include <errno.h>
#include <fido.h>
#include <string.h>

enum {
    CBOR_UNSIGNED = 0,
    CBOR_NEGATIVE = 1,
    CBOR_BYTES = 2,
    CBOR_TEXT = 3,
    CBOR_ARRAY = 4,
    CBOR_MAP = 5,
    CBOR_SIMPLE = 7,
    DEPTH_MAX = 4,
    VALUE_TRUE = 21,
    EXTENSION_NAME_MAX = 32, /* WebAuthn §9.1 */
};

/* An item's head: its major type, and its value or length in *value. */
static unsigned read_item(struct reader *r, uint64_t *value)
{
    uint8_t head = read_u8(r);
    unsigned more = head & 0x1f;
    *value = more;
    if (more == 24)
        *value = read_u8(r);
    else if (more == 25)
        *value = read_u16(r);
    else if (more == 26)
        *value = read_u32(r);
    else if (more == 27)
        *value = read_u64(r);
    static const uint64_t least[] = {24, UINT8_MAX + 1, UINT16_MAX + 1, (uint64_t)UINT32_MAX + 1};
    /* Not the shortest form; or an indefinite length. Floats are none of CTAP's business. */
    if (more > 27 || (more >= 24 && *value < least[more - 24]))
        r->failed = true;
    return head >> 5;
}

static void skip_item(struct reader *r, int depth)
{
    uint64_t value;
    unsigned type = read_item(r, &value);
    if (value > r->left && type >= CBOR_BYTES && type <= CBOR_MAP)
        r->failed = true;
    if (type == CBOR_BYTES || type == CBOR_TEXT) {
        read_raw(r, r->failed ? 0 : (size_t)value);
    } else if (type == CBOR_ARRAY || type == CBOR_MAP) {
        if (depth == 0)
            r->failed = true;
        for (uint64_t i = 0; i < value * (type == CBOR_MAP ? 2 : 1) && !r->failed; i++)
            skip_item(r, depth - 1);
    } else if (type != CBOR_UNSIGNED && type != CBOR_NEGATIVE && type != CBOR_SIMPLE) {
        r->failed = true;
    }
}

static void read_attested(struct reader *r, struct auth_data *out)
{
    static const uint8_t zeros[16];
    const uint8_t *aaguid = read_raw(r, sizeof zeros);
    out->anonymous = aaguid && memcmp(aaguid, zeros, sizeof zeros) == 0;
    out->id_len = read_u16(r);
    out->id = read_raw(r, out->id_len);
    skip_item(r, DEPTH_MAX);
}

static bool is(const uint8_t *name, uint64_t len, const char *text)
{
    return len == strlen(text) && memcmp(name, text, len) == 0;
}

static void read_extension(struct reader *r, struct auth_data *out)
{
    uint64_t len, value;
    if (read_item(r, &len) != CBOR_TEXT || len > EXTENSION_NAME_MAX)
        r->failed = true;
    const uint8_t *name = read_raw(r, r->failed ? 0 : (size_t)len);
    if (!name)
        return;
    struct reader ahead = *r;
    unsigned type = read_item(&ahead, &value);
    if (is(name, len, "hmac-secret"))
        out->hmac_secret = type == CBOR_SIMPLE && value == VALUE_TRUE;
    if (is(name, len, "credProtect") && type == CBOR_UNSIGNED && value <= 3)
        out->protection = (uint8_t)value;
    if (is(name, len, "minPinLength") && type == CBOR_UNSIGNED) {
        out->min_pin = true;
        out->min_pin_length = value;
    }
    skip_item(r, DEPTH_MAX);
}

int auth_data_parse(const uint8_t *data, size_t len, struct auth_data *out)
{
    *out = (struct auth_data){0};
    struct reader r = READER(data, len);
    out->rp_id_hash = read_raw(&r, 32);
    out->flags = read_u8(&r);
    read_u32(&r);
    if (out->flags & CTAP_AUTHDATA_ATT_CRED)
        read_attested(&r, out);
    if (out->flags & CTAP_AUTHDATA_EXT_DATA) {
        uint64_t count;
        if (read_item(&r, &count) != CBOR_MAP)
            r.failed = true;
        for (uint64_t i = 0; i < count && !r.failed; i++)
            read_extension(&r, out);
    }
    return reader_done(&r) ? 0 : -EPROTO;
}

const uint8_t *auth_data_unwrap(const uint8_t *data, size_t len, size_t *out_len)
{
    struct reader r = READER(data, data ? len : 0);
    uint64_t inside;
    if (read_item(&r, &inside) != CBOR_BYTES || r.failed || inside != r.left)
        return NULL;
    *out_len = r.left;
    return r.data;
}
