/* SPDX-License-Identifier: MIT */
/*
 * A walk over the text, without a tree: what a person is shown needs no more than the next token
 * and the depth. Depth is bounded, so that no text can exhaust the stack.
 */
#include "agent/cli/outline.h"

#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"

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

/* The character at at, which is not the text's end: as it is, or '?' where nobody would see it, or
 * a terminal obey it, or where it is none. Returns its bytes. */
static size_t put_character(const char *at, FILE *out)
{
    uint32_t character;
    size_t len = utf8_character(at, &character);
    if (len == 0 || !character_prints(character))
        fputc('?', out);
    else
        fwrite(at, 1, len, out);
    return len > 0 ? len : 1;
}

static void put_code(uint32_t code, FILE *out)
{
    if (!character_prints(code)) {
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
    if (strchr("bfnrt", *at)) {
        fputc(' ', out);
        return at;
    }
    if (*at != 'u')
        return at + put_character(at, out) - 1;
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
    for (at++; *at && *at != '"';) {
        if (*at == '\\' && at[1])
            at = put_escape(at + 1, out) + 1;
        else
            at += put_character(at, out);
    }
    return *at ? at + 1 : at;
}

void outline_plain(const char *text, FILE *out)
{
    while (*text)
        text += put_character(text, out);
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

/* Where it goes, and what is left out. */
struct sheet {
    FILE *out;
    const char *const *hidden; /* names of members; NULL: none */
};

static const char *put_value(const char *at, int depth, bool in_list, const struct sheet *sheet);

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
static const char *put_inner(const char *at, int depth, const struct sheet *sheet)
{
    bool nested = *at == '{' || *at == '[';
    const char *inside = skip_blank(nested ? at + 1 : at);
    if (nested && (*inside == '}' || *inside == ']')) {
        fputs(" none\n", sheet->out);
        return inside + 1;
    }
    fputs(nested ? "\n" : " ", sheet->out);
    return put_value(at, depth, false, sheet);
}

/* Whether the member whose name begins at its quote is left out. */
static bool hidden(const struct sheet *sheet, const char *at)
{
    size_t len = (size_t)(skip_string(at) - at);
    for (const char *const *name = sheet->hidden; name && *name; name++)
        if (len == strlen(*name) + 2 && strncmp(at + 1, *name, len - 2) == 0)
            return true;
    return false;
}

/* in_list: the first line goes on behind a dash. */
static const char *put_value(const char *at, int depth, bool in_list, const struct sheet *sheet)
{
    bool object = *at == '{';
    if (!object && *at != '[') {
        at = put_scalar(at, sheet->out);
        fputc('\n', sheet->out);
        return at;
    }
    if (depth > DEPTH_MAX)
        return skip_value(at);
    at = skip_blank(at + 1);
    while (*at && *at != '}' && *at != ']') {
        if (object && hidden(sheet, at)) {
            at = skip_blank(skip_value(skip_blank(skip_string(at)) + 1));
            at = skip_blank(at + (*at == ','));
            continue;
        }
        if (!in_list)
            indent(depth, sheet->out);
        in_list = false;
        if (object) {
            at = skip_blank(put_string(at, sheet->out));
            fputc(':', sheet->out);
            at = put_inner(skip_blank(at + (*at == ':')), depth + 1, sheet);
        } else {
            fputs("- ", sheet->out);
            at = put_value(at, depth + 1, true, sheet);
        }
        at = skip_blank(at);
        at = skip_blank(at + (*at == ','));
    }
    return *at ? at + 1 : at;
}

void outline_print(const char *text, FILE *out)
{
    outline_print_without(text, NULL, out);
}

void outline_print_without(const char *text, const char *const *names, FILE *out)
{
    struct sheet sheet = {out, names};
    put_value(skip_blank(text), 0, false, &sheet);
}

bool outline_each(const char **at, struct outline_part *part)
{
    bool first = part->value == NULL;
    const char *here = skip_blank(*at);
    if (first ? *here == '{' || *here == '[' : *here == ',')
        here = skip_blank(here + 1);
    else if (first)
        return false;
    *at = here;
    if (!*here || *here == '}' || *here == ']')
        return false;
    *part = (struct outline_part){0};
    const char *behind = *here == '"' ? skip_string(here) : here;
    const char *colon = skip_blank(behind);
    if (behind != here && *colon == ':') {
        part->name = here + 1;
        part->name_len = (size_t)(behind - here) - 2;
        here = skip_blank(colon + 1);
    }
    part->value = here;
    *at = skip_value(here);
    part->len = (size_t)(*at - here);
    return *at > here;
}

const char *outline_member(const char *text, const char *name, size_t *len)
{
    struct outline_part part = {0};
    while (*skip_blank(text) != '[' && outline_each(&text, &part))
        if (part.name && part.name_len == strlen(name) &&
            strncmp(part.name, name, part.name_len) == 0) {
            *len = part.len;
            return part.value;
        }
    return NULL;
}

char *outline_text(const char *value)
{
    char *text = NULL;
    size_t size = 0;
    if (!value || *value != '"')
        return NULL;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    put_string(value, out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

bool outline_is(const char *value, const char *text)
{
    CLEANUP(free_text) char *read = outline_text(value);
    return read && strcmp(read, text) == 0;
}
