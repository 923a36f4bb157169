/* SPDX-License-Identifier: MIT */
/*
 * Authenticator data (Web Authentication Level 3 §6.1), as a key has signed it, taken apart. A key
 * is a device like any other: hostile. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"

#include <stdbool.h>

enum {
    AUTH_DATA_HASH_BYTES = 32,
    AUTH_DATA_AAGUID_OFFSET = 37, /* behind the hash, the flags and the counter */
    AUTH_DATA_AAGUID_BYTES = 16,
};

enum auth_data_flag {
    AUTH_DATA_PRESENT = 0x01,    /* UP */
    AUTH_DATA_VERIFIED = 0x04,   /* UV */
    AUTH_DATA_CREDENTIAL = 0x40, /* AT */
    AUTH_DATA_EXTENSIONS = 0x80, /* ED */
};

/* Borrowed from what was parsed. */
struct auth_data {
    const uint8_t *rp_id_hash;
    uint8_t flags;
    uint32_t counter;
    /* with AUTH_DATA_CREDENTIAL */
    const uint8_t *credential_id;
    size_t credential_id_len;
    const uint8_t *public_key; /* COSE, one map, not looked into */
    size_t public_key_len;
};

/* 0 or -EPROTO: it is malformed, or something follows. */
int auth_data_parse(const uint8_t *data, size_t len, struct auth_data *out);

/* Whether it is about that site (an RP ID or appid). */
bool auth_data_is_of(const struct auth_data *data, const char *site);

/* As a key has signed it for that site (an RP ID or appid): OUTCOME_OK, KEY_FAILED (it is
 * malformed, another site's, or nobody was there), or KEY_UNVERIFIED where the key had to know who
 * it was. */
int auth_data_check(const struct bytes *raw, const char *site, bool verified,
                    struct auth_data *out);
