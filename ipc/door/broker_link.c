/* SPDX-License-Identifier: MIT */
/*
 * The broker may start after the agent, stop, and come back, and nothing may poll for it. Three
 * things tell when to try: the end of the link, a change in the folder where the broker's socket
 * lives (or, while that folder is missing, in the nearest one above it that is there), and for a
 * few tries after either of them a timer, because a socket's name appears before anybody listens
 * on it and a socket of systemd's answers before its service does. After the last of these tries
 * the link waits for the next change, without a timer.
 *
 * Whoever asks how pages reach the agent in the middle of that would be told what is true for an
 * instant only; so the link says while it is settling. A broker that systemd starts on being
 * connected to has some seconds for it.
 *
 * Pages tell their requests to whoever passes their sockets on, so not everybody may be the broker:
 * root may, the agent's own user may (a sandbox), and who else root has given the socket's folder.
 *
 * What the broker sends is taken apart like anything from outside: a message of another form ends
 * the link, and descriptors that are not connected TCP sockets are closed.
 */
#include "ipc/door/broker_link.h"

#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/portd/link_message.h"
#include "ipc/portd/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Milliseconds until each further try. Together 17 s: longer than systemd takes to start a service
 * that has failed once. */
static const uint64_t retries[] = {20, 100, 400, 1500, 5000, 10000};

enum {
    RETRIES = sizeof retries / sizeof *retries,
    SETTLED_AFTER = 2,        /* further tries that came to nothing */
    SETTLED_WITHIN_MS = 4000, /* less than programs wait for an answer (ipc/client/client.c) */
};

struct broker_link {
    struct loop *loop;
    struct broker_events events;
    struct sockaddr_un address;
    enum broker_state state;
    bool told; /* of the state, since the start */
    uint16_t port;
    int fd;
    struct loop_watch *watch;
    unsigned tries; /* since something changed */
    struct loop_timer *retry;
    bool settling;
    struct loop_timer *settled; /* set while it is: the end of waiting */
    int inotify;
    int watched; /* inotify's number for the folder; -1: none */
    struct loop_watch *folder_watch;
};

static void set_state(struct broker_link *link, enum broker_state state, uint16_t port)
{
    if (link->told && link->state == state && link->port == port)
        return;
    link->told = true;
    link->state = state;
    link->port = port;
    link->events.state(link->events.context, state, port);
}

static void settle(void *context)
{
    struct broker_link *link = context;
    loop_timer_stop(link->settled);
    if (link->settling)
        link->events.settling(link->events.context, link->settling = false);
}

static void unsettle(struct broker_link *link)
{
    loop_timer_set(link->settled, SETTLED_WITHIN_MS);
    if (!link->settling)
        link->events.settling(link->events.context, link->settling = true);
}

static void hang_up(struct broker_link *link)
{
    loop_watch_free(&link->watch);
    close_fd(&link->fd);
}

static void try_later(struct broker_link *link)
{
    if (link->tries >= SETTLED_AFTER)
        settle(link);
    if (link->tries < RETRIES)
        loop_timer_set(link->retry, retries[link->tries++]);
}

static void lose(struct broker_link *link, enum broker_state state)
{
    if (link->state == BROKER_OPEN)
        unsettle(link);
    hang_up(link);
    set_state(link, state, 0);
    if (state == BROKER_TAKEN)
        settle(link);
    try_later(link);
}

/* ---- what the broker says ---- */

static bool connected_tcp_socket(int fd)
{
    int type = 0, flags = fcntl(fd, F_GETFL);
    socklen_t len = sizeof type;
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
           (peer.ss_family == AF_INET || peer.ss_family == AF_INET6) && flags >= 0 &&
           fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static void take_registration(struct broker_link *link, const uint8_t *message, size_t len)
{
    uint8_t result;
    uint16_t port;
    if (link_registration_decode(message, len, &result, &port) < 0) {
        log_error("the broker at %s speaks another protocol", link->address.sun_path);
        lose(link, BROKER_ABSENT);
    } else if (result == LINK_REGISTERED) {
        link->tries = 0;
        set_state(link, BROKER_OPEN, port);
        settle(link);
    } else {
        lose(link, BROKER_TAKEN);
    }
}

static void take_socket(struct broker_link *link, const uint8_t *message, size_t len, int fd)
{
    CLEANUP(close_fd) int owned = fd;
    if (len != 1 || message[0] != LINK_SOCKET || fd < 0 || !connected_tcp_socket(fd))
        return;
    link->events.socket(link->events.context, steal_fd(&owned), link->port);
}

static void link_ready(void *context, uint32_t events)
{
    struct broker_link *link = context;
    (void)events;
    uint8_t message[LINK_MESSAGE_MAX];
    CLEANUP(close_fd) int fd = -1;
    ssize_t got = link_receive(link->fd, message, sizeof message, &fd);
    if (got == -EAGAIN || got == -EINTR)
        return;
    if (got <= 0)
        lose(link, BROKER_ABSENT);
    else if (link->state != BROKER_OPEN)
        take_registration(link, message, (size_t)got);
    else
        take_socket(link, message, (size_t)got, steal_fd(&fd));
}

/* ---- finding the broker ---- */

/* True if only root and that user can have put the socket there: its folder belongs to one of them,
 * every one above it to root, and nobody else may write in any. */
static bool placed_by(const struct broker_link *link, uid_t uid)
{
    char path[sizeof link->address.sun_path];
    memcpy(path, link->address.sun_path, sizeof path);
    if (path[0] != '/')
        return false;
    for (char *folder = dirname(path);; folder = dirname(folder), uid = 0) {
        struct stat status;
        if (stat(folder, &status) < 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
            (status.st_uid != 0 && status.st_uid != uid))
            return false;
        if (strcmp(folder, "/") == 0)
            return true;
    }
}

/* The kernel says who listened on the socket: for one of systemd's, root. */
static bool trusted(const struct broker_link *link)
{
    uid_t uid;
    pid_t pid;
    if (harden_peer(link->fd, &uid, &pid) < 0)
        return false;
    if (uid == 0 || uid == geteuid() || placed_by(link, uid))
        return true;
    if (link->tries == 0)
        log_error(
            "user %u answers at %s, whose folder is not theirs alone: not the broker (LY-2107)",
            (unsigned)uid, link->address.sun_path);
    return false;
}

static void try_connect(void *context)
{
    struct broker_link *link = context;
    if (link->fd >= 0)
        return;
    link->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd >= 0 &&
        connect(link->fd, (const struct sockaddr *)&link->address, sizeof link->address) == 0 &&
        trusted(link))
        link->watch = loop_watch_new(link->loop, link->fd, LOOP_READABLE, link_ready, link);
    if (!link->watch) {
        close_fd(&link->fd);
        set_state(link, BROKER_ABSENT, 0);
        try_later(link);
    }
}

/* Watches the folder of the socket, or the nearest one above that is there. */
static void watch_folder(struct broker_link *link)
{
    char path[sizeof link->address.sun_path];
    memcpy(path, link->address.sun_path, sizeof path);
    if (link->watched >= 0)
        inotify_rm_watch(link->inotify, link->watched);
    for (char *folder = dirname(path);; folder = dirname(folder)) {
        link->watched =
            inotify_add_watch(link->inotify, folder,
                              IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
        if (link->watched >= 0 || strcmp(folder, "/") == 0 || strcmp(folder, ".") == 0)
            return;
    }
}

/* True if one of the events concerns the path to the broker's socket: the folder itself, or an
 * entry whose name is part of that path. Other programs' files in /run are nobody's business, nor
 * is the end of a watch: we end one each time that something changes. */
static bool concerns(const struct broker_link *link, const char *events, size_t len)
{
    for (size_t at = 0; at + sizeof(struct inotify_event) <= len;) {
        struct inotify_event event;
        memcpy(&event, events + at, sizeof event);
        const char *name = events + at + sizeof event;
        at += sizeof event + event.len;
        if (event.mask & IN_IGNORED)
            continue;
        if (event.len == 0 ||
            (*name && strstr(link->address.sun_path, name) && event.wd == link->watched))
            return true;
    }
    return false;
}

static void folder_changed(void *context, uint32_t ready)
{
    struct broker_link *link = context;
    (void)ready;
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got = read(link->inotify, events, sizeof events);
    if (got <= 0 || !concerns(link, events, (size_t)got))
        return;
    watch_folder(link);
    link->tries = 0;
    loop_timer_stop(link->retry);
    if (link->state != BROKER_OPEN)
        unsettle(link);
    try_connect(link);
}

struct broker_link *broker_link_new(struct loop *loop, const char *path,
                                    const struct broker_events *events)
{
    CLEANUP(broker_link_free) struct broker_link *link = calloc(1, sizeof *link);
    if (!link) {
        log_fault(ENOMEM, "broker link");
        return NULL;
    }
    *link = (struct broker_link){
        .loop = loop, .events = *events, .fd = -1, .settling = true, .inotify = -1, .watched = -1};
    if (socket_address(path, &link->address) < 0)
        return NULL;
    link->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (link->inotify < 0) {
        log_fault(errno, "inotify_init1");
        return NULL;
    }
    link->retry = loop_timer_new(loop, try_connect, link);
    link->settled = loop_timer_new(loop, settle, link);
    link->folder_watch = loop_watch_new(loop, link->inotify, LOOP_READABLE, folder_changed, link);
    if (!link->retry || !link->settled || !link->folder_watch)
        return NULL;
    /* The watch first: a broker that appears between the two is then seen twice, not missed. */
    watch_folder(link);
    loop_timer_set(link->retry, 0);
    loop_timer_set(link->settled, SETTLED_WITHIN_MS);
    return STEAL(link);
}

void broker_link_free(struct broker_link **link)
{
    struct broker_link *l = STEAL(*link);
    if (!l)
        return;
    hang_up(l);
    loop_timer_free(&l->retry);
    loop_timer_free(&l->settled);
    loop_watch_free(&l->folder_watch);
    close_fd(&l->inotify);
    free(l);
}
