/* SPDX-License-Identifier: MIT */
/*
 * A PKCS#11 session, open for one request, and reading objects through it.
 *
 * Nothing is kept between requests: no session, no object handle. So a card exchanged between two
 * requests cannot be mistaken for the one before, and no login outlives its request. What a module
 * returns is measured against the space it was given before it is believed. Main thread; every
 * function may block in the module.
 */
#pragma once

#include "pkcs11/module.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session {
    struct module *module; /* borrowed */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE handle;
    bool open;
    bool login_tried; /* something was sent to C_Login, whatever came of it */
};

enum session_use { SESSION_READS, SESSION_WRITES }; /* to set a PIN is to write */

/* Opens a session. 0, or the outcome of C_OpenSession. *s is initialised in any case. */
int session_open(struct session *s, struct module *m, CK_SLOT_ID slot, enum session_use use);

/* Ends any login there is, the session's or one found there before it. Quiet. */
void session_logout(struct session *s);

/* Logs out if a login was tried, and closes; takes one that is not open. */
void session_close(struct session *s);

/* Finds up to max objects of that class; id may be NULL for any CKA_ID. 0 with *count, or an
 * outcome. */
int session_find(struct session *s, CK_OBJECT_CLASS class, const uint8_t *id, size_t id_len,
                 CK_OBJECT_HANDLE *found, size_t max, size_t *count);

/* Copies an attribute of at most capacity bytes. False when the object has none, it does not fit,
 * or the card has gone. */
bool session_attribute(struct session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       void *value, size_t capacity, size_t *len);

/* A CK_BBOOL attribute, or absent where the object has none. */
bool session_flag(struct session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool absent);
