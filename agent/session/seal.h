/* SPDX-License-Identifier: MIT */
/*
 * Sealed memory: what lets a session outlive the agent's process, and nothing else does. It is
 * memory of the kernel's (memfd_secret where there is one, else a memfd, locked), kept by systemd
 * in its file-descriptor store (sd_notify FDSTORE=1, FDNAME=session) while no agent runs. It is
 * never on disk, is gone with the user's service manager, and without a store there is none.
 *
 * Written in place, so that the store's descriptor always shows the latest: two halves with a
 * number and a checksum each, the older one overwritten, so that an agent killed in the middle
 * leaves the one before. Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/base/secret.h"

#include <stdbool.h>
#include <stddef.h>

enum { SEAL_BYTES_MAX = 128 * 1024 };

struct seal;

/* Takes over the descriptor that the service manager kept, if it passed one that is right in every
 * detail (name, size, seals, this user's). Returns owned, also without a store; NULL on fault
 * (logged). */
struct seal *seal_new(void);
/* What is sealed stays sealed. */
void seal_free(struct seal **seal);

/* Whether a session can outlive this process. */
bool seal_available(const struct seal *seal);

/* What an earlier process left; NULL: nothing. Owned: free it with secret_free. */
struct secret *seal_read(struct seal *seal);
/* Replaces it; at most SEAL_BYTES_MAX. 0 or a fault (logged); on fault nothing is sealed. */
int seal_write(struct seal *seal, const void *data, size_t len);
/* Wipes it. */
void seal_destroy(struct seal *seal);
