/* SPDX-License-Identifier: MIT */
/*
 * The audit trail: one structured journal entry for everything that signed somebody in or refused
 * to, for `journalctl LANYARD_EVENT=sign-in` and whatever collects journals.
 *
 * An entry has no token, no PIN and no name: the UID says who it was. Where no journal listens it
 * becomes one line of JSON in a file (audit_file_open), which rotates; and where there is no such
 * file either, one line of the log. Any thread, one at a time; may block as the journal's socket
 * and the disk do. lanyardd(8) has the table of events and fields.
 */
#pragma once

#include "ipc/base/bytes.h"

#include <stddef.h>
#include <time.h>

#define AUDIT_EVENT_TABLE(ROW)                                                                     \
    /* a card token was made and handed out */                                                     \
    ROW(SIGN_IN, "sign-in", "1dc7392504984044b3a3974b2fef7a67")                                    \
    /* a sign-in that was let in ended without a token */                                          \
    ROW(SIGN_IN_FAILED, "sign-in-failed", "f7d5a91bac564b99b82ea30d7151bf76")                      \
    /* a security key: a sign-in at a site (webauthn.get), a registration (webauthn.create) */     \
    ROW(KEY_SIGN_IN, "key-sign-in", "5f0c9d3e6a7b4f0f9e1d2b7c8a634d15")                            \
    ROW(KEY_REGISTRATION, "key-registration", "b8a1e64c27d94d3d8c5f90e2417bfa63")                  \
    /* something was to be changed on a security key, and how that ended */                        \
    ROW(KEY_PIN_SET, "key-pin-set", "0915d4aaaf9c46ebb022908ebce98b90")                            \
    ROW(KEY_PIN_CHANGED, "key-pin-changed", "03638b90ff9143849c3bff5f5369d99a")                    \
    ROW(KEY_CREDENTIAL_DELETED, "key-credential-deleted", "77c7b70b475c442094b4019ac66d6513")      \
    ROW(KEY_CREDENTIAL_RENAMED, "key-credential-renamed", "0f7884314244432badbe5cb8beb36bee")      \
    ROW(KEY_RESET, "key-reset", "9415a015137943c2a93f32d4c13ae68c")                                \
    /* a request was turned away: an origin that is not listed, and the like */                    \
    ROW(REFUSED, "refused", "5765db1d73d0414690b4d361521e1fe0")                                    \
    /* a card was given another PIN, by the one it had, or by its PUK; or was not */               \
    ROW(PIN_CHANGE, "pin-change", "3c1d7a0f5e924c06b1f8a27d64e90b53")                              \
    ROW(PIN_UNBLOCK, "pin-unblock", "8e47b2c9d13f4a5fa60c5b91e7d2384c")                            \
    /* a card's certificate expires within 90 days, or has expired */                              \
    ROW(CARD_EXPIRY, "card-expiry", "b2d0f6a84c7e4916a3e5d81f09c6724b")                            \
    /* the session: opened, a proof made, the PIN given again inside it, another role, locked,     \
     * resumed, ended (cause says why) */                                                          \
    ROW(SESSION_OPENED, "session-opened", "961ee165e9b34018997070b6ec8c100d")                      \
    ROW(SESSION_PROVED, "session-proved", "e06290b136e54ee39e47ef8db8a08a30")                      \
    ROW(SESSION_RENEWED, "session-renewed", "049a58bf1da6494485573db393e301f5")                    \
    ROW(SESSION_ROLE, "session-role", "d89a068ed97d4961b17d025d7f3a6065")                          \
    ROW(SESSION_LOCKED, "session-locked", "700319862e55457dbe94046eea135696")                      \
    ROW(SESSION_RESUMED, "session-resumed", "592077aef80b400989b3601757609269")                    \
    ROW(SESSION_ENDED, "session-ended", "f83245b1a68d478da166226cba241e9d")                        \
    /* the server knows of the end; it could not be told yet */                                    \
    ROW(SESSION_END_DELIVERED, "session-end-delivered", "0e918161efa844c1923bd45a634db762")        \
    ROW(SESSION_END_DELAYED, "session-end-delayed", "9b1129d18e134a63928ca6e0bd89a272")            \
    /* critical: the screen did not lock by that locker, or by none (result: not OK) */            \
    ROW(LOCK_FAILED, "lock-failed", "65779954b01e4d10a6b7e0bfb6f76d23")

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
    const char *cause;      /* why the session's state changed: session_cause_name */
    const char *locker;     /* of LOCK_FAILED: which one */
    const char *key;        /* the security key's name for people */
    const char *expires;    /* of CARD_EXPIRY: until when (RFC 3339) */
    const char *credential; /* a piece of the SHA-256 of its id, in hexadecimal */
};

void audit_write(const struct audit_entry *entry);

/* ---- the newest that this process has written ---- */

enum {
    AUDIT_RECENT_MAX = 20,
    AUDIT_RECENT_REFUSALS_MAX = 5, /* among them; any page can be refused as often as it likes */
};

struct audit_recent {
    time_t when;
    char event[32], outcome[48], code[16]; /* code: "" where all went well */
    char about[256];                       /* of whom, where, why: what the entry says of it */
};

/* The newest first. Returns their number. */
size_t audit_recent(struct audit_recent out[static AUDIT_RECENT_MAX]);
enum { AUDIT_CREDENTIAL_BYTES = 17 };
/* A credential for an entry: enough of its id's hash to see that it is the same one again, nothing
 * that could be asked of a key. "" where there is no hash. */
void audit_name_credential(const struct bytes *id, char name[AUDIT_CREDENTIAL_BYTES]);

/* ---- what audit_write sends, for tests ---- */

enum {
    AUDIT_FIELDS_MAX = 19,       /* every one that there is */
    AUDIT_FIELD_BYTES_MAX = 512, /* the longest is an origin or a reader's name */
};

struct audit_fields {
    size_t count;
    char at[AUDIT_FIELDS_MAX][AUDIT_FIELD_BYTES_MAX]; /* "LANYARD_UID=555555555555" */
};

/* Control characters, and bytes that are not UTF-8, are replaced with '?'; what is longer than a
 * field is cut. */
void audit_fields_make(const struct audit_entry *entry, struct audit_fields *fields);
