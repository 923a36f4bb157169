/* SPDX-License-Identifier: MIT */
/*
 * What callers are told of the session (ipc/PROTOCOL.md §2.11). Any thread; nothing blocks.
 */
#pragma once

#include "agent/cis/cis_session.h"
#include "agent/config.h"
#include "agent/session/session.h"
#include "ipc/door/door.h"

struct view_source {
    const struct session *machine;
    enum session_input cause;               /* why the state is what it is */
    const struct config_provider *provider; /* NULL: none */
    const struct cis_session *about;        /* NULL: not known yet */
    bool reachable;
    size_t pending_ends;
};

/* Owned; borrows from its source while that stands. */
struct view {
    struct session_view it;
    struct role_view *roles;
    const char *amr[CIS_AMR_MAX];
};

/* hidden: for somebody whose business the session is not; the state is then "none". Without memory
 * for the roles there are none. */
void view_make(const struct view_source *source, bool hidden, struct view *out);
void view_deinit(struct view *view);
