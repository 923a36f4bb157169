/* SPDX-License-Identifier: MIT */
/*
 * Authenticator data (Web Authentication Level 3 §6.1), as a key has signed it, taken apart, for
 * both ends of ipc/fido_message.h. A key is a device like any other: hostile. Any thread; nothing
 * blocks.
 */
#pragma once

#include "ipc/base/bytes.h"

#include <stdbool.h>

enum {
    AUTH_DATA_HASH_BYTES = 32,
    AUTH_DATA_HEAD_BYTES = 37, /* the hash, the flags and the counter */
    AUTH_DATA_AAGUID_OFFSET = AUTH_DATA_HEAD_BYTES,
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
    /* with AUTH_DATA_CREDENTIAL; else NULL and 0 */
    const uint8_t *aaguid;
    const uint8_t *credential_id; /* at least a byte, at most FIDO_CREDENTIAL_ID_MAX */
    size_t credential_id_len;
    const uint8_t *public_key; /* COSE, one map, not looked into */
    size_t public_key_len;
    /* extensions' outputs */
    bool hmac_secret;   /* "hmac-secret": true */
    uint8_t protection; /* credProtect, 0: none */
    bool min_pin;
    uint64_t min_pin_length;
};

/* 0 or -EPROTO: it is not whole, not canonical in its lengths, nested more than four deep, or
 * something follows. */
int auth_data_parse(const uint8_t *data, size_t len, struct auth_data *out);

/* The bytes in a CBOR byte string that is the whole of data, as libfido2 gives authenticator data
 * out: borrowed, or NULL. data may be NULL. */
const uint8_t *auth_data_unwrap(const uint8_t *data, size_t len, size_t *out_len);
