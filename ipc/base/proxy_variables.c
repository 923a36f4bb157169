/* SPDX-License-Identifier: MIT */
#include "ipc/base/proxy_variables.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *const proxy_variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                       "no_proxy",    "NO_PROXY",    NULL};

/* To the last '@': a password may have one, and a host has none. */
char *proxy_variable_told(const char *value)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    const char *sign = strrchr(value, '@');
    size_t scheme = strspn(value, letters);
    size_t kept = strncmp(value + scheme, "://", 3) == 0 ? scheme + 3 : 0;
    char *told;
    if (!sign)
        return strdup(value);
    return asprintf(&told, "%.*s%s", (int)kept, value, sign + 1) < 0 ? NULL : told;
}
