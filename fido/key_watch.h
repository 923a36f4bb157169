/* SPDX-License-Identifier: MIT */
/*
 * Which security keys are plugged in, by udev's word and by the redirected keys' socket: nothing is
 * opened, nothing polls, no reader is touched. The one part of fido/ that is linked into the agent.
 *
 * A key is a hidraw device whose report descriptor begins with usage page 0xF1D0, usage 1 (CTAP 2.1
 * §11.2.8.2), and which this user may open. Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/fido_message.h"
#include "ipc/loop.h"

struct key_found {
    uint64_t id; /* of this plugging in; never used again */
    char path[FIDO_PATH_MAX + 1];
    char name[FIDO_TEXT_MAX + 1]; /* manufacturer and product, printable; never empty */
};

struct key_watch;

/* redirect: a Unix socket on which a remote-desktop client offers a key (fido/redirect.h); NULL or
 * "": none. changed: called from the loop when the list is another. Where udev cannot be asked
 * there are no keys (logged once). NULL on fault (logged). */
struct key_watch *key_watch_new(struct loop *loop, const char *redirect, loop_fn *changed,
                                void *context);
void key_watch_free(struct key_watch **watch);

size_t key_watch_count(const struct key_watch *watch);
/* Borrowed until the next change. */
const struct key_found *key_watch_at(const struct key_watch *watch, size_t i);
