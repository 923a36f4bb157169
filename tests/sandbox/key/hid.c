/* SPDX-License-Identifier: MIT */
/*
 * One message at a time, as keys do it: while one is being received or its answer is waited for,
 * other channels hear "busy", and only INIT and the channel's own CANCEL are listened to. A client
 * that goes away without cancelling leaves the key blinking, as it would a real one.
 */
#include "hid.h"

#include <string.h>

#define BROADCAST 0xffffffff
#define FIRST_DATA (HID_REPORT_SIZE - 7)
#define NEXT_DATA (HID_REPORT_SIZE - 5)
#define NONCE_SIZE 8
#define PIECE_MS 500     /* how long the next piece may take */
#define KEEPALIVE_MS 100 /* §11.2.9.2.3 */
#define FLOOD_MS 1
#define NOISE_REPORTS 4

enum hid_error {
    ERROR_INVALID_COMMAND = 0x01,
    ERROR_INVALID_LENGTH = 0x03,
    ERROR_INVALID_SEQUENCE = 0x04,
    ERROR_MESSAGE_TIMEOUT = 0x05,
    ERROR_CHANNEL_BUSY = 0x06,
    ERROR_INVALID_CHANNEL = 0x0b,
};

enum { CAPABILITY_WINK = 0x01, CAPABILITY_CBOR = 0x04 };
enum { KEEPALIVE_PROCESSING = 1, KEEPALIVE_UP_NEEDED = 2 };

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* --- sending --------------------------------------------------------------------------------- */

/* A message in reports. bcnt is what its length says; what is short of it does not come. */
static void send_pieces(struct hid *hid, uint32_t channel, uint8_t command, const uint8_t *bytes,
                        size_t size, size_t bcnt, uint8_t first_sequence)
{
    uint8_t report[HID_REPORT_SIZE] = {0};
    size_t used = size < FIRST_DATA ? size : FIRST_DATA;

    put32(report, channel);
    report[4] = command | 0x80;
    report[5] = (uint8_t)(bcnt >> 8);
    report[6] = (uint8_t)bcnt;
    memcpy(report + 7, bytes, used);
    hid->send(hid->context, report);
    for (uint8_t sequence = first_sequence; used < size; sequence++) {
        size_t piece = size - used < NEXT_DATA ? size - used : NEXT_DATA;

        memset(report + 4, 0, sizeof report - 4);
        report[4] = sequence & 0x7f;
        memcpy(report + 5, bytes + used, piece);
        hid->send(hid->context, report);
        used += piece;
    }
}

static void send_message(struct hid *hid, uint32_t channel, uint8_t command, const uint8_t *bytes,
                         size_t size)
{
    send_pieces(hid, channel, command, bytes, size, size, 0);
}

static void send_byte(struct hid *hid, uint32_t channel, uint8_t command, uint8_t byte)
{
    send_message(hid, channel, command, &byte, 1);
}

static void send_error(struct hid *hid, uint32_t channel, enum hid_error error)
{
    send_byte(hid, channel, HID_ERROR, (uint8_t)error);
}

static void send_noise(struct hid *hid)
{
    uint8_t report[HID_REPORT_SIZE];

    for (int i = 0; i < NOISE_REPORTS; i++) {
        random_bytes(report, sizeof report);
        put32(report, hid->channel); /* or nobody would look at it */
        report[4] |= 0xc0;           /* no command that there is */
        hid->send(hid->context, report);
    }
}

/* --- answering ------------------------------------------------------------------------------- */

static bool fault_now(const struct hid *hid)
{
    return fault_applies(&hid->fault, hid->messages, hid->command, hid->message, hid->size);
}

/* A channel for somebody else, and what is asked on another one, in two reports. */
static void send_answers_to_others(struct hid *hid)
{
    uint8_t bytes[100];

    random_bytes(bytes, sizeof bytes);
    send_message(hid, BROADCAST, HID_INIT, bytes, 17);
    send_message(hid, hid->channel ^ 0x01010101, HID_CBOR, bytes, sizeof bytes);
}

static void send_answer(struct hid *hid, struct cbor_writer *answer)
{
    uint32_t channel = hid->channel;
    size_t bcnt;
    uint8_t first = 0;

    if (fault_now(hid)) {
        if (hid->command == HID_CBOR || hid->command == HID_MSG)
            fault_spoil(&hid->fault, answer);
        if (hid->fault.action == FAULT_OTHERS)
            send_answers_to_others(hid);
        channel ^= hid->fault.action == FAULT_WRONG_CHANNEL ? 0x01010101 : 0;
        first = hid->fault.action == FAULT_SEQUENCE ? 1 : 0;
    }
    bcnt = answer->size;
    if (fault_now(hid) && hid->fault.action == FAULT_LONG)
        bcnt = answer->size + 1000;
    if (fault_now(hid) && hid->fault.action == FAULT_HUGE)
        bcnt = UINT16_MAX;
    hid->state = HID_IDLE;
    send_pieces(hid, channel, hid->command, answer->bytes, answer->size, bcnt, first);
}

static void run_cbor(struct hid *hid, uint64_t now)
{
    uint8_t bytes[MESSAGE_MAX];
    struct cbor_writer answer = {.bytes = bytes, .room = sizeof bytes};
    bool lies = fault_now(hid);

    hid->key->lies = (struct lies){.signature = lies && hid->fault.action == FAULT_SIGNATURE,
                                   .credential_id = lies && hid->fault.action == FAULT_CREDENTIAL,
                                   .counter = lies && hid->fault.action == FAULT_COUNTER};
    if (authenticator_cbor(hid->key, now, hid->message, hid->size, &answer) != CTAP_WAIT) {
        send_answer(hid, &answer);
        return;
    }
    if (hid->state == HID_WAITING)
        return;
    hid->state = HID_WAITING;
    hid->deadline = now;
}

static void run_u2f(struct hid *hid, uint64_t now)
{
    uint8_t bytes[MESSAGE_MAX];
    struct cbor_writer answer = {.bytes = bytes, .room = sizeof bytes};
    bool lies = fault_now(hid);

    hid->key->lies = (struct lies){.signature = lies && hid->fault.action == FAULT_SIGNATURE,
                                   .counter = lies && hid->fault.action == FAULT_COUNTER};
    authenticator_u2f(hid->key, now, hid->message, hid->size, &answer);
    send_answer(hid, &answer);
}

/* The answer to INIT: its nonce, and the channel that is given or was the client's already. */
static void put_init(struct hid *hid, uint32_t channel, const uint8_t nonce[static NONCE_SIZE],
                     struct cbor_writer *answer)
{
    uint8_t rest[9] = {0};

    if (channel == BROADCAST) {
        channel = ++hid->last_channel;
        hid->channels[hid->next_channel] = channel;
        hid->next_channel = (hid->next_channel + 1) % HID_CHANNELS_MAX;
    }
    put32(rest, channel);
    rest[4] = 2; /* CTAPHID's version; then the device's own: major, minor, build */
    rest[5] = 1;
    rest[8] = CAPABILITY_WINK | (hid->key->settings.u2f_only ? 0 : CAPABILITY_CBOR);
    cbor_put_raw(answer, nonce, NONCE_SIZE);
    cbor_put_raw(answer, rest, sizeof rest);
}

static void run_init(struct hid *hid)
{
    uint8_t bytes[32]; /* with room for a fault */
    struct cbor_writer answer = {.bytes = bytes, .room = sizeof bytes};

    put_init(hid, hid->channel, hid->message, &answer);
    send_answer(hid, &answer);
}

/* A fault in the place of an answer. False: there is none such. */
static bool fail(struct hid *hid, uint64_t now)
{
    if (!fault_now(hid))
        return false;
    hid->state = HID_IDLE;
    switch (hid->fault.action) {
    case FAULT_STALL:
        return true;
    case FAULT_BUSY:
        send_error(hid, hid->channel, ERROR_CHANNEL_BUSY);
        return true;
    case FAULT_NOISE:
        send_noise(hid);
        return true;
    case FAULT_FLOOD:
        hid->state = HID_FLOODING;
        hid->deadline = now;
        return true;
    case FAULT_DISCONNECT:
        hid->fault = (struct fault){0};
        hid->vanish(hid->context);
        return true;
    default:
        return false;
    }
}

static void run_message(struct hid *hid, uint64_t now)
{
    struct cbor_writer echo = {.bytes = hid->message, .room = MESSAGE_MAX, .size = hid->size};

    hid->messages++;
    hid->state = HID_IDLE;
    if (fail(hid, now))
        return;
    if (hid->command == HID_CBOR)
        authenticator_cancel(hid->key); /* what U2F may have waited for */
    switch (hid->command) {
    case HID_CBOR:
        if (hid->key->settings.u2f_only)
            send_error(hid, hid->channel, ERROR_INVALID_COMMAND);
        else
            run_cbor(hid, now);
        break;
    case HID_MSG:
        run_u2f(hid, now);
        break;
    case HID_INIT:
        run_init(hid);
        break;
    case HID_WINK:
        hid->winks++;
        send_answer(hid, &echo);
        break;
    default:
        send_answer(hid, &echo);
    }
}

/* --- receiving ------------------------------------------------------------------------------- */

static bool channel_known(const struct hid *hid, uint32_t id)
{
    for (size_t i = 0; i < HID_CHANNELS_MAX; i++)
        if (id != 0 && hid->channels[i] == id)
            return true;
    return false;
}

static bool busy_with_another(const struct hid *hid, uint32_t id)
{
    return hid->state != HID_IDLE && hid->channel != id;
}

static bool command_known(uint8_t command)
{
    return command == HID_PING || command == HID_MSG || command == HID_INIT ||
           command == HID_WINK || command == HID_CBOR;
}

static bool length_good(uint8_t command, size_t size)
{
    if (command == HID_INIT)
        return size == NONCE_SIZE;
    if (command == HID_WINK)
        return size == 0;
    return size <= MESSAGE_MAX && (command == HID_PING || size > 0);
}

static void cancel(struct hid *hid, uint32_t channel)
{
    const uint8_t status = CTAP_KEEPALIVE_CANCEL;

    if (hid->channel != channel || hid->state != HID_WAITING)
        return; /* §11.2.9.1.5: without an answer of its own */
    authenticator_cancel(hid->key);
    hid->state = HID_IDLE;
    send_message(hid, channel, HID_CBOR, &status, 1);
}

/* What is going on goes on. */
static void init_while_busy(struct hid *hid, uint32_t channel, const uint8_t *report)
{
    uint8_t bytes[32];
    struct cbor_writer answer = {.bytes = bytes, .room = sizeof bytes};

    put_init(hid, channel, report + 7, &answer);
    send_message(hid, channel, HID_INIT, answer.bytes, answer.size);
}

static void begin_message(struct hid *hid, uint64_t now, uint32_t channel, const uint8_t *report)
{
    uint8_t command = report[4] & 0x7f;
    size_t expected = (size_t)report[5] << 8 | report[6];

    if (command == HID_CANCEL) {
        cancel(hid, channel);
        return;
    }
    if (!command_known(command)) {
        send_error(hid, channel, ERROR_INVALID_COMMAND);
        return;
    }
    if (!length_good(command, expected)) {
        send_error(hid, channel, ERROR_INVALID_LENGTH);
        return;
    }
    if (busy_with_another(hid, channel)) {
        if (command == HID_INIT)
            init_while_busy(hid, channel, report);
        else
            send_error(hid, channel, ERROR_CHANNEL_BUSY);
        return;
    }
    if (command == HID_INIT) {
        authenticator_cancel(hid->key); /* on its own channel: it starts afresh */
    } else if (hid->state != HID_IDLE) {
        send_error(hid, channel,
                   hid->state == HID_RECEIVING ? ERROR_INVALID_SEQUENCE : ERROR_CHANNEL_BUSY);
        if (hid->state == HID_RECEIVING)
            hid->state = HID_IDLE;
        return;
    }
    hid->channel = channel;
    hid->command = command;
    hid->expected = expected;
    hid->size = expected < FIRST_DATA ? expected : FIRST_DATA;
    hid->sequence = 0;
    hid->deadline = now + PIECE_MS;
    hid->state = HID_RECEIVING;
    memcpy(hid->message, report + 7, hid->size);
}

static void continue_message(struct hid *hid, uint64_t now, uint32_t channel, const uint8_t *report)
{
    size_t piece = hid->expected - hid->size;

    if (hid->state != HID_RECEIVING || hid->channel != channel)
        return; /* §11.2.5: a stray piece is ignored */
    if (report[4] != hid->sequence++) {
        hid->state = HID_IDLE;
        send_error(hid, channel, ERROR_INVALID_SEQUENCE);
        return;
    }
    if (piece > NEXT_DATA)
        piece = NEXT_DATA;
    memcpy(hid->message + hid->size, report + 5, piece);
    hid->size += piece;
    hid->deadline = now + PIECE_MS;
}

void hid_take(struct hid *hid, uint64_t now, const uint8_t report[static HID_REPORT_SIZE])
{
    uint32_t channel = get32(report);
    bool init = report[4] == (HID_INIT | 0x80);

    hid_turn(hid, now);
    if (channel == BROADCAST ? !init : !channel_known(hid, channel)) {
        send_error(hid, channel, ERROR_INVALID_CHANNEL);
        return;
    }
    if (report[4] & 0x80)
        begin_message(hid, now, channel, report);
    else
        continue_message(hid, now, channel, report);
    if (hid->state == HID_RECEIVING && hid->size == hid->expected)
        run_message(hid, now);
}

/* --- time ------------------------------------------------------------------------------------ */

void hid_turn(struct hid *hid, uint64_t now)
{
    if (hid->state == HID_RECEIVING && now >= hid->deadline) {
        hid->state = HID_IDLE;
        send_error(hid, hid->channel, ERROR_MESSAGE_TIMEOUT);
    }
    if (hid->state == HID_WAITING && authenticator_ripe(hid->key, now))
        run_cbor(hid, now);
    if (hid->state == HID_WAITING && now >= hid->deadline) {
        hid->deadline = now + KEEPALIVE_MS;
        send_byte(hid, hid->channel, HID_KEEPALIVE, KEEPALIVE_UP_NEEDED);
    }
    if (hid->state == HID_FLOODING && now >= hid->deadline) {
        hid->deadline = now + FLOOD_MS;
        send_byte(hid, hid->channel, HID_KEEPALIVE, KEEPALIVE_PROCESSING);
    }
}

uint64_t hid_next(const struct hid *hid)
{
    uint64_t ripe;

    if (hid->state == HID_IDLE)
        return UINT64_MAX;
    ripe = hid->state == HID_WAITING ? authenticator_ripe_at(hid->key) : UINT64_MAX;
    return ripe < hid->deadline ? ripe : hid->deadline;
}

bool hid_blinks(const struct hid *hid)
{
    return hid->state == HID_WAITING || (hid->state == HID_IDLE && hid->key->presence.waiting);
}

void hid_give_up(struct hid *hid)
{
    authenticator_cancel(hid->key);
    hid->state = HID_IDLE;
}

void hid_power_up(struct hid *hid)
{
    memset(hid->channels, 0, sizeof hid->channels);
    hid->messages = hid->winks = 0;
    hid->state = HID_IDLE;
}
