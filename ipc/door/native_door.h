/* SPDX-License-Identifier: MIT */
/*
 * The Unix socket for native programs: frames of JSON-RPC, for the agent's own user only.
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/door/connection.h"

struct native_door;

/* Creates the socket at path (0600, its folder 0700), replacing a stale one. Returns owned; NULL on
 * fault (logged): another agent lives there, or the path cannot be used. set is borrowed. */
struct native_door *native_door_open(struct connections *set, const char *path);
/* Closes every native connection and removes the socket. */
void native_door_close(struct native_door **door);
