/* SPDX-License-Identifier: MIT */
/*
 * Where the browser comes back to: a port of this program's own on 127.0.0.1, for one redirect
 * (RFC 8252, section 7.3).
 */
#pragma once

#include <stddef.h>

/* The socket and, as "http://127.0.0.1:PORT/callback", the way to it. -1: said on standard error.
 */
int loopback_open(char *uri, size_t size);

/* Waits for the redirect that carries this state, at most so long, answers it with a page that says
 * to come back, and gives the authorization code. 0; or -1, with a line on standard error. */
int loopback_wait(int listener, const char *state, int timeout_ms, char *code, size_t size);
