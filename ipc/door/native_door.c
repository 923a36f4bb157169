/* SPDX-License-Identifier: MIT */
/*
 * Each connection reads frames and writes what is queued; it is released in one place, bury(),
 * which runs from the loop and never under a call that still holds the connection. Until then a
 * connection that is to close reads and writes no more.
 *
 * What waits for a slow reader is bounded; beyond the bound the connection is closed. When the
 * process has no descriptor left, the door stops accepting for a moment instead of spinning.
 */
#include "ipc/door/native_door.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/frame.h"
#include "ipc/portd/socket_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    BACKLOG = 64,
    READ_PIECE = 16 * 1024,
    ACCEPT_PAUSE_MS = 1000, /* no descriptors: others need a moment to give some back */
};

struct native_connection {
    struct connection connection; /* first: the transport casts back */
    struct native_door *door;
    LIST_ENTRY(native_connection) link;
    int fd;
    struct loop_watch *watch;
    bool writing; /* the watch waits for space, too */
    struct frame_reader in;
    struct bytes out;
};

struct native_door {
    struct connections *set;
    struct socket_file file;
    struct loop_watch *watch;
    struct loop_timer *resume; /* accepting, after a pause */
    struct loop_wakeup *burial;
    LIST_HEAD(, native_connection) living, dying;
};

/* ---- the end of a connection ---- */

static void release(struct native_connection *native)
{
    connection_gone(&native->connection);
    LIST_REMOVE(native, link);
    loop_watch_free(&native->watch);
    close_fd(&native->fd);
    frame_reader_deinit(&native->in);
    bytes_deinit(&native->out);
    free(native);
}

static void bury(void *context)
{
    struct native_door *door = context;
    struct native_connection *native;
    while ((native = LIST_FIRST(&door->dying)))
        release(native);
}

static void native_close(struct connection *connection, enum close_code code)
{
    struct native_connection *native = (struct native_connection *)connection;
    (void)code; /* there is no one to tell: the socket closes */
    LIST_REMOVE(native, link);
    LIST_INSERT_HEAD(&native->door->dying, native, link);
    loop_wake(native->door->burial);
}

/* ---- bytes out and in ---- */

/* Writes as much as the socket takes, and asks to be called again for the rest. */
static void native_flush(struct connection *connection)
{
    struct native_connection *native = (struct native_connection *)connection;
    while (native->out.len > 0) {
        ssize_t sent = send(native->fd, native->out.data, native->out.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN) {
            connection_close(&native->connection, CLOSE_GOING_AWAY);
            return;
        }
        if (sent < 0)
            break;
        bytes_consume(&native->out, (size_t)sent);
    }
    bool writing = native->out.len > 0;
    if (writing != native->writing)
        loop_watch_set(native->watch, LOOP_READABLE | (writing ? (uint32_t)LOOP_WRITABLE : 0u));
    native->writing = writing;
}

static void native_send(struct connection *connection, const struct bytes *message)
{
    struct native_connection *native = (struct native_connection *)connection;
    if (native->out.len + message->len > CONNECTION_OUT_MAX ||
        frame_append(&native->out, message->data, message->len, FRAME_MAX_ANSWER) < 0) {
        connection_close(connection, CLOSE_POLICY);
        return;
    }
    native_flush(connection);
}

static const struct transport native_transport = {native_send, native_flush, native_close};

static void receive(struct native_connection *native)
{
    uint8_t piece[READ_PIECE];
    ssize_t got = recv(native->fd, piece, sizeof piece, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 || frame_reader_push(&native->in, piece, (size_t)got) < 0) {
        connection_close(&native->connection, CLOSE_TOO_LARGE);
        return;
    }
    const uint8_t *body;
    size_t len;
    while (!native->connection.closing && (body = frame_reader_peek(&native->in, &len))) {
        connection_receive(&native->connection, (const char *)body, len);
        frame_reader_pop(&native->in);
    }
}

static void native_ready(void *context, uint32_t events)
{
    struct native_connection *native = context;
    if (!native->connection.closing && (events & LOOP_WRITABLE))
        native_flush(&native->connection);
    if (!native->connection.closing && (events & (LOOP_READABLE | LOOP_HANGUP)))
        receive(native);
}

/* ---- letting in ---- */

/* Takes fd. */
static void let_in(struct native_door *door, int fd, pid_t pid)
{
    CLEANUP(close_fd) int owned = fd;
    if (!connections_make_room(door->set, DOOR_NATIVE))
        return;
    struct native_connection *native = calloc(1, sizeof *native);
    if (!native) {
        log_fault(ENOMEM, "native connection");
        return;
    }
    native->watch = loop_watch_new(door->set->loop, fd, LOOP_READABLE, native_ready, native);
    if (!native->watch) {
        free(native);
        return;
    }
    native->door = door;
    native->fd = steal_fd(&owned);
    native->in = FRAME_READER(FRAME_MAX_JSON);
    LIST_INSERT_HEAD(&door->living, native, link);
    connection_open(&native->connection, door->set, &native_transport,
                    &(struct caller){.door = DOOR_NATIVE, .pid = pid});
}

static void pause_accepting(struct native_door *door)
{
    log_warning("the native door pauses: %s", strerror(errno));
    loop_watch_set(door->watch, 0);
    loop_timer_set(door->resume, ACCEPT_PAUSE_MS);
}

static void resume_accepting(void *context)
{
    struct native_door *door = context;
    loop_watch_set(door->watch, LOOP_READABLE);
}

static void accept_ready(void *context, uint32_t events)
{
    struct native_door *door = context;
    (void)events;
    int fd = accept4(door->file.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(door);
        return;
    }
    uid_t uid;
    pid_t pid;
    if (harden_peer(fd, &uid, &pid) < 0 || uid != geteuid())
        close_fd(&fd);
    else
        let_in(door, fd, pid);
}

/* 0 or a fault, logged. */
static int create_socket(struct native_door *door, const char *path)
{
    int r = socket_folder_private(path);
    if (r == 0)
        r = socket_file_open(&door->file, path, SOCK_STREAM, 0600, BACKLOG);
    if (r == -EADDRINUSE)
        log_error("another lanyardd of this user serves %s already", path);
    return r;
}

struct native_door *native_door_open(struct connections *set, const char *path, int passed)
{
    CLEANUP(native_door_close) struct native_door *door = calloc(1, sizeof *door);
    if (!door) {
        log_fault(ENOMEM, "native door");
        if (passed > 0)
            close_fd(&passed);
        return NULL;
    }
    door->set = set;
    door->file = SOCKET_FILE_NONE;
    LIST_INIT(&door->living);
    LIST_INIT(&door->dying);
    if (passed > 0)
        door->file.fd = passed; /* without a name: it stays its owner's */
    else if (create_socket(door, path) < 0)
        return NULL;
    door->burial = loop_wakeup_new(set->loop, bury, door);
    door->resume = loop_timer_new(set->loop, resume_accepting, door);
    door->watch = loop_watch_new(set->loop, door->file.fd, LOOP_READABLE, accept_ready, door);
    return door->burial && door->resume && door->watch ? STEAL(door) : NULL;
}

void native_door_close(struct native_door **door)
{
    struct native_door *d = STEAL(*door);
    if (!d)
        return;
    struct native_connection *native;
    while ((native = LIST_FIRST(&d->living)))
        release(native);
    bury(d);
    loop_watch_free(&d->watch);
    loop_timer_free(&d->resume);
    loop_wakeup_free(&d->burial);
    socket_file_close(&d->file);
    free(d);
}
