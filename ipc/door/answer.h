/* SPDX-License-Identifier: MIT */
/*
 * Results, errors and notifications as JSON text, from the typed structs of door.h. Each appends
 * one message to *out (initialised, empty). 0; -ENOMEM; -EMSGSIZE: longer than FRAME_MAX_ANSWER,
 * out is empty. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/door/door.h"
#include "ipc/door/json_rpc.h"
#include "ipc/door/webauthn.h"

/* How the WebSocket door stands, for agent.status. */
struct web_state {
    int port;          /* 0: none */
    const char *state; /* "open", "no-broker", "taken" */
};

int answer_encode_empty(struct bytes *out, const struct rpc_id *id);
int answer_encode_hello(struct bytes *out, const struct rpc_id *id, enum door_kind door);
int answer_encode_sign_in(struct bytes *out, const struct rpc_id *id,
                          const struct sign_in_result *result);
int answer_encode_card_list(struct bytes *out, const struct rpc_id *id,
                            const struct card_list *list);
int answer_encode_key_list(struct bytes *out, const struct rpc_id *id, const struct key_list *list);
int answer_encode_key_info(struct bytes *out, const struct rpc_id *id, const struct key_view *key,
                           const struct fido_key_info *info);
int answer_encode_credentials(struct bytes *out, const struct rpc_id *id,
                              const struct fido_credential *credentials, size_t count);
int answer_encode_proof(struct bytes *out, const struct rpc_id *id, const char *jws);
int answer_encode_session(struct bytes *out, const struct rpc_id *id,
                          const struct session_view *view, enum door_kind door);
int answer_encode_status_url(struct bytes *out, const struct rpc_id *id, const char *url);
int answer_encode_status(struct bytes *out, const struct rpc_id *id,
                         const struct agent_status *status, const struct web_state *web,
                         const char *const *origins, size_t connections);
/* An outcome as an error. name: that of the DOMException, of the methods that have one; NULL: none.
 * Static text. */
int answer_encode_error(struct bytes *out, const struct rpc_id *id, int result, const char *name);
/* OUTCOME_CANCELLED of what is no sign-in. */
int answer_encode_cancelled(struct bytes *out, const struct rpc_id *id);
/* Malformed JSON-RPC; id NULL: it could not be read. words are static text. */
int answer_encode_refusal(struct bytes *out, const struct rpc_id *id, enum rpc_code code,
                          const char *words, const char *name);

int notify_encode_waiting(struct bytes *out, const struct rpc_id *id, enum waiting_for what,
                          const char *reader, int tries_left);
int notify_encode_card_changed(struct bytes *out, const struct card_list *list,
                               enum door_kind door);
int answer_encode_webauthn(struct bytes *out, const struct rpc_id *id,
                           const struct webauthn_result *result);
int notify_encode_key_changed(struct bytes *out, const struct key_list *list);
int notify_encode_session_changed(struct bytes *out, const struct session_view *view,
                                  enum door_kind door);
