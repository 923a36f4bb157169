/* SPDX-License-Identifier: MIT */
/* The commands of CTAP: what is refused, in which order credentials come, and resets. */
#include "test_virtual_key_rig.h"

static uint8_t get(const char *rp, struct cbor *map)
{
    const uint8_t command = CTAP_GET_ASSERTION, hash[HASH_SIZE] = {2};
    uint8_t bytes[REQUEST_MAX];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};

    cbor_put_raw(&request, &command, 1);
    cbor_put_map(&request, 2);
    cbor_put_integer(&request, 1);
    cbor_put_text(&request, rp);
    cbor_put_integer(&request, 2);
    cbor_put_bytes(&request, hash, sizeof hash);
    return ask(&request, map);
}

static void refusals(void **state)
{
    static const struct {
        const char *name, *hex;
        uint8_t status;
    } rows[] = {
        {"no such command", "3f", CTAP_INVALID_COMMAND},
        {"a command with what it does not take", "04a0", CTAP_INVALID_COMMAND},
        {"no CBOR", "01ff", CTAP_INVALID_CBOR},
        {"not canonical", "01b800", CTAP_INVALID_CBOR},
        {"no map", "0180", CTAP_UNEXPECTED_TYPE},
        {"nothing to make", "01a0", CTAP_MISSING_PARAMETER},
        {"nothing to get", "02a0", CTAP_MISSING_PARAMETER},
        {"no subcommand", "06a0", CTAP_MISSING_PARAMETER},
        {"no such subcommand", "06a201010218ff", CTAP_INVALID_SUBCOMMAND},
        {"no such PIN protocol", "06a201030202", CTAP_INVALID_PARAMETER},
        {"a PIN from nobody", "06a201010203", CTAP_MISSING_PARAMETER},
        {"nothing to go on with", "08", CTAP_NOT_ALLOWED},
        {"management without a token", "0aa10101", CTAP_PUAT_REQUIRED},
        {"nothing to go on with there", "0aa10103", CTAP_NOT_ALLOWED},
        {"no such management", "0aa1010f", CTAP_INVALID_SUBCOMMAND},
        {"blobs neither read nor written", "0ca10300", CTAP_INVALID_PARAMETER},
        {"too much at once", "0ca20119ffff0300", CTAP_INVALID_LENGTH},
        {"from beyond the end", "0ca20101031864", CTAP_INVALID_PARAMETER},
        {"in the middle of nothing", "0ca2024100030a", CTAP_INVALID_SEQ},
        {"too many blobs", "0ca302410003000419ffff", CTAP_LARGE_BLOB_STORAGE_FULL},
        {"no configuration", "0da0", CTAP_MISSING_PARAMETER},
        {"no such configuration", "0da1010f", CTAP_INVALID_SUBCOMMAND},
        {"a PIN that may be shorter", "0da2010302a10101", CTAP_PIN_POLICY_VIOLATION},
    };

    (void)state;
    open_channel();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[64];
        struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
        struct cbor map;
        uint8_t status;

        request.size = from_hex(rows[i].hex, bytes, sizeof bytes);
        status = ask(&request, &map);
        if (status != rows[i].status)
            fail_msg("%s: %02x instead of %02x", rows[i].name, status, rows[i].status);
    }
}

static void residents_come_newest_first(void **state)
{
    const uint8_t next = CTAP_GET_NEXT_ASSERTION;
    struct cbor_writer request = {.bytes = (uint8_t[]){next}, .size = 1};
    struct cbor map, item, count;
    int64_t total = 0;

    (void)state;
    open_channel();
    assert_int_equal(get("a.example", &map), CTAP_NO_CREDENTIALS);
    assert_int_equal(make("a.example", false), CTAP_OK);
    assert_int_equal(get("a.example", &map), CTAP_NO_CREDENTIALS);
    assert_int_equal(make("a.example", true), CTAP_OK);
    assert_int_equal(make("a.example", true), CTAP_OK); /* the same account: in its place */
    assert_int_equal(store_resident_count(&rig.key.store), 1);
    rig.key.store.credentials[1]->user_id[0] ^= 1;
    assert_int_equal(make("a.example", true), CTAP_OK);
    assert_int_equal(get("a.example", &map), CTAP_OK);
    assert_true(cbor_member(&map, 5, &count) && cbor_integer(&count, &total));
    assert_int_equal(total, 2);
    assert_true(cbor_member(&map, 4, &item));
    assert_false(cbor_text_member(&item, "name", &item)); /* nobody has said who they are */
    assert_int_equal(ask(&request, &map), CTAP_OK);
    assert_false(cbor_member(&map, 5, &count));
    assert_int_equal(ask(&request, &map), CTAP_NOT_ALLOWED);
    rig.key.settings.resident_room = 2;
    assert_int_equal(make("b.example", true), CTAP_KEY_STORE_FULL);
}

static void reset_is_for_the_first_ten_seconds(void **state)
{
    struct cbor_writer request = {.bytes = (uint8_t[]){CTAP_RESET}, .size = 1};
    struct cbor map;

    (void)state;
    open_channel();
    assert_int_equal(make("a.example", true), CTAP_OK);
    rig.now += RESET_WITHIN_MS + 1;
    assert_int_equal(ask(&request, &map), CTAP_NOT_ALLOWED);
    assert_int_equal(rig.key.store.count, 1);
    plug_in_again();
    assert_int_equal(ask(&request, &map), CTAP_OK);
    assert_int_equal(rig.key.store.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refusals),
        TEST(residents_come_newest_first),
        TEST(reset_is_for_the_first_ten_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
