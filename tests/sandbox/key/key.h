/* SPDX-License-Identifier: MIT */
/* A virtual key, whole: the authenticator, CTAPHID before it, and how it is plugged in. */
#ifndef LANYARD_SANDBOX_KEY_KEY_H
#define LANYARD_SANDBOX_KEY_KEY_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "authenticator.h"
#include "hid.h"
#include "link.h"

#define KEY_NAME_MAX 32

struct key {
    char name[KEY_NAME_MAX];
    struct authenticator authenticator;
    struct hid hid;
    struct link *link;
    bool vanishing; /* a fault pulls it out at the end of this turn */
};

/* Milliseconds of a clock that only goes forward. */
uint64_t key_now(void);

/* Takes link. state: the file of what it keeps. NULL: memory, or the file is none of ours. */
struct key *key_new(const char *name, const char *state, const struct attestation *attestation,
                    struct link *link);
void key_free(struct key *key);

/* False: it was so already, or cannot be. */
bool key_plug(struct key *key);
bool key_unplug(struct key *key);

/* For the poll loop; the link's LINK_POLLS. */
void key_turn(struct key *key, const struct pollfd *fds);
/* After a command. */
void key_settle(struct key *key);
/* Milliseconds; -1: never. */
int key_timeout(const struct key *key);

#endif
