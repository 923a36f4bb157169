/* SPDX-License-Identifier: MIT */
/*
 * One security key, opened: libfido2's device over our own reading and writing, and what the key
 * says about itself.
 *
 * Reading is ours so that the agent's words are heard whatever the key does, in one thread and
 * without signals: CANCEL ends what is under way at once (the key is told, and stops blinking), and
 * so does KEYS where the key yields. It also sees what the key is doing: a keep-alive that wants
 * the person is told to the agent, and nothing but such a wait lasts longer than the bounds below.
 * One thread.
 */
#pragma once

#include "fido/agent_link.h"

#include <fido.h>

enum {
    KEY_SILENCE_MS = 5000,    /* in the middle of a message; keep-alives come every 100 ms */
    KEY_WORK_MS = 60000,      /* without wanting the person: a slow key makes an RSA key */
    KEY_CANCEL_MS = 1000,     /* for its last word after CANCEL */
    KEY_BUSY_MS = 5000,       /* another program's turn */
    KEY_REPORTS_MAX = 32768,  /* within one call: ten minutes of keep-alives many times over */
    KEY_IDLE_MAX = 2000,      /* of those, that lead nowhere: a minute's keep-alives thrice over */
    KEY_KEPT_MAX = 64,        /* reports of a message that can be sent again */
    KEY_INFO_MAX = 32,        /* reports of what a key says about itself: usually 4 to 8 */
    KEY_REPORT_BYTES = 64,    /* CTAP 2.1 §11.2.4 */
    KEY_LIST_BYTES_MAX = 700, /* of credential ids in a message, which a key may limit to 1,024 */
};

/* What authenticatorGetInfo said; for a U2F key nothing but fido2 = false. */
struct key_traits {
    bool fido2;
    bool pin_possible, pin_set, pin_change_owed;
    bool verification_possible, verification_set, verification_always, permissions;
    bool resident, credential_management, large_blobs, unverified_creation;
    bool hmac_secret, cred_protect, min_pin;
    uint8_t aaguid[16];
    uint64_t firmware;
    uint8_t min_pin_length;
    size_t list_max;         /* credentials in a message, at least 1 */
    size_t id_max;           /* longer ids are no credentials of its; 0: not said */
    int32_t resident_left;   /* -1: not said */
    uint8_t algorithm_count; /* 0: not said */
    int32_t algorithms[FIDO_ALGORITHMS_MAX];
    char versions[FIDO_TEXT_MAX + 1];
};

struct key {
    struct agent_link *link; /* borrowed */
    char path[FIDO_PATH_MAX + 1], product[FIDO_TEXT_MAX + 1];
    bool redirected;
    fido_dev_t *dev;
    struct key_traits traits;
    struct secret *pin; /* once it was right, for what else belongs to the operation; or NULL */
    /* reading */
    int fd;
    uint8_t report[KEY_REPORT_BYTES];
    size_t report_len;
    uint8_t channel[4];
    uint8_t command; /* of CTAP, of the message under way */
    int64_t silence_until, work_until, busy_until;
    unsigned reports_left, idle_left;
    size_t kept; /* of the message under way; more than KEY_KEPT_MAX: it was longer */
    uint8_t sent[KEY_KEPT_MAX][KEY_REPORT_BYTES + 1];
    size_t info_count, info_next; /* of what it said about itself when it was opened; read again */
    uint8_t info[KEY_INFO_MAX][KEY_REPORT_BYTES];
    bool touch;     /* the call under way wants the person */
    bool verifies;  /* and to know who it is */
    bool quiet;     /* nobody is told so: it is one of several */
    bool settled;   /* it is the one that is meant */
    bool yields;    /* KEYS ends it, because another key may be the one that is meant */
    bool cancelled; /* CANCEL was sent to it */
    bool yielded;   /* because of KEYS */
    bool removed;
    int code; /* the last FIDO_ERR_ that was not OK, for the log */
};

/* Opens the key at path and asks it what it is. redirected: path is a socket. OUTCOME_OK,
 * KEY_REMOVED, KEY_FAILED, CANCELLED; -EACCES, -ENOENT: it is not for us or not there (not logged).
 * May block up to the bounds above, as everything here. */
int key_open(struct key *key, struct agent_link *link, const char *path, const char *product,
             bool redirected);
/* Takes a zeroed and a closed one. */
void key_close(struct key *key);

/* Before each of libfido2's calls. */
void key_begin(struct key *key);
/* After it: what its code means. With key->yielded the outcome is CANCELLED. */
int key_outcome(struct key *key, int code);
