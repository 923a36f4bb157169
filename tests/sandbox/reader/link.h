/* SPDX-License-Identifier: MIT */
/*
 * One reader's connection to lanyard-virtual-card, seen from inside pcscd. All functions: any
 * thread, except link_open and link_close, which pcscd calls once each.
 *
 * Results are IFD response codes, since pcscd is the only caller.
 */
#ifndef LANYARD_SANDBOX_READER_LINK_H
#define LANYARD_SANDBOX_READER_LINK_H

#include <stddef.h>
#include <stdint.h>

#include <PCSC/ifdhandler.h>

struct link;

/* Connects to the socket at `path` and waits for the state of the slot (bounded by two seconds).
 * Returns NULL when nobody listens there, which means: no such reader. Owned by the caller. */
struct link *link_open(const char *path);

/* Takes NULL too. */
void link_close(struct link *link);

/* IFD_ICC_PRESENT, IFD_ICC_NOT_PRESENT or, unplugged, IFD_COMMUNICATION_ERROR: as last announced by
 * link_wait. */
RESPONSECODE link_presence(struct link *link);

/* May block, for at most `timeout_ms`: until the slot changed, link_interrupt, or the time is up.
 * Announces one change per call, so that a swap is seen as a removal and then an insertion. */
void link_wait(struct link *link, int timeout_ms);

/* Makes a link_wait that is running, or else the next one, return at once. */
void link_interrupt(struct link *link);

/* Copies the ATR of the announced card; *size is the room on entry, the length on return. */
RESPONSECODE link_atr(struct link *link, uint8_t *atr, size_t *size);

RESPONSECODE link_power(struct link *link, int up);

/* May block until the card answers, is pulled, or the reader is unplugged: the card side decides
 * how long a card may think. `type` is LINK_COMMAND or LINK_PIN_ENTRY. */
RESPONSECODE link_exchange(struct link *link, uint8_t type, const uint8_t *command, size_t size,
                           uint8_t *response, size_t *response_size);

#endif
