/* SPDX-License-Identifier: MIT */
/* Rules that a reader can check by eye (RFC 9112 §3 and §5): a line ends in CR LF and nowhere else,
 * and a field that begins with a blank (obsolete folding) has no name, and so is refused. */
#include "ipc/door/head.h"

#include <string.h>
#include <strings.h>

/* ---- words ---- */

bool head_same(struct span a, const char *text)
{
    return a.text && a.len == strlen(text) && memcmp(a.text, text, a.len) == 0;
}

bool head_same_ignoring_case(struct span a, const char *text)
{
    return a.text && a.len == strlen(text) && strncasecmp(a.text, text, a.len) == 0;
}

/* RFC 9110 §5.6.2 */
static bool token_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span head_trim(struct span s)
{
    while (s.len > 0 && blank(s.text[0])) {
        s.text++;
        s.len--;
    }
    while (s.len > 0 && blank(s.text[s.len - 1]))
        s.len--;
    return s;
}

/* ---- the lines ---- */

bool head_next_line(struct span *head, struct span *line)
{
    const char *cr = memchr(head->text, '\r', head->len);
    size_t len = cr ? (size_t)(cr - head->text) : head->len;
    if (head->len - len < 2 || cr[1] != '\n')
        return false;
    *line = (struct span){head->text, len};
    head->text += len + 2;
    head->len -= len + 2;
    return true;
}

/* Printable, blank or beyond ASCII. */
static bool value_valid(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool head_split_field(struct span line, struct span *name, struct span *value)
{
    const char *colon = memchr(line.text, ':', line.len);
    if (!colon || colon == line.text)
        return false;
    *name = (struct span){line.text, (size_t)(colon - line.text)};
    for (size_t i = 0; i < name->len; i++)
        if (!token_character(name->text[i]))
            return false;
    *value = head_trim((struct span){colon + 1, line.len - name->len - 1});
    return value_valid(*value);
}
