/* SPDX-License-Identifier: MIT */
/* Both doors share one set of connections and one service; this file only holds them together. */
#include "ipc/door/door.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/door/connection.h"
#include "ipc/door/native_door.h"

#include <errno.h>
#include <stdlib.h>

struct doors {
    struct connections connections;
    struct native_door *native;
};

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
    doors->native = native_door_open(&doors->connections, config->native_path);
    return doors->native ? STEAL(doors) : NULL;
}

void doors_close(struct doors **doors)
{
    struct doors *d = STEAL(*doors);
    if (!d)
        return;
    native_door_close(&d->native);
    connections_deinit(&d->connections);
    free(d);
}

int doors_run(struct doors *doors)
{
    return loop_run(doors->connections.loop);
}

void doors_card_changed(struct doors *doors, const struct card_list *list)
{
    connections_card_changed(&doors->connections, list);
}
