/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells of a process in /proc/PID/status (proc(5)), read as text. Texts are
 * borrowed; nothing blocks. Any thread.
 */
#pragma once

#include <stddef.h>

/* The number behind that name ("Seccomp", "PPid") in the text of /proc/PID/status; -1: none. */
long proc_status_number(const char *text, const char *name);
/* The program's name in it ("Name"), copied; "" when there is none. */
void proc_status_name(const char *text, char *out, size_t size);
