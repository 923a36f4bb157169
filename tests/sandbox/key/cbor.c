/* SPDX-License-Identifier: MIT */
/*
 * The reader is strict because the virtual key stands for one that is: a client that sends what is
 * not canonical must hear of it here rather than from a vendor's key.
 */
#include "cbor.h"

#include <string.h>

/* --- heads ----------------------------------------------------------------------------------- */

/* The head of the item at `bytes`: its type, its value or length. Returns the head's size; 0: it is
 * malformed, or longer than it need be. */
static size_t read_head(const uint8_t *bytes, size_t size, enum cbor_type *type, uint64_t *value)
{
    size_t width = 0;

    if (size == 0)
        return 0;
    *type = bytes[0] >> 5;
    *value = bytes[0] & 0x1f;
    if (*value < 24)
        return 1;
    if (*value > 27)
        return 0;
    width = (size_t)1 << (*value - 24);
    if (size < 1 + width)
        return 0;
    *value = 0;
    for (size_t i = 0; i < width; i++)
        *value = *value << 8 | bytes[1 + i];
    if (width == 1 ? *value < 24 : *value >> (4 * width) == 0)
        return 0;
    return 1 + width;
}

static size_t item_size(const uint8_t *bytes, size_t size, unsigned depth);

/* CTAP 2.1 §8: keys by type, then by length, then by their bytes; each once. */
static bool in_order(const uint8_t *before, size_t before_size, const uint8_t *after,
                     size_t after_size)
{
    if (before[0] >> 5 != after[0] >> 5)
        return before[0] >> 5 < after[0] >> 5;
    if (before_size != after_size)
        return before_size < after_size;
    return memcmp(before, after, before_size) < 0;
}

static size_t map_size(const uint8_t *bytes, size_t size, uint64_t members, unsigned depth)
{
    const uint8_t *before = NULL;
    size_t before_size = 0, used = 0;

    for (uint64_t i = 0; i < members; i++) {
        size_t key = item_size(bytes + used, size - used, depth);
        size_t value = key ? item_size(bytes + used + key, size - used - key, depth) : 0;

        if (!value || (before && !in_order(before, before_size, bytes + used, key)))
            return SIZE_MAX;
        before = bytes + used;
        before_size = key;
        used += key + value;
    }
    return used;
}

static size_t array_size(const uint8_t *bytes, size_t size, uint64_t elements, unsigned depth)
{
    size_t used = 0;

    for (uint64_t i = 0; i < elements; i++) {
        size_t element = item_size(bytes + used, size - used, depth);

        if (!element)
            return SIZE_MAX;
        used += element;
    }
    return used;
}

/* The size of the canonical item at the front; 0: there is none. */
static size_t item_size(const uint8_t *bytes, size_t size, unsigned depth)
{
    enum cbor_type type;
    uint64_t value;
    size_t head = read_head(bytes, size, &type, &value), body = 0;

    if (!head)
        return 0;
    switch (type) {
    case CBOR_UNSIGNED:
    case CBOR_NEGATIVE:
        break;
    case CBOR_BYTES:
    case CBOR_TEXT:
        if (value > size - head)
            return 0;
        body = (size_t)value;
        break;
    case CBOR_ARRAY:
    case CBOR_MAP:
        if (depth == 0)
            return 0;
        body = type == CBOR_MAP ? map_size(bytes + head, size - head, value, depth - 1)
                                : array_size(bytes + head, size - head, value, depth - 1);
        if (body == SIZE_MAX)
            return 0;
        break;
    case CBOR_SIMPLE:
        if (head != 1 || value < 20 || value > 21) /* false and true */
            return 0;
        break;
    default:
        return 0;
    }
    return head + body;
}

/* --- reading --------------------------------------------------------------------------------- */

bool cbor_parse(const uint8_t *bytes, size_t size, struct cbor *item)
{
    *item = (struct cbor){.at = bytes, .size = size};
    return size > 0 && item_size(bytes, size, CBOR_DEPTH_MAX) == size;
}

/* As it was found good before. */
static size_t head_of(const struct cbor *item, uint64_t *value)
{
    enum cbor_type type;

    *value = 0;
    return read_head(item->at, item->size, &type, value);
}

enum cbor_type cbor_type(const struct cbor *item)
{
    return item->at[0] >> 5;
}

bool cbor_integer(const struct cbor *item, int64_t *value)
{
    uint64_t magnitude;

    if (cbor_type(item) > CBOR_NEGATIVE)
        return false;
    head_of(item, &magnitude);
    if (magnitude > INT64_MAX)
        return false;
    *value = cbor_type(item) == CBOR_UNSIGNED ? (int64_t)magnitude : -1 - (int64_t)magnitude;
    return true;
}

bool cbor_bool(const struct cbor *item, bool *value)
{
    if (cbor_type(item) != CBOR_SIMPLE)
        return false;
    *value = (item->at[0] & 0x1f) == 21;
    return true;
}

static bool string_of(const struct cbor *item, enum cbor_type type, const uint8_t **bytes,
                      size_t *size)
{
    uint64_t length;

    if (cbor_type(item) != type)
        return false;
    *bytes = item->at + head_of(item, &length);
    *size = (size_t)length;
    return true;
}

bool cbor_bytes(const struct cbor *item, const uint8_t **bytes, size_t *size)
{
    return string_of(item, CBOR_BYTES, bytes, size);
}

bool cbor_text(const struct cbor *item, const char **text, size_t *size)
{
    const uint8_t *bytes;

    if (!string_of(item, CBOR_TEXT, &bytes, size))
        return false;
    *text = (const char *)bytes;
    return true;
}

bool cbor_text_is(const struct cbor *item, const char *text)
{
    const char *found;
    size_t size;

    return cbor_text(item, &found, &size) && size == strlen(text) && memcmp(found, text, size) == 0;
}

size_t cbor_count(const struct cbor *item)
{
    uint64_t count;

    if (cbor_type(item) != CBOR_ARRAY && cbor_type(item) != CBOR_MAP)
        return 0;
    head_of(item, &count);
    return (size_t)count;
}

bool cbor_next(const struct cbor *container, struct cbor *next)
{
    const uint8_t *end = container->at + container->size;
    uint64_t count;

    if (cbor_type(container) != CBOR_ARRAY && cbor_type(container) != CBOR_MAP)
        return false;
    next->at = next->at ? next->at + next->size : container->at + head_of(container, &count);
    next->size = next->at < end ? item_size(next->at, (size_t)(end - next->at), CBOR_DEPTH_MAX) : 0;
    return next->size > 0;
}

static bool is_key(const struct cbor *item, int64_t number, const char *text)
{
    int64_t value;

    return text ? cbor_text_is(item, text) : cbor_integer(item, &value) && value == number;
}

static bool find_member(const struct cbor *map, int64_t number, const char *text,
                        struct cbor *value)
{
    struct cbor at = {0};

    if (cbor_type(map) != CBOR_MAP)
        return false;
    while (cbor_next(map, &at)) {
        bool found = is_key(&at, number, text);

        cbor_next(map, &at);
        *value = at;
        if (found)
            return true;
    }
    *value = (struct cbor){0};
    return false;
}

bool cbor_member(const struct cbor *map, int64_t key, struct cbor *value)
{
    return find_member(map, key, NULL, value);
}

bool cbor_text_member(const struct cbor *map, const char *key, struct cbor *value)
{
    return find_member(map, 0, key, value);
}

/* --- writing --------------------------------------------------------------------------------- */

void cbor_put_raw(struct cbor_writer *writer, const void *bytes, size_t size)
{
    if (writer->overflow || size > writer->room - writer->size) {
        writer->overflow = true;
        return;
    }
    if (size > 0)
        memcpy(writer->bytes + writer->size, bytes, size);
    writer->size += size;
}

static void put_head(struct cbor_writer *writer, enum cbor_type type, uint64_t value)
{
    uint8_t head[9];
    size_t width = value < 24 ? 0 : value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : 4;
    static const uint8_t marks[] = {0, 24, 25, 0, 26};

    if (value > UINT32_MAX)
        width = 8;
    head[0] = (uint8_t)(type << 5 | (width == 0 ? value : width == 8 ? 27 : marks[width]));
    for (size_t i = 0; i < width; i++)
        head[1 + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    cbor_put_raw(writer, head, 1 + width);
}

void cbor_put_integer(struct cbor_writer *writer, int64_t value)
{
    if (value < 0)
        put_head(writer, CBOR_NEGATIVE, (uint64_t)(-1 - value));
    else
        put_head(writer, CBOR_UNSIGNED, (uint64_t)value);
}

void cbor_put_bool(struct cbor_writer *writer, bool value)
{
    put_head(writer, CBOR_SIMPLE, value ? 21 : 20);
}

void cbor_put_bytes(struct cbor_writer *writer, const void *bytes, size_t size)
{
    put_head(writer, CBOR_BYTES, size);
    cbor_put_raw(writer, bytes, size);
}

void cbor_put_text(struct cbor_writer *writer, const char *text)
{
    put_head(writer, CBOR_TEXT, strlen(text));
    cbor_put_raw(writer, text, strlen(text));
}

void cbor_put_array(struct cbor_writer *writer, size_t count)
{
    put_head(writer, CBOR_ARRAY, count);
}

void cbor_put_map(struct cbor_writer *writer, size_t count)
{
    put_head(writer, CBOR_MAP, count);
}
