/* SPDX-License-Identifier: MIT */
/*
 * Sticky failure is the idea throughout: whoever encodes or decodes a message writes its fields one
 * after the other and asks once, at the end, whether all of it went well. A reader that has failed
 * answers zeros, so a hostile length can at worst make a loop run zero times.
 */
#include "ipc/base/bytes.h"

#include "ipc/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bytes_deinit(struct bytes *b)
{
    if (b->data)
        explicit_bzero(b->data, b->capacity);
    free(b->data);
    *b = (struct bytes){0};
}

void bytes_reset(struct bytes *b)
{
    if (b->data)
        explicit_bzero(b->data, b->capacity);
    b->len = 0;
    b->failed = false;
}

/* realloc would leave the old bytes behind in freed memory, so growing copies and wipes. */
static bool reserve(struct bytes *b, size_t more)
{
    if (b->failed || more > SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return false;
    }
    if (b->len + more <= b->capacity)
        return true;
    size_t capacity = b->capacity ? b->capacity : 64;
    while (capacity < b->len + more)
        capacity *= 2;
    uint8_t *grown = malloc(capacity);
    if (!grown) {
        b->failed = true;
        return false;
    }
    if (b->data) {
        memcpy(grown, b->data, b->len);
        explicit_bzero(b->data, b->capacity);
        free(b->data);
    }
    b->data = grown;
    b->capacity = capacity;
    return true;
}

void bytes_append(struct bytes *b, const void *data, size_t len)
{
    if (!reserve(b, len) || len == 0)
        return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

void bytes_append_text(struct bytes *b, const char *text)
{
    bytes_append(b, text, strlen(text));
}

void bytes_consume(struct bytes *b, size_t len)
{
    if (len > b->len)
        len = b->len;
    if (len == 0)
        return;
    size_t kept = b->len - len;
    memmove(b->data, b->data + len, kept);
    explicit_bzero(b->data + kept, len);
    b->len = kept;
}

int bytes_set(struct bytes *to, const void *data, size_t len)
{
    struct bytes copy = {0};
    bytes_append(&copy, data, len);
    if (copy.failed)
        return -ENOMEM;
    bytes_deinit(to);
    *to = copy;
    return 0;
}

bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* ---- writer ---- */

void write_raw(struct writer *w, const void *data, size_t len)
{
    if (w->failed || len > w->capacity - w->len) {
        w->failed = true;
        return;
    }
    if (len > 0)
        memcpy(w->data + w->len, data, len);
    w->len += len;
}

void write_u8(struct writer *w, uint8_t value)
{
    write_raw(w, &value, 1);
}

void write_u16(struct writer *w, uint16_t value)
{
    write_raw(w, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

void write_u32(struct writer *w, uint32_t value)
{
    write_u16(w, (uint16_t)(value >> 16));
    write_u16(w, (uint16_t)value);
}

void write_u64(struct writer *w, uint64_t value)
{
    write_u32(w, (uint32_t)(value >> 32));
    write_u32(w, (uint32_t)value);
}

void write_field(struct writer *w, const void *data, size_t len)
{
    if (len > UINT16_MAX) {
        w->failed = true;
        return;
    }
    write_u16(w, (uint16_t)len);
    write_raw(w, data, len);
}

void write_text(struct writer *w, const char *text)
{
    write_field(w, text ? text : "", text ? strlen(text) : 0);
}

/* ---- reader ---- */

const uint8_t *read_raw(struct reader *r, size_t len)
{
    if (r->failed || len > r->left) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->data;
    r->data += len;
    r->left -= len;
    return at;
}

uint8_t read_u8(struct reader *r)
{
    const uint8_t *at = read_raw(r, 1);
    return at ? at[0] : 0;
}

uint16_t read_u16(struct reader *r)
{
    const uint8_t *at = read_raw(r, 2);
    return at ? (uint16_t)(at[0] << 8 | at[1]) : 0;
}

uint32_t read_u32(struct reader *r)
{
    uint32_t high = read_u16(r);
    return high << 16 | read_u16(r);
}

uint64_t read_u64(struct reader *r)
{
    uint64_t high = read_u32(r);
    return high << 32 | read_u32(r);
}

const uint8_t *read_field(struct reader *r, size_t max, size_t *len)
{
    *len = read_u16(r);
    if (*len > max)
        r->failed = true;
    const uint8_t *at = read_raw(r, *len);
    if (!at)
        *len = 0;
    return at;
}

static void read_characters(struct reader *r, char *out, size_t size, bool breaks)
{
    size_t len;
    const uint8_t *at = read_field(r, size - 1, &len);
    for (size_t i = 0; i < len; i++)
        if ((at[i] < 0x20 && !(breaks && at[i] == '\n')) || at[i] == 0x7f)
            r->failed = true;
    if (!r->failed && !utf8_valid(at, len))
        r->failed = true;
    if (r->failed)
        len = 0;
    if (len > 0)
        memcpy(out, at, len);
    out[len] = '\0';
}

void read_text(struct reader *r, char *out, size_t size)
{
    read_characters(r, out, size, false);
}

void read_lines(struct reader *r, char *out, size_t size)
{
    read_characters(r, out, size, true);
}

void read_bytes(struct reader *r, size_t max, struct bytes *out)
{
    size_t len;
    const uint8_t *at = read_field(r, max, &len);
    if (!r->failed && bytes_set(out, at, len) < 0)
        r->failed = true;
}

bool reader_done(const struct reader *r)
{
    return !r->failed && r->left == 0;
}

/* ---- texts ---- */

bool utf8_valid(const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len;) {
        uint8_t c = p[i++];
        if (c < 0x80)
            continue;
        size_t more = c >= 0xc2 && c <= 0xdf   ? 1
                      : c >= 0xe0 && c <= 0xef ? 2
                      : c >= 0xf0 && c <= 0xf4 ? 3
                                               : 0;
        if (more == 0 || len - i < more)
            return false;
        /* The second byte rules out overlong forms, surrogates and what lies beyond U+10FFFF. */
        uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (p[i] < low || p[i] > high)
            return false;
        for (size_t k = 1; k < more; k++)
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
        i += more;
    }
    return true;
}

size_t utf8_character(const char *text, uint32_t *character)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    *character = 0;
    if (strnlen(text, len) < len || !utf8_valid(text, len))
        return 0;
    *character = len == 1 ? p[0] : p[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++)
        *character = *character << 6 | (p[i] & 0x3f);
    return len;
}

static const struct {
    uint32_t first, last;
} unfit[] = {
    {0x00, 0x1f},     /* controls */
    {0x7f, 0x9f},     /* controls */
    {0x061c, 0x061c}, /* Arabic letter mark */
    {0x200e, 0x200f}, /* left-to-right and right-to-left mark */
    {0x2028, 0x202e}, /* separators of lines and paragraphs; embedding and override of direction */
    {0x2060, 0x2064}, /* word joiner, invisible operators */
    {0x2066, 0x2069}, /* isolates of direction */
    {0xfeff, 0xfeff}, /* byte order mark */
    {0xfff9, 0xfffb}, /* interlinear annotation */
    {0xe0001, 0xe0001}, /* tags, which repeat ASCII unseen */
    {0xe0020, 0xe007f},
};

bool character_prints(uint32_t character)
{
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++)
        if (character >= unfit[i].first && character <= unfit[i].last)
            return false;
    return true;
}

static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char mime_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(struct bytes *out, const uint8_t *p, size_t len, const char *alphabet, bool pad)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t word =
            (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
        char quad[4];
        for (size_t k = 0; k < 4; k++)
            quad[k] = k <= n ? alphabet[word >> (18 - 6 * k) & 0x3f] : '=';
        bytes_append(out, quad, pad ? 4 : n + 1);
    }
}

void base64url_append(struct bytes *out, const void *data, size_t len)
{
    encode(out, data, len, url_alphabet, false);
}

void base64_append(struct bytes *out, const void *data, size_t len)
{
    encode(out, data, len, mime_alphabet, true);
}

int base64url_decode(const char *text, size_t len, struct bytes *out)
{
    CLEANUP(bytes_deinit) struct bytes decoded = {0};
    uint32_t word = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < len; i++) {
        const char *at = text[i] ? strchr(url_alphabet, text[i]) : NULL;
        if (!at)
            return -EINVAL;
        word = (word << 6 | (uint32_t)(at - url_alphabet)) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes_append(&decoded, &(uint8_t){(uint8_t)(word >> bits)}, 1);
        }
    }
    if (bits >= 6 || (word & ((1u << bits) - 1)) != 0)
        return -EINVAL;
    if (decoded.failed)
        return -ENOMEM;
    bytes_deinit(out);
    *out = decoded;
    decoded = (struct bytes){0};
    return 0;
}
