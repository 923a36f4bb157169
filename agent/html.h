/* SPDX-License-Identifier: MIT */
/*
 * HTML, piece by piece, into a text that never holds markup that is not ours: html_text is the only
 * way in for what comes from elsewhere. Any thread.
 */
#pragma once

#include "ipc/base/bytes.h"

/* Markup: ours. */
void html(struct bytes *out, const char *markup);
/* Text, of anybody: escaped; what does not print (character_prints) becomes '?', a text that is not
 * UTF-8 "(unreadable)". NULL or empty: a dash. */
void html_text(struct bytes *out, const char *text);
/* html_text between markup of ours. */
void html_between(struct bytes *out, const char *before, const char *text, const char *after);
/* One row of a <dl>: both escaped. */
void html_row(struct bytes *out, const char *term, const char *text);
/* The same with a number, or with text made of a format. */
__attribute__((format(printf, 3, 4))) void html_row_format(struct bytes *out, const char *term,
                                                           const char *format, ...);
