/* SPDX-License-Identifier: MIT */
/*
 * Who sits on a port that we need: for the one message an administrator then reads. May block as
 * /proc does; once, before the program ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes "user 1000, process 4711 (node)", or as much of it as can be found out, into text; named:
 * "user alice", which is not for what leaves this computer. */
void squatter_describe(uint16_t port, bool named, char *text, size_t size);
