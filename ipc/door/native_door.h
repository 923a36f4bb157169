/* SPDX-License-Identifier: MIT */
/*
 * The Unix socket for native programs: frames of JSON-RPC, for the agent's own user only.
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/door/connection.h"

struct native_door;

/* Creates the socket at path (0600, its folder 0700), replacing a stale one; or, with a listening,
 * non-blocking socket as passed (taken; 0: none), serves that one. Returns owned; NULL on fault
 * (logged): another agent lives there, or the path cannot be used. set is borrowed. */
struct native_door *native_door_open(struct connections *set, const char *path, int passed);
/* Closes every native connection and removes the socket, if it was created. */
void native_door_close(struct native_door **door);
