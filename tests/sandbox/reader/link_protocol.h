/* SPDX-License-Identifier: MIT */
/*
 * What the virtual reader (a driver inside pcscd) and lanyard-virtual-card say to each other.
 *
 * lanyard-virtual-card listens on one Unix SOCK_SEQPACKET socket per reader; the driver connects
 * when pcscd opens the reader, and stays connected. So a card can lie in its reader before pcscd
 * has started, and still does when pcscd is restarted. End of file means the same as
 * LINK_UNPLUGGED.
 *
 * One packet is one message: a type byte, then the body. The card side speaks first, with the state
 * of the slot. At most one LINK_COMMAND or LINK_PIN_ENTRY is outstanding; a new state of the slot
 * in place of its LINK_RESPONSE means that it will never be answered.
 */
#ifndef LANYARD_SANDBOX_LINK_PROTOCOL_H
#define LANYARD_SANDBOX_LINK_PROTOCOL_H

/* Card side to reader: the state of the slot, and answers. */
#define LINK_UNPLUGGED 'X' /* the reader is gone, with whatever was in it; no body */
#define LINK_EMPTY 'E'     /* the slot holds no card; no body */
#define LINK_INSERTED 'I'  /* a card was put in, not yet powered; body: its ATR, 2 to 33 bytes */
#define LINK_RESPONSE 'R'  /* body: response APDU of at least 2 bytes */

/* Reader to card side. */
#define LINK_POWER_UP 'U'   /* power up or warm reset; no body, no answer */
#define LINK_POWER_DOWN 'D' /* no body, no answer */
#define LINK_COMMAND 'C'    /* body: command APDU */
#define LINK_PIN_ENTRY                                                                             \
    'V' /* ask for a PIN on the pad; body: VERIFY APDU with the PIN block unfilled */

/* An extended APDU is at most 65,545 bytes; no message of a PIV card comes near this. */
#define LINK_PACKET_MAX 16384

#define LINK_ATR_MIN 2
#define LINK_ATR_MAX 33 /* ISO/IEC 7816-3 */

#endif
