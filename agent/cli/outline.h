/* SPDX-License-Identifier: MIT */
/*
 * JSON as liblanyard returns it, laid out for people: one member per line, lists with dashes,
 * indented by two.
 *
 *     readers:
 *       - name: Example Reader 00 00
 *         state: card
 *
 * The text is the library's own, well-formed; of anything else as much is written as can be.
 * Control characters are replaced. Any thread; nothing but writing blocks.
 */
#pragma once

#include <stdio.h>

/* Writes the value that text begins with. */
void outline_print(const char *text, FILE *out);
/* The value of a member of the object that text is: its place within text, and its length; NULL
 * when it has none such. */
const char *outline_member(const char *text, const char *name, size_t *len);
/* Writes text as a JSON string. */
void outline_quote(const char *text, FILE *out);
