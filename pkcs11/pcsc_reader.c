/* SPDX-License-Identifier: MIT */
/*
 * Modules put the reader's name into CK_SLOT_INFO.slotDescription, which has 64 bytes where pcscd
 * allows 128: a longer name arrives cut. A description is the reader's own name, or, when as long
 * as the field, its beginning. Two readers that begin alike cannot be told apart: then there is
 * none.
 */
#include "pkcs11/pcsc_reader.h"

#include <stdio.h>
#include <string.h>

enum { DESCRIPTION_BYTES = 64 };

bool pcsc_reader_cut(const char *name, const char *description)
{
    size_t len = strlen(description);
    return len + 1 >= DESCRIPTION_BYTES && strncmp(name, description, len) == 0;
}

static const char *find_reader(const char *list, const char *wanted)
{
    const char *found = NULL;
    for (const char *name = list; *name; name += strlen(name) + 1) {
        if (strcmp(name, wanted) == 0)
            return name;
        if (pcsc_reader_cut(name, wanted)) {
            if (found)
                return NULL;
            found = name;
        }
    }
    return found;
}

bool pcsc_reader_open(struct pcsc_reader *reader, const char *description)
{
    if (description[0] == '\0' ||
        SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &reader->context) != SCARD_S_SUCCESS)
        return false;
    char list[PCSC_READER_LIST_BYTES] = "";
    DWORD size = sizeof list;
    const char *name = NULL;
    if (SCardListReaders(reader->context, NULL, list, &size) == SCARD_S_SUCCESS)
        name = find_reader(list, description);
    if (name && strlen(name) < sizeof reader->name) {
        snprintf(reader->name, sizeof reader->name, "%s", name);
        return true;
    }
    SCardReleaseContext(reader->context);
    return false;
}

void pcsc_reader_close(struct pcsc_reader *reader)
{
    SCardReleaseContext(reader->context);
}

LONG pcsc_reader_connect(const struct pcsc_reader *reader, SCARDHANDLE *card, DWORD *protocol)
{
    return SCardConnect(reader->context, reader->name, SCARD_SHARE_SHARED,
                        SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, card, protocol);
}
