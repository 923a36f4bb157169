/* SPDX-License-Identifier: MIT */
/*
 * CTAPHID (CTAP 2.1 §11.2) over reports of 64 bytes, without I/O: channels, messages in pieces,
 * keep-alives, cancel. Reports go to whoever has the key open, as a USB key's do.
 */
#ifndef LANYARD_SANDBOX_KEY_HID_H
#define LANYARD_SANDBOX_KEY_HID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authenticator.h"
#include "fault.h"

#define HID_REPORT_SIZE 64
#define HID_CHANNELS_MAX 32

enum hid_command {
    HID_PING = 0x01,
    HID_MSG = 0x03,
    HID_INIT = 0x06,
    HID_WINK = 0x08,
    HID_CBOR = 0x10,
    HID_CANCEL = 0x11,
    HID_KEEPALIVE = 0x3b,
    HID_ERROR = 0x3f,
};

enum hid_state {
    HID_IDLE,
    HID_RECEIVING, /* a message has begun */
    HID_WAITING,   /* the person has to do something */
    HID_FLOODING,  /* a fault: keep-alives for ever */
};

struct hid {
    struct authenticator *key;
    /* Sends a report; may drop it when nobody reads. */
    void (*send)(void *context, const uint8_t report[static HID_REPORT_SIZE]);
    /* A fault pulls it out. Called last of all. */
    void (*vanish)(void *context);
    void *context;
    struct fault fault;
    unsigned messages, winks; /* since it was plugged in */
    enum hid_state state;
    uint32_t channels[HID_CHANNELS_MAX]; /* the newest take the oldest's place */
    size_t next_channel;
    uint32_t last_channel;
    /* of the message at hand */
    uint32_t channel;
    uint8_t command, sequence;
    uint8_t message[MESSAGE_MAX];
    size_t expected, size;
    uint64_t deadline; /* of the next piece, or the next keep-alive */
};

/* It was plugged in: no channels, nothing begun, no message counted. The other members stay. */
void hid_power_up(struct hid *hid);

/* A report came. */
void hid_take(struct hid *hid, uint64_t now, const uint8_t report[static HID_REPORT_SIZE]);
/* Time has passed, or somebody has touched the key. */
void hid_turn(struct hid *hid, uint64_t now);
/* When hid_turn has something to do; UINT64_MAX: never. */
uint64_t hid_next(const struct hid *hid);
/* The person is being waited for. */
bool hid_blinks(const struct hid *hid);
/* Gives up whatever is going on, without an answer. */
void hid_give_up(struct hid *hid);

#endif
