/* SPDX-License-Identifier: MIT */
/*
 * The head of an HTTP/1.1 request, line by line, for whoever judges one (handshake.h,
 * status_door.h). Any thread; nothing blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A piece of the head, borrowed. text NULL: not there. */
struct span {
    const char *text;
    size_t len;
};

bool head_same(struct span a, const char *text);
bool head_same_ignoring_case(struct span a, const char *text);
/* Without the blanks around it. */
struct span head_trim(struct span s);

/* Takes the line up to CR LF off the head. False: no such line, or a CR or LF on its own. */
bool head_next_line(struct span *head, struct span *line);
/* A field's name and value, checked for form. */
bool head_split_field(struct span line, struct span *name, struct span *value);
