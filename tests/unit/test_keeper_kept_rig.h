/* SPDX-License-Identifier: MIT */
/*
 * What outlives the keeper: its sealed memory, the queue of the ends that the server is to hear of,
 * and the audit trail.
 */
#pragma once

#include "agent/audit.h"
#include "ipc/door/door.h"

#include <stdbool.h>

struct kept {
    bool sealing; /* there is such memory */
    char armed[SESSION_ID_MAX + 1], due[SESSION_ID_MAX + 1], disarmed[SESSION_ID_MAX + 1];
    int dues;
    char released[SESSION_ID_MAX + 1]; /* the sid kept at end_queue_release; "-": NULL */
    int audits[AUDIT_EVENTS];
    char key_name[64]; /* in the audit entry last written */
};
extern struct kept kept;

void kept_begin(void);
/* Undoes what that does to the memory and the ends: whoever is killed does not get that far. */
void kept_through(void (*end)(void));
