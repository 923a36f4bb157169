/* SPDX-License-Identifier: MIT */
/*
 * The audit trail: one structured journal entry for everything that signed somebody in or refused
 * to, for `journalctl LANYARD_EVENT=sign-in` and whatever collects journals.
 *
 * An entry has no token, no PIN and no name: the UID says who it was. Where no journal listens it
 * becomes one line of the log. Any thread; may block as the journal's socket does.
 */
#pragma once

#include <stddef.h>

#define AUDIT_EVENT_TABLE(ROW)                                                                     \
    /* a card token was made and handed out */                                                     \
    ROW(SIGN_IN, "sign-in", "1dc7392504984044b3a3974b2fef7a67")                                    \
    /* a sign-in that was let in ended without a token */                                          \
    ROW(SIGN_IN_FAILED, "sign-in-failed", "f7d5a91bac564b99b82ea30d7151bf76")                      \
    /* a request was turned away: an origin that is not listed, and the like */                    \
    ROW(REFUSED, "refused", "5765db1d73d0414690b4d361521e1fe0")

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
};

void audit_write(const struct audit_entry *entry);

/* ---- what audit_write sends, for tests ---- */

enum {
    AUDIT_FIELDS_MAX = 11,
    AUDIT_FIELD_BYTES_MAX = 512, /* the longest is an origin or a reader's name */
};

struct audit_fields {
    size_t count;
    char at[AUDIT_FIELDS_MAX][AUDIT_FIELD_BYTES_MAX]; /* "LANYARD_UID=555555555555" */
};

/* Control characters are replaced with '?'; what is longer than a field is cut. */
void audit_fields_make(const struct audit_entry *entry, struct audit_fields *fields);
