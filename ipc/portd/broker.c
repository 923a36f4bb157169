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
 */
#include "ipc/portd/broker.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/portd/farewell.h"
#include "ipc/portd/link_message.h"
#include "ipc/portd/peer_uid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum { ACCEPT_PAUSE_MS = 1000 }; /* no descriptors left: they come back as others end */

static const char unavailable[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                  "Content-Length: 0\r\n"
                                  "Connection: close\r\n\r\n";

struct agent {
    LIST_ENTRY(agent) link;
    struct broker *broker;
    uid_t uid;
    int fd;
    struct loop_watch *watch;
};

/* A listening socket. */
struct entrance {
    struct broker *broker;
    int fd;
    struct loop_watch *watch;
};

struct broker {
    struct loop *loop;
    uint16_t port;
    int netlink;
    struct entrance web[BROKER_WEB_MAX], agents;
    size_t web_count;
    struct loop_timer *resume; /* accepting, after a pause */
    struct farewells *farewells;
    size_t agent_count;
    LIST_HEAD(, agent) registered;
};

/* ---- agents ---- */

static void forget(struct agent *agent)
{
    log_info("the agent of user %u has gone", (unsigned)agent->uid);
    LIST_REMOVE(agent, link);
    agent->broker->agent_count--;
    loop_watch_free(&agent->watch);
    close_fd(&agent->fd);
    free(agent);
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

/* Takes fd. */
static void register_agent(struct broker *broker, int fd)
{
    CLEANUP(close_fd) int owned = fd;
    uid_t uid;
    pid_t pid;
    if (harden_peer(fd, &uid, &pid) < 0)
        return;
    struct agent *first = find_agent(broker, uid);
    if (first && !alive(first)) {
        forget(first);
        first = NULL;
    }
    if (first) {
        answer(fd, LINK_TAKEN, 0);
        return;
    }
    if (broker->agent_count >= BROKER_AGENTS_MAX) {
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
}

/* ---- pages ---- */

/* Takes fd. */
static void pass_on(struct broker *broker, int fd)
{
    uid_t uid;
    if (peer_uid_ask(broker->netlink, fd, &uid) < 0) {
        close_fd(&fd);
        return;
    }
    struct agent *agent = find_agent(broker, uid);
    int r = agent ? link_send_socket(agent->fd, fd) : -ENOENT;
    if (r == 0) {
        close_fd(&fd);
        return;
    }
    if (agent && r != -EAGAIN)
        forget(agent);
    farewell(broker->farewells, fd, unavailable);
}

/* ---- the entrances ---- */

static void pause_accepting(struct broker *broker)
{
    log_warning("accepting pauses: %s", strerror(errno));
    for (size_t i = 0; i < broker->web_count; i++)
        loop_watch_set(broker->web[i].watch, 0);
    loop_watch_set(broker->agents.watch, 0);
    loop_timer_set(broker->resume, ACCEPT_PAUSE_MS);
}

static void resume_accepting(void *context)
{
    struct broker *broker = context;
    for (size_t i = 0; i < broker->web_count; i++)
        loop_watch_set(broker->web[i].watch, LOOP_READABLE);
    loop_watch_set(broker->agents.watch, LOOP_READABLE);
}

/* The next connection, or -1: there is none, or no descriptor for it. */
static int accept_one(const struct entrance *entrance)
{
    int fd = accept4(entrance->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        pause_accepting(entrance->broker);
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
    return entrance->watch != NULL;
}

struct broker *broker_new(struct loop *loop, const int *web, size_t web_count, uint16_t port,
                          int agents)
{
    CLEANUP(broker_free) struct broker *broker = calloc(1, sizeof *broker);
    if (!broker) {
        log_fault(ENOMEM, "broker");
        return NULL;
    }
    *broker = (struct broker){.loop = loop, .port = port, .web_count = web_count};
    LIST_INIT(&broker->registered);
    broker->netlink = peer_uid_open();
    broker->farewells = farewells_new(loop);
    broker->resume = loop_timer_new(loop, resume_accepting, broker);
    if (broker->netlink < 0 || !broker->farewells || !broker->resume)
        return NULL;
    for (size_t i = 0; i < web_count; i++)
        if (!open_entrance(broker, &broker->web[i], web[i], web_ready))
            return NULL;
    return open_entrance(broker, &broker->agents, agents, agents_ready) ? STEAL(broker) : NULL;
}

void broker_free(struct broker **broker)
{
    struct broker *b = STEAL(*broker);
    if (!b)
        return;
    struct agent *agent;
    while ((agent = LIST_FIRST(&b->registered)))
        forget(agent);
    for (size_t i = 0; i < b->web_count; i++)
        loop_watch_free(&b->web[i].watch);
    loop_watch_free(&b->agents.watch);
    loop_timer_free(&b->resume);
    farewells_free(&b->farewells);
    close_fd(&b->netlink);
    free(b);
}
