/* SPDX-License-Identifier: MIT */
/*
 * The audit trail: one structured journal entry for everything that signed somebody in or refused
 * to, for `journalctl LANYARD_EVENT=sign-in` and whatever collects journals.
 *
 * An entry has no token, no PIN and no name: the UID says who it was. Where no journal listens it
 * becomes one line of JSON in a file (audit_file_open), which rotates. Any thread; may block as the
 * journal's socket does.
 */
#pragma once

#include <stddef.h>

#define AUDIT_EVENT_TABLE(ROW)                                                                     \
    /* a card token was made and handed out */                                                     \
    ROW(SIGN_IN, "sign-in", "1dc7392504984044b3a3974b2fef7a67")                                    \
    /* a sign-in that was let in ended without a token */                                          \
    ROW(SIGN_IN_FAILED, "sign-in-failed", "f7d5a91bac564b99b82ea30d7151bf76")                      \
    /* a request was turned away: an origin that is not listed, and the like */                    \
    ROW(REFUSED, "refused", "5765db1d73d0414690b4d361521e1fe0")                                    \
    /* the session: opened, a proof made, the PIN given again inside it, another role, locked,     \
     * resumed, ended (cause says why) */                                                          \
    ROW(SESSION_OPENED, "session-opened", "0d3c9d4a0b5a4bd59ad5d6fd2a7a9e31")                      \
    ROW(SESSION_PROVED, "session-proved", "4b7c1c0f8f0c4c2c9a3fb2f8a5a6e0d2")                      \
    ROW(SESSION_RENEWED, "session-renewed", "9a1be0e4d8f147a6b0d1b6a1f4f0c7b3")                    \
    ROW(SESSION_ROLE, "session-role", "c2f0a6e17b5d4f0e8c3d9b7a60e1d5f4")                          \
    ROW(SESSION_LOCKED, "session-locked", "5e8d2f7c3a9046b1a4c7e0d9f2b8a615")                      \
    ROW(SESSION_RESUMED, "session-resumed", "7f3b9c1e5d2a48e6b9f0a8c4d7e1f2a6")                    \
    ROW(SESSION_ENDED, "session-ended", "a6d4e8f1b3c5470d9e2f6a1b8c7d0e97")                        \
    /* the server knows of the end; it could not be told yet */                                    \
    ROW(SESSION_END_DELIVERED, "session-end-delivered", "b8e5f2a90c6d4b17a3e8d1f7c4b0a2d8")        \
    ROW(SESSION_END_DELAYED, "session-end-delayed", "d1a7c3e5f9b24086b5d8e2f0a6c4b7e9")            \
    /* critical: the screen did not lock by that locker, or by none (result: not OK) */            \
    ROW(LOCK_FAILED, "lock-failed", "e4c8b2f6a1d7495c8f3e0b9d5a7c1e2a")

#define AUDIT_EVENT_ENUMERATOR(name, text, message_id) AUDIT_##name,
enum audit_event { AUDIT_EVENT_TABLE(AUDIT_EVENT_ENUMERATOR) AUDIT_EVENTS };
#undef AUDIT_EVENT_ENUMERATOR

/* Borrowed for the call; NULL or "" leaves a field out. */
struct audit_entry {
    enum audit_event event;
    int result;            /* an outcome or a fault */
    const char *uid;       /* of the certificate */
    const char *origin;    /* as the door saw it */
    const char *provider;  /* the configuration's name for it */
    const char *reader;    /* PC/SC name */
    const char *algorithm; /* "ES256" */
    const char *session;   /* sid */
    const char *role;      /* id */
    const char *organisation;
    const char *cause;  /* why the session's state changed: session_cause_name */
    const char *locker; /* of LOCK_FAILED: which one */
};

void audit_write(const struct audit_entry *entry);

/* ---- what audit_write sends, for tests ---- */

enum {
    AUDIT_FIELDS_MAX = 16,
    AUDIT_FIELD_BYTES_MAX = 512, /* the longest is an origin or a reader's name */
};

struct audit_fields {
    size_t count;
    char at[AUDIT_FIELDS_MAX][AUDIT_FIELD_BYTES_MAX]; /* "LANYARD_UID=555555555555" */
};

/* Control characters are replaced with '?'; what is longer than a field is cut. */
void audit_fields_make(const struct audit_entry *entry, struct audit_fields *fields);
