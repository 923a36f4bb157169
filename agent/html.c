/* SPDX-License-Identifier: MIT */
#include "agent/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void html(struct bytes *out, const char *markup)
{
    bytes_append_text(out, markup);
}

/* The markup that stands for a character; NULL: it stands for itself. */
static const char *markup_of(uint32_t character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return character_prints(character) ? NULL : "?";
    }
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
    while (*text) {
        uint32_t character;
        size_t len = utf8_character(text, &character);
        const char *markup = markup_of(character);
        if (markup)
            bytes_append_text(out, markup);
        else
            bytes_append(out, text, len);
        text += len;
    }
}

void html_between(struct bytes *out, const char *before, const char *text, const char *after)
{
    html(out, before);
    html_text(out, text);
    html(out, after);
}

void html_row(struct bytes *out, const char *term, const char *text)
{
    html_between(out, "<div><dt>", term, "</dt>");
    html_between(out, "<dd>", text, "</dd></div>\n");
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
