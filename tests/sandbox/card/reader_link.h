/* SPDX-License-Identifier: MIT */
/*
 * One virtual reader, seen from the card side: its socket, the card in it, and how both misbehave.
 * The driver inside pcscd is at the other end; see reader/link_protocol.h. Nothing here blocks.
 */
#ifndef LANYARD_SANDBOX_READER_LINK_H
#define LANYARD_SANDBOX_READER_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "card.h"
#include "fault.h"

#define READER_NAME_MAX 32
#define READER_POLLS 2

struct reader_link;

/* Makes a reader without a card, listening at the socket `path`. A name that begins with "pinpad"
 * makes a reader with a PIN pad. NULL when the socket cannot be made. Owned by the caller. */
struct reader_link *reader_link_new(const char *name, const char *path);
void reader_link_free(struct reader_link *reader);

const char *reader_link_name(const struct reader_link *reader);
bool reader_link_plugged(const struct reader_link *reader);
bool reader_link_has_pin_pad(const struct reader_link *reader);
struct card *reader_link_card(const struct reader_link *reader); /* borrowed; NULL: empty */

/* Borrows the card, which has to outlive its stay. The slot must be empty. */
void reader_link_insert(struct reader_link *reader, struct card *card);
void reader_link_remove(struct reader_link *reader);

/* A card stays in a reader that is unplugged. */
void reader_link_set_plugged(struct reader_link *reader, bool plugged);

void reader_link_set_delay(struct reader_link *reader, unsigned milliseconds);
/* `other` is the card that a swap puts in, borrowed; NULL otherwise. */
void reader_link_set_fault(struct reader_link *reader, const struct fault *fault,
                           struct card *other);
/* No delay, no fault, nothing typed ahead; a command that hangs is answered with 6F00. */
void reader_link_clear(struct reader_link *reader);

enum pad_entry { PAD_NOTHING, PAD_PIN, PAD_CANCELLED, PAD_TIMED_OUT };

/* Answers the question on the pad, or else the next one. `pin` only with PAD_PIN. False: an earlier
 * entry has not been asked for yet, or the PIN is not 4 to 8 characters. */
bool reader_link_type(struct reader_link *reader, enum pad_entry entry, const char *pin);

struct reader_counts {
    unsigned verify;       /* VERIFY with a PIN in it, from the PIN pad, too */
    unsigned verify_query; /* VERIFY that only asks for the tries left */
    unsigned sign;         /* GENERAL AUTHENTICATE; a chain counts once */
};

/* What was seen since the start, by whichever card. */
struct reader_counts reader_link_counts(const struct reader_link *reader);

/* For the poll loop: fill in, wait at most `reader_link_timeout` ms (-1: for ever), hand back. */
void reader_link_watch(const struct reader_link *reader, struct pollfd fds[static READER_POLLS]);
int reader_link_timeout(const struct reader_link *reader);
void reader_link_turn(struct reader_link *reader, const struct pollfd fds[static READER_POLLS]);

#endif
