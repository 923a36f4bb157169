/* SPDX-License-Identifier: MIT */
/*
 * The four cases of ISO/IEC 7816-4 in both lengths. After the header of four bytes comes:
 *
 *     nothing | Le | Lc data | Lc data Le            short: Lc and Le are one byte
 *     00 Le | 00 Lc data | 00 Lc data Le             extended: Lc and Le are two bytes
 *
 * A byte too many or too few is not a command: the real cards say 6700, and so does piv.c.
 */
#include "apdu.h"

#define HEADER_SIZE 4

static size_t big_endian_16(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 8 | bytes[1];
}

static bool parse_short(const uint8_t *rest, size_t size, struct apdu *apdu)
{
    if (size == 1) {
        apdu->expected = rest[0] ? rest[0] : 256;
        return true;
    }
    apdu->data = rest + 1;
    apdu->data_size = rest[0];
    if (apdu->data_size == 0)
        return false;
    if (size == 1 + apdu->data_size)
        return true;
    if (size != 2 + apdu->data_size)
        return false;
    apdu->expected = rest[size - 1] ? rest[size - 1] : 256;
    return true;
}

static bool parse_extended(const uint8_t *rest, size_t size, struct apdu *apdu)
{
    size_t length = big_endian_16(rest + 1);

    if (size == 3) {
        apdu->expected = length ? length : 65536;
        return true;
    }
    apdu->data = rest + 3;
    apdu->data_size = length;
    if (length == 0)
        return false;
    if (size == 3 + length)
        return true;
    if (size != 5 + length)
        return false;
    length = big_endian_16(rest + size - 2);
    apdu->expected = length ? length : 65536;
    return true;
}

bool apdu_parse(const uint8_t *bytes, size_t size, struct apdu *apdu)
{
    if (size < HEADER_SIZE)
        return false;
    *apdu = (struct apdu){.cla = bytes[0], .ins = bytes[1], .p1 = bytes[2], .p2 = bytes[3]};
    bytes += HEADER_SIZE;
    size -= HEADER_SIZE;
    if (size == 0)
        return true;
    if (bytes[0] == 0 && size >= 3)
        return parse_extended(bytes, size, apdu);
    return parse_short(bytes, size, apdu);
}
