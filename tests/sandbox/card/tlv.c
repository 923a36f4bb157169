/* SPDX-License-Identifier: MIT */
/* The few rules of BER-TLV that PIV data objects need, for both directions. */
#include "tlv.h"

#include <string.h>

#define TAG_CONTINUES 0x1f /* in the first byte: a second tag byte follows */
#define LENGTH_ONE_BYTE 0x81
#define LENGTH_TWO_BYTES 0x82

static void put_bytes(struct tlv_writer *writer, const void *bytes, size_t size)
{
    if (writer->overflow || size > writer->room - writer->size) {
        writer->overflow = true;
        return;
    }
    if (size > 0)
        memcpy(writer->bytes + writer->size, bytes, size);
    writer->size += size;
}

static void put_byte(struct tlv_writer *writer, size_t byte)
{
    uint8_t octet = (uint8_t)byte;

    put_bytes(writer, &octet, 1);
}

void tlv_put(struct tlv_writer *writer, unsigned tag, const void *value, size_t size)
{
    if (tag > 0xff)
        put_byte(writer, tag >> 8);
    put_byte(writer, tag);
    if (size > 0xff)
        put_byte(writer, LENGTH_TWO_BYTES), put_byte(writer, size >> 8);
    else if (size > 0x7f)
        put_byte(writer, LENGTH_ONE_BYTE);
    put_byte(writer, size);
    put_bytes(writer, value, size);
}

static bool take_byte(const uint8_t **bytes, size_t *size, size_t *value)
{
    if (*size == 0)
        return false;
    *value = *value << 8 | **bytes;
    ++*bytes;
    --*size;
    return true;
}

static bool take_length(const uint8_t **bytes, size_t *size, size_t *length)
{
    size_t first = 0;

    *length = 0;
    if (!take_byte(bytes, size, &first))
        return false;
    if (first == LENGTH_ONE_BYTE)
        return take_byte(bytes, size, length);
    if (first == LENGTH_TWO_BYTES)
        return take_byte(bytes, size, length) && take_byte(bytes, size, length);
    *length = first;
    return first < 0x80;
}

bool tlv_next(const uint8_t **bytes, size_t *size, struct tlv *element)
{
    const uint8_t *at = *bytes;
    size_t left = *size;
    size_t tag = 0, length;

    if (!take_byte(&at, &left, &tag))
        return false;
    if ((tag & TAG_CONTINUES) == TAG_CONTINUES && !take_byte(&at, &left, &tag))
        return false;
    if (!take_length(&at, &left, &length) || length > left)
        return false;
    *element = (struct tlv){.tag = (unsigned)tag, .value = at, .size = length};
    *bytes = at + length;
    *size = left - length;
    return true;
}
