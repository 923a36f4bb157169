/* SPDX-License-Identifier: MIT */
/*
 * The two messages between lanyard-portd and an agent (ipc/PROTOCOL.md §5), for both ends. Any
 * thread; nothing blocks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LINK_VERSION = 1,
    LINK_MESSAGE_MAX = 16, /* the longest has four bytes; more shows that the message is another */
    LINK_REGISTRATION_BYTES = 4,
    LINK_SOCKET = 1,
};

enum link_result { LINK_REGISTERED = 0, LINK_TAKEN = 1 };

void link_registration_encode(uint8_t message[LINK_REGISTRATION_BYTES], enum link_result result,
                              uint16_t port);
/* 0 or -EPROTO. */
int link_registration_decode(const uint8_t *message, size_t len, uint8_t *result, uint16_t *port);

/* Sends the byte LINK_SOCKET with a descriptor (borrowed). 0 or -errno; -EAGAIN: the queue is full.
 */
int link_send_socket(int link, int fd);
/* One message of at most size bytes, and the descriptor that came with it (owned), or -1: also when
 * more than one came, which are all closed. The length; 0 at the end of file; -errno. */
ssize_t link_receive(int link, void *message, size_t size, int *fd);
