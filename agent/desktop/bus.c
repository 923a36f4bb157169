/* SPDX-License-Identifier: MIT */
/*
 * sd-bus has a state machine of its own that connects, authenticates and talks without blocking; it
 * says after each step which descriptor, events and time it waits for, and the loop waits for
 * those. The descriptor changes while it connects, so until the connection is ready the watch is
 * made anew after each step.
 *
 * A bus that is not there. sd-bus watches the folders of its socket (inotify) and connects when it
 * appears: nothing wakes up before. A connection that is lost or refused is tried again after a
 * pause that doubles from 100 ms to a minute, and is short again once a connection has lasted; with
 * a socket whose server is gone that too ends in waiting for the folder. An address that makes no
 * sense is not tried again.
 *
 * When the connection is lost everything on it is dropped at once, and the peers are told; their
 * users ask anew when they are told that the peer is there.
 */
#include "agent/desktop/bus.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    CALL_SECONDS = 10,
    MESSAGES_PER_TURN = 64, /* then the loop's others have their turn */
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 60 * 1000,
    LASTED_MS = 30 * 1000,
    PENDING_MS = 2000, /* long enough for any bus that answers, short enough for a lock to wait */
    ADDRESS_BYTES_MAX = 3 * PATH_MAX + 16,
};

#define DRIVER "org.freedesktop.DBus"
#define DRIVER_PATH "/org/freedesktop/DBus"

struct peer {
    struct peer *next;
    struct bus *bus;
    const char *name;
    char *owner;   /* its unique name; NULL: not there */
    bool answered; /* on this connection the bus has said who it is */
    sd_bus_slot *changes;
    struct call asking;
    loop_fn *changed;
    void *context;
};

struct bus {
    struct loop *loop;
    enum bus_which which;
    sd_bus *connection; /* NULL: none, until retry */
    int fd;             /* that is watched */
    struct loop_watch *watch;
    struct loop_timer *timeout; /* of the connection */
    struct loop_timer *retry;
    uint64_t pause_ms;
    uint64_t started_at;
    struct peer *first;
};

static const char *label(const struct bus *bus)
{
    return bus->which == BUS_SYSTEM ? "system bus" : "session bus";
}

/* ---- replies and calls ---- */

bool reply_is(sd_bus_message *reply, const char *types)
{
    return !sd_bus_message_is_method_error(reply, NULL) &&
           sd_bus_message_has_signature(reply, types) > 0;
}

bool variant_is(sd_bus_message *reply, const char *type)
{
    const char *contents = NULL;
    return reply_is(reply, "v") && sd_bus_message_peek_type(reply, NULL, &contents) > 0 &&
           contents && strcmp(contents, type) == 0;
}

void call_forget(struct call *call)
{
    call->slot = sd_bus_slot_unref(call->slot);
}

static void settle(struct bus *bus);

static int call_any(struct bus *bus, struct call *call, const char *destination, const char *path,
                    const char *interface, const char *member, call_fn fn, void *context,
                    const char *types, va_list arguments)
{
    call_forget(call);
    if (!bus->connection)
        return -ENOTCONN;
    int r = sd_bus_call_method_asyncv(bus->connection, &call->slot, destination, path, interface,
                                      member, fn, context, types, arguments);
    settle(bus);
    return r < 0 ? r : 0;
}

int bus_call(struct bus *bus, struct call *call, const char *name, const char *path,
             const char *interface, const char *member, call_fn fn, void *context,
             const char *types, ...)
{
    va_list arguments;
    va_start(arguments, types);
    int r = call_any(bus, call, name, path, interface, member, fn, context, types, arguments);
    va_end(arguments);
    return r;
}

int peer_call(struct peer *peer, struct call *call, const char *path, const char *interface,
              const char *member, call_fn fn, void *context, const char *types, ...)
{
    if (!peer->owner) {
        call_forget(call);
        return -ENOTCONN;
    }
    va_list arguments;
    va_start(arguments, types);
    int r = call_any(peer->bus, call, peer->owner, path, interface, member, fn, context, types,
                     arguments);
    va_end(arguments);
    return r;
}

sd_bus_message *peer_message(struct peer *peer, const char *path, const char *interface,
                             const char *member)
{
    sd_bus_message *message = NULL;
    if (!peer->owner || !peer->bus->connection ||
        sd_bus_message_new_method_call(peer->bus->connection, &message, peer->owner, path,
                                       interface, member) < 0)
        return NULL;
    return message;
}

int peer_send(struct peer *peer, struct call *call, sd_bus_message *message, call_fn fn,
              void *context)
{
    call_forget(call);
    int r = peer->bus->connection
                ? sd_bus_call_async(peer->bus->connection, &call->slot, message, fn, context, 0)
                : -ENOTCONN;
    sd_bus_message_unref(message);
    if (peer->bus->connection)
        settle(peer->bus);
    return r < 0 ? r : 0;
}

/* ---- signals ---- */

static int on_signal(sd_bus_message *m, void *context, sd_bus_error *error)
{
    const struct listener *listener = context;
    const char *sender = sd_bus_message_get_sender(m);
    (void)error;
    if (sender && listener->peer->owner && strcmp(sender, listener->peer->owner) == 0 &&
        sd_bus_message_has_signature(m, listener->types) > 0)
        listener->fn(listener->context, m);
    return 0;
}

void peer_listen(struct peer *peer, struct listener *listener, const char *path,
                 const char *interface, const char *member, const char *types, signal_fn *fn,
                 void *context)
{
    listener_stop(listener);
    *listener = (struct listener){.peer = peer, .types = types, .fn = fn, .context = context};
    if (!peer->bus->connection)
        return;
    char match[512];
    int len = snprintf(match, sizeof match,
                       "type='signal',sender='%s',interface='%s',member='%s'%s%s%s", peer->name,
                       interface, member, path ? ",path='" : "", path ? path : "", path ? "'" : "");
    int r = len < (int)sizeof match ? sd_bus_add_match_async(peer->bus->connection, &listener->slot,
                                                             match, on_signal, NULL, listener)
                                    : -ENAMETOOLONG;
    if (r < 0)
        log_fault(-r, "D-Bus match");
    settle(peer->bus);
}

void listener_stop(struct listener *listener)
{
    listener->slot = sd_bus_slot_unref(listener->slot);
}

/* ---- peers ---- */

static void peer_set(struct peer *peer, const char *owner)
{
    bool same =
        owner ? peer->owner && strcmp(owner, peer->owner) == 0 : peer->answered && !peer->owner;
    peer->answered = true;
    if (same)
        return;
    free(peer->owner);
    peer->owner = owner && owner[0] == ':' ? strdup(owner) : NULL;
    peer->changed(peer->context);
}

static int on_owner(sd_bus_message *m, void *context, sd_bus_error *error)
{
    const char *owner = NULL;
    (void)error;
    if (!reply_is(m, "s") || sd_bus_message_read(m, "s", &owner) < 0)
        owner = NULL;
    peer_set(context, owner);
    return 1;
}

/* Only the bus itself can have the sender DRIVER. */
static int on_owner_changed(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct peer *peer = context;
    const char *sender = sd_bus_message_get_sender(m);
    const char *name, *before, *now;
    (void)error;
    if (sender && strcmp(sender, DRIVER) == 0 && sd_bus_message_has_signature(m, "sss") > 0 &&
        sd_bus_message_read(m, "sss", &name, &before, &now) > 0 && strcmp(name, peer->name) == 0)
        peer_set(peer, now[0] != '\0' ? now : NULL);
    return 0;
}

/* First the match, then the question: nothing is missed between them. */
static void peer_ask(struct peer *peer)
{
    char match[256];
    snprintf(match, sizeof match,
             "type='signal',sender='" DRIVER "',interface='" DRIVER
             "',member='NameOwnerChanged',arg0='%s'",
             peer->name);
    int r = sd_bus_add_match_async(peer->bus->connection, &peer->changes, match, on_owner_changed,
                                   NULL, peer);
    if (r < 0)
        log_fault(-r, "D-Bus match");
    r = bus_call(peer->bus, &peer->asking, DRIVER, DRIVER_PATH, DRIVER, "GetNameOwner", on_owner,
                 peer, "s", peer->name);
    if (r < 0)
        log_fault(-r, "GetNameOwner");
}

static void peer_drop(struct peer *peer)
{
    peer->changes = sd_bus_slot_unref(peer->changes);
    call_forget(&peer->asking);
    peer->answered = false;
    free(STEAL(peer->owner));
}

struct peer *peer_new(struct bus *bus, const char *name, loop_fn *changed, void *context)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer) {
        log_fault(ENOMEM, name);
        return NULL;
    }
    *peer = (struct peer){
        .next = bus->first, .bus = bus, .name = name, .changed = changed, .context = context};
    bus->first = peer;
    if (bus->connection)
        peer_ask(peer);
    return peer;
}

void peer_free(struct peer **peer)
{
    struct peer *p = STEAL(*peer);
    if (!p)
        return;
    for (struct peer **at = &p->bus->first; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    peer_drop(p);
    free(p);
}

bool peer_there(const struct peer *peer)
{
    return peer->owner;
}

bool peer_pending(const struct peer *peer)
{
    return !peer->answered && peer->bus->connection &&
           loop_now() < peer->bus->started_at + PENDING_MS;
}

/* ---- the connection ---- */

static void on_ready(void *context, uint32_t events);

/* The connection is gone, or never came about. */
static void lose(struct bus *bus)
{
    loop_watch_free(&bus->watch);
    bus->fd = -1;
    loop_timer_stop(bus->timeout);
    bus->connection = sd_bus_close_unref(bus->connection);
    for (struct peer *peer = bus->first; peer; peer = peer->next)
        peer_drop(peer);
    for (struct peer *peer = bus->first; peer; peer = peer->next)
        peer->changed(peer->context);
    if (loop_now() - bus->started_at > LASTED_MS)
        bus->pause_ms = RETRY_FIRST_MS;
    loop_timer_set(bus->retry, bus->pause_ms);
    bus->pause_ms = bus->pause_ms < RETRY_MOST_MS / 2 ? bus->pause_ms * 2 : RETRY_MOST_MS;
}

/* Waits for what the connection waits for. */
static void settle(struct bus *bus)
{
    int fd = sd_bus_get_fd(bus->connection);
    int events = sd_bus_get_events(bus->connection);
    uint64_t due;
    int r = sd_bus_get_timeout(bus->connection, &due);
    if (fd >= 0 && events >= 0 && r >= 0) {
        uint32_t interest =
            (events & POLLIN ? LOOP_READABLE : 0u) | (events & POLLOUT ? LOOP_WRITABLE : 0u);
        if (bus->watch && fd == bus->fd && sd_bus_is_ready(bus->connection) > 0) {
            loop_watch_set(bus->watch, interest);
        } else {
            loop_watch_free(&bus->watch);
            bus->watch = loop_watch_new(bus->loop, fd, interest, on_ready, bus);
            bus->fd = fd;
        }
    }
    if (fd < 0 || events < 0 || r < 0 || !bus->watch) {
        /* Broken, or closing; not from here, where a user may be in the middle of something. */
        loop_timer_set(bus->timeout, 0);
        return;
    }
    uint64_t now = loop_now();
    if (due == UINT64_MAX)
        loop_timer_stop(bus->timeout);
    else
        loop_timer_set(bus->timeout, due / 1000 > now ? due / 1000 - now : 0);
}

static void process(struct bus *bus)
{
    int r = 1;
    for (int i = 0; i < MESSAGES_PER_TURN && r > 0; i++) {
        r = sd_bus_process(bus->connection, NULL);
        if (r >= 0 && sd_bus_is_ready(bus->connection) == 0)
            settle(bus);
    }
    if (r < 0 || sd_bus_is_open(bus->connection) <= 0 || !bus->watch) {
        log_debug("%s: %s", label(bus), r < 0 ? strerror(-r) : "closed");
        lose(bus);
        return;
    }
    settle(bus);
}

static void on_ready(void *context, uint32_t events)
{
    (void)events;
    process(context);
}

static void on_timeout(void *context)
{
    process(context);
}

/* As D-Bus wants a path in an address. False: too long. */
static bool escape(const char *path, char *out, size_t size)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-_/.\\*";
    size_t len = 0;
    for (; *path; path++) {
        if (len + 4 > size)
            return false;
        if (strchr(plain, *path))
            out[len++] = *path;
        else
            len += (size_t)snprintf(out + len, size - len, "%%%02x", (unsigned char)*path);
    }
    out[len] = '\0';
    return true;
}

/* False: there is none. */
static bool find_address(const struct bus *bus, char *out, size_t size)
{
    static const char prefix[] = "unix:path=";
    const char *given =
        getenv(bus->which == BUS_SYSTEM ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS");
    if (given && given[0] != '\0')
        return snprintf(out, size, "%s", given) < (int)size;
    if (bus->which == BUS_SYSTEM)
        return snprintf(out, size, "%s/run/dbus/system_bus_socket", prefix) < (int)size;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (!runtime || runtime[0] != '/' || strlen(runtime) + sizeof "/bus" > PATH_MAX)
        return false;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/bus", runtime);
    size_t len = (size_t)snprintf(out, size, "%s", prefix);
    return escape(path, out + len, size - len);
}

/* sd-bus resolves the host of a TCP address, which would block; or starts a program. No bus of a
 * desktop has such an address. */
static bool is_socket(const char *address)
{
    return !strstr(address, "tcp:") && !strstr(address, "unixexec:");
}

static int start(struct bus *bus, const char *address)
{
    int r = sd_bus_new(&bus->connection);
    if (r >= 0)
        r = sd_bus_set_address(bus->connection, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(bus->connection, 1);
    if (r >= 0)
        r = sd_bus_set_watch_bind(bus->connection, 1);
    if (r >= 0)
        r = sd_bus_set_method_call_timeout(bus->connection, CALL_SECONDS * UINT64_C(1000000));
    if (r >= 0)
        r = sd_bus_start(bus->connection);
    return r < 0 ? r : 0;
}

static void connect_bus(void *context)
{
    struct bus *bus = context;
    char address[ADDRESS_BYTES_MAX];
    if (!find_address(bus, address, sizeof address) || !is_socket(address)) {
        log_info("there is no %s", label(bus));
        return;
    }
    bus->started_at = loop_now();
    int r = start(bus, address);
    if (r == -EINVAL || r == -ENOTSUP || r == -EAFNOSUPPORT) {
        log_warning("%s: its address makes no sense: %s", label(bus), address);
        bus->connection = sd_bus_unref(bus->connection);
        return;
    }
    if (r < 0) {
        log_debug("%s: %s", label(bus), strerror(-r));
        lose(bus);
        return;
    }
    settle(bus);
    for (struct peer *peer = bus->first; peer; peer = peer->next)
        peer_ask(peer);
}

struct bus *bus_new(struct loop *loop, enum bus_which which)
{
    CLEANUP(bus_free) struct bus *bus = calloc(1, sizeof *bus);
    if (!bus) {
        log_fault(ENOMEM, "bus");
        return NULL;
    }
    *bus = (struct bus){.loop = loop, .which = which, .fd = -1, .pause_ms = RETRY_FIRST_MS};
    bus->timeout = loop_timer_new(loop, on_timeout, bus);
    bus->retry = loop_timer_new(loop, connect_bus, bus);
    if (!bus->timeout || !bus->retry)
        return NULL;
    connect_bus(bus);
    return STEAL(bus);
}

void bus_free(struct bus **bus)
{
    struct bus *b = STEAL(*bus);
    if (!b)
        return;
    loop_watch_free(&b->watch);
    loop_timer_free(&b->timeout);
    loop_timer_free(&b->retry);
    sd_bus_close_unref(b->connection);
    free(b);
}

bool bus_there(const struct bus *bus)
{
    return bus->connection;
}

bool bus_ready(const struct bus *bus)
{
    return bus->connection && sd_bus_is_ready(bus->connection) > 0;
}

/* Until there is a socket to connect to, sd-bus's descriptor is one of inotify's. */
bool bus_absent(const struct bus *bus)
{
    struct stat is;
    int fd = bus->connection ? sd_bus_get_fd(bus->connection) : -1;
    return fd < 0 || fstat(fd, &is) < 0 || !S_ISSOCK(is.st_mode);
}
