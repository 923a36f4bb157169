/* SPDX-License-Identifier: MIT */
/*
 * removal_bare READER: waits for a card to be pulled from the reader whose name begins so, with
 * nothing but PC/SC, and prints the CLOCK_MONOTONIC time in nanoseconds at which it is seen; then
 * for the next, until a signal or the end of pcscd. "ready" is printed when it begins to wait with
 * a card in. What the agent's way from card to page is to be measured against.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <winscard.h>

enum { WAIT_MS = 60 * 1000 };

/* The name, in names; NULL when no reader is called so. */
static const char *find_reader(SCARDCONTEXT context, const char *wanted, char *names, DWORD size)
{
    if (SCardListReaders(context, NULL, names, &size) != SCARD_S_SUCCESS)
        return NULL;
    for (const char *name = names; *name; name += strlen(name) + 1)
        if (strncmp(name, wanted, strlen(wanted)) == 0)
            return name;
    return NULL;
}

/* Waits until the reader's state is another. 0, or PC/SC's error. */
static LONG wait_for_change(SCARDCONTEXT context, SCARD_READERSTATE *reader)
{
    LONG rv;
    do {
        reader->dwCurrentState = reader->dwEventState & ~SCARD_STATE_CHANGED;
        rv = SCardGetStatusChange(context, WAIT_MS, reader, 1);
    } while (rv == SCARD_E_TIMEOUT);
    return rv;
}

static LONG watch(SCARDCONTEXT context, const char *name)
{
    SCARD_READERSTATE reader = {.szReader = name};
    bool in = false;
    for (;;) {
        LONG rv = wait_for_change(context, &reader);
        if (rv != SCARD_S_SUCCESS)
            return rv;
        bool now = reader.dwEventState & SCARD_STATE_PRESENT;
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        if (in && !now)
            printf("%lld\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);
        else if (now && !in)
            puts("ready");
        fflush(stdout);
        in = now;
    }
}

int main(int argc, char **argv)
{
    char names[16 * MAX_READERNAME + 1] = "";
    SCARDCONTEXT context;
    if (argc != 2) {
        fprintf(stderr, "usage: removal_bare READER\n");
        return 2;
    }
    LONG rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
    const char *name = NULL;
    if (rv == SCARD_S_SUCCESS)
        name = find_reader(context, argv[1], names, sizeof names);
    if (name)
        rv = watch(context, name);
    fprintf(stderr, "%s: %s\n", argv[1], name ? pcsc_stringify_error(rv) : "no such reader");
    return EXIT_FAILURE;
}
