/* SPDX-License-Identifier: MIT */
/*
 * The upkeep of security keys (key.list to key.reset, PROTOCOL.md 2.16) between the door, which
 * knows JSON, and the service, which does not. Native callers only.
 *
 * Params: any thread, checked by whoever filled them. Answers: loop thread; what they are given is
 * borrowed for the call.
 */
#pragma once

#include "ipc/door/door.h"
#include "ipc/fido_message.h"

/* A method that does something with one key: key.info to key.reset. */
struct key_params {
    enum fido_operation
        operation; /* INFO, PIN_SET, PIN_CHANGE, CREDENTIALS, DELETE, RENAME, RESET */
    uint64_t key;  /* the id of its plugging in; 0: the only one that is in */
    /* DELETE and RENAME */
    uint16_t credential_len; /* 1 to FIDO_CREDENTIAL_ID_MAX */
    uint8_t credential[FIDO_CREDENTIAL_ID_MAX];
    /* RENAME: UTF-8 without control characters; the display name may be "" */
    char user_name[FIDO_TEXT_MAX + 1], user_display_name[FIDO_TEXT_MAX + 1];
};

struct key_view {
    uint64_t id;
    const char *name, *path;
    bool session; /* the session is bound to it */
};

struct key_list {
    size_t count;
    const struct key_view *keys;
};

/* Each releases *request. */
void answer_key_list(struct request **request, const struct key_list *list);
/* key: its id and name. */
void answer_key_info(struct request **request, const struct key_view *key,
                     const struct fido_key_info *info);
void answer_credentials(struct request **request, const struct fido_credential *credentials,
                        size_t count);

/* key.changed to subscribed native connections, unless it says what the last one said. */
void doors_key_changed(struct doors *doors, const struct key_list *list);
