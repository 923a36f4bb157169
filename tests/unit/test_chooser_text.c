/* SPDX-License-Identifier: MIT */
/* What is shown of a hostile text, and which role a search finds. */
#include "agent/chooser/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* GLib's own allocator is the C library's. */
static void assert_text(char *got, const char *wanted)
{
    assert_string_equal(got, wanted);
    free(got);
}

static void plain_texts_stay(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "Nurse",
        "Dr Seán Ó Briain-O’Hara, FRCS (Ed.)",
        "<b>R8000</b> & %s",
        "رئيس قسم الطوارئ",
        "漢字の役割",
        "é and e\u0301\u0323",                  /* composed and not, two accents */
        "\u0645\u06cc\u200c\u062e\u0648\u0627", /* Persian needs the joiners within a word */
        "\u0915\u094d\u200d\u0937",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_text(text_clean(texts[i]), texts[i]);
}

static void what_would_harm_the_layout_goes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } texts[] = {
        {"two\nlines\tand\rmore", "two lines and more"},
        {"two\u2028lines\u2029and\xc2\x85more", "two lines and more"},
        {"  much \u3000\u00a0 room  ", "much room"},
        {"\u202eesruN\u202c", "esruN"},           /* overrides, */
        {"\u2067\u2066\u2069a\u200f\u061c", "a"}, /* isolates and marks of direction */
        {"so\u00adft \ufeffb\u200bom \u2060x", "soft bom x"},
        {"\u200d\u200d", ""},         /* joiners that join nothing */
        {"\u2800\u3164\u115f", ""},   /* letters that show nothing */
        {"\U000e0041\U000e0042", ""}, /* tags */
        {"H\u0301\u0302\u0303\u0304\u0305\u0306!", "H\u0301\u0302\u0303!"},
        {"\u20dd\u20dd\u20dd\u20dd\u20dda", "\u20dd\u20dd\u20dda"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_text(text_clean(texts[i].text), texts[i].shown);
}

static bool finds(const char *typed, const char *text)
{
    char *folded = text_fold(text);
    bool found = text_matches(folded, typed);
    free(folded);
    return found;
}

static void every_word_is_searched(void **state)
{
    (void)state;
    static const char role[] = "Système Administrator\nSt Élan’s Hospice\nS8000:G8000:R8029";
    static const char *const finding[] = {
        "",     " ",         "sys",           "SYSTEME", "système",     "admin",
        "elan", "ÉLAN hosp", "hospice  syst", "8029",    "g8000:r8029", "\u202esys\u2069",
        "s a",
    };
    for (size_t i = 0; i < sizeof finding / sizeof *finding; i++)
        if (!finds(finding[i], role))
            fail_msg("\"%s\" finds nothing", finding[i]);
    static const char *const missing[] = {
        "nurse", "system nurse", "administrator st x", "R8030", "*", "a.m", "hospice\\",
    };
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (finds(missing[i], role))
            fail_msg("\"%s\" finds the role", missing[i]);
    assert_true(finds("strasse", "Straße"));
    assert_true(finds("office", "O\ufb03ce"));
    assert_true(finds("طوارئ", "رئيس قسم الطوارئ"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_texts_stay),
        cmocka_unit_test(what_would_harm_the_layout_goes),
        cmocka_unit_test(every_word_is_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
