/* SPDX-License-Identifier: MIT */
/* Texts that a key gave. Any thread. */
#pragma once

#include <stddef.h>

/* Copies at most size - 1 bytes, cut at a character's end; NULL is "". What shows
 * nothing or turns the direction of writing, and what is no UTF-8, becomes '?'. */
void text_copy(char *out, size_t size, const char *text);
/* How many characters that UTF-8 has, as PINs are counted (CTAP 2.1 §6.5.1). */
size_t text_characters(const char *text);
