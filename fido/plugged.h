/* SPDX-License-Identifier: MIT */
/*
 * The security keys that the kernel has, read from its own list of hidraw devices as the agent's
 * watch judges them (fido/key_watch.h). libfido2's list is not used: to make it, udev is asked
 * about each device and most are opened, which takes longer than the key does. One thread; nothing
 * blocks.
 */
#pragma once

#include "ipc/fido_message.h"

#include <stddef.h>

struct plugged {
    char path[FIDO_PATH_MAX + 1]; /* "/dev/hidraw3" */
    char name[FIDO_TEXT_MAX + 1]; /* manufacturer and product, printable; never empty */
};

/* At most FIDO_KEYS_MAX; their number. Whether they may be opened is not tried. */
size_t plugged_list(struct plugged list[FIDO_KEYS_MAX]);
