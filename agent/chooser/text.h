/* SPDX-License-Identifier: MIT */
/*
 * Texts from outside, made fit for a window, and the search among them. Any thread; nothing blocks.
 * Strings given are valid UTF-8 and borrowed; strings returned are owned (g_free).
 */
#pragma once

#include <stdbool.h>

/* The text on one line: control characters and line ends become blanks, blanks become one, what
 * shows nothing or turns the writing's direction is left out, and of accents that are piled upon
 * one character only the first three stay. "" when nothing is left to be seen. */
char *text_clean(const char *text);

/* The text as it is searched: no capitals, no accents, no ligatures. */
char *text_fold(const char *text);
/* True if every word of typed, folded, is somewhere in folded; without a word always. */
bool text_matches(const char *folded, const char *typed);
