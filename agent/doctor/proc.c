/* SPDX-License-Identifier: MIT */
/*
 * The lines have had their shape for decades, and what follows the fields read here is ignored. A
 * line that is none is passed over.
 */
#include "agent/doctor/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : NULL;
}

static const char *blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* What stands behind "NAME:"; NULL: no such line. */
static const char *value_of(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = text; line && *line; line = next_line(line))
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return blanks(line + len + 1);
    return NULL;
}

long proc_status_number(const char *text, const char *name)
{
    const char *value = value_of(text, name);
    char *end;
    long number = value ? strtol(value, &end, 10) : -1;
    return value && end != value ? number : -1;
}

void proc_status_name(const char *text, char *out, size_t size)
{
    const char *value = value_of(text, "Name");
    snprintf(out, size, "%.*s", value ? (int)strcspn(value, "\n") : 0, value ? value : "");
}
