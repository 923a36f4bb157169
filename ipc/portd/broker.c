/* SPDX-License-Identifier: MIT */
/*
 * This program is reached by every user of the machine and by every page of their browsers, so it
 * does next to nothing: it asks the kernel who owns the other end, and hands the socket on. It
 * reads no byte of a page's, keeps no socket but for a moment, and never waits for an agent: one
 * whose queue is full costs its own user a refusal and nobody else anything.
 *
 * The first agent of a user stays; a second is told so. An agent that has died is noticed by the
 * end of its link, but its successor may be quicker: so before a second one is refused, the first
 * is looked at again.
 *
 * A user who has no agent may have one started (ipc/portd/waking.h); the page waits for it aside.
 *
 * As a service of the machine it knows users by systemd-logind's word that they are logged in
 * (/run/systemd/users): one user's containers have thousands of uids (subuid(5)), which could take
 * all the places.
 *
 * Two things are shared by all users: this process's descriptors, and the sockets in flight to
 * agents that have not read them, which the kernel counts against the same limit, whoever lets them
 * lie. So there are only as many agents, and to each only as many sockets in flight, as fit into
 * that limit together. Closing a link does not bring back what is in flight on it. A link with
 * something unread is therefore kept when its agent is let go, and its user has no other until that
 * is read or gone.
 */
#include "ipc/portd/broker.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/portd/farewell.h"
#include "ipc/portd/link_message.h"
#include "ipc/portd/peer_uid.h"
#include "ipc/portd/waking.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ACCEPT_PAUSE_MS = 1000,     /* no descriptors left: they come back as others end */
    DESCRIPTORS_RESERVED = 256, /* for the web side (farewells, who waits, newcomers), our own */
    IN_FLIGHT_MAX = 8,          /* to one agent: more than a browser opens at once */
    IN_FLIGHT_MIN = 2,          /* where the limit is low there are rather fewer agents */
    STUCK_MS = 5000,            /* an agent reads within milliseconds, a busy one within a second */
};

static const char unavailable[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                  "Content-Length: 0\r\n"
                                  "Connection: close\r\n\r\n";

struct agent {
    LIST_ENTRY(agent) link;
    struct broker *broker;
    uid_t uid;
    int fd;
    struct loop_watch *watch;
    bool gone;           /* not registered any more, but something is unread */
    uint64_t full_since; /* nothing could be passed since; 0: the last socket was */
};

/* A listening socket. */
struct entrance {
    struct broker *broker;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *resume; /* accepting, after a pause */
};

struct broker {
    struct loop *loop;
    uint16_t port;
    int users; /* the folder; -1: everybody counts */
    int netlink;
    struct entrance web[BROKER_WEB_MAX], agents;
    size_t web_count;
    struct farewells *farewells;
    struct waking *waking; /* NULL: agents are not started from here */
    size_t agent_count, agents_max;
    int in_flight_max; /* to one agent, in bytes as the kernel counts them */
    LIST_HEAD(, agent) registered;
};

/* ---- users ---- */

static bool counts(const struct broker *broker, uid_t uid)
{
    char name[16];
    struct stat status;
    snprintf(name, sizeof name, "%u", (unsigned)uid);
    return broker->users < 0 || fstatat(broker->users, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- agents ---- */

static void release(struct agent *agent)
{
    LIST_REMOVE(agent, link);
    agent->broker->agent_count--;
    loop_watch_free(&agent->watch);
    close_fd(&agent->fd);
    free(agent);
}

/* What the agent has not read yet, as the kernel counts it: messages with all that belongs to them.
 */
static int unread(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? 0 : bytes;
}

/* The other end is closed, or has only shut its write side and may keep what is in flight. */
static void gone_ready(void *context, uint32_t events)
{
    struct agent *agent = context;
    (void)events;
    if (unread(agent->fd) == 0)
        release(agent);
    else
        loop_watch_free(&agent->watch); /* looked at when its user comes again */
}

/* Ends the registration. */
static void forget(struct agent *agent)
{
    log_info("the agent of user %u has gone", (unsigned)agent->uid);
    loop_watch_free(&agent->watch);
    if (unread(agent->fd) == 0) {
        release(agent);
        return;
    }
    agent->gone = true;
    shutdown(agent->fd, SHUT_WR);
    agent->watch = loop_watch_new(agent->broker->loop, agent->fd, 0, gone_ready, agent);
}

static void release_all_read(struct broker *broker)
{
    for (struct agent *next, *each = LIST_FIRST(&broker->registered); each; each = next) {
        next = LIST_NEXT(each, link);
        if (each->gone && unread(each->fd) == 0)
            release(each);
    }
}

/* An agent never sends: whatever is readable ends its registration. */
static bool alive(const struct agent *agent)
{
    char byte;
    return recv(agent->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EINTR);
}

static void agent_ready(void *context, uint32_t events)
{
    (void)events;
    if (!alive(context))
        forget(context);
}

static struct agent *find_agent(const struct broker *broker, uid_t uid)
{
    struct agent *each;
    LIST_FOREACH(each, &broker->registered, link)
    if (each->uid == uid)
        return each;
    return NULL;
}

static bool answer(int fd, enum link_result result, uint16_t port)
{
    uint8_t message[LINK_REGISTRATION_BYTES];
    link_registration_encode(message, result, port);
    return send(fd, message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof message;
}

static void pass_those_who_waited(struct broker *broker, uid_t uid);

/* Takes fd. */
static void register_agent(struct broker *broker, int fd)
{
    CLEANUP(close_fd) int owned = fd;
    uid_t uid;
    pid_t pid;
    if (harden_peer(fd, &uid, &pid) < 0)
        return;
    if (!counts(broker, uid)) {
        log_info("user %u, who has started an agent, is not logged in", (unsigned)uid);
        return;
    }
    struct agent *first = find_agent(broker, uid);
    if (first && !first->gone && !alive(first))
        forget(first);
    release_all_read(broker);
    if (find_agent(broker, uid)) {
        answer(fd, LINK_TAKEN, 0);
        return;
    }
    if (broker->agent_count >= broker->agents_max) {
        log_warning("no place for the agent of user %u", (unsigned)uid);
        return;
    }
    struct agent *agent = calloc(1, sizeof *agent);
    if (agent)
        agent->watch = loop_watch_new(broker->loop, fd, LOOP_READABLE, agent_ready, agent);
    if (!agent || !agent->watch) {
        log_fault(ENOMEM, "agent");
        free(agent);
        return;
    }
    agent->broker = broker;
    agent->uid = uid;
    agent->fd = steal_fd(&owned);
    LIST_INSERT_HEAD(&broker->registered, agent, link);
    broker->agent_count++;
    log_info("the agent of user %u is process %d", (unsigned)uid, (int)pid);
    if (!answer(fd, LINK_REGISTERED, broker->port))
        forget(agent);
    else if (broker->waking)
        pass_those_who_waited(broker, uid);
}

/* ---- pages ---- */

/* True if nothing could be passed for so long that nobody will read it. */
static bool stuck(struct agent *agent)
{
    uint64_t now = loop_now();
    if (agent->full_since == 0)
        agent->full_since = now;
    return now - agent->full_since >= STUCK_MS;
}

/* True if it is on its way. A shortage of the system's is not the agent's end. */
static bool pass_to(struct agent *agent, int fd)
{
    if (agent->gone)
        return false;
    if (unread(agent->fd) >= agent->broker->in_flight_max) {
        if (stuck(agent))
            forget(agent);
        return false;
    }
    int r = link_send_socket(agent->fd, fd);
    if (r == 0)
        agent->full_since = 0;
    else if (r != -EAGAIN && r != -ETOOMANYREFS && r != -ENOBUFS && r != -ENOMEM)
        forget(agent);
    return r == 0;
}

/* Takes fd. */
static void turn_away(void *context, int fd)
{
    const struct broker *broker = context;
    farewell(broker->farewells, fd, unavailable);
}

/* Takes fd; agent may be NULL. */
static void pass_or_turn_away(struct broker *broker, struct agent *agent, int fd)
{
    if (agent && pass_to(agent, fd))
        close_fd(&fd);
    else
        turn_away(broker, fd);
}

/* Looked for anew each time: passing may be the end of the registration. */
static void pass_those_who_waited(struct broker *broker, uid_t uid)
{
    waking_registered(broker->waking, uid);
    int fd;
    while ((fd = waking_next(broker->waking, uid)) >= 0)
        pass_or_turn_away(broker, find_agent(broker, uid), fd);
}

/* Takes fd. */
static void pass_on(struct broker *broker, int fd)
{
    uid_t uid;
    if (peer_uid_ask(broker->netlink, fd, &uid) < 0) {
        close_fd(&fd);
        return;
    }
    struct agent *agent = find_agent(broker, uid);
    if (agent || !broker->waking || !counts(broker, uid) || !waking_wait(broker->waking, uid, fd))
        pass_or_turn_away(broker, agent, fd);
}

/* ---- the entrances ---- */

static void resume_accepting(void *context)
{
    const struct entrance *entrance = context;
    loop_watch_set(entrance->watch, LOOP_READABLE);
}

/* The next connection, or -1: there is none, or no descriptor for it. */
static int accept_one(const struct entrance *entrance)
{
    int fd = accept4(entrance->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        log_warning("accepting pauses: %s", strerror(errno));
        loop_watch_set(entrance->watch, 0);
        loop_timer_set(entrance->resume, ACCEPT_PAUSE_MS);
    }
    return fd;
}

static void web_ready(void *context, uint32_t events)
{
    const struct entrance *entrance = context;
    (void)events;
    int fd = accept_one(entrance);
    if (fd >= 0)
        pass_on(entrance->broker, fd);
}

static void agents_ready(void *context, uint32_t events)
{
    const struct entrance *entrance = context;
    (void)events;
    int fd = accept_one(entrance);
    if (fd >= 0)
        register_agent(entrance->broker, fd);
}

static bool open_entrance(struct broker *broker, struct entrance *entrance, int fd,
                          loop_watch_fn *fn)
{
    entrance->broker = broker;
    entrance->fd = fd;
    entrance->watch = loop_watch_new(broker->loop, fd, LOOP_READABLE, fn, entrance);
    entrance->resume = loop_timer_new(broker->loop, resume_accepting, entrance);
    return entrance->watch && entrance->resume;
}

static void close_entrance(struct entrance *entrance)
{
    loop_watch_free(&entrance->watch);
    loop_timer_free(&entrance->resume);
}

/* ---- shares ---- */

/* As many descriptors as this process may have, all of which it takes. */
static rlim_t descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    struct rlimit raised = {limit.rlim_max, limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) < 0 ? limit.rlim_cur : raised.rlim_cur;
}

/* How the kernel counts one message in flight: tried out on a pair. -errno (logged). */
static int message_size(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return log_fault(errno, "socketpair");
    int r = link_send_socket(pair[0], pair[1]);
    int size = r < 0 ? r : unread(pair[0]);
    close_fd(&pair[0]);
    close_fd(&pair[1]);
    return size > 0 ? size : log_fault(size < 0 ? -size : ENOTSUP, "SIOCOUTQ");
}

/* agents_max times in_flight_max is within the limit, and leaves the reserve. */
static int divide(struct broker *broker)
{
    rlim_t limit = descriptor_limit();
    size_t rest = limit > 2 * DESCRIPTORS_RESERVED ? limit - DESCRIPTORS_RESERVED : limit / 2;
    size_t agents = rest / IN_FLIGHT_MIN;
    broker->agents_max = agents < BROKER_AGENTS_MAX ? agents : BROKER_AGENTS_MAX;
    if (broker->agents_max == 0)
        return log_fault(EMFILE, "RLIMIT_NOFILE");
    size_t each = rest / broker->agents_max;
    int size = message_size();
    if (size < 0)
        return size;
    broker->in_flight_max = size * (int)(each < IN_FLIGHT_MAX ? each : IN_FLIGHT_MAX);
    return 0;
}

struct broker *broker_new(struct loop *loop, const struct broker_setup *setup)
{
    CLEANUP(broker_free) struct broker *broker = calloc(1, sizeof *broker);
    if (!broker) {
        log_fault(ENOMEM, "broker");
        return NULL;
    }
    *broker = (struct broker){.loop = loop, .port = setup->port, .users = -1, .netlink = -1};
    LIST_INIT(&broker->registered);
    broker->netlink = peer_uid_open();
    broker->farewells = farewells_new(loop);
    if (broker->netlink < 0 || !broker->farewells || divide(broker) < 0)
        return NULL;
    if (setup->wake_folder &&
        !(broker->waking = waking_new(loop, setup->wake_folder, turn_away, broker)))
        return NULL;
    if (setup->users_folder &&
        (broker->users = open(setup->users_folder, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) {
        log_fault(errno, setup->users_folder);
        return NULL;
    }
    for (; broker->web_count < setup->web_count; broker->web_count++)
        if (!open_entrance(broker, &broker->web[broker->web_count], setup->web[broker->web_count],
                           web_ready))
            return NULL;
    return open_entrance(broker, &broker->agents, setup->agents, agents_ready) ? STEAL(broker)
                                                                               : NULL;
}

void broker_free(struct broker **broker)
{
    struct broker *b = STEAL(*broker);
    if (!b)
        return;
    struct agent *agent;
    while ((agent = LIST_FIRST(&b->registered)))
        release(agent);
    for (size_t i = 0; i < b->web_count; i++)
        close_entrance(&b->web[i]);
    close_entrance(&b->agents);
    waking_free(&b->waking);
    farewells_free(&b->farewells);
    close_fd(&b->netlink);
    close_fd(&b->users);
    free(b);
}
