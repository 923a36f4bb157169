/* SPDX-License-Identifier: MIT */
#include "agent/json_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 24 }; /* a 64-bit integer as text */

/* The length of what must be escaped at s, which ends at end; 0: nothing. */
static size_t to_escape(const unsigned char *s, const unsigned char *end)
{
    if (*s < 0x20 || *s == '"' || *s == '\\' || *s == 0x7f)
        return 1;
    bool separator = end - s >= 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xfe) == 0xa8;
    return separator ? 3 : 0;
}

void json_append_string(struct bytes *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    const unsigned char *end = s + strlen(text);
    bytes_append_text(out, "\"");
    while (s < end) {
        size_t len = to_escape(s, end);
        if (len == 0) {
            bytes_append(out, s++, 1);
            continue;
        }
        unsigned code = len == 3 ? 0x2000U | (s[2] & 0x3fU) : *s;
        char escaped[sizeof "\\u0000"];
        snprintf(escaped, sizeof escaped, "\\u%04x", code);
        bytes_append_text(out, escaped);
        s += len;
    }
    bytes_append_text(out, "\"");
}

void json_member(struct bytes *out, const char *name)
{
    bool first = out->len > 0 && out->data[out->len - 1] == '{';
    bytes_append_text(out, out->len == 0 ? "{" : first ? "" : ",");
    json_append_string(out, name);
    bytes_append_text(out, ":");
}

void json_string_member(struct bytes *out, const char *name, const char *value)
{
    json_member(out, name);
    json_append_string(out, value);
}

void json_number_member(struct bytes *out, const char *name, int64_t value)
{
    char number[NUMBER_BYTES];
    snprintf(number, sizeof number, "%" PRId64, value);
    json_member(out, name);
    bytes_append_text(out, number);
}
