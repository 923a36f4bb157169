/* SPDX-License-Identifier: MIT */
/*
 * Looks for a person's belongings: as it is initialised it goes through the lines of the file
 * FAKE_PKCS11_TRIES, each "WHAT PATH", and appends to the file FAKE_PKCS11_REPORT how that went,
 * "WHAT PATH NUMBER" with an errno or 0. WHAT is "read", or "write": what is there, or a new file.
 * The report's first line, "label WORDS", is what AppArmor calls this process.
 */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATHS_MAX = 512 };

static int try_open(const char *path, int how)
{
    int fd = open(path, how | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int try(const char *what, const char *path)
{
    if (strcmp(what, "read") == 0)
        return try_open(path, O_RDONLY);
    return strcmp(what, "write") == 0 ? try_open(path, O_RDWR | O_CREAT) : ENOSYS;
}

static void write_label(FILE *report)
{
    char label[PATHS_MAX] = "";
    FILE *own = fopen("/proc/self/attr/current", "re");
    if (own && fgets(label, sizeof label, own))
        label[strcspn(label, "\n")] = '\0';
    fprintf(report, "label %s\n", label);
    if (own)
        fclose(own);
}

static CK_RV prowling_Initialize(void *args)
{
    const char *tries = getenv("FAKE_PKCS11_TRIES"), *path = getenv("FAKE_PKCS11_REPORT");
    char line[PATHS_MAX];
    FILE *list = tries ? fopen(tries, "re") : NULL;
    FILE *report = path ? fopen(path, "we") : NULL;
    if (report)
        write_label(report);
    while (list && report && fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = '\0';
        char *to = strchr(line, ' ');
        if (!to)
            continue;
        *to++ = '\0';
        fprintf(report, "%s %s %d\n", line, to, try(line, to));
    }
    if (list)
        fclose(list);
    if (report)
        fclose(report);
    return fake_honest.C_Initialize(args);
}

void fake_spoil(CK_FUNCTION_LIST *functions)
{
    functions->C_Initialize = prowling_Initialize;
}
