/* SPDX-License-Identifier: MIT */
/*
 * The virtual security key without its plug: reports in, reports out, and a clock that the test
 * moves. libfido2's tools judge it in tests/integration/virtual-key.test.mjs; here is what they
 * never do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sandbox/key/hid.h"

#define REPORTS_MAX 256
#define BROADCAST 0xffffffff
#define CHANNEL 1 /* the first that is given */

static struct authenticator key;
static struct hid hid;
static uint64_t now;
static uint8_t reports[REPORTS_MAX][HID_REPORT_SIZE];
static size_t report_count, report_next;
static bool vanished;

static void keep_report(void *context, const uint8_t report[static HID_REPORT_SIZE])
{
    (void)context;
    assert_true(report_count < REPORTS_MAX);
    memcpy(reports[report_count++], report, HID_REPORT_SIZE);
}

static void keep_vanishing(void *context)
{
    (void)context;
    vanished = true;
}

static void power_up(void)
{
    authenticator_power_up(&key, now);
    hid_power_up(&hid);
    report_count = report_next = 0;
    vanished = false;
}

/* --- a client -------------------------------------------------------------------------------- */

struct message {
    uint32_t channel;
    uint8_t command;
    size_t size;
    uint8_t bytes[MESSAGE_MAX + HID_REPORT_SIZE];
};

static void put32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void send_report(uint32_t channel, const uint8_t *head, size_t head_size,
                        const uint8_t *bytes, size_t size)
{
    uint8_t report[HID_REPORT_SIZE] = {0};

    put32(report, channel);
    memcpy(report + 4, head, head_size);
    if (size > 0)
        memcpy(report + 4 + head_size, bytes, size);
    hid_take(&hid, now, report);
}

static void say(uint32_t channel, uint8_t command, const uint8_t *bytes, size_t size)
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

static void hear(struct message *message)
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

static bool heard_nothing(void)
{
    return report_next == report_count;
}

static void hear_byte(uint8_t command, uint8_t byte)
{
    static struct message message;

    hear(&message);
    assert_int_equal(message.command, command);
    assert_int_equal(message.size, 1);
    assert_int_equal(message.bytes[0], byte);
}

static uint32_t open_channel(void)
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

/* A CTAP command; its answer is canonical CBOR, or nothing but the status. */
static uint8_t ask(const struct cbor_writer *request, struct message *answer, struct cbor *map)
{
    say(CHANNEL, HID_CBOR, request->bytes, request->size);
    hear(answer);
    assert_int_equal(answer->command, HID_CBOR);
    assert_true(answer->size >= 1);
    *map = (struct cbor){0};
    if (answer->size > 1) {
        assert_int_equal(answer->bytes[0], CTAP_OK);
        assert_true(cbor_parse(answer->bytes + 1, answer->size - 1, map));
    }
    return answer->bytes[0];
}

static size_t from_hex(const char *hex, uint8_t *bytes, size_t room)
{
    size_t size = 0;

    for (; hex[0] && hex[1]; hex += 2) {
        char pair[3] = {hex[0], hex[1], '\0'};

        assert_true(size < room);
        bytes[size++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size;
}

/* --- CBOR ------------------------------------------------------------------------------------ */

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

/* --- CTAPHID --------------------------------------------------------------------------------- */

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
        report_count = report_next = 0;
        say(CHANNEL, HID_PING, bytes, sizes[i]);
        hear(&message);
        assert_int_equal(message.size, sizes[i]);
        assert_memory_equal(message.bytes, bytes, sizes[i]);
        assert_true(heard_nothing());
    }
    say(CHANNEL, HID_PING, bytes, 0);
    report_count = report_next = 0;
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
    assert_int_equal(hid_next(&hid), now + 500);
    now = hid_next(&hid);
    hid_turn(&hid, now);
    hear_byte(HID_ERROR, 0x05);
    assert_int_equal(hid_next(&hid), UINT64_MAX);
}

static void one_at_a_time(void **state)
{
    static struct message message;
    const uint8_t select = CTAP_SELECTION, byte = 0;
    uint32_t other;

    (void)state;
    key.settings.touch = TOUCH_COMMAND;
    open_channel();
    other = open_channel();
    say(CHANNEL, HID_CBOR, &select, 1);
    hid_turn(&hid, now);
    hear_byte(HID_KEEPALIVE, 2);
    assert_true(hid_blinks(&hid));
    say(other, HID_PING, &byte, 1);
    hear_byte(HID_ERROR, 0x06);
    assert_int_not_equal(open_channel(), other); /* which is allowed */
    say(other, HID_CANCEL, NULL, 0);             /* none of its business */
    assert_true(hid_blinks(&hid));
    for (int i = 0; i < 3; i++) {
        now += 100;
        hid_turn(&hid, now);
        hear_byte(HID_KEEPALIVE, 2);
    }
    say(CHANNEL, HID_CANCEL, NULL, 0);
    hear_byte(HID_CBOR, CTAP_KEEPALIVE_CANCEL);
    assert_false(hid_blinks(&hid));
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
    key.settings.touch = TOUCH_COMMAND;
    open_channel();
    assert_false(authenticator_touch(&key)); /* before it blinks: it is for the next */
    say(CHANNEL, HID_CBOR, &select, 1);
    hid_turn(&hid, now);
    hear_byte(HID_CBOR, CTAP_OK);
    say(CHANNEL, HID_CBOR, &select, 1);
    hid_turn(&hid, now);
    hear_byte(HID_KEEPALIVE, 2);
    assert_true(authenticator_touch(&key));
    hid_turn(&hid, now);
    hear_byte(HID_CBOR, CTAP_OK);

    key.settings.wait_ms = 50;
    say(CHANNEL, HID_CBOR, &select, 1);
    hid_turn(&hid, now);
    hear_byte(HID_KEEPALIVE, 2);
    assert_int_equal(hid_next(&hid), now + 50);
    now += 50;
    hid_turn(&hid, now);
    hear_byte(HID_CBOR, CTAP_USER_ACTION_TIMEOUT);

    key.settings.touch = TOUCH_AFTER;
    key.settings.touch_after_ms = 30;
    say(CHANNEL, HID_CBOR, &select, 1);
    hid_turn(&hid, now);
    hear_byte(HID_KEEPALIVE, 2);
    assert_int_equal(hid_next(&hid), now + 30);
    now += 30;
    hid_turn(&hid, now);
    hear_byte(HID_CBOR, CTAP_OK);
}

/* --- commands -------------------------------------------------------------------------------- */

static void put_make(struct cbor_writer *request, const char *rp, bool resident, size_t members)
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

static uint8_t make(const char *rp, bool resident)
{
    static struct message answer;
    uint8_t bytes[REQUEST_MAX];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    struct cbor map;

    put_make(&request, rp, resident, 0);
    return ask(&request, &answer, &map);
}

static uint8_t get(const char *rp, struct message *answer, struct cbor *map)
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
    return ask(&request, answer, map);
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
        static struct message answer;
        uint8_t bytes[64];
        struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
        struct cbor map;
        uint8_t status;

        request.size = from_hex(rows[i].hex, bytes, sizeof bytes);
        status = ask(&request, &answer, &map);
        if (status != rows[i].status)
            fail_msg("%s: %02x instead of %02x", rows[i].name, status, rows[i].status);
    }
}

static void residents_come_newest_first(void **state)
{
    static struct message answer;
    const uint8_t next = CTAP_GET_NEXT_ASSERTION;
    struct cbor_writer request = {.bytes = (uint8_t[]){next}, .size = 1};
    struct cbor map, item, count;
    int64_t total = 0;

    (void)state;
    open_channel();
    assert_int_equal(get("a.example", &answer, &map), CTAP_NO_CREDENTIALS);
    assert_int_equal(make("a.example", false), CTAP_OK);
    assert_int_equal(get("a.example", &answer, &map), CTAP_NO_CREDENTIALS);
    assert_int_equal(make("a.example", true), CTAP_OK);
    assert_int_equal(make("a.example", true), CTAP_OK); /* the same account: in its place */
    assert_int_equal(store_resident_count(&key.store), 1);
    key.store.credentials[1]->user_id[0] ^= 1;
    assert_int_equal(make("a.example", true), CTAP_OK);
    assert_int_equal(get("a.example", &answer, &map), CTAP_OK);
    assert_true(cbor_member(&map, 5, &count) && cbor_integer(&count, &total));
    assert_int_equal(total, 2);
    assert_true(cbor_member(&map, 4, &item));
    assert_false(cbor_text_member(&item, "name", &item)); /* nobody has said who they are */
    assert_int_equal(ask(&request, &answer, &map), CTAP_OK);
    assert_false(cbor_member(&map, 5, &count));
    assert_int_equal(ask(&request, &answer, &map), CTAP_NOT_ALLOWED);
    key.settings.resident_room = 2;
    assert_int_equal(make("b.example", true), CTAP_KEY_STORE_FULL);
}

static void reset_is_for_the_first_ten_seconds(void **state)
{
    static struct message answer;
    struct cbor_writer request = {.bytes = (uint8_t[]){CTAP_RESET}, .size = 1};
    struct cbor map;

    (void)state;
    open_channel();
    assert_int_equal(make("a.example", true), CTAP_OK);
    now += RESET_WITHIN_MS + 1;
    assert_int_equal(ask(&request, &answer, &map), CTAP_NOT_ALLOWED);
    assert_int_equal(key.store.count, 1);
    power_up();
    hid.last_channel = 0;
    open_channel();
    assert_int_equal(ask(&request, &answer, &map), CTAP_OK);
    assert_int_equal(key.store.count, 0);
}

/* --- PIN, as a platform speaks it ------------------------------------------------------------ */

struct platform {
    struct private_key *own;
    struct shared_secret secret;
};

static void begin_pin(struct cbor_writer *request, int protocol, int subcommand, size_t more)
{
    const uint8_t command = CTAP_CLIENT_PIN;

    request->size = 0;
    cbor_put_raw(request, &command, 1);
    cbor_put_map(request, 2 + more);
    cbor_put_integer(request, 1);
    cbor_put_integer(request, protocol);
    cbor_put_integer(request, 2);
    cbor_put_integer(request, subcommand);
}

static void agree(struct platform *platform, int protocol)
{
    static struct message answer;
    uint8_t bytes[REQUEST_MAX];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    struct cbor map, theirs;

    private_key_free(platform->own);
    platform->own = private_key_new(ALGORITHM_ES256);
    begin_pin(&request, protocol, 2, 0);
    assert_int_equal(ask(&request, &answer, &map), CTAP_OK);
    assert_true(cbor_member(&map, 1, &theirs));
    assert_true(shared_secret_agree(protocol, platform->own, &theirs, &platform->secret));
}

static void put_platform(const struct platform *platform, struct cbor_writer *request)
{
    cbor_put_integer(request, 3);
    private_key_put_cose(platform->own, ALGORITHM_ECDH, request);
}

static uint8_t set_pin(struct platform *platform, int protocol, const char *pin, bool honest)
{
    static struct message answer;
    uint8_t bytes[REQUEST_MAX], padded[64] = {0}, sealed[SHARED_CIPHERTEXT_MAX], mac[HASH_SIZE];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    struct cbor map;
    size_t size;

    agree(platform, protocol);
    memcpy(padded, pin, strlen(pin));
    size = shared_secret_encrypt(&platform->secret, padded, sizeof padded, sealed);
    hmac_sha256(platform->secret.hmac_key, 32, sealed, size, mac);
    mac[0] ^= honest ? 0 : 1;
    begin_pin(&request, protocol, 3, 3);
    put_platform(platform, &request);
    cbor_put_integer(&request, 4);
    cbor_put_bytes(&request, mac, protocol == 1 ? 16 : 32);
    cbor_put_integer(&request, 5);
    cbor_put_bytes(&request, sealed, size);
    return ask(&request, &answer, &map);
}

/* permissions 0: the older way. */
static uint8_t get_token(struct platform *platform, int protocol, const char *pin, int permissions,
                         uint8_t token[static 32])
{
    static struct message answer;
    uint8_t bytes[REQUEST_MAX], hash[HASH_SIZE], sealed[SHARED_CIPHERTEXT_MAX];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    const uint8_t *theirs;
    struct cbor map;
    size_t size;
    uint8_t status;

    agree(platform, protocol);
    sha256(pin, strlen(pin), hash);
    size = shared_secret_encrypt(&platform->secret, hash, PIN_HASH_SIZE, sealed);
    begin_pin(&request, protocol, permissions > 0 ? 9 : 5, permissions > 0 ? 4 : 2);
    put_platform(platform, &request);
    cbor_put_integer(&request, 6);
    cbor_put_bytes(&request, sealed, size);
    if (permissions > 0) {
        cbor_put_integer(&request, 9);
        cbor_put_integer(&request, permissions);
        cbor_put_integer(&request, 10);
        cbor_put_text(&request, "a.example");
    }
    status = ask(&request, &answer, &map);
    if (status == CTAP_OK) {
        assert_true(request_bytes(&map, 2, &theirs, &size));
        assert_int_equal(shared_secret_decrypt(&platform->secret, theirs, size, sealed), 32);
        memcpy(token, sealed, 32);
    }
    return status;
}

static uint8_t make_with(const uint8_t token[static 32], int protocol, const char *rp)
{
    static struct message answer;
    const uint8_t hash[HASH_SIZE] = {1};
    uint8_t bytes[REQUEST_MAX], mac[HASH_SIZE];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    struct cbor map;

    hmac_sha256(token, 32, hash, sizeof hash, mac);
    put_make(&request, rp, true, 2);
    cbor_put_integer(&request, 8);
    cbor_put_bytes(&request, mac, protocol == 1 ? 16 : 32);
    cbor_put_integer(&request, 9);
    cbor_put_integer(&request, protocol);
    return ask(&request, &answer, &map);
}

static void both_pin_protocols(void **state)
{
    struct platform platform = {0};
    uint8_t token[32] = {0};

    (void)state;
    open_channel();
    for (int protocol = 1; protocol <= PIN_PROTOCOLS; protocol++) {
        report_count = report_next = 0;
        store_reset(&key.store);
        assert_int_equal(get_token(&platform, protocol, "2580", 0, token), CTAP_PIN_NOT_SET);
        assert_int_equal(set_pin(&platform, protocol, "258", true), CTAP_PIN_POLICY_VIOLATION);
        assert_int_equal(set_pin(&platform, protocol, "2580", false), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(set_pin(&platform, protocol, "2580", true), CTAP_OK);
        assert_int_equal(set_pin(&platform, protocol, "0000", true), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(make("a.example", true), CTAP_PUAT_REQUIRED);
        assert_int_equal(make_with(token, protocol, "a.example"), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(get_token(&platform, protocol, "2580", 0, token), CTAP_OK);
        assert_int_equal(make_with(token, protocol, "a.example"), CTAP_OK);
        /* it is a.example's from then on */
        assert_int_equal(make_with(token, protocol, "b.example"), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(get_token(&platform, protocol, "2580", PERMISSION_GET, token), CTAP_OK);
        assert_int_equal(make_with(token, protocol, "a.example"), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(get_token(&platform, protocol, "2580", PERMISSION_ENROLL, token),
                         CTAP_UNAUTHORIZED_PERMISSION);
    }
    private_key_free(platform.own);
}

static void tries_are_lost_and_won_back(void **state)
{
    struct platform platform = {0};
    uint8_t token[32];

    (void)state;
    open_channel();
    assert_int_equal(set_pin(&platform, 2, "2580", true), CTAP_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++)
            assert_int_equal(get_token(&platform, 2, "0000", 0, token), CTAP_PIN_INVALID);
        assert_int_equal(get_token(&platform, 2, "0000", 0, token), CTAP_PIN_AUTH_BLOCKED);
        assert_int_equal(get_token(&platform, 2, "2580", 0, token), CTAP_PIN_AUTH_BLOCKED);
        assert_int_equal(key.store.pin_tries, PIN_TRIES_MAX - 3 * (round + 1));
        power_up();
        hid.last_channel = 0;
        open_channel();
    }
    assert_int_equal(get_token(&platform, 2, "0000", 0, token), CTAP_PIN_INVALID);
    assert_int_equal(get_token(&platform, 2, "0000", 0, token), CTAP_PIN_BLOCKED);
    assert_int_equal(get_token(&platform, 2, "2580", 0, token), CTAP_PIN_BLOCKED);
    power_up();
    hid.last_channel = 0;
    open_channel();
    assert_int_equal(get_token(&platform, 2, "2580", 0, token), CTAP_PIN_BLOCKED);
    private_key_free(platform.own);
}

/* --- what is kept ---------------------------------------------------------------------------- */

static void what_it_keeps_outlives_it(void **state)
{
    char path[] = "/tmp/lanyard-test-key-XXXXXX";
    struct store store, again;
    struct credential *credential = calloc(1, sizeof *credential);
    int fd = mkstemp(path);
    FILE *file;

    (void)state;
    assert_true(fd >= 0 && credential);
    close(fd);
    unlink(path);
    assert_true(store_open(&store, path));
    assert_int_equal(store.pin_tries, PIN_TRIES_MAX);
    credential->key = private_key_new(ALGORITHM_ES256);
    credential->id_size = 3;
    memcpy(credential->id, "one", 3);
    credential->counter = 41;
    credential->protection = 2;
    credential->resident = true;
    snprintf(credential->rp_id, sizeof credential->rp_id, "a.example");
    assert_true(store_add(&store, credential));
    store.pin_tries = 5;
    store.pin_set = true;
    store_save(&store);

    assert_true(store_open(&again, path));
    assert_int_equal(again.count, 1);
    assert_int_equal(again.pin_tries, 5);
    assert_true(again.pin_set && !again.pin_change_owed);
    credential = store_find(&again, (const uint8_t *)"one", 3);
    assert_non_null(credential);
    assert_int_equal(credential->counter, 41);
    assert_int_equal(credential->protection, 2);
    assert_true(credential->resident && !credential->u2f);
    assert_string_equal(credential->rp_id, "a.example");
    store_close(&store);
    store_close(&again);

    file = fopen(path, "w"); /* what is none of ours is not taken for an empty one */
    assert_non_null(file);
    fputs("something else", file);
    fclose(file);
    assert_false(store_open(&store, path));
    store_close(&store);
    unlink(path);
}

/* --- trouble --------------------------------------------------------------------------------- */

static void order(const char *words)
{
    char line[64];
    char *list[8], *rest;
    int count = 0;

    snprintf(line, sizeof line, "%s", words);
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        list[count++] = word;
    if (!fault_parse(list, count, &hid.fault))
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
    assert_int_equal(reports[report_next][5] << 8 | reports[report_next][6], 0xffff);
    report_count = report_next = 0;
    order("flood at 10");
    say(CHANNEL, HID_PING, &byte, 1); /* the ninth since it was plugged in */
    hear(&answer);
    say(CHANNEL, HID_PING, &byte, 1);
    for (int i = 0; i < 20; i++) {
        hid_turn(&hid, now);
        hear_byte(HID_KEEPALIVE, 1);
        now = hid_next(&hid);
    }
    hid_give_up(&hid);
    order("disconnect");
    say(CHANNEL, HID_PING, &byte, 1);
    assert_true(vanished);
    assert_int_equal(hid.fault.action, FAULT_NONE);
}

static void what_is_no_fault(void **state)
{
    static const char *const rows[] = {"",          "noise at", "noise at nowhere", "noise on make",
                                       "status",    "status 4", "status xx",        "hang",
                                       "stall at 0"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[64];
        char *words[8], *rest;
        int count = 0;
        struct fault fault;

        snprintf(line, sizeof line, "%s", rows[i]);
        for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
            words[count++] = word;
        if (fault_parse(words, count, &fault))
            fail_msg("taken for a fault: %s", rows[i]);
    }
}

/* --- */

static int set_up(void **state)
{
    (void)state;
    now = 1000;
    hid = (struct hid){.key = &key, .send = keep_report, .vanish = keep_vanishing};
    if (!authenticator_init(&key, NULL, NULL))
        return -1;
    power_up();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    authenticator_deinit(&key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_canonical_cbor_is_read),
        cmocka_unit_test_setup_teardown(messages_come_back_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_message_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_touch_serves_one_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(residents_come_newest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reset_is_for_the_first_ten_seconds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_pin_protocols, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tries_are_lost_and_won_back, set_up, tear_down),
        cmocka_unit_test(what_it_keeps_outlives_it),
        cmocka_unit_test_setup_teardown(trouble_as_ordered, set_up, tear_down),
        cmocka_unit_test(what_is_no_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
