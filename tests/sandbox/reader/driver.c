/* SPDX-License-Identifier: MIT */
/*
 * The IFD handler: the functions that pcscd looks up in a reader driver, on top of link.h.
 *
 * reader.conf's DEVICENAME chooses the kind of reader and its socket:
 *
 *     DEVICENAME  reader:/path/of/socket     an ordinary reader
 *     DEVICENAME  pinpad:/path/of/socket     a reader with a PIN pad
 *
 * (pcscd does not look for a file when the name has a colon.) The reader is there when
 * lanyard-virtual-card listens as pcscd starts. An unplugged one stays in pcscd's list and is in
 * the state "unknown, unavailable" until it comes back: Debian's pcscd drops USB readers only, and
 * does not look at reader.conf a second time. It is unplugged by a communication error, not by
 * IFD_NO_SUCH_DEVICE, upon which pcscd sends SIGUSR1 to whatever process an old pid file names.
 *
 * The PIN pad has no keys. VERIFY PIN DIRECT hands the command with the empty PIN block to the card
 * side, which knows what the sandbox "typed", and passes back the card's status word or the
 * reader's own: 6400 timed out, 6401 cancelled.
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The functions of ifdhandler.h are what this library exports; all else stays hidden. */
#pragma GCC visibility push(default)
#include <PCSC/ifdhandler.h>
#pragma GCC visibility pop
#include <PCSC/reader.h>

#include "link.h"
#include "link_protocol.h"

#define READERS_MAX 16 /* as many as pcscd manages */

#define CONTROL_VERIFY_PIN SCARD_CTL_CODE(1)
#define CONTROL_TLV_PROPERTIES SCARD_CTL_CODE(2)

#define CHANNEL_USB 0x0020u
#define USB_BUS 200u /* no machine has so many; the device is the reader's number, from 1 */

#define PIN_SIZE_MIN 4
#define PIN_SIZE_MAX 8

static struct reader {
    struct link *link;
    int has_pin_pad;
} readers[READERS_MAX];

/* pcscd puts the number of the reader into the upper half; there is one slot per reader. */
static struct reader *reader_of(DWORD lun)
{
    size_t number = lun >> 16;

    return number < READERS_MAX && readers[number].link ? &readers[number] : NULL;
}

RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName)
{
    size_t number = Lun >> 16;
    const char *path = strchr(DeviceName, ':');
    struct reader *reader;

    if (number >= READERS_MAX || readers[number].link || !path)
        return IFD_COMMUNICATION_ERROR;
    reader = &readers[number];
    reader->has_pin_pad = strncmp(DeviceName, "pinpad:", strlen("pinpad:")) == 0;
    reader->link = link_open(path + 1);
    return reader->link ? IFD_SUCCESS : IFD_NO_SUCH_DEVICE;
}

RESPONSECODE IFDHCreateChannel(DWORD Lun, DWORD Channel)
{
    (void)Lun;
    (void)Channel;
    return IFD_NOT_SUPPORTED; /* only by name */
}

RESPONSECODE IFDHCloseChannel(DWORD Lun)
{
    struct reader *reader = reader_of(Lun);

    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    link_close(reader->link);
    reader->link = NULL;
    return IFD_SUCCESS;
}

/* Anything but success would make pcscd sleep for 400 ms before it looks at the slot. */
static RESPONSECODE wait_for_change(DWORD lun, int timeout_ms)
{
    struct reader *reader = reader_of(lun);

    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    link_wait(reader->link, timeout_ms);
    return IFD_SUCCESS;
}

static RESPONSECODE stop_waiting(DWORD lun)
{
    struct reader *reader = reader_of(lun);

    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    link_interrupt(reader->link);
    return IFD_SUCCESS;
}

static RESPONSECODE give(const void *from, size_t size, PUCHAR value, PDWORD room)
{
    if (*room < size)
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    memcpy(value, from, size);
    *room = size;
    return IFD_SUCCESS;
}

static RESPONSECODE give_byte(uint8_t byte, PUCHAR value, PDWORD room)
{
    return give(&byte, sizeof byte, value, room);
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value)
{
    static RESPONSECODE (*const wait)(DWORD, int) = wait_for_change;
    static RESPONSECODE (*const stop)(DWORD) = stop_waiting;
    const uint32_t channel = CHANNEL_USB << 16 | USB_BUS << 8 | (uint32_t)((Lun >> 16) + 1);
    struct reader *reader = reader_of(Lun);
    RESPONSECODE result;
    size_t size;

    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    switch (Tag) {
    case TAG_IFD_ATR:
    case SCARD_ATTR_ATR_STRING:
        size = *Length;
        result = link_atr(reader->link, Value, &size);
        *Length = size;
        return result;
    case SCARD_ATTR_CHANNEL_ID: /* as if it were a USB device; a PIN pad does not say */
        if (reader->has_pin_pad)
            return IFD_ERROR_TAG;
        return give(&channel, sizeof channel, Value, Length);
    case TAG_IFD_SIMULTANEOUS_ACCESS:
        return give_byte(READERS_MAX, Value, Length);
    case TAG_IFD_THREAD_SAFE:
    case TAG_IFD_SLOTS_NUMBER:
        return give_byte(1, Value, Length);
    case TAG_IFD_SLOT_THREAD_SAFE:
    case TAG_IFD_POLLING_THREAD_KILLABLE:
        return give_byte(0, Value, Length);
    case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
        return give(&wait, sizeof wait, Value, Length);
    case TAG_IFD_STOP_POLLING_THREAD:
        return give(&stop, sizeof stop, Value, Length);
    default:
        return IFD_ERROR_TAG;
    }
}

RESPONSECODE IFDHSetCapabilities(DWORD Lun, DWORD Tag, DWORD Length, PUCHAR Value)
{
    (void)Lun;
    (void)Tag;
    (void)Length;
    (void)Value;
    return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR Flags, UCHAR PTS1,
                                       UCHAR PTS2, UCHAR PTS3)
{
    (void)Lun;
    (void)Flags;
    (void)PTS1;
    (void)PTS2;
    (void)PTS3;
    return Protocol == SCARD_PROTOCOL_T1 ? IFD_SUCCESS : IFD_PROTOCOL_NOT_SUPPORTED;
}

RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength)
{
    struct reader *reader = reader_of(Lun);
    size_t room = MAX_ATR_SIZE;
    RESPONSECODE result;

    *AtrLength = 0;
    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    if (Action == IFD_POWER_DOWN) {
        (void)link_power(reader->link, 0); /* a card that has just gone is without power, too */
        return IFD_SUCCESS;
    }
    if (Action != IFD_POWER_UP && Action != IFD_RESET)
        return IFD_NOT_SUPPORTED;
    result = link_power(reader->link, 1);
    if (result == IFD_SUCCESS)
        result = link_atr(reader->link, Atr, &room);
    if (result == IFD_SUCCESS)
        *AtrLength = room;
    return result == IFD_ICC_NOT_PRESENT ? IFD_ERROR_POWER_ACTION : result;
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength,
                               PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci)
{
    struct reader *reader = reader_of(Lun);
    size_t size = *RxLength;
    RESPONSECODE result;

    *RxLength = 0;
    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    result = link_exchange(reader->link, LINK_COMMAND, TxBuffer, TxLength, RxBuffer, &size);
    *RxLength = size;
    if (RecvPci)
        *RecvPci = SendPci;
    return result;
}

RESPONSECODE IFDHICCPresence(DWORD Lun)
{
    struct reader *reader = reader_of(Lun);

    return reader ? link_presence(reader->link) : IFD_NO_SUCH_DEVICE;
}

static RESPONSECODE list_features(const struct reader *reader, PUCHAR out, DWORD room, LPDWORD size)
{
    const PCSC_TLV_STRUCTURE features[] = {
        {FEATURE_GET_TLV_PROPERTIES, 4, htonl(CONTROL_TLV_PROPERTIES)},
        {FEATURE_VERIFY_PIN_DIRECT, 4, htonl(CONTROL_VERIFY_PIN)},
    };
    /* The structure is packed: tag, length, value. */
    size_t listed = reader->has_pin_pad ? sizeof features : sizeof features[0];

    if (room < listed)
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    memcpy(out, features, listed);
    *size = listed;
    return IFD_SUCCESS;
}

static RESPONSECODE list_properties(PUCHAR out, DWORD room, LPDWORD size)
{
    /* Tag, length, value (little-endian): the PIN sizes, and OK as the key that ends the entry. */
    static const uint8_t properties[] = {
        PCSCv2_PART10_PROPERTY_bEntryValidationCondition,
        1,
        0x02,
        PCSCv2_PART10_PROPERTY_bMinPINSize,
        1,
        PIN_SIZE_MIN,
        PCSCv2_PART10_PROPERTY_bMaxPINSize,
        1,
        PIN_SIZE_MAX,
    };

    if (room < sizeof properties)
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    memcpy(out, properties, sizeof properties);
    *size = sizeof properties;
    return IFD_SUCCESS;
}

static RESPONSECODE verify_pin(struct reader *reader, const uint8_t *request, size_t request_size,
                               PUCHAR out, DWORD room, LPDWORD size)
{
    const size_t header = offsetof(PIN_VERIFY_STRUCTURE, abData);
    uint32_t command_size;
    size_t response_size = room;
    RESPONSECODE result;

    if (!reader->has_pin_pad)
        return IFD_ERROR_NOT_SUPPORTED;
    if (request_size < header)
        return IFD_COMMUNICATION_ERROR;
    memcpy(&command_size, request + offsetof(PIN_VERIFY_STRUCTURE, ulDataLength),
           sizeof command_size);
    if (command_size != request_size - header)
        return IFD_COMMUNICATION_ERROR;
    result = link_exchange(reader->link, LINK_PIN_ENTRY, request + header, command_size, out,
                           &response_size);
    *size = response_size;
    return result;
}

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength,
                         PUCHAR RxBuffer, DWORD RxLength, LPDWORD pdwBytesReturned)
{
    struct reader *reader = reader_of(Lun);

    *pdwBytesReturned = 0;
    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    switch (dwControlCode) {
    case CM_IOCTL_GET_FEATURE_REQUEST:
        return list_features(reader, RxBuffer, RxLength, pdwBytesReturned);
    case CONTROL_TLV_PROPERTIES:
        return list_properties(RxBuffer, RxLength, pdwBytesReturned);
    case CONTROL_VERIFY_PIN:
        return verify_pin(reader, TxBuffer, TxLength, RxBuffer, RxLength, pdwBytesReturned);
    default:
        return IFD_ERROR_NOT_SUPPORTED;
    }
}
