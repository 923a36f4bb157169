/* SPDX-License-Identifier: MIT */
/*
 * Adding a method is one row here, its params in params.c, what it does in dispatch.c, its result
 * in answer.c and its description in ipc/PROTOCOL.md. A page that calls a native method is told the
 * same as for a method that does not exist.
 */
#include "ipc/door/method.h"

#include "ipc/door/dispatch.h"

#include <string.h>

static const char *const none[] = {NULL};
static const char *const hello_members[] = {"protocol", NULL};
static const char *const sign_in_members[] = {"challenge", "format", "algorithms", "interaction",
                                              NULL};
static const char *const sign_in_native[] = {"origin", NULL};
static const char *const prove_members[] = {"challenge", "interaction", "maxAge", NULL};
static const char *const prove_native[] = {"origin", NULL};
static const char *const begin_members[] = {"sid", NULL};
static const char *const begin_native[] = {"origin", "role", NULL};
static const char *const role_native[] = {"role", NULL};
static const char *const get_members[] = {"publicKey", "session", NULL};
static const char *const create_members[] = {"publicKey", NULL};
static const char *const webauthn_native[] = {"origin", NULL};
static const char *const card_pin_native[] = {"reader", NULL};
static const char *const key_native[] = {"key", NULL};
static const char *const delete_native[] = {"key", "id", NULL};
static const char *const rename_native[] = {"key", "id", "userName", "displayName", NULL};
static const char *const open_status_native[] = {"doctor", NULL};
static const char *const cancel_members[] = {"request", NULL};

static const struct rpc_method methods[] = {
    {"agent.hello", false, false, hello_members, none, params_hello, dispatch_hello},
    {"card.signIn", false, false, sign_in_members, sign_in_native, params_sign_in,
     dispatch_sign_in},
    {"session.prove", false, false, prove_members, prove_native, params_session_prove,
     dispatch_session_prove},
    {"session.begin", false, false, begin_members, begin_native, params_session_begin,
     dispatch_session_begin},
    {"session.status", false, false, none, none, NULL, dispatch_session_status},
    {"session.role", true, false, none, role_native, params_session_role, dispatch_session_role},
    {"session.end", false, false, none, none, NULL, dispatch_session_end},
    {"card.list", true, false, none, none, NULL, dispatch_card_list},
    {"card.changePin", true, false, none, card_pin_native, params_card_pin, dispatch_card_pin},
    {"card.unblockPin", true, false, none, card_pin_native, params_card_pin, dispatch_card_pin},
    {"webauthn.get", false, true, get_members, webauthn_native, params_webauthn_get,
     dispatch_webauthn},
    {"webauthn.create", false, true, create_members, webauthn_native, params_webauthn_create,
     dispatch_webauthn},
    {"key.list", true, false, none, none, NULL, dispatch_key_list},
    {"key.info", true, false, none, key_native, params_key, dispatch_key},
    {"key.setPin", true, false, none, key_native, params_key, dispatch_key},
    {"key.changePin", true, false, none, key_native, params_key, dispatch_key},
    {"key.credentials", true, false, none, key_native, params_key, dispatch_key},
    {"key.deleteCredential", true, false, none, delete_native, params_key, dispatch_key},
    {"key.renameCredential", true, false, none, rename_native, params_key, dispatch_key},
    {"key.reset", true, false, none, key_native, params_key, dispatch_key},
    {"agent.status", true, false, none, none, NULL, dispatch_status},
    {"agent.openStatus", true, false, none, open_status_native, params_open_status,
     dispatch_open_status},
    {"agent.subscribe", true, false, none, none, NULL, dispatch_subscribe},
    {"operation.cancel", false, false, cancel_members, none, params_cancel, dispatch_cancel},
};

enum { METHODS = sizeof methods / sizeof *methods };

const struct rpc_method *method_find(enum door_kind door, const char *name)
{
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].native_only && door != DOOR_NATIVE ? NULL : &methods[i];
    return NULL;
}

size_t door_method_count(void)
{
    return METHODS;
}

const char *door_method_name(size_t i)
{
    return i < METHODS ? methods[i].name : NULL;
}

bool door_method_native_only(size_t i)
{
    return i < METHODS && methods[i].native_only;
}
