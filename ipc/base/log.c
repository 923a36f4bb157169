/* SPDX-License-Identifier: MIT */
/*
 * A line is built whole in a buffer of its own and written with one write(2), so that lines of
 * several threads and processes that share a standard error do not mix.
 */
#include "ipc/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static const char *program_name = "";
static atomic_uint most_talkative = LOG_LEVEL_INFO;
static bool for_a_person;

void log_init(const char *program, enum log_level most)
{
    program_name = program;
    most_talkative = most;
    for_a_person = isatty(STDERR_FILENO);
}

void log_set_level(enum log_level most)
{
    most_talkative = most;
}

void log_write(enum log_level level, const char *format, ...)
{
    if ((unsigned)level > most_talkative)
        return;
    int saved = errno;
    char line[LINE_MAX_BYTES];
    char priority[sizeof "<7>"] = "";
    if (!for_a_person)
        snprintf(priority, sizeof priority, "<%u>", (unsigned)level % 8);
    int start =
        snprintf(line, sizeof line, "%s%s%s", priority, program_name, *program_name ? ": " : "");
    if (start < 0 || start > LINE_MAX_BYTES / 2)
        start = 0;

    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line + start, sizeof line - (size_t)start - 1, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        wanted = 0;
    size_t len = (size_t)start + (size_t)wanted;
    if (len > sizeof line - 2) {
        len = sizeof line - 2;
        memcpy(line + len - 3, "...", 3);
    }
    for (size_t i = (size_t)start; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len + 1);
    (void)written; /* there is nowhere else to say that standard error is gone */
    errno = saved;
}

int log_fault(int error, const char *what)
{
    log_error("%s: %s", what, strerror(error));
    return -error;
}
