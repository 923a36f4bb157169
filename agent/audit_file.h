/* SPDX-License-Identifier: MIT */
/*
 * The audit trail where no journal listens: one line of JSON an entry, in a file of this user's
 * that rotates by size (audit.jsonl, audit.jsonl.1, ...; 1 MiB each, five of them), mode 0600.
 * Any thread, one at a time; blocks as the disk does.
 */
#pragma once

#include "agent/audit.h"

/* Where audit_write shall write when no journal takes an entry; folder is made if missing. NULL:
 * nowhere (the log has one line an entry). 0 or a fault (logged). */
int audit_file_open(const char *folder);
void audit_file_close(void);

/* Appends one entry, rotating first when it would not fit. 0 or a fault (logged once). */
int audit_file_write(const struct audit_fields *fields);
