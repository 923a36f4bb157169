/* SPDX-License-Identifier: MIT */
/*
 * Which security keys are plugged in, by udev's word and by the redirected keys' socket: nothing is
 * opened, nothing polls, no reader is touched. The one part of fido/ that is linked into the agent.
 *
 * A key is a hidraw device whose report descriptor begins with usage page 0xF1D0, usage 1 (CTAP 2.1
 * §11.2.8.2), and which this user may open, now or once logind has given it to them. From then on
 * it counts until it is pulled out: that the desktop of another user is in front takes no key away.
 *
 * A redirected key is in while its socket's file is there, and is this user's or root's. Whether
 * somebody listens is not tried, since whoever connects has that client's key (fido/redirect.h).
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/fido_message.h"
#include "ipc/loop.h"

struct key_found {
    uint64_t id; /* of this plugging in; never used again, never 0 */
    char path[FIDO_PATH_MAX + 1];
    char name[FIDO_TEXT_MAX + 1]; /* manufacturer and product, printable; never empty */
    char mark[FIDO_TEXT_MAX + 1]; /* what tells it from another of that name, in this plugging in
                                     and the next: its serial number, or where it is plugged in if
                                     it says none. "": a device that only software makes says
                                     neither. Not for people: the device's own bytes */
};

struct key_watch;

/* redirect: a Unix socket on which a remote-desktop client offers a key (fido/redirect.h), borrowed
 * for its life; NULL or "": none. changed: called from the loop when the list is another. Where
 * udev cannot be asked there are no keys but that one (logged once). NULL on fault (logged). */
struct key_watch *key_watch_new(struct loop *loop, const char *redirect, loop_fn *changed,
                                void *context);
void key_watch_free(struct key_watch **watch);

/* At most FIDO_KEYS_MAX. Takes NULL: none. */
size_t key_watch_count(const struct key_watch *watch);
/* Borrowed until the next change. NULL beyond the last. */
const struct key_found *key_watch_at(const struct key_watch *watch, size_t i);
/* The key of that id, or at that path; NULL: it is not in. */
const struct key_found *key_watch_find(const struct key_watch *watch, uint64_t id);
const struct key_found *key_watch_find_path(const struct key_watch *watch, const char *path);
