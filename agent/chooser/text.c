/* SPDX-License-Identifier: MIT */
/*
 * Names come from a server, and a name may be written in any script there is; so characters are
 * judged by their Unicode category and not by a list. Two invisible ones stay, the joiners: several
 * scripts cannot be spelt without them.
 */
#include "agent/chooser/text.h"

#include <glib.h>
#include <string.h>

enum { ACCENTS_MAX = 3 };

static const gunichar ZERO_WIDTH_NON_JOINER = 0x200c, ZERO_WIDTH_JOINER = 0x200d;

/* Letters by category, and blank all the same. */
static bool is_blank_letter(gunichar c)
{
    return c == 0x115f || c == 0x1160 || c == 0x2800 || c == 0x3164 || c == 0xffa0;
}

static bool is_blank(gunichar c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_SPACE_SEPARATOR:
        return true;
    default:
        return is_blank_letter(c);
    }
}

static bool is_joiner(gunichar c)
{
    return c == ZERO_WIDTH_NON_JOINER || c == ZERO_WIDTH_JOINER;
}

char *text_clean(const char *text)
{
    GString *clean = g_string_new(NULL);
    bool seen = false;  /* something that shows */
    bool blank = false; /* one is owed before whatever shows next */
    int accents = 0;
    for (; *text; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);
        if (is_blank(c)) {
            blank = seen;
            accents = 0;
            continue;
        }
        if (g_unichar_type(c) == G_UNICODE_FORMAT && !is_joiner(c))
            continue;
        accents = g_unichar_ismark(c) ? accents + 1 : 0;
        if (accents > ACCENTS_MAX || (!seen && is_joiner(c)))
            continue;
        if (blank)
            g_string_append_c(clean, ' ');
        blank = false;
        seen = true;
        g_string_append_unichar(clean, c);
    }
    return g_string_free(clean, FALSE);
}

char *text_fold(const char *text)
{
    g_autofree char *small = g_utf8_casefold(text, -1);
    g_autofree char *apart = g_utf8_normalize(small, -1, G_NORMALIZE_ALL);
    if (!apart) /* no UTF-8: nothing that could be found */
        return g_strdup("");
    GString *folded = g_string_new(NULL);
    for (const char *at = apart; *at; at = g_utf8_next_char(at))
        if (!g_unichar_ismark(g_utf8_get_char(at)))
            g_string_append_unichar(folded, g_utf8_get_char(at));
    return g_string_free(folded, FALSE);
}

bool text_matches(const char *folded, const char *typed)
{
    g_autofree char *clean = text_clean(typed);
    g_autofree char *wanted = text_fold(clean);
    g_auto(GStrv) words = g_strsplit(wanted, " ", -1);
    for (char **word = words; *word; word++)
        if (!strstr(folded, *word))
            return false;
    return true;
}
