/* SPDX-License-Identifier: MIT */
/*
 * As much CBOR (RFC 8949) as security keys speak (CTAP 2.1 §8): definite lengths in their shortest
 * form, no tags, nested at most four deep. Heads are written and read; what is read is hostile, and
 * the reader of ipc/base/bytes.h fails stickily. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"

enum cbor_major {
    CBOR_UNSIGNED,
    CBOR_NEGATIVE, /* -1 - value */
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_SIMPLE,
};

enum { CBOR_NESTING_MAX = 4 /* CTAP 2.1 §8 */ };

void cbor_write_head(struct bytes *out, enum cbor_major major, uint64_t value);
void cbor_write_text(struct bytes *out, const char *text);
void cbor_write_bytes(struct bytes *out, const void *data, size_t len);

/* Numbers, lengths and counts alike; of a simple value, the number behind it. */
uint64_t cbor_read_head(struct reader *r, enum cbor_major *major);
/* An integer that fits, of either sign; anything else fails. */
int64_t cbor_read_int(struct reader *r);
/* Borrowed from the reader's bytes; *len 0 where it fails. */
const uint8_t *cbor_read_bytes(struct reader *r, size_t *len);
/* Goes past one item of any kind. */
void cbor_skip(struct reader *r);
