/* SPDX-License-Identifier: MIT */
/*
 * The virtual security key without its plug: reports in, reports out, and a clock that the test
 * moves. libfido2's tools judge it in tests/integration/virtual-key.test.mjs; here is what they
 * never do.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sandbox/key/hid.h"

#define CHANNEL 1 /* the first that is given */

struct rig {
    struct authenticator key;
    struct hid hid;
    uint64_t now; /* milliseconds */
    bool vanished;
};
extern struct rig rig;

/* Lets that much time go by; the key does what is due. */
void pass(uint64_t milliseconds);

/* --- a client -------------------------------------------------------------------------------- */

struct message {
    uint32_t channel;
    uint8_t command;
    size_t size;
    uint8_t bytes[MESSAGE_MAX + HID_REPORT_SIZE];
};

void send_report(uint32_t channel, const uint8_t *head, size_t head_size, const uint8_t *bytes,
                 size_t size);
/* A message, in as many reports as it needs. */
void say(uint32_t channel, uint8_t command, const uint8_t *bytes, size_t size);
/* The next message that has come; there must be one, and it whole. */
void hear(struct message *message);
/* The same, which is that command's with that byte. */
void hear_byte(uint8_t command, uint8_t byte);
/* The size in its head. */
uint16_t next_size(void);
bool heard_nothing(void);
void forget_reports(void);
uint32_t open_channel(void);
/* Another power-up, and CHANNEL opened. */
uint32_t plug_in_again(void);

/* A CTAP command on CHANNEL; its answer is canonical CBOR, good until the next, or nothing but the
 * status, which is returned. */
uint8_t ask(const struct cbor_writer *request, struct cbor *map);
/* makeCredential for that site, with room for so many members more. */
void put_make(struct cbor_writer *request, const char *rp, bool resident, size_t members);
uint8_t make(const char *rp, bool resident);

size_t from_hex(const char *hex, uint8_t *bytes, size_t room);

int rig_set_up(void **state);
int rig_tear_down(void **state);
#define TEST(function) cmocka_unit_test_setup_teardown(function, rig_set_up, rig_tear_down)
