/* SPDX-License-Identifier: MIT */
/*
 * What a provider says of a session, read from its answer (ipc/PROTOCOL.md §6) into a struct in
 * which everything has been checked. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/door/door.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CIS_TEXT_MAX = 256,
    CIS_AMR_MAX = 8,
    CIS_KEEP_ALIVE_DEFAULT = 60, /* seconds */
    CIS_KEEP_ALIVE_MIN = 10,
    CIS_KEEP_ALIVE_MAX = 3600,
    CIS_PUBLIC_KEY_MAX = 1024, /* COSE; with a modulus of 4,096 bits it is about 530 */
};

/* Printable UTF-8, terminated; "" when not said. */
struct cis_role {
    char id[ROLE_ID_MAX + 1];
    char name[ROLE_TEXT_MAX + 1];
    char organisation[ROLE_TEXT_MAX + 1];
    char code[ROLE_ID_MAX + 1];
};

/* Owned; one allocation, so free() releases it. */
struct cis_session {
    char sid[SESSION_ID_MAX + 1];
    char uid[CIS_TEXT_MAX + 1];
    char name[CIS_TEXT_MAX + 1];
    char acr[CIS_TEXT_MAX + 1];
    size_t amr_count;
    char amr[CIS_AMR_MAX][CIS_TEXT_MAX + 1];
    int64_t auth_time;
    unsigned expires_in;   /* seconds; at least 1 */
    unsigned idle;         /* seconds; 0: no limit */
    unsigned keep_alive;   /* seconds, within the bounds above */
    size_t public_key_len; /* of the credential that signed in; 0: not said, or of a kind that is
                              not known here */
    uint8_t public_key[CIS_PUBLIC_KEY_MAX]; /* COSE, for agent/webauthn/public_key.h */
    int role;                               /* index; -1: none chosen */
    size_t role_count;
    struct cis_role roles[]; /* role_count of them */
};

/* Returns owned; NULL when the text is no session object in every detail, or on fault. */
struct cis_session *cis_session_read(const char *json, size_t len);
/* The same as JSON text, for sealed memory; NUL-terminated behind its length. 0 or -ENOMEM. */
int cis_session_write(const struct cis_session *session, struct bytes *out);

/* 1 to SESSION_ID_MAX of A-Z a-z 0-9 - . _ ~, and no step in a path ("." and ".."). */
bool cis_sid_valid(const char *sid);
