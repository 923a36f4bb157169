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

#include <string.h>

static struct insertion insertion_of(const SCARD_READERSTATE *state)
{
    return (struct insertion){
        .known = true,
        .present = state->dwEventState & SCARD_STATE_PRESENT,
        .events = state->dwEventState >> 16 & 0xffff,
    };
}

struct insertion insertion_look(const char *reader)
{
    struct insertion seen = {0};
    struct pcsc_reader pcsc;
    if (!pcsc_reader_open(&pcsc, reader))
        return seen;
    SCARD_READERSTATE state = {.szReader = pcsc.name, .dwCurrentState = SCARD_STATE_UNAWARE};
    if (SCardGetStatusChange(pcsc.context, 0, &state, 1) == SCARD_S_SUCCESS)
        seen = insertion_of(&state);
    pcsc_reader_close(&pcsc);
    return seen;
}

/* In the context: the names of all readers, and of each how it stands. */
static void look_at_all(SCARDCONTEXT context, struct insertions *all)
{
    char list[PCSC_READER_LIST_BYTES] = "";
    DWORD size = sizeof list;
    if (SCardListReaders(context, NULL, list, &size) != SCARD_S_SUCCESS)
        return;
    SCARD_READERSTATE states[INSERTION_READERS_MAX] = {0};
    size_t count = 0;
    for (const char *name = list; *name; name += strlen(name) + 1) {
        if (count == INSERTION_READERS_MAX || strlen(name) >= INSERTION_READER_BYTES)
            continue;
        memcpy(all->at[count].reader, name, strlen(name) + 1);
        states[count].szReader = all->at[count].reader;
        states[count].dwCurrentState = SCARD_STATE_UNAWARE;
        count++;
    }
    if (count == 0 || SCardGetStatusChange(context, 0, states, (DWORD)count) != SCARD_S_SUCCESS)
        return;
    for (size_t i = 0; i < count; i++)
        all->at[i].insertion = insertion_of(&states[i]);
    all->count = count;
}

void insertions_look(struct insertions *all)
{
    *all = (struct insertions){0};
    SCARDCONTEXT context;
    if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
        return;
    look_at_all(context, all);
    SCardReleaseContext(context);
}

struct insertion insertions_in(const struct insertions *all, const char *reader)
{
    struct insertion found = {0};
    for (size_t i = 0; i < all->count; i++) {
        const char *name = all->at[i].reader;
        if (strcmp(name, reader) == 0)
            return all->at[i].insertion;
        if (!pcsc_reader_cut(name, reader))
            continue;
        if (found.known)
            return (struct insertion){0};
        found = all->at[i].insertion;
    }
    return found;
}

/* Each insertion and each removal counts one. So a reader that was empty and holds a card has had
 * no other in it if it has counted one; and a card that was in is still the same if nothing was
 * counted. */
bool insertion_missed(const struct insertion *before, const struct insertion *now)
{
    return now->present && (uint16_t)(now->events - before->events) > (before->present ? 0 : 1);
}

bool insertions_missed(const struct insertions *before, const struct insertions *now)
{
    for (size_t i = 0; i < before->count; i++)
        for (size_t k = 0; k < now->count; k++)
            if (strcmp(before->at[i].reader, now->at[k].reader) == 0 &&
                insertion_missed(&before->at[i].insertion, &now->at[k].insertion))
                return true;
    return false;
}

int insertion_since(const struct insertion *before, const struct insertion *now)
{
    if (!before->known || !now->known)
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
