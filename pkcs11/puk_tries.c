/* SPDX-License-Identifier: MIT */
/* Every exchange of a module with a card is passed on as it is; of one command the status is kept,
 * and nothing else of it. */
#include "pkcs11/puk_tries.h"

#include "ipc/card_message.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <winscard.h>

enum { RESET_RETRY_COUNTER = 0x2c };

static uint8_t seen = CARD_TRIES_UNKNOWN;

static uint8_t tries_of(unsigned status)
{
    if (status == 0x6983)
        return 0;
    return (status & 0xfff0) == 0x63c0 ? status & 0x0f : CARD_TRIES_UNKNOWN;
}

__attribute__((visibility("default"))) LONG
SCardTransmit(SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci, LPCBYTE command, DWORD len,
              SCARD_IO_REQUEST *receive_pci, LPBYTE response, LPDWORD response_len)
{
    LONG(*transmit)
    (SCARDHANDLE, const SCARD_IO_REQUEST *, LPCBYTE, DWORD, SCARD_IO_REQUEST *, LPBYTE, LPDWORD);
    *(void **)&transmit = dlsym(RTLD_NEXT, "SCardTransmit");
    if (!transmit)
        return SCARD_F_INTERNAL_ERROR;
    bool unblocks = len >= 4 && command[1] == RESET_RETRY_COUNTER;
    DWORD room = response_len ? *response_len : 0;
    LONG rv = transmit(card, send_pci, command, len, receive_pci, response, response_len);
    if (unblocks && rv == SCARD_S_SUCCESS && response_len && *response_len >= 2 &&
        *response_len <= room)
        seen = tries_of((unsigned)response[*response_len - 2] << 8 | response[*response_len - 1]);
    return rv;
}

void puk_tries_forget(void)
{
    seen = CARD_TRIES_UNKNOWN;
}

uint8_t puk_tries_left(void)
{
    return seen;
}
