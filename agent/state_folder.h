/* SPDX-License-Identifier: MIT */
/*
 * The folders in which the agent keeps what must outlast it: $XDG_STATE_HOME/lanyard, by default
 * ~/.local/state/lanyard, and those below it. They are this user's and nobody else's. Any thread;
 * blocks as the disk does.
 */
#pragma once

#include <stddef.h>

/* The path of the agent's own folder, and of name in it ("": itself). 0, or -ENOENT when nothing
 * says where this user's home is, -ENAMETOOLONG. Not logged. */
int state_folder_path(const char *name, char *out, size_t size);

/* Opens a folder, made with those above it where they are missing; its mode becomes 0700. Returns
 * the descriptor (close-on-exec) or a fault (logged): a link, somebody else's, no folder. */
int state_folder_open(const char *path);
