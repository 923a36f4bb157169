/* SPDX-License-Identifier: MIT */
/*
 * Reads the agent's settings again while it serves, on a thread of its own: a disk may take its
 * time. Loop thread only; nothing blocks but reload_free, which waits for a read that is under way.
 */
#pragma once

#include "agent/settings.h"
#include "ipc/loop.h"

struct reload;

/* Called from the loop at the end of each reading. fresh: taken by whoever empties it, released
 * behind the call; NULL: they cannot be used (each fault was logged). */
typedef void reload_fn(void *context, struct settings *fresh);

/* Returns owned; NULL on fault (logged). source is borrowed for its life. */
struct reload *reload_new(struct loop *loop, const struct settings_source *source, reload_fn *fn,
                          void *context);
void reload_free(struct reload **reload);
/* Starts to read. Asked for while it reads, it reads once more afterwards, and only then calls. */
void reload_start(struct reload *reload);
