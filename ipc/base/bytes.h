/* SPDX-License-Identifier: MIT */
/*
 * Bytes that travel: a growable buffer that owns, a writer that encodes into space the caller has,
 * and a reader that takes apart what may be hostile.
 *
 * All three fail stickily: after the first failure nothing more is written or read, so a sequence
 * of calls needs one check at its end. Integers are big-endian. Buffers are wiped before their
 * memory is given back. Nothing here is for secrets (secret.h), but a wipe costs nothing. Any
 * thread, one at a time; nothing blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- struct bytes: owned and growable ---- */

struct bytes {
    uint8_t *data;
    size_t len;
    size_t capacity;
    bool failed; /* out of memory; data then holds what fitted before */
};

/* Wipes and frees; *b is empty and usable afterwards. Takes empty and failed ones. */
void bytes_deinit(struct bytes *b);
/* Empties and wipes, keeps the memory. */
void bytes_reset(struct bytes *b);
void bytes_append(struct bytes *b, const void *data, size_t len);
void bytes_append_text(struct bytes *b, const char *text);
/* Removes the first len bytes (at most all). */
void bytes_consume(struct bytes *b, size_t len);
/* Copies; 0 or -ENOMEM. *to must be initialised (zero) and is replaced. */
int bytes_set(struct bytes *to, const void *data, size_t len);
bool bytes_equal(const struct bytes *a, const struct bytes *b);

/* ---- struct writer: encodes into borrowed space ---- */

struct writer {
    uint8_t *data; /* borrowed */
    size_t capacity;
    size_t len;
    bool failed; /* it did not fit; len then means nothing */
};

#define WRITER(space, size) ((struct writer){.data = (space), .capacity = (size)})

void write_u8(struct writer *w, uint8_t value);
void write_u16(struct writer *w, uint16_t value);
void write_u32(struct writer *w, uint32_t value);
void write_u64(struct writer *w, uint64_t value);
void write_raw(struct writer *w, const void *data, size_t len);
/* A 16-bit length and that many bytes. Longer than 65,535 fails. */
void write_field(struct writer *w, const void *data, size_t len);
void write_text(struct writer *w, const char *text); /* NULL is written as "" */

/* ---- struct reader: takes apart borrowed, hostile bytes ---- */

struct reader {
    const uint8_t *data; /* borrowed */
    size_t left;
    bool failed;
};

#define READER(bytes, size) ((struct reader){.data = (bytes), .left = (size)})

/* Each returns 0 / NULL / an empty result once the reader has failed. */
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
const uint8_t *read_raw(struct reader *r, size_t len);
/* A field of write_field, borrowed from the reader's bytes. Longer than max fails. */
const uint8_t *read_field(struct reader *r, size_t max, size_t *len);
/* A field copied as a text of at most size - 1 bytes into out; a NUL or control byte inside,
 * invalid UTF-8, or too long a field fails. out is terminated in any case. */
void read_text(struct reader *r, char *out, size_t size);
/* The same, with line breaks ('\n') allowed. */
void read_lines(struct reader *r, char *out, size_t size);
/* A field copied into *out (initialised, replaced). */
void read_bytes(struct reader *r, size_t max, struct bytes *out);
/* True if nothing failed and nothing is left: trailing bytes are an error. */
bool reader_done(const struct reader *r);

/* ---- texts of those bytes ---- */

/* True if the len bytes are well-formed UTF-8 (RFC 3629). */
bool utf8_valid(const void *data, size_t len);
/* The character that a text begins with, into *character; returns its bytes, 0: none stands there.
 */
size_t utf8_character(const char *text, uint32_t *character);
/* False for what shows nothing, or changes how what stands beside it is shown (controls, and the
 * marks by which the direction of writing is turned): no text that a person reads has it. U+200C
 * and U+200D are not among them: Persian and the scripts of India are not written without. */
bool character_prints(uint32_t character);
/* base64url without padding (RFC 4648 §5), appended to *out. */
void base64url_append(struct bytes *out, const void *data, size_t len);
/* base64 with padding (RFC 4648 §4), appended to *out. */
void base64_append(struct bytes *out, const void *data, size_t len);
/* Strict decoding of base64url without padding into *out (replaced): any other character, a wrong
 * length or non-zero spare bits give -EINVAL. -ENOMEM. */
int base64url_decode(const char *text, size_t len, struct bytes *out);
