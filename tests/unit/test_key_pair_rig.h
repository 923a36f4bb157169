/* SPDX-License-Identifier: MIT */
/*
 * What is inside two security keys: a P-256 pair each, and the proof that such a key gives of
 * itself when it is asked silently.
 */
#pragma once

#include "agent/cis/cis_session.h"
#include "ipc/fido_message.h"

#include <stdint.h>

enum signer { HER_KEY, ANOTHERS_KEY };

/* As the provider knows hers. */
void put_public_key(struct cis_session *session);
/* Authenticator data and signature, for that site and hash of the client data. */
void sign_proof(enum signer signer, const char *rp_id, const uint8_t hash[32],
                struct fido_done *done);

void key_pairs_begin(void);
void key_pairs_end(void);
