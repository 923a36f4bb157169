/* SPDX-License-Identifier: MIT */
/*
 * The last words to a TCP peer whose bytes nobody will read. Closing a socket with unread bytes
 * resets the connection, and a reset may overtake the answer that was just written. So the socket
 * is kept, write side shut, until the peer closes or a second has passed. Loop thread only; nothing
 * blocks.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/loop.h"

struct farewells;

/* Returns owned; NULL on fault (logged). */
struct farewells *farewells_new(struct loop *loop);
/* Closes all that are left. */
void farewells_free(struct farewells **farewells);

/* Takes fd: sends text (a short answer), and closes fd soon. */
void farewell(struct farewells *farewells, int fd, const char *text);
/* The same of a longer one, at most FAREWELL_BYTES_MAX; what is longer is not sent. */
enum { FAREWELL_BYTES_MAX = 160 * 1024 }; /* so much every socket's buffer may be made to hold */
void farewell_bytes(struct farewells *farewells, int fd, const struct bytes *bytes);
