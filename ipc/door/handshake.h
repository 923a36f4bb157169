/* SPDX-License-Identifier: MIT */
/*
 * The head of a WebSocket handshake, judged by ipc/PROTOCOL.md §1.1. Sans-I/O: bytes in, a verdict
 * out. Any thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/door/door.h"

#include <stdint.h>

enum {
    HANDSHAKE_BYTES_MAX = 8 * 1024, /* a browser's is under 1 KiB; cookies of 127.0.0.1 may add */
    HANDSHAKE_KEY_CHARACTERS = 24,  /* base64 of 16 bytes (RFC 6455 §4.1) */
};

struct handshake {
    char origin[ORIGIN_TEXT_MAX + 1];
    char key[HANDSHAKE_KEY_CHARACTERS + 1];
};

enum handshake_verdict {
    HANDSHAKE_INCOMPLETE, /* more bytes are needed */
    HANDSHAKE_ACCEPTED,   /* *out is filled */
    HANDSHAKE_REFUSED,    /* whatever the reason */
};

/* Judges everything that has arrived so far. port: the one that the broker listens on. origins: the
 * administrator's list, NULL-terminated. */
enum handshake_verdict handshake_judge(const char *bytes, size_t len, uint16_t port,
                                       const char *const *origins, struct handshake *out);

/* The origin that a refused head offers, whole or not, for the audit trail: what is not printable
 * ASCII is '?', what is longer is cut. "" when there is none. */
void handshake_origin(const char *bytes, size_t len, char origin[ORIGIN_TEXT_MAX + 1]);

/* The head again, in our own words and with nothing else in it: what the WebSocket library gets to
 * read instead of the page's. 0 or -ENOMEM. */
int handshake_rewrite(const struct handshake *handshake, struct bytes *out);

/* The one refusal, the same bytes for everything. */
extern const char handshake_refusal[];
