/* SPDX-License-Identifier: MIT */
/*
 * The page of `lanyard open` (PROTOCOL.md 1.3): one document that says what the agent sees, for a
 * person at the desk and for the one who listens at the other end of the telephone. No script, no
 * form; its only link leads to itself. Any thread.
 */
#pragma once

#include "agent/audit.h"
#include "ipc/base/bytes.h"
#include "ipc/door/door.h"
#include "ipc/door/keys.h"

#include <time.h>

/* All borrowed for the call. */
struct status_page {
    const char *nonce; /* of its style */
    time_t now;
    const struct agent_status *status;
    const struct card_list *cards;
    const struct key_list *keys;
    const struct session_view *session;
    const struct audit_recent *recent; /* the newest first */
    size_t recent_count;
    const struct findings *findings; /* of `lanyard doctor`; NULL: not checked yet */
    time_t checked;                  /* when */
};

/* Appends the document. */
void status_page_make(const struct status_page *page, struct bytes *html);
