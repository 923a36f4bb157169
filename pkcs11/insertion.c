/* SPDX-License-Identifier: MIT */
/*
 * pcscd gives its count in the upper half of dwEventState, whatever the caller says it knew before.
 * It is the number that is compared, not SCARD_STATE_CHANGED: pcsc-lite does not set that for a
 * caller who knew the count 0, which is the count of a card that was in when pcscd started.
 *
 * For a card held by another program there is SCARD_STATE_EXCLUSIVE, but pcscd brings it up to date
 * only with the reader's next event. So a connection is tried: it is refused, or it is closed again
 * and has changed nothing.
 */
#include "pkcs11/insertion.h"

#include "ipc/base/outcome.h"
#include "pkcs11/pcsc_reader.h"

struct insertion insertion_look(const char *reader)
{
    struct insertion seen = {0};
    struct pcsc_reader pcsc;
    if (!pcsc_reader_open(&pcsc, reader))
        return seen;
    SCARD_READERSTATE state = {.szReader = pcsc.name, .dwCurrentState = SCARD_STATE_UNAWARE};
    if (SCardGetStatusChange(pcsc.context, 0, &state, 1) == SCARD_S_SUCCESS) {
        seen.known = true;
        seen.present = state.dwEventState & SCARD_STATE_PRESENT;
        seen.events = state.dwEventState >> 16 & 0xffff;
    }
    pcsc_reader_close(&pcsc);
    return seen;
}

int insertion_since(const struct insertion *before, const struct insertion *now)
{
    if (!before->known || !before->present || !now->known)
        return OUTCOME_OK;
    if (!now->present)
        return OUTCOME_CARD_REMOVED;
    return now->events == before->events ? OUTCOME_OK : OUTCOME_CARD_CHANGED;
}

bool insertion_held(const char *reader)
{
    struct pcsc_reader pcsc;
    if (!pcsc_reader_open(&pcsc, reader))
        return false;
    SCARDHANDLE card;
    DWORD protocol;
    LONG rv = pcsc_reader_connect(&pcsc, &card, &protocol);
    if (rv == SCARD_S_SUCCESS)
        SCardDisconnect(card, SCARD_LEAVE_CARD);
    pcsc_reader_close(&pcsc);
    return rv == SCARD_E_SHARING_VIOLATION;
}
