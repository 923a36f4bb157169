/* SPDX-License-Identifier: MIT */
/*
 * The audit trail where no journal listens: one line of JSON an entry, in a file of this user's
 * that rotates by size (audit.jsonl, audit.jsonl.1, ...; 1 MiB each, five of them), mode 0600.
 * Any thread, one at a time; blocks as the disk does.
 *
 * A line is one object, all of whose values are strings: "time" (RFC 3339, UTC, milliseconds),
 * MESSAGE_ID and the entry's LANYARD_ fields, in that order:
 *
 *     {"time":"2026-11-22T08:15:30.123Z","MESSAGE_ID":"961e...","LANYARD_EVENT":"session-opened",...}
 *
 * The newest line is the last of audit.jsonl. A line that is none, as a full disk may leave it,
 * ends with its line break like any other.
 */
#pragma once

#include "agent/audit.h"

enum {
    AUDIT_FILE_BYTES_MAX = 1024 * 1024, /* of one file */
    AUDIT_FILES_MAX = 5,                /* with the one that is written */
};

#define AUDIT_FILE_NAME "audit.jsonl" /* the older ones: ".1" behind it is the next older */

/* Where audit_write shall write when no journal takes an entry; folder is made if missing. NULL:
 * nowhere (the log has one line an entry). 0 or a fault (logged). */
int audit_file_open(const char *folder);
void audit_file_close(void);

/* Appends one entry, rotating first when it would not fit. 0, or a fault (logged once until an
 * entry is written again); -ENOENT, not logged, when there is no folder. */
int audit_file_write(const struct audit_fields *fields);
