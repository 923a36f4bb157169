/* SPDX-License-Identifier: MIT */
/*
 * The ends that servers have yet to hear of: for each ended session its end statement
 * (ipc/PROTOCOL.md §3.4) in a file of its own, delivered in the order in which they ended, with
 * back-off, also after a reboot. A file holds the provider's name, the sid and the statement: no
 * key, no token, no name, nothing that opens anything.
 *
 * The folder belongs to this user, mode 0700; files are written under another name, synced and
 * renamed; files that are not ours in every detail are left alone and said in the log. One
 * provider's silence does not hold up another's. Loop thread only; writing blocks as the disk does.
 */
#pragma once

#include "agent/cis/cis.h"

struct end_queue;

enum {
    END_QUEUE_MAX = 1000
}; /* the oldest goes when another comes; servers have their own limit */

/* folder: made if missing, with those above it; "" or NULL: nothing is kept beyond this process.
 * config and cis are borrowed for its life. changed: the count did. NULL on fault (logged); a
 * folder that cannot be used is logged, and the queue is in memory. */
struct end_queue *end_queue_new(struct loop *loop, struct cis *cis, const struct config *config,
                                const char *folder, loop_fn *changed, void *context);
void end_queue_free(struct end_queue **queue);

/* Returns when it is on disk; delivery starts from the loop. 0 or a fault (logged): it is then in
 * memory only. */
int end_queue_add(struct end_queue *queue, const char *provider, const char *sid,
                  const char *statement);
/* Those that are not delivered yet. */
size_t end_queue_count(const struct end_queue *queue);
/* The network may be back, or the computer woke up: try now. */
void end_queue_hurry(struct end_queue *queue);
