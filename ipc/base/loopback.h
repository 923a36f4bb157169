/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whether a host, as a URL has it, is this computer itself; no other spelling counts. Any thread.
 */
static inline bool host_is_loopback(const char *host, size_t len)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (len == strlen(names[i]) && memcmp(host, names[i], len) == 0)
            return true;
    return false;
}
