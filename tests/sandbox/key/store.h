/* SPDX-License-Identifier: MIT */
/*
 * What a key keeps while it has no power: credentials, the PIN's hash and its tries, counters,
 * large blobs. One file, written anew after each change, so that a key which is started again is
 * the same.
 */
#ifndef LANYARD_SANDBOX_KEY_STORE_H
#define LANYARD_SANDBOX_KEY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

#define CREDENTIAL_ID_MAX 128 /* GetInfo's maxCredentialIdLength */
#define CREDENTIAL_ID_SIZE 32 /* of those made here */
#define RP_ID_MAX 253
#define USER_ID_MAX 64
#define USER_TEXT_MAX 64
#define STORE_CREDENTIALS_MAX 512
#define STORE_RESIDENT_DEFAULT 100
#define PIN_TRIES_MAX 8
#define UV_TRIES_MAX 5
#define PIN_LENGTH_MIN 4 /* code points */
#define PIN_HASH_SIZE 16
#define BLOB_ARRAY_MAX 4096
#define MIN_PIN_RPS_MAX 4

struct credential {
    uint8_t id[CREDENTIAL_ID_MAX];
    size_t id_size;
    struct private_key *key;
    uint8_t rp_hash[HASH_SIZE];
    char rp_id[RP_ID_MAX + 1]; /* "": made by U2F, which tells the hash only */
    uint8_t user_id[USER_ID_MAX];
    size_t user_id_size;
    char user_name[USER_TEXT_MAX + 1], user_display_name[USER_TEXT_MAX + 1];
    bool resident, u2f, hmac_secret, has_blob_key;
    uint8_t protection; /* credProtect, 1 to 3 */
    uint32_t counter;
    uint8_t secret_with_uv[32], secret_without_uv[32]; /* CredRandom */
    uint8_t blob_key[32];
};

struct store {
    char *path;                                            /* NULL: nothing is written */
    struct credential *credentials[STORE_CREDENTIALS_MAX]; /* oldest first */
    size_t count;
    bool pin_set, pin_change_owed, always_uv;
    uint8_t pin_hash[PIN_HASH_SIZE];
    uint8_t pin_length; /* code points of the PIN that is set */
    uint8_t pin_tries, uv_tries, min_pin_length;
    char min_pin_rps[MIN_PIN_RPS_MAX][RP_ID_MAX + 1];
    size_t min_pin_rp_count;
    uint8_t blobs[BLOB_ARRAY_MAX]; /* with its 16 bytes of hash, CTAP 2.1 §6.10 */
    size_t blobs_size;
};

/* As it leaves the factory, or as the file has it. False: the file is there and is none of ours. */
bool store_open(struct store *store, const char *path);
void store_close(struct store *store);
/* Forgets everything (authenticatorReset). */
void store_reset(struct store *store);
/* Writes the file. */
void store_save(const struct store *store);

/* Takes the credential; a resident one takes the place of another for the same RP and user. False:
 * there is no room (it is freed). */
bool store_add(struct store *store, struct credential *credential);
void store_remove(struct store *store, struct credential *credential);
/* Borrowed. NULL: there is none. */
struct credential *store_find(const struct store *store, const uint8_t *id, size_t id_size);
size_t store_resident_count(const struct store *store);
void credential_free(struct credential *credential);

#endif
