/* SPDX-License-Identifier: MIT */
/*
 * Sealed memory: what lets a session outlive the agent's process, and nothing else does. It is
 * memory of the kernel's (memfd_secret(2)), kept by systemd in its file-descriptor store (sd_notify
 * FDSTORE=1, FDNAME=session) while no agent runs. It is never in a file, is not swapped, cannot be
 * opened through /proc, and is gone with the user's service manager. Whoever may trace that manager
 * can take it from there.
 *
 * Without a store there is none, and nothing survives; nor where the kernel has no memfd_secret
 * (ENOSYS; before Linux 6.5 it wants the boot option secretmem.enable=1), which one line in the log
 * says.
 *
 * It exists only while something is sealed: it is made by the first seal_write and given back by
 * seal_destroy. The kernel refuses to hibernate as long as there is any.
 *
 * Written in place, so that the store's descriptor always shows the latest: two halves with a
 * number and a checksum each, the older one overwritten, so that an agent killed in the middle
 * leaves the one before. Loop thread only; nothing blocks but for the service manager, which is
 * given a descriptor by the first write and takes it back by seal_destroy.
 *
 * The agent's unit needs
 *
 *     Type=notify, or NotifyAccess=main with another type: NOTIFY_SOCKET is set
 *     FileDescriptorStoreMax=1    the default is 0: systemd would drop what it is given, in silence
 *     LimitMEMLOCK=8M             the kernel's own default, where it has been lowered
 *     Restart=on-failure          so that there is a next process
 *
 * and never NotifyAccess=all, with which a helper could store something, too.
 *
 * systemd empties the store when the unit is stopped for good (systemctl stop), not when it is
 * restarted or fails. A session is then over, as it is when the person logs out.
 */
#pragma once

#include "ipc/base/secret.h"

#include <stdbool.h>
#include <stddef.h>

enum { SEAL_BYTES_MAX = 128 * 1024 };

struct seal;

/* Takes over the descriptor that the service manager kept, if it passed one that is right in every
 * detail (name, size, kind, this user's), and closes every other that it passed. Once in a
 * process, before other threads start: it takes LISTEN_FDS and the like out of the environment.
 * Returns owned, also without a store; NULL on fault (logged). */
struct seal *seal_new(void);
/* What is sealed stays sealed. */
void seal_free(struct seal **seal);

/* Whether a session can outlive this process: there is a service manager, and memory to be had. */
bool seal_available(const struct seal *seal);

/* What is sealed: at first what an earlier process left; NULL: nothing. Owned: free it with
 * secret_free. */
struct secret *seal_read(struct seal *seal);
/* Replaces it; at most SEAL_BYTES_MAX. 0 or a fault (logged); on fault nothing is sealed. */
int seal_write(struct seal *seal, const void *data, size_t len);
/* Wipes it. */
void seal_destroy(struct seal *seal);

/* ---- for tests ---- */

/* The file's size, which both halves are in. */
enum { SEAL_FILE_BYTES = 5 * 65536 };
