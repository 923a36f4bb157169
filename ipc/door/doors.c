/* SPDX-License-Identifier: MIT */
/*
 * Both doors share one set of connections and one service; this file only holds them together:
 *
 *     lanyard-portd ─ broker_link ─ web_gate ─ web_door ┐
 *                                                       ├ connections ─ service
 *     native programs ───────────────────── native_door ┘
 */
#include "ipc/door/door.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/door/broker_link.h"
#include "ipc/door/connection.h"
#include "ipc/door/native_door.h"
#include "ipc/door/web_door.h"
#include "ipc/door/web_gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct doors {
    struct connections connections;
    const char *broker_path;
    struct native_door *native;
    struct broker_link *broker; /* this and the next two: NULL without a WebSocket door */
    struct web_gate *gate;
    struct web_door *web;
};

static void broker_changed(void *context, enum broker_state state, uint16_t port)
{
    static const char *const names[] = {
        [BROKER_ABSENT] = "no-broker", [BROKER_TAKEN] = "taken", [BROKER_OPEN] = "open"};
    struct doors *doors = context;
    doors->connections.web = (struct web_state){.port = port, .state = names[state]};
    if (state == BROKER_OPEN)
        log_info("pages reach this agent on port %u", (unsigned)port);
    else if (state == BROKER_TAKEN)
        log_warning("pages cannot reach this agent: another agent of this user is registered");
    else
        log_warning("pages cannot reach this agent: nothing answers at %s "
                    "(is lanyard-portd running?)",
                    doors->broker_path);
}

static void broker_settling(void *context, bool settling)
{
    struct doors *doors = context;
    connections_set_settling(&doors->connections, settling);
}

static void socket_arrived(void *context, int fd, uint16_t port)
{
    struct doors *doors = context;
    web_gate_admit(doors->gate, fd, port);
}

static void handshake_accepted(void *context, int fd, const struct handshake *handshake)
{
    struct doors *doors = context;
    web_door_adopt(doors->web, fd, handshake);
}

static bool asked_otherwise(void *context, const char *head, size_t len, uint16_t port,
                            struct bytes *reply)
{
    struct doors *doors = context;
    return status_door_answer(&doors->connections.status, doors->connections.service, head, len,
                              port, reply);
}

static void handshake_refused(void *context, const char *origin)
{
    struct doors *doors = context;
    bool listed = connections_origin_listed(&doors->connections, origin, strlen(origin));
    connections_refused(&doors->connections, &(struct caller){.door = DOOR_WEB}, origin,
                        listed ? OUTCOME_INVALID_REQUEST : OUTCOME_NOT_ALLOWED);
}

static int open_web(struct doors *doors, struct loop *loop, const struct doors_config *config)
{
    const struct broker_events events = {doors, broker_changed, broker_settling, socket_arrived};
    doors->broker_path = config->broker_path;
    doors->web = web_door_new(&doors->connections);
    doors->gate = web_gate_new(loop, config->origins, handshake_accepted, asked_otherwise,
                               handshake_refused, doors);
    if (doors->web && doors->gate)
        doors->broker = broker_link_new(loop, config->broker_path, &events);
    doors->connections.web_settling = doors->broker;
    return doors->broker ? 0 : -ENOMEM;
}

struct doors *doors_open(struct loop *loop, const struct doors_config *config,
                         const struct service *service)
{
    CLEANUP(doors_close) struct doors *doors = calloc(1, sizeof *doors);
    if (!doors) {
        log_fault(ENOMEM, "doors");
        return NULL;
    }
    if (connections_init(&doors->connections, loop, service, config->origins) < 0)
        return NULL;
    doors->native = native_door_open(&doors->connections, config->native_path, config->native_fd);
    if (!doors->native)
        return NULL;
    bool web = config->broker_path && *config->broker_path;
    return !web || open_web(doors, loop, config) == 0 ? STEAL(doors) : NULL;
}

void doors_close(struct doors **doors)
{
    struct doors *d = STEAL(*doors);
    if (!d)
        return;
    broker_link_free(&d->broker);
    web_gate_free(&d->gate);
    web_door_free(&d->web);
    native_door_close(&d->native);
    connections_deinit(&d->connections);
    free(d);
}

int doors_run(struct doors *doors)
{
    return doors->web ? web_door_run(doors->web) : loop_run(doors->connections.loop);
}

void doors_set_origins(struct doors *doors, const char *const *origins)
{
    if (doors->gate)
        web_gate_set_origins(doors->gate, origins);
    connections_set_origins(&doors->connections, origins);
}

void doors_card_changed(struct doors *doors, const struct card_list *list)
{
    connections_card_changed(&doors->connections, list);
}

void doors_session_changed(struct doors *doors, const struct session_view *view,
                           const char *const *origins)
{
    connections_session_changed(&doors->connections, view, origins);
}

void doors_key_changed(struct doors *doors, const struct key_list *list)
{
    connections_key_changed(&doors->connections, list);
}
