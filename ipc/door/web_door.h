/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket door: everything of libwebsockets, behind four functions. Loop thread only; nothing
 * blocks but web_door_run.
 */
#pragma once

#include "ipc/door/connection.h"
#include "ipc/door/handshake.h"

struct web_door;

/* Returns owned; NULL on fault (logged). The library listens to nothing and logs nothing. Raises
 * the process's soft limit of descriptors to what the door may come to need, as far as allowed. */
struct web_door *web_door_new(struct connections *set);
/* Closes every page's connection. */
void web_door_free(struct web_door **door);

/* Takes fd, a connected socket whose handshake was accepted and read away. */
void web_door_adopt(struct web_door *door, int fd, const struct handshake *handshake);

/* Waits for pages and for the loop until loop_stop. 0 or -errno. */
int web_door_run(struct web_door *door);
