/* SPDX-License-Identifier: MIT */
/*
 * Who sits on a port that we need: for the one message an administrator then reads. May block as
 * /proc does; once, before the program ends.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Writes "user alice, process 4711 (node)", or as much of it as can be found out, into text. */
void squatter_describe(uint16_t port, char *text, size_t size);
