/* SPDX-License-Identifier: MIT */
#include "test_virtual_key_rig.h"

#include <stdlib.h>
#include <string.h>

#define REPORTS_MAX 256
#define BROADCAST 0xffffffff

struct rig rig;

static uint8_t reports[REPORTS_MAX][HID_REPORT_SIZE];
static size_t report_count, report_next;

static void keep_report(void *context, const uint8_t report[static HID_REPORT_SIZE])
{
    (void)context;
    assert_true(report_count < REPORTS_MAX);
    memcpy(reports[report_count++], report, HID_REPORT_SIZE);
}

static void keep_vanishing(void *context)
{
    (void)context;
    rig.vanished = true;
}

void forget_reports(void)
{
    report_count = report_next = 0;
}

static void power_up(void)
{
    authenticator_power_up(&rig.key, rig.now);
    hid_power_up(&rig.hid);
    forget_reports();
    rig.vanished = false;
}

void pass(uint64_t milliseconds)
{
    rig.now += milliseconds;
    hid_turn(&rig.hid, rig.now);
}

/* --- a client -------------------------------------------------------------------------------- */

static void put32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

void send_report(uint32_t channel, const uint8_t *head, size_t head_size, const uint8_t *bytes,
                 size_t size)
{
    uint8_t report[HID_REPORT_SIZE] = {0};

    put32(report, channel);
    memcpy(report + 4, head, head_size);
    if (size > 0)
        memcpy(report + 4 + head_size, bytes, size);
    hid_take(&rig.hid, rig.now, report);
}

void say(uint32_t channel, uint8_t command, const uint8_t *bytes, size_t size)
{
    const uint8_t head[3] = {command | 0x80, (uint8_t)(size >> 8), (uint8_t)size};
    size_t used = size < 57 ? size : 57;

    send_report(channel, head, 3, bytes, used);
    for (uint8_t sequence = 0; used < size; sequence++) {
        size_t piece = size - used < 59 ? size - used : 59;

        send_report(channel, &sequence, 1, bytes + used, piece);
        used += piece;
    }
}

void hear(struct message *message)
{
    const uint8_t *report = reports[report_next];
    size_t used = 57;

    assert_true(report_next < report_count);
    report_next++;
    message->channel = (uint32_t)report[0] << 24 | (uint32_t)report[1] << 16 |
                       (uint32_t)report[2] << 8 | report[3];
    message->command = report[4] & 0x7f;
    message->size = (size_t)report[5] << 8 | report[6];
    memcpy(message->bytes, report + 7, 57);
    for (; used < message->size; used += 59) {
        assert_true(report_next < report_count);
        memcpy(message->bytes + used, reports[report_next++] + 5, 59);
    }
}

bool heard_nothing(void)
{
    return report_next == report_count;
}

void hear_byte(uint8_t command, uint8_t byte)
{
    static struct message message;

    hear(&message);
    assert_int_equal(message.command, command);
    assert_int_equal(message.size, 1);
    assert_int_equal(message.bytes[0], byte);
}

uint32_t open_channel(void)
{
    static struct message message;
    const uint8_t nonce[8] = "nonsense";

    say(BROADCAST, HID_INIT, nonce, sizeof nonce);
    hear(&message);
    assert_int_equal(message.command, HID_INIT);
    assert_int_equal(message.size, 17);
    assert_memory_equal(message.bytes, nonce, sizeof nonce);
    return (uint32_t)message.bytes[8] << 24 | (uint32_t)message.bytes[9] << 16 |
           (uint32_t)message.bytes[10] << 8 | message.bytes[11];
}

uint32_t plug_in_again(void)
{
    power_up();
    rig.hid.last_channel = 0;
    return open_channel();
}

uint16_t next_size(void)
{
    assert_true(report_next < report_count);
    return (uint16_t)(reports[report_next][5] << 8 | reports[report_next][6]);
}

uint8_t ask(const struct cbor_writer *request, struct cbor *map)
{
    static struct message answer; /* map is of its bytes */

    say(CHANNEL, HID_CBOR, request->bytes, request->size);
    hear(&answer);
    assert_int_equal(answer.command, HID_CBOR);
    assert_true(answer.size >= 1);
    *map = (struct cbor){0};
    if (answer.size > 1) {
        assert_int_equal(answer.bytes[0], CTAP_OK);
        assert_true(cbor_parse(answer.bytes + 1, answer.size - 1, map));
    }
    return answer.bytes[0];
}

size_t from_hex(const char *hex, uint8_t *bytes, size_t room)
{
    size_t size = 0;

    for (; hex[0] && hex[1]; hex += 2) {
        char pair[3] = {hex[0], hex[1], '\0'};

        assert_true(size < room);
        bytes[size++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size;
}

void put_make(struct cbor_writer *request, const char *rp, bool resident, size_t members)
{
    const uint8_t command = CTAP_MAKE_CREDENTIAL, hash[HASH_SIZE] = {1};

    cbor_put_raw(request, &command, 1);
    cbor_put_map(request, 4 + resident + members);
    cbor_put_integer(request, 1);
    cbor_put_bytes(request, hash, sizeof hash);
    cbor_put_integer(request, 2);
    cbor_put_map(request, 1);
    cbor_put_text(request, "id");
    cbor_put_text(request, rp);
    cbor_put_integer(request, 3);
    cbor_put_map(request, 2);
    cbor_put_text(request, "id");
    cbor_put_bytes(request, rp, strlen(rp));
    cbor_put_text(request, "name");
    cbor_put_text(request, "alice");
    cbor_put_integer(request, 4);
    cbor_put_array(request, 1);
    cbor_put_map(request, 2);
    cbor_put_text(request, "alg");
    cbor_put_integer(request, ALGORITHM_ES256);
    cbor_put_text(request, "type");
    cbor_put_text(request, "public-key");
    if (resident) {
        cbor_put_integer(request, 7);
        cbor_put_map(request, 1);
        cbor_put_text(request, "rk");
        cbor_put_bool(request, true);
    }
}

uint8_t make(const char *rp, bool resident)
{
    uint8_t bytes[REQUEST_MAX];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    struct cbor map;

    put_make(&request, rp, resident, 0);
    return ask(&request, &map);
}

/* --- life ------------------------------------------------------------------------------------ */

int rig_set_up(void **state)
{
    (void)state;
    rig.now = 1000;
    rig.hid = (struct hid){.key = &rig.key, .send = keep_report, .vanish = keep_vanishing};
    if (!authenticator_init(&rig.key, NULL, NULL))
        return -1;
    power_up();
    return 0;
}

int rig_tear_down(void **state)
{
    (void)state;
    authenticator_deinit(&rig.key);
    return 0;
}
