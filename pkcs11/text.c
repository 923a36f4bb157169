/* SPDX-License-Identifier: MIT */
/*
 * Modules fill these fields with blanks as the standard asks, with NUL bytes as C invites to, or
 * with both. They are shown to the person and written to the log, so they are made harmless here.
 */
#include "pkcs11/text.h"

#include "ipc/base/bytes.h"

#include <string.h>

void text_from_padded(char *out, size_t size, const uint8_t *field, size_t len)
{
    len = strnlen((const char *)field, len);
    while (len > 0 && field[len - 1] == ' ')
        len--;
    if (len > size - 1)
        len = size - 1;
    bool utf8 = utf8_valid(field, len);
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = field[i];
        bool control = byte < 0x20 || byte == 0x7f;
        out[i] = control || (byte > 0x7f && !utf8) ? '?' : (char)byte;
    }
    out[len] = '\0';
}
