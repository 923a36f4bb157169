/* SPDX-License-Identifier: MIT */
/*
 * A connection to a message bus on our loop, and the services on it by their well-known names.
 *
 * The bus may be absent, go away and come back at any time: calls are then without a reply, peers
 * say that they are gone, and again when they are there. What arrives is hostile: a reply's handler
 * checks its types (reply_is), and a signal is passed on only when the bus itself says that it is
 * from the name's present owner. (Other users may send signals to us on the system's bus, and
 * sd-bus takes them for those of the name in a match.)
 *
 * Loop thread only; nothing blocks. Nothing here may be freed from within a handler, but for
 * listeners and calls.
 */
#pragma once

#include "ipc/loop.h"

#include <stdbool.h>
#include <systemd/sd-bus.h>

enum bus_which { BUS_SYSTEM, BUS_SESSION };

struct bus;

/* Connects, now or when the bus is there. NULL on fault (logged). */
struct bus *bus_new(struct loop *loop, enum bus_which which);
/* Every peer must have been freed before. */
void bus_free(struct bus **bus);
/* There is a connection, if only one that is being made. */
bool bus_there(const struct bus *bus);
/* There is one, and the bus has answered. */
bool bus_ready(const struct bus *bus);
/* Nobody listens at its address now. */
bool bus_absent(const struct bus *bus);

/* One call that waits for its reply. Zeroed: none. */
struct call {
    sd_bus_slot *slot;
};
/* The reply, or an error; not called when the bus goes away (peers say that). Its value is what
 * sd-bus wants: 1. */
typedef sd_bus_message_handler_t call_fn;

/* The reply is one, and has exactly these types. */
bool reply_is(sd_bus_message *reply, const char *types);
/* The reply is a variant with exactly this type in it. */
bool variant_is(sd_bus_message *reply, const char *type);
/* Forgets the call; its handler will not be called. Takes none. */
void call_forget(struct call *call);

/* Calls a method of any name, which D-Bus may have started for it; arguments as of
 * sd_bus_message_append. An earlier call in *call is forgotten. It ends in an error after ten
 * seconds. The message is in the bus' socket when this returns, unless that is full. 0 or -errno:
 * not sent. */
int bus_call(struct bus *bus, struct call *call, const char *name, const char *path,
             const char *interface, const char *member, call_fn fn, void *context,
             const char *types, ...);

/* ---- a service ---- */

struct peer;

/* name, a constant. changed: it came, went, is another process now, or the bus is gone: whatever
 * was asked or listened for before is over. NULL on fault (logged). */
struct peer *peer_new(struct bus *bus, const char *name, loop_fn *changed, void *context);
/* Its listeners and calls must have been ended before. */
void peer_free(struct peer **peer);

bool peer_there(const struct peer *peer);
/* Whether it is there is not known yet, and soon will be: the first moments of a connection. */
bool peer_pending(const struct peer *peer);

/* As bus_call, to the peer as it is now; -ENOTCONN when it is not there. */
int peer_call(struct peer *peer, struct call *call, const char *path, const char *interface,
              const char *member, call_fn fn, void *context, const char *types, ...);

/* The same in two steps, for arguments that are not of a fixed number: a message of the peer's, to
 * be appended to (owned; NULL: not there, or a fault), which is then sent and released. */
sd_bus_message *peer_message(struct peer *peer, const char *path, const char *interface,
                             const char *member);
int peer_send(struct peer *peer, struct call *call, sd_bus_message *message, call_fn fn,
              void *context);

/* ---- a signal that is listened for ---- */

typedef void signal_fn(void *context, sd_bus_message *signal);

/* Zeroed: none. Stays where it is while it listens. */
struct listener {
    const struct peer *peer;
    const char *types;
    signal_fn *fn;
    void *context;
    sd_bus_slot *slot;
};

/* Listens until listener_stop, or until the bus goes away: called anew whenever the peer is there.
 * path NULL: any. types and fn: signals of other types are ignored. Replaces what it listened for.
 */
void peer_listen(struct peer *peer, struct listener *listener, const char *path,
                 const char *interface, const char *member, const char *types, signal_fn *fn,
                 void *context);
void listener_stop(struct listener *listener);
