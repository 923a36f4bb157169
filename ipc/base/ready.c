/* SPDX-License-Identifier: MIT */
/* The descriptor belongs to whoever gave it: it is written to and left open. */
#include "ipc/base/ready.h"

#include "ipc/base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

bool ready_parse(const char *text, int *fd)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || number <= 0 || number > INT_MAX)
        return false;
    *fd = (int)number;
    return true;
}

int ready_say(int fd, const char *line)
{
    return fd < 0 || dprintf(fd, "%s\n", line) > 0 ? 0 : log_fault(errno, "--ready-fd");
}
