/* SPDX-License-Identifier: MIT */
/*
 * What the tests of lanyard-card share: starting the real program over a socketpair, as the agent
 * does, asking it, and holding its signatures against a certificate. Everything here fails the
 * running cmocka test when it cannot do its part.
 */
#pragma once

#include "ipc/card_message.h"

#include <stdbool.h>
#include <sys/types.h>

struct helper {
    pid_t pid;
    int fd;
    uint32_t number; /* of the request sent last */
};

/* Starts lanyard-card with this module. */
void helper_start(struct helper *h, const char *module);
/* Ends it by end of file, or by SIGKILL if it hangs (no time is given to it), and reaps it. */
void helper_stop(struct helper *h);
/* Reaps a helper that has ended, or is about to, by itself. Returns its wait status. */
int helper_wait(struct helper *h);

/* Sends one request and receives its reply (to be deinitialised). 0, or what frame_receive said:
 * -EPIPE when the helper is gone. */
int helper_ask(struct helper *h, struct card_request *request, struct card_reply *reply);
int helper_list(struct helper *h, struct card_reply *reply);
/* The halves of that: the first returns while the helper is at it. */
void helper_send(struct helper *h, struct card_request *request);
int helper_receive(struct helper *h, uint8_t type, struct card_reply *reply);
/* True once there is a reply, or the end, to be read; false if not within this time. */
bool helper_has_answered(struct helper *h, int milliseconds);
/* True if the result of helper_ask means that the helper has ended. */
bool helper_gone(int result);
/* How often these bytes occur in the helper's writable memory; -1 when this user may not look
 * there, or in a sanitised build, which keeps what was freed. */
int helper_memory_count(const struct helper *h, const char *bytes);

/* What to sign is "the digest" of the algorithm: bytes 1, 2, 3... */
struct wish {
    const struct card_token *token;
    const struct card_certificate *certificate;
    enum card_algorithm algorithm;
    const char *pin; /* NULL: typed at the pad */
};
void helper_send_sign(struct helper *h, const struct wish *wish);
int helper_sign(struct helper *h, const struct wish *wish, struct card_reply *reply);
/* The same, when no reply but its result matters. -errno when the helper has gone. */
int helper_sign_result(struct helper *h, const struct wish *wish);

/* Another PIN (CARD_REQUEST_PIN_CHANGE) or, by the PUK, CARD_REQUEST_PIN_UNBLOCK. Texts NULL: typed
 * at the pad. certificate NULL: none is named. */
int helper_pin(struct helper *h, uint8_t type, const struct wish *wish, const char *new_pin,
               struct card_reply *reply);

/* The token in that reader, or whose label or reader begins so; NULL when there is none. */
const struct card_token *find_token(const struct card_reply *list, const char *name);
/* The certificate with this one-byte CKA_ID; NULL when there is none. */
const struct card_certificate *find_id(const struct card_token *token, uint8_t id);
/* The first certificate of that token that can make this signature; NULL when there is none. */
const struct card_certificate *find_signer(const struct card_token *token,
                                           enum card_algorithm algorithm);

/* True if the reply holds a signature of the wish's digest by the certificate's key. */
bool signature_valid(const struct wish *wish, const struct card_reply *reply);
