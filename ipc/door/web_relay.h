/* SPDX-License-Identifier: MIT */
/*
 * What stands between a page's socket and the WebSocket library: the page's bytes reach the library
 * once web_frames has passed them, the library's reach the page as they are. Loop thread only;
 * nothing blocks.
 */
#pragma once

#include "ipc/loop.h"
#include "ipc/portd/farewell.h"

enum {
    WEB_RELAY_DESCRIPTORS = 3, /* per page: its socket and both ends of the inner pair */
};

struct web_relay;

/* The page broke a rule. Called once, from the loop; may not free the relay. Nothing that the page
 * sends goes on from here. */
typedef void web_relay_fn(void *context, int close_code);

/* Takes page, a connected TCP socket whose handshake was read away, on success. *library: the end
 * for the library, owned by the caller; the library closes it. Returns owned; NULL on fault
 * (logged). */
struct web_relay *web_relay_new(struct loop *loop, int page, int *library, web_relay_fn *fn,
                                void *context);

/* The library has written: passes it on now, not in the loop's next turn. */
void web_relay_flush(struct web_relay *relay);

/* The library is to say its last words: it reads the end of the stream, and what the page still
 * sends is dropped. */
void web_relay_hang_up(struct web_relay *relay);

/* Passes on what the library has written, as far as the page takes it at once, and leaves the
 * page's socket with farewells. Takes NULL. */
void web_relay_free(struct web_relay **relay, struct farewells *farewells);
