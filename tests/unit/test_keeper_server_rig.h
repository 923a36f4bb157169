/* SPDX-License-Identifier: MIT */
/*
 * The provider's server, as agent/cis/cis.h asks it and as the configuration knows it: what it is
 * asked is noted, and it answers when the test says so.
 */
#pragma once

#include "agent/cis/cis.h"
#include "ipc/door/door.h"

#include <stdbool.h>
#include <stdint.h>

#define ORIGIN "https://op.example"
#define ORIGIN_TOO "https://www.op.example"  /* of the same provider */
#define OTHER_ORIGIN "https://other.example" /* a provider without a session endpoint */
#define CHALLENGE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

enum call_kind { CHALLENGE_CALL, OPEN_CALL, LOOK_CALL, ROLE_CALL, AUTHENTICATE_CALL };

struct server {
    const char *uid;   /* whom it speaks of */
    bool takes_keys;   /* and not cards alone */
    bool tells_no_key; /* by what HERS is known again, it does not say */
    const char *rp_id; /* which it names */
    uint8_t allowed;   /* the one credential that it allows; 0: any */

    int calls[AUTHENTICATE_CALL + 1]; /* under way, by kind */
    int sent[AUTHENTICATE_CALL + 1];  /* ever */
    char sent_sid[SESSION_ID_MAX + 1], sent_role[ROLE_ID_MAX + 1];
    bool assertion;         /* what was sent last */
    char client_data[1024]; /* what the key signed */
};
extern struct server server;

/* Answer the call under way. */
void answer_challenge(int result);
void answer_call(enum call_kind kind, int result, unsigned roles, int chosen);

void server_begin(void);
void server_end(void); /* asserts that nobody waits for its answer */
