/* SPDX-License-Identifier: MIT */
/*
 * A walk over the text, without a tree: what a person is shown needs no more than the next token
 * and the depth. Depth is bounded, so that no text can exhaust the stack.
 */
#include "agent/cli/outline.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16, INDENT = 2 }; /* the deepest answer of the agent is 5 deep */

static const char *skip_blank(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Behind the string that begins at its quote. */
static const char *skip_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

/* Behind the value that begins at at. */
static const char *skip_value(const char *at)
{
    int depth = 0;
    do {
        at = skip_blank(at);
        if (*at == '"') {
            at = skip_string(at);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (*at == ',' || *at == ':') {
            at++;
        } else {
            at += strcspn(at, ",:]} \t\r\n");
        }
        at = skip_blank(at);
    } while (depth > 0 && *at);
    return at;
}

/* ---- strings ---- */

static void put_code(uint32_t code, FILE *out)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
        fputc('?', out);
    } else if (code < 0x80) {
        fputc((int)code, out);
    } else if (code < 0x800) {
        fprintf(out, "%c%c", (int)(0xc0 | code >> 6), (int)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        fprintf(out, "%c%c%c", (int)(0xe0 | code >> 12), (int)(0x80 | (code >> 6 & 0x3f)),
                (int)(0x80 | (code & 0x3f)));
    } else {
        fprintf(out, "%c%c%c%c", (int)(0xf0 | code >> 18), (int)(0x80 | (code >> 12 & 0x3f)),
                (int)(0x80 | (code >> 6 & 0x3f)), (int)(0x80 | (code & 0x3f)));
    }
}

/* The four digits at at; 0xfffd when they are none. */
static uint32_t four_digits(const char *at)
{
    char digits[5] = "";
    memcpy(digits, at, strnlen(at, 4));
    return strspn(digits, "0123456789abcdefABCDEF") == 4 ? (uint32_t)strtoul(digits, NULL, 16)
                                                         : 0xfffd;
}

/* The escape behind '\'; returns its last character. */
static const char *put_escape(const char *at, FILE *out)
{
    if (*at != 'u') {
        fputc(strchr("bfnrt", *at) ? ' ' : *at, out);
        return at;
    }
    uint32_t code = four_digits(at + 1);
    at += strnlen(at, 5) - 1;
    if (code >= 0xd800 && code < 0xdc00 && at[1] == '\\' && at[2] == 'u') {
        uint32_t low = four_digits(at + 3);
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
        at += 2 + strnlen(at + 2, 5) - 1;
    }
    put_code(code, out);
    return at;
}

/* What stands between the quotes. */
static const char *put_string(const char *at, FILE *out)
{
    for (at++; *at && *at != '"'; at++) {
        bool c1 = (unsigned char)*at == 0xc2 && ((unsigned char)at[1] & 0xe0) == 0x80;
        if (*at == '\\' && at[1]) {
            at = put_escape(at + 1, out);
        } else if (c1) { /* U+0080 to U+009F: a terminal obeys them */
            fputc('?', out);
            at++;
        } else {
            fputc((unsigned char)*at < 0x20 ? '?' : *at, out);
        }
    }
    return *at ? at + 1 : at;
}

void outline_quote(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    fputc('"', out);
}

/* ---- values ---- */

static const char *put_value(const char *at, int depth, bool in_list, FILE *out);

static const char *put_scalar(const char *at, FILE *out)
{
    if (*at == '"')
        return put_string(at, out);
    size_t len = strcspn(at, ",:]} \t\r\n");
    static const struct {
        const char *word, *shown;
    } words[] = {{"true", "yes"}, {"false", "no"}, {"null", "-"}};
    for (size_t i = 0; i < 3; i++)
        if (len == strlen(words[i].word) && strncmp(at, words[i].word, len) == 0) {
            fputs(words[i].shown, out);
            return at + len;
        }
    fwrite(at, 1, len, out);
    return at + (len > 0 || !*at ? len : 1); /* never stand still */
}

static void indent(int depth, FILE *out)
{
    fprintf(out, "%*s", depth * INDENT, "");
}

/* One member or element, whose name, if any, has been written. */
static const char *put_inner(const char *at, int depth, FILE *out)
{
    bool nested = *at == '{' || *at == '[';
    const char *inside = skip_blank(nested ? at + 1 : at);
    if (nested && (*inside == '}' || *inside == ']')) {
        fputs(" none\n", out);
        return inside + 1;
    }
    fputs(nested ? "\n" : " ", out);
    return put_value(at, depth, false, out);
}

/* in_list: the first line goes on behind a dash. */
static const char *put_value(const char *at, int depth, bool in_list, FILE *out)
{
    bool object = *at == '{';
    if (!object && *at != '[') {
        at = put_scalar(at, out);
        fputc('\n', out);
        return at;
    }
    if (depth > DEPTH_MAX)
        return skip_value(at);
    at = skip_blank(at + 1);
    while (*at && *at != '}' && *at != ']') {
        if (!in_list)
            indent(depth, out);
        in_list = false;
        if (object) {
            at = skip_blank(put_string(at, out));
            fputc(':', out);
            at = put_inner(skip_blank(at + (*at == ':')), depth + 1, out);
        } else {
            fputs("- ", out);
            at = put_value(at, depth + 1, true, out);
        }
        at = skip_blank(at);
        at = skip_blank(at + (*at == ','));
    }
    return *at ? at + 1 : at;
}

void outline_print(const char *text, FILE *out)
{
    put_value(skip_blank(text), 0, false, out);
}

const char *outline_member(const char *text, const char *name, size_t *len)
{
    const char *at = skip_blank(text);
    if (*at != '{')
        return NULL;
    at = skip_blank(at + 1);
    while (*at == '"') {
        const char *end = skip_string(at);
        bool found =
            (size_t)(end - at) == strlen(name) + 2 && strncmp(at + 1, name, strlen(name)) == 0;
        at = skip_blank(end);
        at = skip_blank(at + (*at == ':'));
        end = skip_value(at);
        if (found) {
            *len = (size_t)(end - at);
            return at;
        }
        at = skip_blank(end + (*end == ','));
    }
    return NULL;
}
