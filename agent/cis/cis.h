/* SPDX-License-Identifier: MIT */
/*
 * A provider's session endpoint, from the agent's side (ipc/PROTOCOL.md §6): each request as a
 * call, with its DPoP proof, the server's nonce, one more try where the server asked for the nonce,
 * and the pause that it asked for with Retry-After (during which calls end with PROVIDER_BUSY at
 * once and nothing is sent).
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/cis/cis_message.h"
#include "agent/cis/cis_session.h"
#include "agent/cis/http.h"
#include "agent/config.h"
#include "agent/session/session_key.h"

struct cis;

/* All borrowed for its life; the configuration's providers do not move. NULL on fault (logged). */
struct cis *cis_new(struct loop *loop, struct http *http, const struct config *config);
/* Every call must have been freed. */
void cis_free(struct cis **cis);

/*
 * result: OUTCOME_OK, or
 *   NO_SESSION             the server does not know the session (404), or it is no proper sid
 *   PROVIDER_BUSY          429, 503, or a pause that it asked for is still on
 *   PROVIDER_UNTRUSTED     TLS
 *   CLOCK_WRONG            the server refused without one of the causes below, and its Date is more
 *                          than two minutes from ours
 *   CERTIFICATE_REVOKED, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, ISSUER_UNKNOWN,
 *   PERSON_UNKNOWN, KEY_NOT_REGISTERED (key-unknown), KEY_UNVERIFIED, CARD_CHANGED
 *   (another-person), TIMED_OUT (stale-challenge),
 *   PROVIDER_REFUSED       it refused (401, 403)
 *   PROVIDER_UNREACHABLE   anything else, a nonsensical answer included
 * session: of open, look, role and authenticate with OUTCOME_OK; owned: the callback may take it
 * (STEAL), and what it leaves is freed.
 * challenge, keys: of challenge with OUTCOME_OK; borrowed; the challenge is base64url, checked.
 */
struct cis_answer {
    int result;
    struct cis_session *session;
    const char *challenge;
    unsigned algorithm_count;    /* with the challenge: what the provider accepts, as for a page */
    uint8_t algorithms[4];       /* enum card_algorithm (ipc/card_message.h), best first */
    const struct cis_keys *keys; /* with the challenge: NULL: the provider takes no security keys */
    unsigned retry_after;        /* with PROVIDER_BUSY: seconds until the pause is over */
};
/* Called once from the loop, never from within the call that starts it. */
typedef void cis_fn(void *context, struct cis_answer *answer);

/* One request under way. Free it, also from within fn. */
struct cis_call;
void cis_call_free(struct cis_call **call);

/* What a person has shown: a card token, or what a security key has signed. */
struct cis_evidence {
    bool assertion;
    const char *text; /* JWS; with an assertion AuthenticationResponseJSON (cis_message.h) */
};

/* Each returns owned; NULL on fault (logged). provider: one of the configuration's, with a session
 * endpoint; borrowed for the call's life, as is the key. Texts are borrowed for the call. */
struct cis_call *cis_challenge(struct cis *cis, const struct config_provider *provider, cis_fn *fn,
                               void *context);
struct cis_call *cis_open(struct cis *cis, const struct config_provider *provider,
                          const struct session_key *key, const struct cis_evidence *evidence,
                          cis_fn *fn, void *context);
struct cis_call *cis_look(struct cis *cis, const struct config_provider *provider,
                          const struct session_key *key, const char *sid, cis_fn *fn,
                          void *context);
struct cis_call *cis_role(struct cis *cis, const struct config_provider *provider,
                          const struct session_key *key, const char *sid, const char *role,
                          cis_fn *fn, void *context);
struct cis_call *cis_authenticate(struct cis *cis, const struct config_provider *provider,
                                  const struct session_key *key, const char *sid,
                                  const struct cis_evidence *evidence, cis_fn *fn, void *context);
/* Needs no key: the statement speaks for itself. OUTCOME_OK when the server knows of the end. */
struct cis_call *cis_end(struct cis *cis, const struct config_provider *provider,
                         const char *statement, cis_fn *fn, void *context);
