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
    if (size > 0xff) {
        put_byte(writer, LENGTH_TWO_BYTES);
        put_byte(writer, size >> 8);
    } else if (size > 0x7f) {
        put_byte(writer, LENGTH_ONE_BYTE);
    }
    put_byte(writer, size);
    put_bytes(writer, value, size);
}

/* A big-endian number of so many bytes, appended to what *value holds. */
static bool take_number(const uint8_t **bytes, size_t *size, size_t count, size_t *value)
{
    if (*size < count)
        return false;
    for (size_t i = 0; i < count; i++)
        *value = *value << 8 | (*bytes)[i];
    *bytes += count;
    *size -= count;
    return true;
}

static bool take_length(const uint8_t **bytes, size_t *size, size_t *length)
{
    size_t first = 0;

    *length = 0;
    if (!take_number(bytes, size, 1, &first))
        return false;
    if (first == LENGTH_ONE_BYTE || first == LENGTH_TWO_BYTES)
        return take_number(bytes, size, first - 0x80, length);
    *length = first;
    return first < 0x80;
}

bool tlv_next(const uint8_t **bytes, size_t *size, struct tlv *element)
{
    const uint8_t *at = *bytes;
    size_t left = *size;
    size_t tag = 0, length;

    if (!take_number(&at, &left, 1, &tag))
        return false;
    if ((tag & TAG_CONTINUES) == TAG_CONTINUES && !take_number(&at, &left, 1, &tag))
        return false;
    if (!take_length(&at, &left, &length) || length > left)
        return false;
    *element = (struct tlv){.tag = (unsigned)tag, .value = at, .size = length};
    *bytes = at + length;
    *size = left - length;
    return true;
}
