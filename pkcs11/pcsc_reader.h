/* SPDX-License-Identifier: MIT */
/*
 * The PC/SC reader behind a slot of the module, for what the module does not tell.
 *
 * Open for one question only: nothing here survives a restart of pcscd, and a module that has no
 * PC/SC reader of that name costs one look at the list of readers. Main thread; may block while
 * pcscd powers the card up.
 */
#pragma once

#include <stdbool.h>
#include <winscard.h>

enum { PCSC_READER_LIST_BYTES = 16 * MAX_READERNAME + 1 }; /* pcsc-lite manages 16 */

/* True if the description may be this name, cut to the length of the field. */
bool pcsc_reader_cut(const char *name, const char *description);

struct pcsc_reader {
    SCARDCONTEXT context;
    char name[MAX_READERNAME];
};

/* description: a slot's, which is a PC/SC reader's name or its first 64 bytes. False: no service,
 * no such reader, or two whose names begin so; nothing is open then. */
bool pcsc_reader_open(struct pcsc_reader *reader, const char *description);
void pcsc_reader_close(struct pcsc_reader *reader);

/* Connects to the card in it, shared. What SCardConnect answers. */
LONG pcsc_reader_connect(const struct pcsc_reader *reader, SCARDHANDLE *card, DWORD *protocol);
