/* SPDX-License-Identifier: MIT */
/*
 * A CTAP 2.1 authenticator without I/O: requests in, answers out, time as an argument.
 *
 * A request that needs the person is answered CTAP_WAIT and has done nothing yet. The caller keeps
 * it and gives it again when authenticator_ripe says that it will be answered now: somebody has
 * touched the key, or the time is over.
 */
#ifndef LANYARD_SANDBOX_KEY_AUTHENTICATOR_H
#define LANYARD_SANDBOX_KEY_AUTHENTICATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"
#include "ctap.h"
#include "pin_protocol.h"
#include "store.h"

#define MESSAGE_MAX 7609 /* CTAPHID's own limit, CTAP 2.1 §11.2.4 */
#define REQUEST_MAX 2048 /* GetInfo's maxMsgSize */
#define LIST_MAX 8       /* maxCredentialCountInList */
#define PIN_IN_ROW_MAX 3 /* wrong ones before the key must be pulled out and put in again */
#define RESET_WITHIN_MS 10000
#define USER_WAIT_MS 30000 /* how long a person may take */

enum touch { TOUCH_AFTER, TOUCH_NEVER, TOUCH_COMMAND };

/* What a test decides. */
struct settings {
    enum touch touch;
    unsigned touch_after_ms; /* TOUCH_AFTER: so long after it began to blink */
    unsigned wait_ms;
    bool verifies;          /* has user verification of its own, and it is enrolled */
    unsigned wrong_fingers; /* the next ones are not the person's */
    bool make_needs_pin;    /* no makeCredUvNotRqd */
    bool u2f_only;
    bool self_attestation;
    size_t resident_room;
};

/* Faults that only the core can commit. */
struct lies {
    bool signature, credential_id, counter;
};

struct presence {
    bool waiting;
    bool touched; /* and not used up */
    bool granted; /* to the request at hand */
    uint64_t since;
};

struct pin_state {
    struct private_key *agreement;
    uint8_t token[PIN_PROTOCOLS][32];
    unsigned permissions;      /* of the tokens; 0: none is out */
    char rp_id[RP_ID_MAX + 1]; /* "": not bound */
    unsigned wrong_in_row;
};

#define ASSERTIONS_MAX 64

/* Between GetAssertion and GetNextAssertion. */
struct more_assertions {
    struct credential *credentials[ASSERTIONS_MAX];
    size_t count, next;
    uint8_t client_data_hash[HASH_SIZE];
    bool up, uv, blob_key;
    bool has_salts;
    struct shared_secret salts_secret;
    uint8_t salts[64];
    size_t salts_size;
};

struct listing { /* credentialManagement's enumerations */
    uint8_t rp_hash[HASH_SIZE];
    size_t next;
};

struct blob_write {
    uint8_t bytes[BLOB_ARRAY_MAX];
    size_t expected, size; /* expected 0: none has begun */
};

struct attestation {
    struct private_key *key; /* NULL: self attestation */
    uint8_t *certificate;
    size_t certificate_size;
};

struct authenticator {
    struct store store;
    struct settings settings;
    struct lies lies;
    const struct attestation *attestation;
    uint64_t now, powered_at;
    struct presence presence;
    struct pin_state pin;
    struct more_assertions more;
    struct listing rps, credentials;
    struct blob_write blob_write;
};

extern const uint8_t authenticator_aaguid[16];

/* path: the store's file; NULL: none. attestation is borrowed, may be NULL. False: the file is none
 * of ours. */
bool authenticator_init(struct authenticator *key, const char *path,
                        const struct attestation *attestation);
void authenticator_deinit(struct authenticator *key);
/* It was plugged in, at that moment (milliseconds of any clock that only goes forward). */
void authenticator_power_up(struct authenticator *key, uint64_t now);

/* One CTAPHID_CBOR message. Returns CTAP_WAIT, or a status; the answer, status first, is in
 * *answer. */
int authenticator_cbor(struct authenticator *key, uint64_t now, const uint8_t *request, size_t size,
                       struct cbor_writer *answer);
/* One CTAPHID_MSG message (U2F), which never waits. */
void authenticator_u2f(struct authenticator *key, uint64_t now, const uint8_t *request, size_t size,
                       struct cbor_writer *answer);
/* The person touches it; false: nobody waits for it, and the touch counts for the next who does. */
bool authenticator_touch(struct authenticator *key);
/* The request that waited will be answered now. */
bool authenticator_ripe(const struct authenticator *key, uint64_t now);
/* When it will be without a touch; UINT64_MAX: never, or nothing waits. */
uint64_t authenticator_ripe_at(const struct authenticator *key);
/* The request that waited is given up. */
void authenticator_cancel(struct authenticator *key);

/* ---- between the core's own files ---- */

typedef int command_fn(struct authenticator *key, const struct cbor *request,
                       struct cbor_writer *answer);
command_fn make_credential, get_assertion, get_next_assertion, client_pin, manage_credentials,
    large_blobs, configure;
void get_info(const struct authenticator *key, struct cbor_writer *answer);

/* CTAP_OK, CTAP_WAIT or CTAP_USER_ACTION_TIMEOUT. */
int need_touch(struct authenticator *key);
/* The key's own user verification, which is a touch too: also CTAP_UV_INVALID, CTAP_UV_BLOCKED. */
int need_finger(struct authenticator *key);
/* CTAP 2.1 §6.1.2: whether anything protects the key. */
bool key_is_protected(const struct authenticator *key);

/* pinUvAuthParam of a request: CTAP_OK, or why not. permission: one that the token must have.
 * rp_id: the token must be for it, or for none yet, and then is; NULL: any. rp_bound: a token for
 * one RP is not enough. */
int check_token(struct authenticator *key, const struct cbor *mac, const struct cbor *protocol,
                const uint8_t *message, size_t size, enum permission permission, const char *rp_id);
/* New tokens that nobody has. */
void forget_tokens(struct authenticator *key);
/* New agreement key, tokens, and no wrong PIN in a row. */
void pin_power_up(struct authenticator *key);
/* The first steps of several commands (CTAP 2.1 §6.1.2 step 1): a pinUvAuthParam of no length asks
 * for a touch only. CTAP_OK: there is none such. */
int answer_empty_token(struct authenticator *key, const struct cbor *mac);

/* Members of requests: false when the member is there and of another type or too long; *found tells
 * whether it is there. */
bool take_text(const struct cbor *map, const char *key, char *text, size_t room, bool *found);
bool request_bytes(const struct cbor *map, int key, const uint8_t **bytes, size_t *size);

/* Authenticator data up to the counter (§6.1.2 of Web Authentication); then the signature. */
void put_authenticator_head(struct cbor_writer *data, const uint8_t rp_hash[static HASH_SIZE],
                            uint8_t flags, uint32_t counter);
bool sign_answer(const struct authenticator *key, const struct private_key *with,
                 const struct cbor_writer *data, const uint8_t client_data_hash[static HASH_SIZE],
                 uint8_t signature[static SIGNATURE_MAX], size_t *size);
/* The credential's next counter. */
uint32_t count_up(const struct authenticator *key, struct credential *credential);
/* A credential descriptor's id, or NULL: it is no public key. */
bool descriptor_id(const struct cbor *descriptor, const uint8_t **id, size_t *size);
/* {"id", "type"}, as answers name credentials. */
void put_descriptor(const struct authenticator *key, struct cbor_writer *answer,
                    const struct credential *credential);
/* A user entity; named: with name and displayName where there are any. */
void put_user(struct cbor_writer *answer, const struct credential *credential, bool named);

enum {
    FLAG_UP = 0x01,
    FLAG_UV = 0x04,
    FLAG_ATTESTED = 0x40,
    FLAG_EXTENSIONS = 0x80,
};

#endif
