/* SPDX-License-Identifier: MIT */
#include "agent/html.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void html(struct bytes *out, const char *markup)
{
    bytes_append_text(out, markup);
}

/* Of UTF-8: how many bytes from here on no browser shows, or which turn what follows (UAX #9). */
static size_t hidden(const unsigned char *at)
{
    if (at[0] < ' ' || at[0] == 0x7f)
        return 1;
    if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
        return 2;
    if (at[0] == 0xd8 && at[1] == 0x9c)
        return 2;
    if (at[0] != 0xe2)
        return 0;
    bool mark =
        at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae));
    return mark || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9) ? 3 : 0;
}

void html_text(struct bytes *out, const char *text)
{
    if (!text || text[0] == '\0') {
        bytes_append_text(out, "–");
        return;
    }
    if (!utf8_valid(text, strlen(text))) {
        bytes_append_text(out, "(unreadable)");
        return;
    }
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t skip = hidden(at);
        if (skip > 0)
            bytes_append_text(out, "?");
        else if (*at == '&')
            bytes_append_text(out, "&amp;");
        else if (*at == '<')
            bytes_append_text(out, "&lt;");
        else if (*at == '>')
            bytes_append_text(out, "&gt;");
        else if (*at == '"')
            bytes_append_text(out, "&quot;");
        else if (*at == '\'')
            bytes_append_text(out, "&#39;");
        else
            bytes_append(out, at, 1);
        at += skip > 0 ? skip : 1;
    }
}

void html_row(struct bytes *out, const char *term, const char *text)
{
    html(out, "<div><dt>");
    html_text(out, term);
    html(out, "</dt><dd>");
    html_text(out, text);
    html(out, "</dd></div>\n");
}

void html_row_format(struct bytes *out, const char *term, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    html_row(out, term, text);
}
