/* SPDX-License-Identifier: MIT */
/*
 * This goes past the module to the card, so it must leave no trace the module could stumble over.
 * Shared mode and one transaction keep the two exchanges together and everybody else's whole;
 * selecting PIV where PIV is selected changes no security status (SP 800-73-4 part 2, §3.1.1), and
 * the empty VERIFY none either. The card is left as it is (SCARD_LEAVE_CARD).
 *
 * The exception is a card that is still verified after this helper has logged out: OpenSC 0.23
 * leaves PIV cards so, and the next program to reach one could sign without a PIN. It is reset.
 * Another program that had the PIN verified at that moment is asked for it again.
 */
#include "pkcs11/pin_tries.h"

#include "ipc/base/log.h"
#include "ipc/card_message.h"
#include "pkcs11/pcsc_reader.h"

#include <stdbool.h>

enum { TRIES_VERIFIED = 254 }; /* the PIN is verified: no number to be had */

struct card {
    struct pcsc_reader reader;
    SCARDHANDLE handle;
    DWORD protocol;
};

static bool card_open(struct card *card, const char *description)
{
    if (!pcsc_reader_open(&card->reader, description))
        return false;
    if (pcsc_reader_connect(&card->reader, &card->handle, &card->protocol) == SCARD_S_SUCCESS) {
        if (SCardBeginTransaction(card->handle) == SCARD_S_SUCCESS)
            return true;
        SCardDisconnect(card->handle, SCARD_LEAVE_CARD);
    }
    pcsc_reader_close(&card->reader);
    return false;
}

static void card_close(struct card *card, DWORD disposition)
{
    /* A reset, if there is one, before anybody else's transaction can begin. */
    SCardEndTransaction(card->handle, disposition);
    SCardDisconnect(card->handle, SCARD_LEAVE_CARD);
    pcsc_reader_close(&card->reader);
}

/* The status word of one exchange; 0 when there was none. */
static unsigned exchange(const struct card *card, const BYTE *command, DWORD len)
{
    BYTE response[258];
    DWORD got = sizeof response;
    const SCARD_IO_REQUEST *pci = card->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    if (SCardTransmit(card->handle, pci, command, len, NULL, response, &got) != SCARD_S_SUCCESS ||
        got < 2 || got > sizeof response)
        return 0;
    return (unsigned)response[got - 2] << 8 | response[got - 1];
}

static uint8_t ask(const struct card *card)
{
    /* Without Le, so that the same bytes serve T=0 and T=1. */
    static const BYTE select_piv[] = {0x00, 0xa4, 0x04, 0x00, 0x09, 0xa0, 0x00,
                                      0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00};
    static const BYTE verify_empty[] = {0x00, 0x20, 0x00, 0x80};
    unsigned selected = exchange(card, select_piv, sizeof select_piv);
    if (selected != 0x9000 && selected >> 8 != 0x61)
        return CARD_TRIES_UNKNOWN;
    unsigned status = exchange(card, verify_empty, sizeof verify_empty);
    if (status == 0x9000)
        return TRIES_VERIFIED;
    if (status == 0x6983)
        return 0;
    if ((status & 0xfff0) == 0x63c0)
        return status & 0x0f;
    return CARD_TRIES_UNKNOWN;
}

uint8_t pin_tries_left(const char *reader)
{
    struct card card;
    if (!card_open(&card, reader))
        return CARD_TRIES_UNKNOWN;
    uint8_t tries = ask(&card);
    card_close(&card, SCARD_LEAVE_CARD);
    return tries == TRIES_VERIFIED ? CARD_TRIES_UNKNOWN : tries;
}

uint8_t pin_tries_left_after_logout(const char *reader)
{
    struct card card;
    if (!card_open(&card, reader))
        return CARD_TRIES_UNKNOWN;
    uint8_t tries = ask(&card);
    bool verified = tries == TRIES_VERIFIED;
    card_close(&card, verified ? SCARD_RESET_CARD : SCARD_LEAVE_CARD);
    if (!verified)
        return tries;
    log_debug("%s: still verified after the logout, so the card was reset", reader);
    return pin_tries_left(reader);
}
