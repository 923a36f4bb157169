/* SPDX-License-Identifier: MIT */
/*
 * The --ready-fd of our daemons: a descriptor on which whoever started one learns that it serves,
 * as it would from systemd's notify socket. Main thread.
 */
#pragma once

#include <stdbool.h>

/* The option's value: a descriptor's number above 0. False for anything else. */
bool ready_parse(const char *text, int *fd);

/* Writes the line, with its line break, to fd; nothing if fd is -1. 0 or -errno (logged). */
int ready_say(int fd, const char *line);
