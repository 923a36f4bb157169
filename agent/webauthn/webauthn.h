/* SPDX-License-Identifier: MIT */
/*
 * webauthn.get and webauthn.create, from the request to its answer: the rules of attempt.h around
 * one thing done with a security key (agent/keys/key_work.h), and one audit entry for its end,
 * whatever that is. A page whose requests the person takes away three times running has to wait
 * (agent/quiet.h), and so do those of a site whose pages take theirs away themselves nine times.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/config.h"
#include "agent/keys/key_work.h"
#include "agent/session/session_key.h"
#include "ipc/door/webauthn.h"

struct webauthns;

/* A webauthn.get with `session` has just been answered. Borrowed for the call. */
struct webauthn_made {
    const char *origin;       /* as the agent saw it */
    struct session_key **key; /* of lanyard_cnf: who wants it takes it now, or it is wiped */
    const char *rp_id;        /* the relying party's, whose credential it is */
    const struct bytes *credential_id;
    const char *product; /* of the security key that has signed */
    uint64_t plug;       /* its plugging in (fido/key_watch.h); 0: it has left since */
};
typedef void webauthn_made_fn(void *context, const struct webauthn_made *made);

/* works and config are borrowed for its life. made may be NULL. NULL on fault (logged). */
struct webauthns *webauthns_new(struct key_works *works, const struct config *config,
                                webauthn_made_fn *made, void *context);
/* Answers everything under way with OUTCOME_CANCELLED. Takes NULL. */
void webauthns_free(struct webauthns **webauthns);

/* Takes the request, and what params owns. */
void webauthns_add(struct webauthns *webauthns, struct request *request,
                   struct webauthn_params *params);
/* If it is one of these: answers it with OUTCOME_CANCELLED, and is true. */
bool webauthns_cancel(struct webauthns *webauthns, struct request *request);

/* The list of origins is another one: what was asked for one that is not in it is cancelled. */
void webauthns_config_changed(struct webauthns *webauthns);
/* Answers everything under way with OUTCOME_CANCELLED. */
void webauthns_cancel_all(struct webauthns *webauthns);
size_t webauthns_count(const struct webauthns *webauthns);
