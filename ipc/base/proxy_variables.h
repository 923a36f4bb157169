/* SPDX-License-Identifier: MIT */
/* The variables of the environment by which libcurl finds a proxy. Any thread; nothing blocks. */
#pragma once

/* NULL-terminated. */
extern const char *const proxy_variables[];

/* Such a value without the person and password in it, as others may be told it; owned, NULL without
 * memory. */
char *proxy_variable_told(const char *value);
