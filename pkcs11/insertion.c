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

static const struct insertion doubtful = {.present = true};

/* What whoever has *held in mind has in mind after looking into the reader at any time between the
 * two looks. Each insertion and each removal counts one. So no more than one card can have been
 * seen if at most one is counted and there was not a card before it and one after; and that card
 * has to be the one in mind. */
static struct insertion follow(const struct insertion *held, const struct insertion *before,
                               const struct insertion *after)
{
    uint16_t counted = (uint16_t)(after->events - before->events);
    if (counted > 1 || (counted > 0 && before->present && after->present))
        return doubtful;
    const struct insertion *seen = before->present ? before : after;
    bool another = !held->known || held->events != seen->events;
    return held->present && seen->present && another ? doubtful : *seen;
}

static void append(struct insertions *all, const char *reader, const struct insertion *insertion)
{
    if (all->count == INSERTION_READERS_MAX)
        return;
    memcpy(all->at[all->count].reader, reader, strlen(reader) + 1);
    all->at[all->count++].insertion = *insertion;
}

/* The readers that have gone: should one come back, there may be another card in it. */
static void append_gone(struct insertions *all, const struct insertions *earlier)
{
    for (size_t i = 0; i < earlier->count; i++) {
        const char *reader = earlier->at[i].reader;
        struct insertion now = insertions_in(all, reader);
        if (earlier->at[i].insertion.present && !now.known && !now.present)
            append(all, reader, &doubtful);
    }
}

bool insertions_follow(struct insertions *held, const struct insertions *before,
                       const struct insertions *after)
{
    struct insertions next = {0};
    bool sure = true;
    for (size_t i = 0; i < after->count; i++) {
        const char *reader = after->at[i].reader;
        const struct insertion *now = &after->at[i].insertion;
        struct insertion in_mind = insertions_in(held, reader);
        struct insertion then = insertions_in(before, reader); /* a new reader counts from 0 */
        struct insertion result = follow(&in_mind, &then, now);
        sure = sure && (result.known || !now->present);
        append(&next, reader, &result);
    }
    append_gone(&next, held);
    append_gone(&next, before);
    *held = next;
    return sure;
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
