/* SPDX-License-Identifier: MIT */
/*
 * A shared library that stands before libpcsclite: what the hold passes on arrives here, and is
 * written down, one word each: "begin-7" (a transaction on connection 7), "ask-7" (an attribute of
 * its reader), "end-7", "reset-7" (an end that resets the card).
 */
#include <stdio.h>
#include <string.h>
#include <winscard.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT char said[1024];
EXPORT LONG begin_answers;

static void say(const char *what, SCARDHANDLE card)
{
    size_t len = strlen(said);
    snprintf(said + len, sizeof said - len, "%s%s-%ld", len > 0 ? " " : "", what, (long)card);
}

EXPORT LONG SCardBeginTransaction(SCARDHANDLE card)
{
    say("begin", card);
    return begin_answers;
}

EXPORT LONG SCardEndTransaction(SCARDHANDLE card, DWORD disposition)
{
    say(disposition == SCARD_RESET_CARD ? "reset" : "end", card);
    return SCARD_S_SUCCESS;
}

EXPORT LONG SCardGetAttrib(SCARDHANDLE card, DWORD attribute, LPBYTE value, LPDWORD len)
{
    (void)attribute, (void)value, (void)len;
    say("ask", card);
    return SCARD_E_UNSUPPORTED_FEATURE; /* as many readers do */
}
