/* SPDX-License-Identifier: MIT */
/* MODULE.so.env (fake.h) is read into the environment as the module is loaded. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((constructor)) static void read_environment(void)
{
    Dl_info module;
    char path[4096], line[4096];
    if (!dladdr((void *)(uintptr_t)read_environment, &module))
        return;
    snprintf(path, sizeof path, "%s.env", module.dli_fname);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *value = strchr(line, '=');
        if (!value)
            continue;
        *value++ = '\0';
        setenv(line, value, 1);
    }
    if (file)
        fclose(file);
}
