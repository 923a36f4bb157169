/* SPDX-License-Identifier: MIT */
/*
 * A control socket: one line of text is one command, and gets one line back, "ok ..." or "error
 * ...". What the words mean is its owner's business. For a poll loop; sleeps otherwise.
 */
#ifndef LANYARD_SANDBOX_LINES_H
#define LANYARD_SANDBOX_LINES_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#define LINES_LINE_MAX 4096
#define LINES_ANSWER_MAX 16384
#define LINES_CLIENTS_MAX 16
#define LINES_POLLS (1 + LINES_CLIENTS_MAX)
#define LINES_WORDS_MAX 8

/* Carries out one command: `line`, without its newline, may be taken apart; the answer, without one
 * either, goes into `answer`. False: not yet; it is asked again in the next turn, and that client's
 * next line comes after it. */
typedef bool lines_fn(void *context, char *line, char answer[static LINES_ANSWER_MAX]);

struct lines;

/* Listens at the Unix socket `path`. NULL on failure. Owned by the caller. */
struct lines *lines_new(const char *path, lines_fn *command, void *context);
void lines_free(struct lines *lines);

void lines_watch(const struct lines *lines, struct pollfd fds[static LINES_POLLS]);
void lines_turn(struct lines *lines, const struct pollfd fds[static LINES_POLLS]);

/* Takes a line apart at its blanks. -1: too many words. */
int lines_split(char *line, char *words[static LINES_WORDS_MAX]);

#endif
