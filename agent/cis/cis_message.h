/* SPDX-License-Identifier: MIT */
/*
 * The smaller messages of a provider's session endpoint (ipc/PROTOCOL.md §6): what the agent sends,
 * and the two answers that are no session object. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/door/door.h"
#include "ipc/fido_message.h"

enum { CIS_REASON_MAX = 64 };

/* {"NAME": "VALUE"}, NUL-terminated behind its length; replaces *out. 0 or -ENOMEM (logged). */
int cis_body_write(const char *name, const char *value, struct bytes *out);
/* The same with a value that is JSON already. */
int cis_body_write_json(const char *name, const char *json, struct bytes *out);

/* What a security key has signed; all borrowed for the call. */
struct cis_assertion {
    const struct bytes *credential_id, *client_data, *auth_data, *signature;
    const struct bytes *user_id; /* empty: the key has not said it */
};
/* AuthenticationResponseJSON (Web Authentication Level 3 §5.1.8), NUL-terminated behind its length;
 * replaces *out. 0 or -ENOMEM (logged). */
int cis_assertion_write(const struct cis_assertion *assertion, struct bytes *out);

/* What a provider that takes security keys says of them. */
struct cis_keys {
    char rp_id[FIDO_RP_ID_MAX + 1]; /* printable ASCII, not checked further; "": not said */
    uint8_t list_count;             /* allowCredentials; 0: any of the relying party's */
    struct bytes list[FIDO_LIST_MAX];
};

struct cis_challenge {
    char text[CHALLENGE_TEXT_MAX + 1]; /* base64url, checked */
    unsigned algorithm_count;
    uint8_t algorithms[4]; /* enum card_algorithm (ipc/card_message.h), best first; never empty */
    bool takes_keys;
    struct cis_keys keys; /* counts where it does */
};
/* True if the text is a challenge in every detail. Algorithms that are not known here are passed
 * over; when none is left it is not one. A publicKey that is malformed, or of another challenge,
 * counts as none. *out is overwritten; deinitialise it, also where there was none. */
bool cis_challenge_read(const char *json, size_t len, struct cis_challenge *out);
void cis_challenge_deinit(struct cis_challenge *challenge);

/* The word of {"error": word}; "" when there is none, or it is none to be written in a log. */
void cis_reason_read(const char *json, size_t len, char out[CIS_REASON_MAX + 1]);
