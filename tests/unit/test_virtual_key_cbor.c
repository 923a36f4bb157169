/* SPDX-License-Identifier: MIT */
/* The CBOR that the virtual security key takes: CTAP's canonical form, and nothing else. */
#include "test_virtual_key_rig.h"

static void only_canonical_cbor_is_read(void **state)
{
    static const struct {
        const char *hex;
        bool good;
    } rows[] = {
        {"00", true},
        {"17", true},
        {"1818", true},
        {"1817", false}, /* longer than it need be */
        {"190100", true},
        {"1900ff", false},
        {"1a00010000", true},
        {"1a0000ffff", false},
        {"1b0000000100000000", true},
        {"1b00000000ffffffff", false},
        {"3863", true},
        {"f4", true},
        {"f6", false},         /* null */
        {"fa3f800000", false}, /* a float */
        {"c000", false},       /* a tag */
        {"5f4100ff", false},   /* indefinite */
        {"9fff", false},
        {"bfff", false},
        {"4101", true},
        {"4201", false}, /* cut */
        {"6161", true},
        {"820102", true},
        {"8201", false},
        {"a201020304", true},
        {"a203040102", false}, /* keys out of order */
        {"a201020102", false}, /* twice */
        {"a22001f401", true},
        {"a2616101626161f5", true},
        {"a262616101616102", false},
        {"a1015affffffff", false},
        {"9bffffffffffffffff", false},
        {"bbffffffffffffffff", false},
        {"8181818100", true},
        {"818181818100", false}, /* too deep */
        {"0000", false},         /* trailing */
        {"", false},
        {"1c", false},
        {"ff", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[32];
        struct cbor item;
        size_t size = from_hex(rows[i].hex, bytes, sizeof bytes);

        if (cbor_parse(bytes, size, &item) != rows[i].good)
            fail_msg("%s is %s", rows[i].hex, rows[i].good ? "refused" : "taken");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_canonical_cbor_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
