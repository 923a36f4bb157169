/* SPDX-License-Identifier: MIT */
/* What every FIDO device on USB says it is: reports of 64 bytes in and out, without numbers. */
#include "link.h"

const uint8_t link_descriptor[] = {
    0x06, 0xd0, 0xf1, /* usage page FIDO alliance */
    0x09, 0x01,       /* usage CTAPHID */
    0xa1, 0x01,       /* collection, application */
    0x09, 0x20,       /*   usage data in */
    0x15, 0x00,       /*   logical minimum 0 */
    0x26, 0xff, 0x00, /*   logical maximum 255 */
    0x75, 0x08,       /*   report size 8 */
    0x95, 0x40,       /*   report count 64 */
    0x81, 0x02,       /*   input: data, variable, absolute */
    0x09, 0x21,       /*   usage data out */
    0x15, 0x00,       /*   logical minimum 0 */
    0x26, 0xff, 0x00, /*   logical maximum 255 */
    0x75, 0x08,       /*   report size 8 */
    0x95, 0x40,       /*   report count 64 */
    0x91, 0x02,       /*   output: data, variable, absolute */
    0xc0,
};
const size_t link_descriptor_size = sizeof link_descriptor;
