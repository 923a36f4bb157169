/* SPDX-License-Identifier: MIT */
/*
 * What a person is told by a notice on the desktop about the session: by what a subscriber is told,
 * and nothing else. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/desktop/desktop.h"
#include "ipc/door/door.h"

/* Zeroed at first. */
struct session_notices {
    bool live, locked, unreachable; /* as of the last view */
};

/* To be called with every change of the session. desktop may be NULL: nobody is told. */
void session_notices_tell(struct session_notices *notices, struct desktop *desktop,
                          const struct session_view *view);
