/* SPDX-License-Identifier: MIT */
/*
 * The sockets that the broker listens on: opened here, or inherited from systemd. Both ways they
 * are held against the same rule: loopback addresses only.
 */
#pragma once

#include "ipc/portd/broker.h"
#include "ipc/portd/socket_file.h"

#include <netinet/in.h>

struct listeners {
    int web[BROKER_WEB_MAX];
    size_t web_count;
    uint16_t port;           /* the same on all */
    struct socket_file file; /* the agents' socket, opened here */
    int agents;              /* borrowed from file, or inherited (owned) */
};

#define LISTENERS ((struct listeners){.file = SOCKET_FILE_NONE, .agents = -1})

void listeners_close(struct listeners *listeners);

/* "127.0.0.1:24290" or "[::1]:24290" (port 0: any). 0; -EINVAL: not that, or not a loopback
 * address. */
int listener_parse(const char *text, struct sockaddr_storage *address);

/* Each 0 or -errno (logged). */
int listeners_add_web(struct listeners *listeners, const struct sockaddr_storage *address);
int listeners_open_agents(struct listeners *listeners, const char *path);
/* Sockets that systemd passed (sd_listen_fds(3)), named "web" and "agents". */
int listeners_inherit(struct listeners *listeners);
