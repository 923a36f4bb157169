/* SPDX-License-Identifier: MIT */
/*
 * From a site's options to what a security key is asked, and from what it has answered to what the
 * site gets (Web Authentication Level 3 §5.1.3, §5.1.4): the rules, without the person and without
 * the key. For webauthn.get and webauthn.create, and for the agent's own sign-in with a key.
 *
 * Any thread, one at a time; nothing blocks, but for the first look at the public suffix list.
 */
#pragma once

#include "agent/session/session_key.h"
#include "ipc/base/bytes.h"
#include "ipc/door/webauthn.h"
#include "ipc/fido_message.h"

struct attempt {
    struct webauthn_params params; /* its list, user_id and blob_data have moved on to start */
    struct bytes client_data;
    struct session_key *key; /* whose public half is in client_data; NULL: none was asked for */
    struct fido_start start; /* for agent/keys/key_work.h */
    unsigned timeout_ms;
    /* what attempt_finish has made, for as long as the attempt lives */
    struct bytes auth_data, attestation_object, public_key;
};

/* Zeroed before, or deinitialised. What params owns is taken, whatever comes of it; params.origin
 * is canonical. 0; OUTCOME_RP_ID_NOT_ALLOWED, OUTCOME_KEY_UNABLE (only another kind of
 * authenticator would do), OUTCOME_ALGORITHM_UNKNOWN, OUTCOME_KEY_NOT_REGISTERED (nothing in the
 * list can be a key's); or a fault (logged). Deinitialise it in any case. */
int attempt_begin(struct attempt *attempt, struct webauthn_params *params);
void attempt_deinit(struct attempt *attempt);

/* done is what the key answered, its result OUTCOME_OK. Fills *result, which borrows from both. 0;
 * OUTCOME_KEY_FAILED: what it said is not an answer to start; OUTCOME_KEY_UNVERIFIED; or a fault
 * (logged). */
int attempt_finish(struct attempt *attempt, const struct fido_done *done,
                   struct webauthn_result *result);
