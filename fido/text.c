/* SPDX-License-Identifier: MIT */
#include "fido/text.h"

#include "ipc/base/bytes.h"

#include <string.h>

void text_copy(char *out, size_t size, const char *text)
{
    size_t used = 0;
    for (const char *at = text ? text : ""; *at;) {
        uint32_t character;
        size_t len = utf8_character(at, &character);
        bool shown = len > 0 && character_prints(character);
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
