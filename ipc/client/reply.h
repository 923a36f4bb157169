/* SPDX-License-Identifier: MIT */
/*
 * The client's view of the agent's messages: requests as text, and what came back, sorted.
 * Sans-I/O. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/client/lanyard.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Appends a request to *out. Takes params (NULL: none). 0 or -ENOMEM. */
int request_encode(struct bytes *out, int64_t id, const char *method, json_t *params);
/* The params of card.signIn, session.prove, session.begin, session.role and key.WHAT, owned; NULL
 * on no memory or text that is not UTF-8. */
json_t *sign_in_params(const struct lanyard_sign_in *request);
json_t *prove_params(const struct lanyard_session_prove *request);
json_t *begin_params(const struct lanyard_session_begin *request);
json_t *role_params(const struct lanyard_session_role *request);
json_t *key_params(const struct lanyard_key *request);

enum message_kind {
    MESSAGE_RESULT,       /* body: the result */
    MESSAGE_ERROR,        /* body: the error object */
    MESSAGE_NOTIFICATION, /* body: the whole message; method: its name */
};

struct message {
    json_t *root; /* owned; the others borrow from it */
    enum message_kind kind;
    int64_t id; /* of a result or an error; -1: none */
    const char *method;
    const json_t *body;
};

void message_deinit(struct message *message);
/* 0; -EPROTO; -ENOMEM. *message is initialised (zero). */
int message_decode(const void *text, size_t len, struct message *message);

/* Fills *error (may be NULL) from an agent's error object, or from one of this library's own
 * outcomes (ipc/base/outcome.h), and returns its result. */
enum lanyard_result error_from_agent(struct lanyard_error *error, const json_t *object);
enum lanyard_result error_of(struct lanyard_error *error, enum lanyard_result result);
/* LANYARD_INVALID with words of its own (static) as the sentence. */
enum lanyard_result error_invalid(struct lanyard_error *error, const char *words);
