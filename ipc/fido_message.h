/* SPDX-License-Identifier: MIT */
/*
 * The messages between the agent and lanyard-fido, for both ends: one process, one operation.
 *
 *     agent                                   lanyard-fido
 *     START ─────────────────────────────────>
 *           <───────────────────────────────── WAITING   any number: what the person has to do
 *           <───────────────────────────────── ASK       then nothing until the answer
 *     PIN or CHOICE ─────────────────────────>
 *     KEYS (one came or went) ───────────────>           any time
 *     CANCEL ────────────────────────────────>           any time; the key stops blinking
 *           <───────────────────────────────── DONE      exactly one, and it ends
 *
 * Each is one frame (ipc/frame.h): version, type, fields. What the helper says is hostile: the
 * decoders accept only what is within the bounds below, and no trailing byte. PIN and DONE may
 * carry secrets and travel in secrets. Any thread; nothing blocks. All functions return 0, -EPROTO
 * (malformed), -ENOSPC (does not fit) or -ENOMEM.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/base/secret.h"

#include <stdbool.h>

enum {
    FIDO_MESSAGE_VERSION = 1,
    FIDO_KEYS_MAX = 16,
    FIDO_PATH_MAX = 255,           /* "/dev/hidraw3", or a redirected key's socket */
    FIDO_TEXT_MAX = 128,           /* product, user's names: cut at a character's end */
    FIDO_RP_ID_MAX = 255,          /* also an appid, which is a URL */
    FIDO_CREDENTIAL_ID_MAX = 1023, /* CTAP 2.1 §6.1 */
    FIDO_LIST_MAX = 64,            /* allow list, exclude list */
    FIDO_USER_ID_MAX = 64,         /* WebAuthn §5.4.3 */
    FIDO_AUTH_DATA_MAX = 4096,
    FIDO_SIGNATURE_MAX = 512,
    FIDO_STATEMENT_MAX = 8192, /* attStmt with its certificates */
    FIDO_BLOB_MAX = 2048,      /* a large blob, uncompressed */
    FIDO_SALTS_MAX = 64,       /* one or two of 32 bytes (hmac-secret, CTAP 2.1 §12.5) */
    FIDO_ALGORITHMS_MAX = 16,
    FIDO_ACCOUNTS_MAX = 64,
    FIDO_CREDENTIALS_MAX = 256,
    FIDO_PIN_BYTES_MAX = 63, /* CTAP 2.1 §6.5.1 */
    FIDO_START_BYTES_MAX = 160 * 1024,
    FIDO_DONE_BYTES_MAX = 448 * 1024,
};

/* ---- START ---- */

enum fido_operation {
    FIDO_GET = 1, /* an assertion: authenticatorGetAssertion */
    FIDO_CREATE,  /* a credential: authenticatorMakeCredential */
    FIDO_PROBE,   /* is that credential (allow[0]) on this key? Nobody is asked anything. It signs
                     client_data_hash, which is to be random: what it says is worth nothing before
                     the signature is verified */
    FIDO_INFO,    /* what the key is and can */
    FIDO_PIN_SET, /* the first PIN */
    FIDO_PIN_CHANGE,
    FIDO_CREDENTIALS, /* what is on it; wants the PIN */
    FIDO_DELETE,      /* allow[0]; wants the PIN */
    FIDO_RENAME,      /* allow[0], user_name, user_display_name; wants the PIN */
    FIDO_RESET,       /* everything on it; only just after it was plugged in, and with a touch */
    FIDO_OPERATIONS,
};

enum fido_verification { FIDO_UV_DISCOURAGED, FIDO_UV_PREFERRED, FIDO_UV_REQUIRED };
enum fido_resident { FIDO_RESIDENT_DISCOURAGED, FIDO_RESIDENT_PREFERRED, FIDO_RESIDENT_REQUIRED };
enum fido_protection { /* credProtect, CTAP 2.1 §12.1 */
                       FIDO_PROTECT_NONE,
                       FIDO_PROTECT_OPTIONAL,
                       FIDO_PROTECT_WITH_LIST,
                       FIDO_PROTECT_REQUIRED,
};
enum fido_blob {
    FIDO_BLOB_NONE,
    FIDO_BLOB_READ,
    FIDO_BLOB_WRITE,
    FIDO_BLOB_PREFERRED,
    FIDO_BLOB_WANTED
};

/* hmac-secret's salts for one credential of the allow list; credential empty: for any other. */
struct fido_salts {
    struct bytes credential;
    struct bytes salts; /* 32 or 64 bytes */
};

struct fido_start {
    uint8_t operation;
    char key[FIDO_PATH_MAX + 1]; /* only the key at that path; "": any, and one that comes is waited
                                    for (GET and CREATE; of the others: no-key) */
    /* GET, CREATE and PROBE */
    char rp_id[FIDO_RP_ID_MAX + 1];
    char
        appid[FIDO_RP_ID_MAX + 1]; /* GET, CREATE: tried with U2F credentials when rp_id finds none;
                                      "": none */
    uint8_t client_data_hash[32];
    /* GET and CREATE */
    uint8_t verification; /* enum fido_verification */
    uint8_t list_count;   /* GET: allow, CREATE: exclude list; others: see the operation */
    struct bytes list[FIDO_LIST_MAX];
    uint8_t salts_count; /* GET: at most one for each of the list, and one for any */
    struct fido_salts *salts;
    uint8_t blob; /* enum fido_blob. GET: NONE, READ, WRITE; CREATE: NONE, PREFERRED, WANTED */
    struct bytes blob_data;
    /* CREATE */
    char rp_name[FIDO_TEXT_MAX + 1];
    struct bytes user_id;
    char user_name[FIDO_TEXT_MAX + 1], user_display_name[FIDO_TEXT_MAX + 1];
    uint8_t algorithm_count;
    int32_t algorithms[FIDO_ALGORITHMS_MAX]; /* COSE, best first */
    uint8_t resident;                        /* enum fido_resident */
    uint8_t protection;                      /* enum fido_protection */
    bool protection_enforced;
    bool hmac_secret;    /* make it possible (prf) */
    bool min_pin_length; /* have it said */
    bool attestation;    /* false: the site does not want to know */
};

/* ---- WAITING and ASK ---- */

enum fido_waiting {
    FIDO_WAITING_KEY = 1,      /* plug one in */
    FIDO_WAITING_OTHER_KEY,    /* none of those that are in will do: plug in another */
    FIDO_WAITING_KEY_CHOICE,   /* touch the one that is meant */
    FIDO_WAITING_TOUCH,        /* touch it */
    FIDO_WAITING_VERIFICATION, /* its own: a finger on it, or its own PIN pad */
    FIDO_WAITING_WORK,         /* nothing: the key is at work */
};

enum fido_ask {
    FIDO_ASK_PIN = 1, /* the PIN as it is */
    FIDO_ASK_NEW_PIN, /* a PIN to be set, at least min_length characters long */
    FIDO_ASK_ACCOUNT, /* which of several discoverable credentials */
};

struct fido_account {
    char name[FIDO_TEXT_MAX + 1], display_name[FIDO_TEXT_MAX + 1];
};

/* Both kinds of news. */
struct fido_news {
    uint8_t waiting;                 /* enum fido_waiting, 0: it is a question */
    uint8_t ask;                     /* enum fido_ask, 0: it is not */
    char key[FIDO_PATH_MAX + 1];     /* which; "": not settled yet */
    char product[FIDO_TEXT_MAX + 1]; /* its name for the person */
    uint8_t tries_left;              /* 255: not known */
    uint8_t min_length;              /* of a PIN, in characters */
    uint32_t problem;                /* what was wrong with the PIN before: OUTCOME_PIN_WRONG,
                                        OUTCOME_PIN_FORMAT; OUTCOME_OK: nothing */
    uint8_t account_count;
    struct fido_account *accounts;
};

/* ---- DONE ---- */

struct fido_key_info {
    char product[FIDO_TEXT_MAX + 1], versions[FIDO_TEXT_MAX + 1]; /* "FIDO_2_1 U2F_V2" */
    uint8_t aaguid[16];
    uint64_t firmware;
    bool pin_possible, pin_set, pin_change_owed, verification_possible, verification_set;
    bool resident, credential_management, large_blobs, hmac_secret, cred_protect, min_pin;
    uint8_t pin_tries, verification_tries; /* 255: not known */
    uint8_t min_pin_length;
    int32_t credentials_left; /* -1: not known */
};

struct fido_credential {
    struct bytes id, user_id;
    char rp_id[FIDO_RP_ID_MAX + 1];
    char user_name[FIDO_TEXT_MAX + 1], user_display_name[FIDO_TEXT_MAX + 1];
    uint8_t protection; /* enum fido_protection */
};

struct fido_done {
    uint32_t result;             /* enum outcome; with another than OK nothing else counts but: */
    char key[FIDO_PATH_MAX + 1]; /* the key that did it */
    char product[FIDO_TEXT_MAX + 1];
    uint8_t tries_left;
    int32_t device_code; /* the FIDO_ERR_ behind it, for the log; 0 for none */
    /* GET, CREATE and PROBE (of a U2F key, which signs nothing unasked, without auth_data and
     * signature) */
    struct bytes credential_id;
    struct bytes auth_data; /* as the key signed it, without a CBOR head */
    bool with_appid;        /* the credential is the appid's */
    /* GET; PROBE: signature */
    struct bytes signature, user_id;
    char user_name[FIDO_TEXT_MAX + 1], user_display_name[FIDO_TEXT_MAX + 1];
    struct bytes hmac_secret; /* 32 or 64 bytes, or none; wiped with the reply */
    bool blob_read, blob_written;
    struct bytes blob;
    /* CREATE */
    char format[33];        /* "packed", "fido-u2f", "none" ... */
    struct bytes statement; /* CBOR map */
    bool resident, hmac_secret_made, blob_possible;
    /* INFO; CREDENTIALS */
    struct fido_key_info *info;
    uint16_t credential_count;
    struct fido_credential *credentials;
};

/* ---- both ends ---- */

enum fido_message_type {
    FIDO_MESSAGE_START = 1,
    FIDO_MESSAGE_PIN,
    FIDO_MESSAGE_CHOICE,
    FIDO_MESSAGE_KEYS,
    FIDO_MESSAGE_CANCEL,
    FIDO_MESSAGE_NEWS = 129,
    FIDO_MESSAGE_DONE,
};

/* What the agent says after START. */
struct fido_word {
    uint8_t type; /* PIN, CHOICE, KEYS, CANCEL */
    uint8_t pin_len;
    const uint8_t *pin; /* borrowed: when decoded, from the frame's secret */
    uint8_t choice;     /* index below account_count */
};

void fido_start_deinit(struct fido_start *start);
void fido_news_deinit(struct fido_news *news);
void fido_done_deinit(struct fido_done *done); /* wipes */

/* Append to *out, whose capacity is at least 128 and FIDO_DONE_BYTES_MAX. */
int fido_word_encode(const struct fido_word *word, struct secret *out);
int fido_done_encode(const struct fido_done *done, struct secret *out);
/* Replace *out. */
int fido_start_encode(const struct fido_start *start, struct bytes *out);
int fido_news_encode(const struct fido_news *news, struct bytes *out);
/* What is decoded into is initialised (zero). */
int fido_start_decode(const uint8_t *body, size_t len, struct fido_start *start);
int fido_word_decode(const uint8_t *body, size_t len, struct fido_word *word);
/* What the helper says: exactly one of the two is filled, *type says which. */
int fido_reply_decode(const uint8_t *body, size_t len, enum fido_message_type *type,
                      struct fido_news *news, struct fido_done *done);
