/* SPDX-License-Identifier: MIT */
#include "ipc/base/variables.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static bool passes(const char *variable, const char *const *names)
{
    for (; *names; names++)
        if (strncmp(variable, *names, strlen(*names)) == 0)
            return true;
    return false;
}

char **variables_few(const char *const *names)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **variables = calloc(count + 1, sizeof *variables);
    for (size_t i = 0; variables && i < count; i++)
        if (passes(environ[i], names))
            variables[kept++] = environ[i];
    return variables;
}
