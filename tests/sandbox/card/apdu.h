/* SPDX-License-Identifier: MIT */
/* Command APDUs and status words (ISO/IEC 7816-4), short and extended length. */
#ifndef LANYARD_SANDBOX_APDU_H
#define LANYARD_SANDBOX_APDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APDU_CLA_CHAINED 0x10 /* more of the same command follows */

enum apdu_instruction {
    INS_VERIFY = 0x20,
    INS_CHANGE_REFERENCE_DATA = 0x24,
    INS_RESET_RETRY_COUNTER = 0x2c,
    INS_GENERAL_AUTHENTICATE = 0x87,
    INS_SELECT = 0xa4,
    INS_GET_RESPONSE = 0xc0,
    INS_GET_DATA = 0xcb,
};

enum apdu_status {
    SW_OK = 0x9000,
    SW_MORE = 0x6100, /* + how many bytes are waiting, 0 for 256 or more */
    SW_PAD_TIMEOUT = 0x6400,
    SW_PAD_CANCELLED = 0x6401,
    SW_WRONG = 0x63c0, /* + tries left */
    SW_WRONG_LENGTH = 0x6700,
    SW_CHAINING_EXPECTED = 0x6883,
    SW_NOT_AUTHORISED = 0x6982,
    SW_BLOCKED = 0x6983,
    SW_WRONG_DATA = 0x6a80,
    SW_NOT_FOUND = 0x6a82,
    SW_WRONG_PARAMETERS = 0x6a86,
    SW_NO_SUCH_REFERENCE = 0x6a88,
    SW_WRONG_INSTRUCTION = 0x6d00,
    SW_WRONG_CLASS = 0x6e00,
    SW_FAILURE = 0x6f00,
};

struct apdu {
    uint8_t cla, ins, p1, p2;
    const uint8_t *data; /* borrowed from the bytes parsed */
    size_t data_size;
    size_t expected; /* Le: the most that may come back; 0 when absent */
};

/* False unless the bytes are exactly one command. */
bool apdu_parse(const uint8_t *bytes, size_t size, struct apdu *apdu);

#endif
