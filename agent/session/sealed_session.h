/* SPDX-License-Identifier: MIT */
/*
 * A session as bytes for sealed memory (seal.h), and back. What was sealed was written by an agent
 * of this version or another, so it is read like anybody's. Any thread; nothing blocks.
 */
#pragma once

#include "agent/cis/cis_session.h"
#include "agent/config.h"
#include "agent/session/key_holder.h"
#include "agent/session/seats.h"
#include "agent/session/session.h"
#include "agent/session/session_key.h"

struct sealed_session {
    struct session_sealed machine;
    char provider[CONFIG_NAME_MAX + 1];
    struct place place;        /* of the card */
    struct key_holder holder;  /* the security key's credential; none: it is a card's session. Owned
                                  after reading. A key has no place that two agents could compare:
                                  it is looked at again */
    struct session_key *key;   /* NULL: the session has ended; owned after reading */
    struct bytes statement;    /* NUL-terminated; owned after reading */
    struct cis_session *about; /* of its roles the chosen one at most; owned after reading */
};

/* Appends to *out. about, key and holder are borrowed; key may be NULL. 0 or a fault. */
int sealed_session_write(const struct sealed_session *sealed, struct secret *out);
/* 0 or -EPROTO; then *out is empty. */
int sealed_session_read(const uint8_t *data, size_t len, struct sealed_session *out);
void sealed_session_deinit(struct sealed_session *sealed);
