/* SPDX-License-Identifier: MIT */
/*
 * The control socket: one line of text is one command, and gets one line back, "ok ..." or
 * "error ...". `ctl --help` explains the commands; control.c has the table.
 */
#ifndef LANYARD_SANDBOX_CONTROL_H
#define LANYARD_SANDBOX_CONTROL_H

#include <poll.h>
#include <stddef.h>

#include "bench.h"

#define CONTROL_LINE_MAX 512
#define CONTROL_ANSWER_MAX 2048
#define CONTROL_CLIENTS_MAX 16
#define CONTROL_POLLS (1 + CONTROL_CLIENTS_MAX)

/* Carries out one command. `line` is without its newline and is taken apart; the answer, without a
 * newline either, goes into `answer`. No I/O but what the readers do. */
void control_command(struct bench *bench, char *line, char answer[static CONTROL_ANSWER_MAX]);

struct control;

/* Listens at the Unix socket `path`. NULL on failure. Owned by the caller. */
struct control *control_new(struct bench *bench, const char *path);
void control_free(struct control *control);

/* For the poll loop. */
void control_watch(const struct control *control, struct pollfd fds[static CONTROL_POLLS]);
void control_turn(struct control *control, const struct pollfd fds[static CONTROL_POLLS]);

#endif
