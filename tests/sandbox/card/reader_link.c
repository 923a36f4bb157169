/* SPDX-License-Identifier: MIT */
/*
 * Whoever connects is a driver. The latest one counts (a restarted pcscd may come before the old
 * one is gone), and is told at once what lies in the slot. To unplug a reader is one more state of
 * the slot: the connection stays, so that the driver hears of it when the reader comes back.
 *
 * A command is carried out when it arrives. Its answer leaves when its time has come (delay), never
 * (hang), or is dropped with the card (remove): `held` is the one answer under way. The driver has
 * one command outstanding at most, so one is enough.
 *
 * All sockets are non-blocking. A packet that does not fit into the socket means that the driver
 * stopped reading; the connection is given up.
 */
#include "reader_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "apdu.h"
#include "tests/sandbox/reader/link_protocol.h"

struct held_answer {
    bool waiting;
    bool for_ever;
    int64_t due_ms;
    size_t size;
    uint8_t bytes[PIV_RESPONSE_MAX];
};

struct pin_pad {
    enum pad_entry typed;
    char pin[PIV_PIN_MAX + 1];
    bool asking;
    size_t command_size;
    uint8_t command[LINK_PACKET_MAX];
};

struct reader_link {
    char name[READER_NAME_MAX];
    struct sockaddr_un address;
    int listener;
    int driver; /* -1: pcscd has not opened the reader */
    bool unplugged;

    struct card *card;
    unsigned delay_ms;
    struct fault fault;
    struct card *fault_card;
    struct pin_pad pad;
    struct held_answer held;
    struct reader_counts counts;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool start_listening(struct reader_link *reader)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    unlink(reader->address.sun_path);
    if (bind(fd, (struct sockaddr *)&reader->address, sizeof reader->address) < 0 ||
        listen(fd, 4) < 0) {
        close(fd);
        return false;
    }
    reader->listener = fd;
    return true;
}

struct reader_link *reader_link_new(const char *name, const char *path)
{
    struct reader_link *reader = calloc(1, sizeof *reader);

    if (!reader)
        return NULL;
    reader->listener = reader->driver = -1;
    reader->address.sun_family = AF_UNIX;
    snprintf(reader->name, sizeof reader->name, "%s", name);
    if (strlen(path) < sizeof reader->address.sun_path) {
        memcpy(reader->address.sun_path, path, strlen(path) + 1);
        if (start_listening(reader))
            return reader;
    }
    free(reader);
    return NULL;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void reader_link_free(struct reader_link *reader)
{
    if (!reader)
        return;
    close_fd(&reader->listener);
    close_fd(&reader->driver);
    unlink(reader->address.sun_path);
    free(reader);
}

const char *reader_link_name(const struct reader_link *reader)
{
    return reader->name;
}

bool reader_link_plugged(const struct reader_link *reader)
{
    return !reader->unplugged;
}

bool reader_link_has_pin_pad(const struct reader_link *reader)
{
    return strncmp(reader->name, "pinpad-", strlen("pinpad-")) == 0;
}

struct card *reader_link_card(const struct reader_link *reader)
{
    return reader->card;
}

struct reader_counts reader_link_counts(const struct reader_link *reader)
{
    return reader->counts;
}

static void send_packet(struct reader_link *reader, uint8_t type, const uint8_t *body, size_t size)
{
    uint8_t packet[LINK_PACKET_MAX];

    if (reader->driver < 0)
        return;
    packet[0] = type;
    if (size > 0)
        memcpy(packet + 1, body, size);
    if (send(reader->driver, packet, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        close_fd(&reader->driver);
}

static void send_state(struct reader_link *reader)
{
    if (reader->unplugged)
        send_packet(reader, LINK_UNPLUGGED, NULL, 0);
    else if (reader->card)
        send_packet(reader, LINK_INSERTED, card_atr, card_atr_size);
    else
        send_packet(reader, LINK_EMPTY, NULL, 0);
}

/* The command under way, if any, will never be answered. */
static void forget_command(struct reader_link *reader)
{
    reader->held.waiting = false;
    reader->pad.asking = false;
}

static void reset_card(struct reader_link *reader)
{
    forget_command(reader);
    if (reader->card)
        piv_reset(reader->card->piv);
}

void reader_link_insert(struct reader_link *reader, struct card *card)
{
    card->in_reader = true;
    reader->card = card;
    reset_card(reader);
    send_state(reader);
}

void reader_link_remove(struct reader_link *reader)
{
    reset_card(reader);
    reader->card->in_reader = false;
    reader->card = NULL;
    send_state(reader);
}

void reader_link_set_plugged(struct reader_link *reader, bool plugged)
{
    reset_card(reader);
    reader->unplugged = !plugged;
    send_state(reader);
}

void reader_link_set_delay(struct reader_link *reader, unsigned milliseconds)
{
    reader->delay_ms = milliseconds;
}

void reader_link_set_fault(struct reader_link *reader, const struct fault *fault,
                           struct card *other)
{
    reader->fault = *fault;
    reader->fault.other_card = NULL;
    reader->fault_card = other;
}

static void hold_answer(struct reader_link *reader, const uint8_t *bytes, size_t size)
{
    struct held_answer *held = &reader->held;

    memcpy(held->bytes, bytes, size);
    held->size = size;
    held->waiting = true;
    held->for_ever = false;
    held->due_ms = now_ms() + reader->delay_ms;
}

static void hold_status(struct reader_link *reader, unsigned status)
{
    const uint8_t bytes[] = {(uint8_t)(status >> 8), (uint8_t)status};

    hold_answer(reader, bytes, sizeof bytes);
}

static void hold_for_ever(struct reader_link *reader)
{
    reader->held.waiting = true;
    reader->held.for_ever = true;
}

static void release_answer(struct reader_link *reader)
{
    const struct held_answer *held = &reader->held;

    if (!held->waiting || held->for_ever || held->due_ms > now_ms())
        return;
    reader->held.waiting = false;
    send_packet(reader, LINK_RESPONSE, held->bytes, held->size);
}

void reader_link_clear(struct reader_link *reader)
{
    bool hanging = reader->held.waiting && reader->held.for_ever;

    reader->fault = (struct fault){0};
    reader->fault_card = NULL;
    reader->delay_ms = 0;
    reader->pad.typed = PAD_NOTHING;
    if (hanging)
        hold_status(reader, SW_FAILURE);
}

static void count(struct reader_counts *counts, enum piv_command command)
{
    if (command == PIV_VERIFY)
        counts->verify++;
    else if (command == PIV_VERIFY_QUERY)
        counts->verify_query++;
    else if (command == PIV_SIGN)
        counts->sign++;
}

static void swap_card(struct reader_link *reader)
{
    struct card *other = reader->fault_card;

    reader->fault = (struct fault){0};
    reader_link_remove(reader);
    if (other && !other->in_reader)
        reader_link_insert(reader, other);
}

static void misbehave(struct reader_link *reader, const uint8_t *command, size_t size)
{
    static const uint8_t garbage[] = {0x7c, 0x7f, 0x82, 0x03, 0xde, 0xad, 0xbe, 0xef, 0x90, 0x00};
    uint8_t response[PIV_RESPONSE_MAX];

    switch (reader->fault.action) {
    case FAULT_REMOVE:
        reader->fault = (struct fault){0};
        reader_link_remove(reader);
        break;
    case FAULT_SWAP:
        swap_card(reader);
        break;
    case FAULT_GARBAGE:
        (void)piv_exchange(reader->card->piv, command, size, response);
        hold_answer(reader, garbage, sizeof garbage);
        break;
    case FAULT_STATUS:
        hold_status(reader, reader->fault.status);
        break;
    case FAULT_HANG:
        hold_for_ever(reader);
        break;
    case FAULT_NONE:
        break;
    }
}

static void execute(struct reader_link *reader, const uint8_t *command, size_t size)
{
    enum piv_command kind = piv_classify(command, size);
    uint8_t response[PIV_RESPONSE_MAX];

    count(&reader->counts, kind);
    if (fault_applies(&reader->fault, kind)) {
        misbehave(reader, command, size);
        return;
    }
    size = piv_exchange(reader->card->piv, command, size, response);
    hold_answer(reader, response, size);
}

/* --- the PIN pad ----------------------------------------------------------------------------- */

static void answer_pad(struct reader_link *reader)
{
    struct pin_pad *pad = &reader->pad;
    enum pad_entry entry = pad->typed;

    if (!pad->asking || entry == PAD_NOTHING)
        return;
    pad->asking = false;
    pad->typed = PAD_NOTHING;
    if (entry == PAD_CANCELLED)
        hold_status(reader, SW_PAD_CANCELLED);
    else if (entry == PAD_TIMED_OUT)
        hold_status(reader, SW_PAD_TIMEOUT);
    else if (piv_fill_pin(pad->command, pad->command_size, pad->pin))
        execute(reader, pad->command, pad->command_size);
    else
        hold_status(reader, SW_WRONG_DATA);
}

bool reader_link_type(struct reader_link *reader, enum pad_entry entry, const char *pin)
{
    struct pin_pad *pad = &reader->pad;

    if (pad->typed != PAD_NOTHING)
        return false;
    if (entry == PAD_PIN && (strlen(pin) < PIV_PIN_MIN || strlen(pin) > PIV_PIN_MAX))
        return false;
    snprintf(pad->pin, sizeof pad->pin, "%s", pin ? pin : "");
    pad->typed = entry;
    answer_pad(reader);
    return true;
}

static void ask_pad(struct reader_link *reader, const uint8_t *command, size_t size)
{
    memcpy(reader->pad.command, command, size);
    reader->pad.command_size = size;
    reader->pad.asking = true;
    answer_pad(reader);
}

/* --- the driver ------------------------------------------------------------------------------ */

static void take_packet(struct reader_link *reader, const uint8_t *packet, size_t size)
{
    const uint8_t *body = packet + 1;

    if (!reader->card || reader->unplugged)
        return; /* pulled while the packet was on its way; the driver knows */
    switch (packet[0]) {
    case LINK_POWER_UP:
    case LINK_POWER_DOWN:
        reset_card(reader);
        break;
    case LINK_COMMAND:
        execute(reader, body, size - 1);
        break;
    case LINK_PIN_ENTRY:
        ask_pad(reader, body, size - 1);
        break;
    default:
        close_fd(&reader->driver);
    }
}

static void receive(struct reader_link *reader)
{
    uint8_t packet[LINK_PACKET_MAX];
    ssize_t size = recv(reader->driver, packet, sizeof packet, MSG_DONTWAIT);

    if (size > 0) {
        take_packet(reader, packet, (size_t)size);
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_fd(&reader->driver);
        reset_card(reader);
    }
}

static void accept_driver(struct reader_link *reader)
{
    int fd = accept4(reader->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    close_fd(&reader->driver);
    reader->driver = fd;
    reset_card(reader);
    send_state(reader);
}

void reader_link_watch(const struct reader_link *reader, struct pollfd fds[static READER_POLLS])
{
    fds[0] = (struct pollfd){.fd = reader->listener, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = reader->driver, .events = POLLIN};
}

int reader_link_timeout(const struct reader_link *reader)
{
    int64_t left;

    if (!reader->held.waiting || reader->held.for_ever)
        return -1;
    left = reader->held.due_ms - now_ms();
    return left > 0 ? (int)left : 0;
}

void reader_link_turn(struct reader_link *reader, const struct pollfd fds[static READER_POLLS])
{
    if (fds[1].revents && fds[1].fd == reader->driver)
        receive(reader);
    if (fds[0].revents && fds[0].fd == reader->listener)
        accept_driver(reader);
    release_answer(reader);
}
