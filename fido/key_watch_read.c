/* SPDX-License-Identifier: MIT */
/*
 * A report descriptor is a row of items: a byte that says what it is and how long, and its data.
 * Usage page and usage hold for the collection behind them, so what stands at the first collection
 * says what the device is. A descriptor that is cut or begins otherwise is no security key's.
 */
#include "fido/key_watch_read.h"

#include "ipc/base/bytes.h"

#include <string.h>
#include <strings.h>

/* ---- report descriptors ---- */

enum {
    ITEM_USAGE_PAGE = 0x04, /* the item's byte without its length */
    ITEM_USAGE = 0x08,
    ITEM_COLLECTION = 0xa0,
    ITEM_LONG = 0xfe,
    ITEM_KIND = 0xfc,
    ITEM_LENGTH = 0x03,
    PAGE_FIDO = 0xf1d0,
    USAGE_AUTHENTICATOR = 0x01,
};

/* Little-endian, as long as the item is. */
static uint32_t item_value(const uint8_t *data, size_t len)
{
    uint32_t value = 0;
    for (size_t i = 0; data && i < len; i++)
        value |= (uint32_t)data[i] << (8 * i);
    return value;
}

bool key_descriptor_fido(const uint8_t *descriptor, size_t len)
{
    struct reader r = READER(descriptor, len);
    uint32_t page = 0, usage = 0;
    while (r.left > 0 && !r.failed) {
        uint8_t item = read_u8(&r);
        if (item == ITEM_LONG) {
            size_t skipped = read_u8(&r);
            read_u8(&r); /* its tag */
            read_raw(&r, skipped);
            continue;
        }
        size_t size = item & ITEM_LENGTH;
        size = size == 3 ? 4 : size;
        uint32_t value = item_value(read_raw(&r, size), size);
        if (r.failed)
            return false;
        switch (item & ITEM_KIND) {
        case ITEM_USAGE_PAGE:
            page = value;
            break;
        case ITEM_USAGE: /* four bytes: with a page of its own */
            usage = size == 4 ? value & 0xffff : value;
            page = size == 4 ? value >> 16 : page;
            break;
        case ITEM_COLLECTION:
            return page == PAGE_FIDO && usage == USAGE_AUTHENTICATOR;
        default:
            break;
        }
    }
    return false;
}

/* ---- names ---- */

/* The length of the UTF-8 character that stands there; 0: none does. */
static size_t character_length(const char *text)
{
    unsigned char lead = (unsigned char)*text;
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return strnlen(text, len) == len && utf8_valid(text, len) ? len : 0;
}

static uint32_t character_at(const char *text, size_t len)
{
    uint32_t character = len == 1 ? (uint8_t)*text : (uint8_t)*text & (0x7fU >> len);
    for (size_t i = 1; i < len; i++)
        character = character << 6 | ((uint8_t)text[i] & 0x3f);
    return character;
}

/* What shows something by itself, wherever it stands. */
static bool shows(uint32_t c)
{
    return c > 0x20 && (c < 0x7f || c > 0xa0) && c != 0xad && c != 0x61c && c != 0x180e &&
           !(c >= 0x2000 && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202f) &&
           !(c >= 0x205f && c <= 0x206f) && c != 0x3000 && c != 0xfeff &&
           !(c >= 0xfff0 && c <= 0xffff) && c < 0xe0000;
}

/* Appends the text's words with one blank between them, and before the first if there is something
 * before; whole characters, as far as there is room. */
static void append_words(const char *text, char *out, size_t size)
{
    size_t used = strlen(out);
    bool blank = used > 0;
    for (size_t len; *text; text += len) {
        len = character_length(text);
        bool visible = len > 0 && shows(character_at(text, len));
        if (!visible) {
            len = len > 0 ? len : 1;
            blank = used > 0;
            continue;
        }
        if (used + blank + len >= size)
            break;
        if (blank)
            out[used++] = ' ';
        memcpy(out + used, text, len);
        used += len;
        blank = false;
    }
    out[used] = '\0';
}

void key_name(const char *manufacturer, const char *product, char out[FIDO_TEXT_MAX + 1])
{
    char maker[FIDO_TEXT_MAX + 1] = "", name[FIDO_TEXT_MAX + 1] = "";
    append_words(manufacturer ? manufacturer : "", maker, sizeof maker);
    append_words(product ? product : "", name, sizeof name);
    bool said_twice = strncasecmp(name, maker, strlen(maker)) == 0;
    *out = '\0';
    append_words(said_twice ? "" : maker, out, FIDO_TEXT_MAX + 1);
    append_words(name, out, FIDO_TEXT_MAX + 1);
    if (*out == '\0')
        memcpy(out, "Security key", sizeof "Security key");
}
