/* SPDX-License-Identifier: MIT */
/*
 * JSON-RPC 2.0 as ipc/PROTOCOL.md §2 has it: text in, a typed request or a ready error answer out.
 * Sans-I/O; nothing here knows a socket. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/door/card_pin.h"
#include "ipc/door/door.h"
#include "ipc/door/keys.h"

enum {
    RPC_TEXT_MAX = 64 * 1024,
    RPC_NESTING_MAX = 8,        /* the deepest message we have is nested 3 deep */
    RPC_ID_CHARACTERS_MAX = 64, /* a UUID is 36 */
    RPC_ID_JSON_MAX = 6 * RPC_ID_CHARACTERS_MAX + 2, /* each as \uXXXX, and the quotes */
    RPC_PROTOCOL = 1,
    RPC_PROTOCOLS_MAX = 16, /* versions a caller may name in agent.hello */
};

/* The standard's own codes (JSON-RPC 2.0 §5.1). */
enum rpc_code {
    RPC_PARSE_ERROR = -32700,
    RPC_INVALID_REQUEST = -32600,
    RPC_METHOD_NOT_FOUND = -32601,
    RPC_INVALID_PARAMS = -32602,
};

/* An id as JSON text, in one spelling: two ids are the same if their texts are. */
struct rpc_id {
    char text[RPC_ID_JSON_MAX + 1];
};

struct rpc_method;

struct rpc_request {
    const struct rpc_method *method;
    struct rpc_id id;
    struct webauthn_params *webauthn; /* owned; NULL: another method's */
    struct findings *findings;        /* owned; NULL: likewise, or not said */
    union {
        struct {
            bool version_shared;
        } hello;
        /* origin: as named, canonical; not yet held against a list */
        struct sign_in_params sign_in;
        struct session_prove_params session_prove;
        struct session_begin_params session_begin;
        struct session_role_params session_role;
        struct card_pin_params card_pin;
        struct key_params key;
        struct {
            struct rpc_id request;
        } cancel;
    };
};

enum rpc_verdict {
    RPC_REQUEST,   /* *request is filled */
    RPC_ANSWERED,  /* not a request we take: *answer is what to send back */
    RPC_TOO_LARGE, /* over RPC_TEXT_MAX or RPC_NESTING_MAX: close (1009) */
    RPC_NOT_UTF8,  /* close (1007) */
};

/* A verdict, or -ENOMEM. *request is initialised (zero), and holds memory whatever the verdict:
 * rpc_request_deinit. *answer is initialised and empty. */
int rpc_decode(enum door_kind door, const char *text, size_t len, struct rpc_request *request,
               struct bytes *answer);
void rpc_request_deinit(struct rpc_request *request);
