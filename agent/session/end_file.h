/* SPDX-License-Identifier: MIT */
/*
 * A session's end in a file of its own: four lines of text,
 *
 *     lanyard-end 1
 *     provider NAME
 *     sid SID
 *     statement JWS
 *
 * in a file of this user's, mode 0600, whose name begins with a number that grows, so that names
 * sort in the order in which sessions began and ended. A file is whole or it is not there: it is
 * written as "NAME.tmp", synced, and renamed. Any thread, one at a time; blocks as the disk does.
 */
#pragma once

#include "agent/config.h"
#include "ipc/door/door.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    END_STATEMENT_MAX = 2048, /* characters; the longest endpoint and sid make some 700 */
    END_NAME_BYTES = 40,      /* of a file's name, with its NUL */
};

struct end_record {
    char provider[CONFIG_NAME_MAX + 1];
    char sid[SESSION_ID_MAX + 1];
    char statement[END_STATEMENT_MAX + 1]; /* three parts of base64url: what a JWS compact is */
};

/* Copies; false when one of them cannot be what it should be. */
bool end_record_make(const char *provider, const char *sid, const char *statement,
                     struct end_record *out);

/* "0000000000000042-1b2f9a77.end", or with ".armed" at its end while the session lives; with random
 * digits, so that two agents do not meet. The number is below END_NUMBER_END. 0 or a fault
 * (logged).
 */
#define END_NUMBER_END UINT64_C(10000000000000000)
int end_name_make(uint64_t number, bool armed, char out[static END_NAME_BYTES]);
/* Whether a name is one; then its number and kind. */
bool end_name_parse(const char *name, uint64_t *number, bool *armed);
/* Whether a name is that of a file that was being written. */
bool end_name_unfinished(const char *name);

/* Each works in the folder that the descriptor is of, and returns 0 or -errno, not logged. A file
 * that is not right in every detail, its owner and mode included, gives -EINVAL. */
int end_file_write(int folder, const char *name, const struct end_record *record);
int end_file_read(int folder, const char *name, struct end_record *out);
/* Waits for no disk. */
int end_file_rename(int folder, const char *from, const char *to);
int end_file_remove(int folder, const char *name);
