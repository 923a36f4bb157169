/* SPDX-License-Identifier: MIT */
/* BER-TLV as PIV uses it: tags of one or two bytes, lengths up to 65,535. */
#ifndef LANYARD_SANDBOX_TLV_H
#define LANYARD_SANDBOX_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing octet string over storage of the caller's. A write that does not fit sets `overflow`,
 * and every later one is ignored: check once, at the end. */
struct tlv_writer {
    uint8_t *bytes;
    size_t room;
    size_t size;
    bool overflow;
};

void tlv_put(struct tlv_writer *writer, unsigned tag, const void *value, size_t size);

struct tlv {
    unsigned tag;
    const uint8_t *value; /* borrowed */
    size_t size;
};

/* Takes the next element off the front. False at the end, and when it is malformed (then *size >
 * 0). */
bool tlv_next(const uint8_t **bytes, size_t *size, struct tlv *element);

#endif
