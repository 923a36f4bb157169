/* SPDX-License-Identifier: MIT */
/*
 * One line per event on standard error, with the priority prefix the journal understands ("<4>")
 * unless that is a terminal.
 *
 * Nothing secret is ever passed here; what comes from outside (a card's label, a page's words) goes
 * through %s arguments, and control characters in the finished line are replaced, so that nobody
 * can forge a line. At most 1,024 bytes; longer lines are cut and end in "...". Any thread; may
 * block as standard error does.
 */
#pragma once

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* The program's name in front of each line (borrowed, static) and the most talkative level that is
 * written. Once, before the first thread. Without it: no name, LOG_LEVEL_INFO. */
void log_init(const char *program, enum log_level most);

/* Another most talkative level. Any thread. */
void log_set_level(enum log_level most);

__attribute__((format(printf, 2, 3))) void log_write(enum log_level level, const char *format, ...);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Logs "what: strerror" at error level and returns -error, so that a fault is logged where it
 * arises and forwarded in one statement: return log_fault(errno, "bind"). */
int log_fault(int error, const char *what);
