/* SPDX-License-Identifier: MIT */
/*
 * JSON as liblanyard returns it, laid out for people: one member per line, lists with dashes,
 * indented by two.
 *
 *     readers:
 *       - name: Example Reader 00 00
 *         state: card
 *
 * The text is the library's own, well-formed; of anything else as much is written as can be. What a
 * terminal would obey instead of showing it is replaced. Any thread; nothing but writing blocks.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Writes the value that text begins with. */
void outline_print(const char *text, FILE *out);
/* The same without the members of these names (NULL-terminated; NULL: none), at any depth. */
void outline_print_without(const char *text, const char *const *names, FILE *out);
/* The value of a member of the object that text is: its place within text, and its length; NULL
 * when it has none such. */
const char *outline_member(const char *text, const char *name, size_t *len);
/* A member of an object, or an element of a list (name NULL): places within the text. */
struct outline_part {
    const char *name; /* what stands between its quotes */
    size_t name_len;
    const char *value;
    size_t len;
};

/* The next part of the object or list that *at was set to at first, with *part zero; *at goes on.
 * False when there is no further one: **at is then its closing bracket, or the text is cut. */
bool outline_each(const char **at, struct outline_part *part);
/* The string that value begins with, as text. Returns owned; NULL when it is none (NULL is none),
 * or without memory. */
char *outline_text(const char *value);
/* Whether it is that text. */
bool outline_is(const char *value, const char *text);
/* Writes a text that is no JSON, with the same care. */
void outline_plain(const char *text, FILE *out);
/* Writes text as a JSON string. */
void outline_quote(const char *text, FILE *out);
