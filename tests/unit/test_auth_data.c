/* SPDX-License-Identifier: MIT */
/* What is read of a key's own CBOR: authenticator data, whole and with all that can be wrong with
 * it. */
#include "ipc/auth_data.h"
#include "ipc/base/cleanup.h"
#include "ipc/cbor.h"
#include "test_auth_data_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A row's bytes and how many they are. A letter behind \x.. is none from a to f. */
#define BYTES(text) text, sizeof(text) - 1

/* ---- CBOR ---- */

static void heads_are_as_short_as_can_be(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *bytes;
        size_t len;
    } heads[] = {
        {0, BYTES("\x40")},
        {23, BYTES("\x57")},
        {24, BYTES("\x58\x18")},
        {255, BYTES("\x58\xff")},
        {256, BYTES("\x59\x01\x00")},
        {65535, BYTES("\x59\xff\xff")},
        {65536, BYTES("\x5a\x00\x01\x00\x00")},
        {UINT32_MAX, BYTES("\x5a\xff\xff\xff\xff")},
        {UINT32_MAX + 1ULL, BYTES("\x5b\x00\x00\x00\x01\x00\x00\x00\x00")},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        CLEANUP(bytes_deinit) struct bytes out = {0};
        enum cbor_major major;
        cbor_write_head(&out, CBOR_BYTES, heads[i].value);
        assert_int_equal(out.len, heads[i].len);
        assert_memory_equal(out.data, heads[i].bytes, out.len);
        struct reader r = READER(out.data, out.len);
        assert_int_equal(cbor_read_head(&r, &major), heads[i].value);
        assert_int_equal(major, CBOR_BYTES);
        assert_true(reader_done(&r));
    }
}

static void items_are_gone_past_whole(void **state)
{
    (void)state;
    static const struct {
        bool taken;
        const char *bytes;
        size_t len;
    } items[] = {
        {true, BYTES("\x00")},
        {true, BYTES("\x38\x63")},
        {true, BYTES("\x43xyz")},
        {true, BYTES("\x63xyz")},
        {true, BYTES("\x80")},
        {true, BYTES("\x83\x01\x02\x03")},
        {true, BYTES("\xa1\x61x\x81\x40")},
        {true, BYTES("\xf5")},
        {true, BYTES("\xf8\x20")},
        {true, BYTES("\xf9\x00\x00")},
        {false, BYTES("\xc1\x00")}, /* a tag */
        {true, BYTES("\x81\x81\x81\x81\x00")},
        {false, BYTES("")},
        {false, BYTES("\x18\x17")}, /* not its shortest form */
        {false, BYTES("\x19\x00\xff")},
        {false, BYTES("\x1a\x00\x00\xff\xff")},
        {false, BYTES("\x1b\x00\x00\x00\x00\xff\xff\xff\xff")},
        {false, BYTES("\xf8\x1f")},
        {false, BYTES("\x18")},
        {false, BYTES("\x43xy")},
        {false, BYTES("\x5b\xff\xff\xff\xff\xff\xff\xff\xff")},
        {false, BYTES("\x9b\xff\xff\xff\xff\xff\xff\xff\xff")},
        {false, BYTES("\xbb\xff\xff\xff\xff\xff\xff\xff\xff")},
        {false, BYTES("\xbb\x80\x00\x00\x00\x00\x00\x00\x00")},
        {false, BYTES("\x82\x00")},
        {false, BYTES("\xa1\x00")},
        {false, BYTES("\x5f\x41x\xff")}, /* no definite length */
        {false, BYTES("\x9f\xff")},
        {false, BYTES("\xff")},
        {false, BYTES("\x1c")},
        {false, BYTES("\x81\x81\x81\x81\x81\x00")}, /* too deep */
        {false, BYTES("\xc1\xc1\xc1\xc1\xc1\x00")},
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        struct reader r = READER((const uint8_t *)items[i].bytes, items[i].len);
        cbor_skip(&r);
        if (reader_done(&r) != items[i].taken)
            fail_msg("item %zu", i);
    }
}

static void integers_are_of_either_sign(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int64_t value;
    } numbers[] = {{BYTES("\x00"), 0},
                   {BYTES("\x26"), -7},
                   {BYTES("\x39\x01\x00"), -257},
                   {BYTES("\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MAX},
                   {BYTES("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MIN}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct reader r = READER((const uint8_t *)numbers[i].bytes, numbers[i].len);
        assert_true(cbor_read_int(&r) == numbers[i].value);
        assert_true(reader_done(&r));
    }
    struct reader large = READER((const uint8_t *)"\x1b\x80\x00\x00\x00\x00\x00\x00\x00", 9);
    cbor_read_int(&large);
    assert_true(large.failed);
    struct reader text = READER((const uint8_t *)"\x60", 1);
    cbor_read_int(&text);
    assert_true(text.failed);
}

/* ---- authenticator data ---- */

static int parse(const struct bytes *raw, struct auth_data *out)
{
    return auth_data_parse(raw->data, raw->len, out);
}

/* With a credential, whose public key is one pair, and an extension. */
static void make_whole(struct bytes *out)
{
    auth_data_begin(out, AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL | AUTH_DATA_EXTENSIONS);
    auth_data_add_credential(out, 16);
    bytes_append(out, BYTES("\xa1\x01\x02\xa1\x61x\xf5"));
}

static void auth_data_is_taken_apart(void **state)
{
    (void)state;
    struct auth_data data;
    CLEANUP(bytes_deinit) struct bytes raw = {0};
    auth_data_begin(&raw, AUTH_DATA_PRESENT | AUTH_DATA_VERIFIED);
    assert_int_equal(parse(&raw, &data), 0);
    assert_int_equal(data.rp_id_hash[0], 1);
    assert_int_equal(data.flags, 5);
    assert_int_equal(data.counter, 258);
    make_whole(&raw);
    assert_int_equal(parse(&raw, &data), 0);
    assert_int_equal(data.credential_id_len, 16);
    assert_int_equal(data.credential_id[0], 7);
    assert_int_equal(data.public_key_len, 3);
}

static void auth_data_ends_where_it_ends(void **state)
{
    (void)state;
    struct auth_data data;
    CLEANUP(bytes_deinit) struct bytes raw = {0};
    make_whole(&raw);
    for (size_t len = 0; len < raw.len; len++)
        assert_int_equal(auth_data_parse(raw.data, len, &data), -EPROTO);
    bytes_append(&raw, "", 1);
    assert_int_equal(parse(&raw, &data), -EPROTO);
}

static void auth_data_that_lies_is_refused(void **state)
{
    (void)state;
    struct auth_data data;
    CLEANUP(bytes_deinit) struct bytes raw = {0};
    auth_data_begin(&raw, AUTH_DATA_PRESENT | AUTH_DATA_EXTENSIONS);
    bytes_append(&raw, "\x80", 1); /* no map */
    assert_int_equal(parse(&raw, &data), -EPROTO);
    for (size_t len = 1022; len <= 1024; len++) {
        auth_data_begin(&raw, AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
        auth_data_add_credential(&raw, len);
        bytes_append(&raw, "\xa0", 1);
        assert_int_equal(parse(&raw, &data), len <= 1023 ? 0 : -EPROTO);
    }
    auth_data_begin(&raw, AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
    auth_data_add_credential(&raw, 0);
    bytes_append(&raw, "\xa0", 1);
    assert_int_equal(parse(&raw, &data), -EPROTO);
}

#define HEAD "0123456789abcdef0123456789abcdef"
#define COUNTER "\0\0\0\7"
#define ATTESTED "0123456789abcdef\0\3idx\xa1\1\x41z"

static int parse_text(const char *data, size_t len, struct auth_data *out)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    int r = auth_data_parse(copy, len, out);
    free(copy); /* what it borrowed is only compared with NULL below */
    return r;
}

#define PARSE(text, out) parse_text(text, sizeof(text) - 1, out)

static void plain_data_is_37_bytes(void **state)
{
    (void)state;
    struct auth_data data;
    assert_int_equal(PARSE(HEAD "\1" COUNTER, &data), 0);
    assert_int_equal(data.flags, AUTH_DATA_PRESENT);
    assert_null(data.credential_id);
    for (size_t len = 0; len < 37; len++)
        assert_int_equal(parse_text(HEAD "\1" COUNTER, len, &data), -EPROTO);
    assert_int_equal(PARSE(HEAD "\1" COUNTER "x", &data), -EPROTO);
}

static void attested_data_has_an_id_and_a_key(void **state)
{
    (void)state;
    static const char whole[] = HEAD "\x41" COUNTER ATTESTED;
    struct auth_data data;
    assert_int_equal(PARSE(HEAD "\x41" COUNTER ATTESTED, &data), 0);
    assert_int_equal(data.credential_id_len, 3);
    assert_int_equal(data.public_key_len, 4);
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_int_equal(parse_text(whole, len, &data), -EPROTO);
}

static void extensions_are_found_behind_it(void **state)
{
    (void)state;
    struct auth_data data;
    assert_int_equal(PARSE(HEAD "\xc1" COUNTER ATTESTED "\xa3\x6b"
                                "credProtect\3\x6bhmac-secret\xf5\x6cminPinLength\6",
                           &data),
                     0);
    assert_true(data.hmac_secret);
    assert_int_equal(data.protection, 3);
    assert_true(data.min_pin);
    assert_int_equal(data.min_pin_length, 6);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xa1\x6bhmac-secret\xf4", &data), 0);
    assert_false(data.hmac_secret);
}

static void what_is_not_canonical_is_refused(void **state)
{
    (void)state;
    struct auth_data data;
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xb8\1\x6bhmac-secret\xf5", &data), -EPROTO);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xbf\x6bhmac-secret\xf5\xff", &data), -EPROTO);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xa1\x18\x14", &data), -EPROTO);
    assert_int_equal(
        PARSE(HEAD "\x81" COUNTER "\xa1\x61x\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", &data), -EPROTO);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xa1\x61x\x81\x81\x81\x81\x81\x80", &data),
                     -EPROTO);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xa1\x61x\xc0\1", &data), -EPROTO);
}

static void the_wrapping_is_a_whole_byte_string(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len, inside;
        bool taken;
    } rows[] = {
        {BYTES("\x43xyz"), 3, true},  {BYTES("\x58\x03xyz"), 0, false}, /* not the shortest form */
        {BYTES("\x43xy"), 0, false},  {BYTES("\x43wxyz"), 0, false},
        {BYTES("\x63xyz"), 0, false}, {BYTES("\x5f"), 0, false},
        {BYTES(""), 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = 0;
        const uint8_t *inside = auth_data_unwrap((const uint8_t *)rows[i].data, rows[i].len, &len);
        assert_int_equal(inside != NULL, rows[i].taken);
        assert_int_equal(len, rows[i].inside);
    }
    size_t len;
    assert_null(auth_data_unwrap(NULL, 0, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_as_short_as_can_be),
        cmocka_unit_test(items_are_gone_past_whole),
        cmocka_unit_test(integers_are_of_either_sign),
        cmocka_unit_test(auth_data_is_taken_apart),
        cmocka_unit_test(auth_data_ends_where_it_ends),
        cmocka_unit_test(auth_data_that_lies_is_refused),
        cmocka_unit_test(plain_data_is_37_bytes),
        cmocka_unit_test(attested_data_has_an_id_and_a_key),
        cmocka_unit_test(extensions_are_found_behind_it),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(the_wrapping_is_a_whole_byte_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
