/* SPDX-License-Identifier: MIT */
/* CTAPHID as the virtual security key speaks it: messages, channels, cancelling, and touches. */
#include "test_virtual_key_rig.h"

static void messages_come_back_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 57, 58, 116, 117, 1000, MESSAGE_MAX};
    static struct message message;
    static uint8_t bytes[MESSAGE_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    assert_int_equal(open_channel(), CHANNEL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        forget_reports();
        say(CHANNEL, HID_PING, bytes, sizes[i]);
        hear(&message);
        assert_int_equal(message.size, sizes[i]);
        assert_memory_equal(message.bytes, bytes, sizes[i]);
        assert_true(heard_nothing());
    }
    say(CHANNEL, HID_PING, bytes, 0);
    forget_reports();
    say(CHANNEL, HID_PING, bytes, sizeof bytes);
    hear_byte(HID_ERROR, 0x03);
}

static void what_is_no_message_is_told(void **state)
{
    const uint8_t byte = 0, wrong = 5, head[3] = {HID_PING | 0x80, 0, 100};
    uint8_t many[100] = {0};

    (void)state;
    open_channel();
    say(99, HID_PING, &byte, 1);
    hear_byte(HID_ERROR, 0x0b);
    say(0, HID_PING, &byte, 1);
    hear_byte(HID_ERROR, 0x0b);
    say(CHANNEL, 0x33, &byte, 1);
    hear_byte(HID_ERROR, 0x01);
    say(CHANNEL, HID_INIT, many, 7);
    hear_byte(HID_ERROR, 0x03);
    say(CHANNEL, HID_CBOR, many, 0);
    hear_byte(HID_ERROR, 0x03);

    send_report(CHANNEL, &byte, 1, many, 59); /* a stray piece */
    assert_true(heard_nothing());
    send_report(CHANNEL, head, 3, many, 57); /* a piece with a wrong number */
    send_report(CHANNEL, &wrong, 1, many, 43);
    hear_byte(HID_ERROR, 0x04);
    send_report(CHANNEL, head, 3, many, 57); /* a new message in the middle of one */
    say(CHANNEL, HID_PING, &byte, 1);
    hear_byte(HID_ERROR, 0x04);
    send_report(CHANNEL, head, 3, many, 57); /* one that is never finished */
    assert_int_equal(hid_next(&rig.hid), rig.now + 500);
    pass(500);
    hear_byte(HID_ERROR, 0x05);
    assert_int_equal(hid_next(&rig.hid), UINT64_MAX);
}

static void one_at_a_time(void **state)
{
    static struct message message;
    const uint8_t select = CTAP_SELECTION, byte = 0;
    uint32_t other;

    (void)state;
    rig.key.settings.touch = TOUCH_COMMAND;
    open_channel();
    other = open_channel();
    say(CHANNEL, HID_CBOR, &select, 1);
    pass(0);
    hear_byte(HID_KEEPALIVE, 2);
    assert_true(hid_blinks(&rig.hid));
    say(other, HID_PING, &byte, 1);
    hear_byte(HID_ERROR, 0x06);
    assert_int_not_equal(open_channel(), other); /* which is allowed */
    say(other, HID_CANCEL, NULL, 0);             /* none of its business */
    assert_true(hid_blinks(&rig.hid));
    for (int i = 0; i < 3; i++) {
        pass(100);
        hear_byte(HID_KEEPALIVE, 2);
    }
    say(CHANNEL, HID_CANCEL, NULL, 0);
    hear_byte(HID_CBOR, CTAP_KEEPALIVE_CANCEL);
    assert_false(hid_blinks(&rig.hid));
    say(CHANNEL, HID_CANCEL, NULL, 0); /* nothing to cancel, nothing to say */
    assert_true(heard_nothing());
    say(other, HID_PING, &byte, 1);
    hear(&message);
    assert_int_equal(message.command, HID_PING);
}

static void a_touch_serves_one_request(void **state)
{
    const uint8_t select = CTAP_SELECTION;

    (void)state;
    rig.key.settings.touch = TOUCH_COMMAND;
    open_channel();
    assert_false(authenticator_touch(&rig.key)); /* before it blinks: it is for the next */
    say(CHANNEL, HID_CBOR, &select, 1);
    pass(0);
    hear_byte(HID_CBOR, CTAP_OK);
    say(CHANNEL, HID_CBOR, &select, 1);
    pass(0);
    hear_byte(HID_KEEPALIVE, 2);
    assert_true(authenticator_touch(&rig.key));
    pass(0);
    hear_byte(HID_CBOR, CTAP_OK);

    rig.key.settings.wait_ms = 50;
    say(CHANNEL, HID_CBOR, &select, 1);
    pass(0);
    hear_byte(HID_KEEPALIVE, 2);
    assert_int_equal(hid_next(&rig.hid), rig.now + 50);
    pass(50);
    hear_byte(HID_CBOR, CTAP_USER_ACTION_TIMEOUT);

    rig.key.settings.touch = TOUCH_AFTER;
    rig.key.settings.touch_after_ms = 30;
    say(CHANNEL, HID_CBOR, &select, 1);
    pass(0);
    hear_byte(HID_KEEPALIVE, 2);
    assert_int_equal(hid_next(&rig.hid), rig.now + 30);
    pass(30);
    hear_byte(HID_CBOR, CTAP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_come_back_whole),
        TEST(what_is_no_message_is_told),
        TEST(one_at_a_time),
        TEST(a_touch_serves_one_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
