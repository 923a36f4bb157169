/* SPDX-License-Identifier: MIT */
/*
 * A count says nothing about how much there is: each item takes at least one byte, and whoever
 * counts items reads one at a time and stops when the reader has failed, so a hostile count costs
 * no more than the bytes that came with it.
 */
#include "ipc/cbor.h"

#include <string.h>

enum {
    VALUE_8 = 24, /* the head's low five bits: how many bytes the value behind it has */
    VALUE_16,
    VALUE_32,
    VALUE_64,
    SHIFT = 5,
    LOW = 0x1f,
};

void cbor_write_head(struct bytes *out, enum cbor_major major, uint64_t value)
{
    uint8_t space[9];
    struct writer w = WRITER(space, sizeof space);
    uint8_t top = (uint8_t)(major << SHIFT);
    if (value < VALUE_8) {
        write_u8(&w, (uint8_t)(top | value));
    } else if (value <= UINT8_MAX) {
        write_u8(&w, top | VALUE_8);
        write_u8(&w, (uint8_t)value);
    } else if (value <= UINT16_MAX) {
        write_u8(&w, top | VALUE_16);
        write_u16(&w, (uint16_t)value);
    } else if (value <= UINT32_MAX) {
        write_u8(&w, top | VALUE_32);
        write_u32(&w, (uint32_t)value);
    } else {
        write_u8(&w, top | VALUE_64);
        write_u64(&w, value);
    }
    bytes_append(out, space, w.len);
}

void cbor_write_text(struct bytes *out, const char *text)
{
    cbor_write_head(out, CBOR_TEXT, strlen(text));
    bytes_append_text(out, text);
}

void cbor_write_bytes(struct bytes *out, const void *data, size_t len)
{
    cbor_write_head(out, CBOR_BYTES, len);
    bytes_append(out, data, len);
}

uint64_t cbor_read_head(struct reader *r, enum cbor_major *major)
{
    uint8_t first = read_u8(r), low = first & LOW;
    uint64_t value = low, least = 0;
    *major = (enum cbor_major)(first >> SHIFT);
    switch (low) {
    case VALUE_8:
        value = read_u8(r);
        least = *major == CBOR_SIMPLE ? 32 : VALUE_8; /* RFC 8949 §3.3 */
        break;
    case VALUE_16:
        value = read_u16(r);
        least = *major == CBOR_SIMPLE ? 0 : UINT8_MAX + 1ULL; /* or a half float, and so on */
        break;
    case VALUE_32:
        value = read_u32(r);
        least = *major == CBOR_SIMPLE ? 0 : UINT16_MAX + 1ULL;
        break;
    case VALUE_64:
        value = read_u64(r);
        least = *major == CBOR_SIMPLE ? 0 : UINT32_MAX + 1ULL;
        break;
    default:
        if (low > VALUE_64) /* reserved, or of no definite length */
            r->failed = true;
    }
    if (value < least)
        r->failed = true;
    return r->failed ? 0 : value;
}

int64_t cbor_read_int(struct reader *r)
{
    enum cbor_major major;
    uint64_t value = cbor_read_head(r, &major);
    if (major > CBOR_NEGATIVE || value > INT64_MAX)
        r->failed = true;
    if (r->failed)
        return 0;
    return major == CBOR_UNSIGNED ? (int64_t)value : -1 - (int64_t)value;
}

static const uint8_t *take(struct reader *r, uint64_t count, size_t *len)
{
    if (count > r->left)
        r->failed = true;
    *len = r->failed ? 0 : (size_t)count;
    return read_raw(r, *len);
}

const uint8_t *cbor_read_bytes(struct reader *r, size_t *len)
{
    enum cbor_major major;
    uint64_t count = cbor_read_head(r, &major);
    if (major != CBOR_BYTES)
        r->failed = true;
    return take(r, count, len);
}

static void skip(struct reader *r, unsigned depth)
{
    enum cbor_major major;
    uint64_t value = cbor_read_head(r, &major);
    size_t len;
    uint64_t items = 0;
    if (major == CBOR_BYTES || major == CBOR_TEXT)
        take(r, value, &len);
    else if (major == CBOR_ARRAY)
        items = value;
    else if (major == CBOR_MAP)
        items = value > r->left ? UINT64_MAX : 2 * value; /* more than there is fails soon */
    if (major == CBOR_TAG || (items > 0 && depth == CBOR_NESTING_MAX))
        r->failed = true;
    for (uint64_t i = 0; i < items && !r->failed; i++)
        skip(r, depth + 1);
}

void cbor_skip(struct reader *r)
{
    skip(r, 0);
}
