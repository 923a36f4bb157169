/* SPDX-License-Identifier: MIT */
/*
 * The archive for the service desk: what doctor has found, the configuration in force, policies,
 * units' states and the journal's last lines, each redacted (redact.h), as a tar file (POSIX.1-1988
 * ustar) that only this user may read. Main thread; blocks at most some twenty seconds.
 */
#pragma once

#include "agent/doctor/report.h"

/* json: report_json's. journal: a folder to read the journal in; NULL: this computer's. The file
 * must not exist. 0 or -errno; -EOVERFLOW: it would have names in it (report_hide), and is not
 * written. */
int bundle_write(const char *path, const struct report *report, const char *json,
                 const char *journal);
