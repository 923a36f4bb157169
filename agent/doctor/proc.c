/* SPDX-License-Identifier: MIT */
/*
 * The lines have had their shape for decades, and what follows the fields read here is ignored. A
 * line that is none is passed over.
 */
#include "agent/doctor/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTENING = 0x0a, UNIX_LISTENS = 0x10000 };

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : NULL;
}

static const char *blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static const char *word_behind(const char *at)
{
    at = blanks(at);
    return blanks(at + strcspn(at, " \t\n"));
}

/* "0100007F:5EE2": whether it is this computer's, for IPv4 and IPv6. */
static bool is_loopback(const char *address, size_t len)
{
    if (len == 8)
        return strncmp(address + 6, "7F", 2) == 0;
    return strncmp(address, "00000000000000000000000001000000", 32) == 0 ||
           strncmp(address, "0000000000000000FFFF0000", 24) == 0;
}

/* "  0: 0100007F:5EE2 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 4711 ..." */
static bool is_listener(const char *line, uint16_t port, struct proc_listener *out)
{
    char *end;
    const char *local = word_behind(line);
    const char *colon = strchr(local, ':');
    if (!colon || strtoul(colon + 1, &end, 16) != port || *end != ' ')
        return false;
    const char *state = word_behind(word_behind(local));
    if (strtoul(state, NULL, 16) != LISTENING)
        return false;
    const char *at = state;
    for (int i = 0; i < 4; i++) /* queues, timer, retransmits */
        at = word_behind(at);
    out->loopback = is_loopback(local, (size_t)(colon - local));
    out->uid = (uid_t)strtoul(at, NULL, 10);
    out->inode = strtoul(word_behind(word_behind(at)), NULL, 10);
    return true;
}

bool proc_net_tcp_listener(const char *text, uint16_t port, struct proc_listener *out)
{
    for (const char *line = next_line(text); line && *line; line = next_line(line))
        if (is_listener(line, port, out))
            return true;
    return false;
}

/* "0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/lanyard/portd" */
bool proc_net_unix_listens(const char *text, const char *path)
{
    size_t len = strlen(path);
    for (const char *line = next_line(text); line && *line; line = next_line(line)) {
        const char *flags = word_behind(word_behind(word_behind(line)));
        const char *name = word_behind(word_behind(word_behind(word_behind(flags))));
        if ((strtoul(flags, NULL, 16) & UNIX_LISTENS) && strncmp(name, path, len) == 0 &&
            (name[len] == '\n' || name[len] == '\0'))
            return true;
    }
    return false;
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
