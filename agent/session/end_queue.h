/* SPDX-License-Identifier: MIT */
/*
 * The ends that servers have yet to hear of, and those they may have to: for each session its end
 * statement (ipc/PROTOCOL.md §3.4) in a file of its own. The file is written when the session opens
 * (armed), so that a session whose agent is killed, or whose computer loses power, still ends at
 * the server: whatever is armed and nobody's when the next agent starts becomes due. Ending is then
 * a rename and waits for no disk. What is due is delivered in the order in which it became so, with
 * back-off, also after a reboot.
 *
 * A file holds the provider's name, the sid and the statement: no key, no token, no name, nothing
 * that opens anything. The folder belongs to this user, mode 0700, and is held by one agent at a
 * time (flock; another agent keeps its own ends in memory); files are written under another name,
 * synced and renamed; files that are not ours in every detail are left alone and said in the log.
 * One provider's silence does not hold up another's. What a server refuses for good is dropped,
 * with an audit entry; what is for a provider that the configuration no longer knows is kept.
 *
 * A server that cannot be told is tried again after 5 s, then after twice as long each time up to
 * 10 minutes, each somewhat less by chance, and not before the pause that it asked for.
 *
 * Loop thread only; arming blocks as the disk does, becoming due as a rename does.
 */
#pragma once

#include "agent/cis/cis.h"

struct end_queue;

enum {
    END_QUEUE_MAX = 1000, /* the oldest goes when another comes; servers have their own limit */
    END_QUEUE_FILES_MAX = 4000, /* looked at in the folder; the newest END_QUEUE_MAX are taken */
    END_QUEUE_WAIT_MIN_MS = 5000,
    END_QUEUE_WAIT_MAX_MS = 600000,
};

/* folder: made if missing, with those above it; "" or NULL: nothing is kept beyond this process.
 * config and cis are borrowed for its life. changed: the count did; called from the loop, may be
 * NULL. NULL on fault (logged); a folder that cannot be used is logged, and the queue is in memory.
 */
struct end_queue *end_queue_new(struct loop *loop, struct cis *cis, const struct config *config,
                                const char *folder, loop_fn *changed, void *context);
/* What is armed or due stays in its file. */
void end_queue_free(struct end_queue **queue);

/* What earlier agents left armed becomes due, but for the session alive (a sid), which this agent
 * has taken over; NULL: none. To be called once, before anything else. */
void end_queue_release(struct end_queue *queue, const char *alive);

/* Returns when it is on disk; arming the same again changes nothing. 0 or a fault (logged): it is
 * then in memory only, and written when the next one is; -EINVAL: it is no end of a session, and
 * forgotten. */
int end_queue_arm(struct end_queue *queue, const char *provider, const char *sid,
                  const char *statement);
/* The session is over: delivery starts from the loop. A sid that is not armed is ignored. */
void end_queue_due(struct end_queue *queue, const char *sid);
/* The session is over and its server knows. */
void end_queue_disarm(struct end_queue *queue, const char *sid);
/* Those that are due and not delivered yet. */
size_t end_queue_count(const struct end_queue *queue);
/* The configuration has other providers now, or other endpoints. */
void end_queue_config_changed(struct end_queue *queue);
/* The network may be back, or the computer woke up: try now. */
void end_queue_hurry(struct end_queue *queue);
