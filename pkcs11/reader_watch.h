/* SPDX-License-Identifier: MIT */
/*
 * Which readers there are and what is in them: a thread that watches PC/SC and never connects to a
 * card, though to readers, where somebody asks it for their places. It publishes a snapshot, and
 * says through a callback that there is a newer one.
 *
 * A removal is anything that ends READER_CARD: the reader empty, unavailable or no longer listed
 * (a reader unplugged with its card in is never seen empty), or the service down. An exchange so
 * quick that both looks find a card shows in `changes`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    READER_NAME_MAX = 127, /* MAX_READERNAME of pcsc-lite, without its terminator */
    READERS_MAX = 15,      /* pcsc-lite manages 16 and watches 16 names at once, one of which is
                              the reader list itself */
};

enum reader_state {
    READER_EMPTY,
    READER_CARD,
    READER_UNREADABLE,  /* a card that does not answer: upside down, dirty, broken */
    READER_UNAVAILABLE, /* on its way in or out */
};

/* Where a reader is plugged in, as its driver says (PC/SC part 3, SCARD_ATTR_CHANNEL_ID). */
enum reader_place {
    READER_PLACE_UNKNOWN, /* not asked, or it could not say: another program has it for itself */
    READER_PLACE_USB,
    READER_PLACE_ELSEWHERE, /* it is no USB reader, or the driver does not say */
};

struct reader_info {
    char name[READER_NAME_MAX + 1]; /* UTF-8, no control characters */
    enum reader_state state;
    uint64_t changes; /* differs after any insertion, removal, or absence of the reader; the lowest
                         16 bits are pcscd's count of the former two */
    enum reader_place place;
    uint8_t usb_bus, usb_device; /* READER_PLACE_USB: its numbers */
};

struct reader_snapshot {
    bool service_up;
    uint8_t count;         /* 0 while the service is down */
    unsigned places_asked; /* the last reader_watch_ask_places that it is an answer to; 0: none */
    struct reader_info readers[READERS_MAX];
};

struct reader_watch;

/* Starts the watcher and its thread. One per process, and no other PC/SC client beside it:
 * libpcsclite 1.9.9 keeps the states it waits on in one unlocked table. changed(context) is called
 * on the watch thread whenever the snapshot has become another; it must only wake somebody
 * (loop_wake) and return, and may be called before this function has returned. Returns owned; NULL
 * on fault (logged). Any thread. */
struct reader_watch *reader_watch_new(void (*changed)(void *context), void *context);

/* Stops and joins the thread: no callback comes after this has returned. Takes NULL; *watch is NULL
 * afterwards. Not from the callback. Blocks until the thread has ended, which takes milliseconds.
 */
void reader_watch_free(struct reader_watch **watch);

/* Copies the newest snapshot. Any thread; does not block. */
void reader_watch_snapshot(struct reader_watch *watch, struct reader_snapshot *out);

/* Asks every reader for its place, those that come later, too; what was known is asked anew.
 * Returns the number of the question, never 0. PC/SC may miss that it is asked until something
 * happens in a reader: while the snapshot does not show the number, ask it to hurry. Any thread;
 * does not block. */
unsigned reader_watch_ask_places(struct reader_watch *watch);
void reader_watch_hurry(struct reader_watch *watch);

/* Whether the reader service is not this computer's but one that somebody, such as a remote-desktop
 * client's part here, has put into the environment (PCSCLITE_CSOCK_NAME). Any thread. */
bool reader_service_redirected(void);
