/* SPDX-License-Identifier: MIT */
#include "fido/text.h"

#include "ipc/base/bytes.h"

#include <string.h>

/* Bytes of the character that begins there; 0: none does. */
static size_t character(const char *text)
{
    for (size_t len = 1; len <= 4 && text[len - 1]; len++)
        if (utf8_valid(text, len))
            return len;
    return 0;
}

void text_copy(char *out, size_t size, const char *text)
{
    size_t used = 0;
    for (const char *at = text ? text : ""; *at;) {
        size_t len = character(at);
        bool shown = len > 0 && (unsigned char)*at >= 0x20 && *at != 0x7f;
        size_t taken = shown ? len : 1;
        if (used + taken > size - 1)
            break;
        memcpy(out + used, shown ? at : "?", taken);
        used += taken;
        at += len > 0 ? len : 1;
    }
    out[used] = '\0';
}

size_t text_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}
