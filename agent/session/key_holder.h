/* SPDX-License-Identifier: MIT */
/*
 * A credential on a security key, as that on which a session hangs. Any thread, one at a time;
 * nothing blocks.
 */
#pragma once

#include "agent/session/session.h"
#include "ipc/fido_message.h"

/* Owned; initialise with zero. */
struct key_holder {
    char rp_id[FIDO_RP_ID_MAX + 1]; /* "": there is none */
    struct bytes credential;        /* its id */
};

/* Copies. 0 or a fault (logged); then *holder is empty. */
int key_holder_set(struct key_holder *holder, const char *rp_id, const struct bytes *credential);
void key_holder_deinit(struct key_holder *holder);

static inline bool key_holder_is(const struct key_holder *holder)
{
    return holder->rp_id[0] != '\0';
}

/* What the session knows it by: SHA-256 of the credential's id. 0 or a fault (logged). */
int key_holder_identity(const struct bytes *credential, uint8_t out[SESSION_IDENTITY_BYTES]);
