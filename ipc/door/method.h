/* SPDX-License-Identifier: MIT */
/*
 * The one table of methods: name, door, how its params are read and what then happens.
 * PROTOCOL.md's table is held against it by a test.
 */
#pragma once

#include "ipc/door/json_rpc.h"

#include <jansson.h>

struct connection;

/* Reads params (an object; borrowed) into *request. 0; -ENOMEM; or 1 and *complaint names what is
 * wrong with them (static). Members it does not know are refused before it is called. */
typedef int params_fn(enum door_kind door, const json_t *params, struct rpc_request *request,
                      const char **complaint);
typedef void dispatch_fn(struct connection *connection, const struct rpc_request *request);

struct rpc_method {
    const char *name;
    bool native_only;
    bool dom_names;                    /* its errors have the DOMException's name, too */
    const char *const *members;        /* the params both doors take, NULL-terminated */
    const char *const *native_members; /* what the native door takes besides */
    params_fn *read;                   /* NULL: there is nothing to read */
    dispatch_fn *dispatch;
};

/* NULL where this door has no such method. */
const struct rpc_method *method_find(enum door_kind door, const char *name);

/* The readers of the table, ipc/door/params.c. */
params_fn params_hello, params_sign_in, params_session_prove, params_session_begin,
    params_session_role, params_card_pin, params_key, params_webauthn_get, params_webauthn_create,
    params_open_status, params_cancel;

/* A native caller's origin, for any of them: a string, canonical. origin holds ORIGIN_TEXT_MAX
 * characters. 0, or 1 and *complaint. */
int params_origin(const json_t *value, char *origin, const char **complaint);

/* An id (string or integer) as text. 0; -EINVAL: neither, or too long; -ENOMEM. */
int rpc_id_read(const json_t *value, struct rpc_id *id);
