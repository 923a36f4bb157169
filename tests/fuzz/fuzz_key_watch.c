/* SPDX-License-Identifier: MIT */
/* What a device says of itself: its report descriptor, or its names (one in front of a line end,
 * one behind it); the first byte says which. A name is never empty, fits, and is UTF-8 on one line.
 */
#include "fido/key_watch_read.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void names(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), name[FIDO_TEXT_MAX + 1];
    if (!text)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    char *product = strchr(text, '\n');
    if (product)
        *product++ = '\0';
    memset(name, 'x', sizeof name);
    key_name(text, product, name);
    size_t len = strnlen(name, sizeof name);
    if (len == 0 || len > FIDO_TEXT_MAX || !utf8_valid(name, len))
        abort();
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            abort();
    /* What is clean stays as it is. */
    char again[FIDO_TEXT_MAX + 1];
    key_name(NULL, name, again);
    if (strcmp(name, again) != 0)
        abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        names(data + 1, size - 1);
    else
        key_descriptor_fido(data + 1, size - 1);
    return 0;
}
