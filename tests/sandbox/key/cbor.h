/* SPDX-License-Identifier: MIT */
/*
 * CBOR as CTAP speaks it (CTAP 2.1 §8, "CTAP2 canonical CBOR"): definite lengths, shortest
 * integers, map keys sorted by type, length and bytes, no tags, no floats, four levels deep at
 * most.
 *
 * Reading is by views into the message: cbor_parse checks the whole of it once, and from then on
 * the other functions need not. Writing trusts its caller to name map members in the canonical
 * order; a unit test reads everything back.
 */
#ifndef LANYARD_SANDBOX_KEY_CBOR_H
#define LANYARD_SANDBOX_KEY_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cbor_type { /* the major types, RFC 8949 §3.1 */
                 CBOR_UNSIGNED = 0,
                 CBOR_NEGATIVE = 1,
                 CBOR_BYTES = 2,
                 CBOR_TEXT = 3,
                 CBOR_ARRAY = 4,
                 CBOR_MAP = 5,
                 CBOR_SIMPLE = 7,
};

#define CBOR_DEPTH_MAX 4

/* One item; borrowed from the message. size 0: none. */
struct cbor {
    const uint8_t *at;
    size_t size;
};

/* Whether `bytes` are exactly one canonical item. */
bool cbor_parse(const uint8_t *bytes, size_t size, struct cbor *item);

enum cbor_type cbor_type(const struct cbor *item);
/* Each: false when it is of another type, or (integers) not in the range. */
bool cbor_integer(const struct cbor *item, int64_t *value);
bool cbor_bool(const struct cbor *item, bool *value);
bool cbor_bytes(const struct cbor *item, const uint8_t **bytes, size_t *size);
bool cbor_text(const struct cbor *item, const char **text, size_t *size);
bool cbor_text_is(const struct cbor *item, const char *text);

/* Elements of an array or a map (two items for each member). */
size_t cbor_count(const struct cbor *item);
/* Walks through what is in an array or a map, keys and values in turn: start with *next zeroed.
 * False at the end. */
bool cbor_next(const struct cbor *container, struct cbor *next);
/* A map's member; false when there is none. */
bool cbor_member(const struct cbor *map, int64_t key, struct cbor *value);
bool cbor_text_member(const struct cbor *map, const char *key, struct cbor *value);

/* A growing octet string over storage of the caller's. A write that does not fit sets `overflow`,
 * and every later one is ignored: check once, at the end. */
struct cbor_writer {
    uint8_t *bytes;
    size_t room;
    size_t size;
    bool overflow;
};

void cbor_put_integer(struct cbor_writer *writer, int64_t value);
void cbor_put_bool(struct cbor_writer *writer, bool value);
void cbor_put_bytes(struct cbor_writer *writer, const void *bytes, size_t size);
void cbor_put_text(struct cbor_writer *writer, const char *text);
void cbor_put_array(struct cbor_writer *writer, size_t count);
void cbor_put_map(struct cbor_writer *writer, size_t count);
/* Bytes as they are: what is encoded already, or no CBOR at all. */
void cbor_put_raw(struct cbor_writer *writer, const void *bytes, size_t size);

#endif
