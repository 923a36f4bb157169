/* SPDX-License-Identifier: MIT */
/*
 * Entries of the audit trail as they were found, from the journal and from the files that the agent
 * writes where there is none (agent/audit_file.h). Main thread; reading blocks as the disk does.
 */
#pragma once

#include "ipc/base/bytes.h"

#include <stddef.h>
#include <stdint.h>

enum {
    RECORD_FIELDS_MAX = 32, /* the agent writes half as many */
    RECORD_FIELD_BYTES_MAX = 1024,
};

struct audit_record {
    uint64_t time;       /* microseconds since the epoch */
    struct bytes fields; /* "LANYARD_EVENT=sign-in", each with its NUL */
};

struct audit_records {
    struct audit_record *at;
    size_t count, capacity;
    bool failed; /* no memory; sticky */
};

void audit_records_release(struct audit_records *records);
/* Takes fields (which is empty afterwards). */
void audit_records_add(struct audit_records *records, uint64_t time, struct bytes *fields);
/* The oldest first. */
void audit_records_sort(struct audit_records *records);

/* Adds "NAME=value" to fields, if it is one of ours (LANYARD_*, MESSAGE_ID) and a text (UTF-8). */
void audit_field_add(struct bytes *fields, const char *name, size_t name_len, const char *value,
                     size_t value_len);
/* The value of a field; NULL: it has none such. */
const char *audit_field(const struct audit_record *record, const char *name);

/* What is wanted. */
struct audit_filter {
    uint64_t since;    /* microseconds since the epoch */
    const char *event; /* NULL: any */
    size_t most;       /* of each source, the newest */
};

/* This user's entries in the journal; folder NULL: of this computer. 0; -ENOENT: there is no
 * journal; -errno, not logged. */
int audit_journal_read(const char *folder, const struct audit_filter *filter,
                       struct audit_records *records);
/* Those in this user's files. *unreadable: how many lines are none. 0; -ENOENT: there is no file;
 * -errno, not logged. */
int audit_lines_read(const struct audit_filter *filter, struct audit_records *records,
                     size_t *unreadable);
