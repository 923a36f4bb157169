/* SPDX-License-Identifier: MIT */
/*
 * An interrupt must end the waiting, whenever it comes: it is held back but while ppoll waits, so
 * that none can slip in between looking and waiting. A line is read byte by byte as the terminal
 * gives it; one that is too long for a number is no number.
 */
#include "agent/cli/terminal.h"

#include "agent/cli/commands.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 16 };

bool terminal_is_there(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* One byte; 0 at the end of file, -1 when interrupted. held: the signals let in while waiting. */
static int read_byte(const sigset_t *held, char *byte)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        if (command_interrupted())
            return -1;
        if (ppoll(&input, 1, NULL, held) < 0)
            continue; /* a signal, which need not be an interrupt */
        ssize_t got = read(STDIN_FILENO, byte, 1);
        if (got >= 0)
            return (int)got;
        if (errno != EINTR && errno != EAGAIN)
            return 0;
    }
}

/* A line without its end; empty when it is longer than size. 1, or as above. */
static int read_line(const sigset_t *held, char *line, size_t size)
{
    size_t len = 0;
    char byte;
    int got;
    while ((got = read_byte(held, &byte)) > 0 && byte != '\n')
        if (len < size)
            line[len++] = byte;
    line[len < size ? len : 0] = '\0';
    return got;
}

/* 1 to count; 0: none of these. */
static size_t number_of(const char *line, size_t count)
{
    line += strspn(line, " \t");
    size_t digits = strspn(line, "0123456789");
    if (digits == 0 || digits > 4 || line[digits + strspn(line + digits, " \t")] != '\0')
        return 0;
    size_t number = strtoul(line, NULL, 10);
    return number <= count ? number : 0;
}

static int ask(const sigset_t *held, size_t count)
{
    for (;;) {
        char line[LINE_BYTES];
        fprintf(stderr, "Number (1 to %zu; Ctrl-D cancels): ", count);
        if (read_line(held, line, sizeof line) <= 0) {
            fputc('\n', stderr);
            return -1;
        }
        size_t number = number_of(line, count);
        if (number > 0)
            return (int)number - 1;
    }
}

int terminal_choose(const char *question, const struct terminal_choice *choices, size_t count)
{
    fprintf(stderr, "%s\n", question);
    int width = snprintf(NULL, 0, "%zu", count);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "  %*zu  %s%s\n", width, i + 1, choices[i].text,
                choices[i].current ? " (current)" : "");
    sigset_t interrupts, held;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigaddset(&interrupts, SIGTERM);
    sigprocmask(SIG_BLOCK, &interrupts, &held);
    int chosen = ask(&held, count);
    sigprocmask(SIG_SETMASK, &held, NULL);
    return chosen;
}
