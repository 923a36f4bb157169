/* SPDX-License-Identifier: MIT */
/* Trouble that the virtual security key makes when it is told to. */
#include "test_virtual_key_rig.h"

#include <stdio.h>
#include <string.h>

static bool parse(const char *words, struct fault *fault)
{
    char line[64];
    char *list[8], *rest;
    int count = 0;

    snprintf(line, sizeof line, "%s", words);
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        list[count++] = word;
    return fault_parse(list, count, fault);
}

static void order(const char *words)
{
    if (!parse(words, &rig.hid.fault))
        fail_msg("no such fault: %s", words);
}

static void trouble_as_ordered(void **state)
{
    static struct message answer;
    const uint8_t info = CTAP_GET_INFO, byte = 0;
    struct cbor map;

    (void)state;
    open_channel();
    order("stall at info");
    say(CHANNEL, HID_CBOR, &info, 1);
    assert_true(heard_nothing());
    say(CHANNEL, HID_PING, &byte, 1); /* which it was not ordered for */
    hear(&answer);
    assert_int_equal(answer.command, HID_PING);
    order("busy at ping");
    say(CHANNEL, HID_PING, &byte, 1);
    hear_byte(HID_ERROR, 0x06);
    order("status 33 at cbor");
    say(CHANNEL, HID_CBOR, &info, 1);
    hear_byte(HID_CBOR, 0x33);
    order("non-canonical");
    say(CHANNEL, HID_CBOR, &info, 1);
    hear(&answer);
    assert_int_equal(answer.bytes[0], CTAP_OK);
    assert_false(cbor_parse(answer.bytes + 1, answer.size - 1, &map));
    order("wrong-channel");
    say(CHANNEL, HID_CBOR, &info, 1);
    hear(&answer);
    assert_int_not_equal(answer.channel, CHANNEL);
    order("huge");
    say(CHANNEL, HID_CBOR, &info, 1);
    assert_int_equal(next_size(), 0xffff);
    forget_reports();
    order("flood at 10");
    say(CHANNEL, HID_PING, &byte, 1); /* the ninth since it was plugged in */
    hear(&answer);
    say(CHANNEL, HID_PING, &byte, 1);
    for (int i = 0; i < 20; i++) {
        pass(0);
        hear_byte(HID_KEEPALIVE, 1);
        rig.now = hid_next(&rig.hid);
    }
    hid_give_up(&rig.hid);
    order("disconnect");
    say(CHANNEL, HID_PING, &byte, 1);
    assert_true(rig.vanished);
    assert_int_equal(rig.hid.fault.action, FAULT_NONE);
}

static void what_is_no_fault(void **state)
{
    static const char *const rows[] = {"",          "noise at", "noise at nowhere", "noise on make",
                                       "status",    "status 4", "status xx",        "hang",
                                       "stall at 0"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fault fault;

        if (parse(rows[i], &fault))
            fail_msg("taken for a fault: %s", rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(trouble_as_ordered),
        cmocka_unit_test(what_is_no_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
