/* SPDX-License-Identifier: MIT */
/*
 * Authenticator data (Web Authentication Level 3 §6.1), taken apart as far as a client has to check
 * it. What a key gives out is hostile. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"

enum { AUTH_DATA_HEAD_BYTES = 37 };

struct auth_data {
    const uint8_t *rp_id_hash; /* 32 bytes, borrowed as all here */
    uint8_t flags;             /* CTAP_AUTHDATA_USER_PRESENT and so on */
    /* attested credential data; NULL: none */
    const uint8_t *id;
    size_t id_len;
    bool anonymous; /* its AAGUID is all zeros */
    /* extensions' outputs */
    bool hmac_secret;   /* "hmac-secret": true */
    uint8_t protection; /* credProtect, 0: none */
    bool min_pin;
    uint64_t min_pin_length;
};

/* 0; -EPROTO for whatever is not whole, not canonical in its lengths, nested more than four deep,
 * or has something behind it. */
int auth_data_parse(const uint8_t *data, size_t len, struct auth_data *out);

/* The bytes in a CBOR byte string that is the whole of data, as libfido2 gives authenticator data
 * out: borrowed, or NULL. */
const uint8_t *auth_data_unwrap(const uint8_t *data, size_t len, size_t *out_len);
