/* SPDX-License-Identifier: MIT */
/*
 * The broker: agents register on one side, pages connect on the other, and each page's socket goes
 * to the agent of the user who made it (ipc/PROTOCOL.md §5). Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/loop.h"

#include <stddef.h>
#include <stdint.h>

enum {
    BROKER_WEB_MAX = 2, /* 127.0.0.1 and [::1] */
    /* Users logged in at once on the largest terminal servers: hundreds. Fewer where the process
     * may have fewer than 2,304 descriptors. */
    BROKER_AGENTS_MAX = 1024,
};

struct broker;

struct broker_setup {
    const int *web; /* listening TCP sockets on one port */
    size_t web_count;
    uint16_t port;
    int agents;               /* a listening SOCK_SEQPACKET socket */
    const char *wake_folder;  /* ipc/portd/waking.h; NULL: who has no agent gets none */
    const char *users_folder; /* has an entry named by its number for each user who counts; NULL:
                                 everybody does */
};

/* The sockets are non-blocking and borrowed for the broker's life, the texts for this call. Raises
 * the process's soft limit of descriptors to the hard one. Returns owned; NULL on fault (logged).
 */
struct broker *broker_new(struct loop *loop, const struct broker_setup *setup);
void broker_free(struct broker **broker);
