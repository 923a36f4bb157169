/* SPDX-License-Identifier: MIT */
/*
 * Frames: a 32-bit big-endian length and that many bytes. Helpers, the Unix door and its clients
 * all speak them.
 *
 * The reader takes bytes as they arrive, in any pieces, and gives frames out whole; it never holds
 * more than one frame's maximum, and a length of zero or beyond the maximum is final: the
 * connection is to be closed. Sans-I/O: no descriptor here but in the two blocking calls at the
 * end, which clients and helpers use. Any thread, one at a time.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/base/secret.h"

enum {
    FRAME_HEADER_BYTES = 4,
    FRAME_MAX_JSON = 64 * 1024,    /* to the agent: a request is under 1 KiB */
    FRAME_MAX_ANSWER = 512 * 1024, /* from the agent: a session with 256 roles of the longest texts,
                                      every character of them escaped */
    FRAME_MAX_HELPER = 512 * 1024, /* eight cards with eight certificates of 4 KiB, twice over */
};

struct frame_reader {
    size_t max;
    struct bytes pending;
};

#define FRAME_READER(limit) ((struct frame_reader){.max = (limit)})

void frame_reader_deinit(struct frame_reader *f);
/* Takes len bytes that arrived. 0, -EMSGSIZE (a length out of bounds: close), -ENOMEM. */
int frame_reader_push(struct frame_reader *f, const void *data, size_t len);
/* The first whole frame's body, borrowed until the next call on f; NULL when there is none yet. */
const uint8_t *frame_reader_peek(struct frame_reader *f, size_t *len);
/* Drops the frame that frame_reader_peek gave, and wipes it. */
void frame_reader_pop(struct frame_reader *f);

/* Appends header and body to *out. 0, -EMSGSIZE, -ENOMEM. */
int frame_append(struct bytes *out, const void *body, size_t len, size_t max);

/* Blocking: one whole frame out, or in, over a stream socket. Retries EINTR. frame_receive fills
 * *body (initialised, replaced). 0; -EPIPE at end of file between frames, -EPROTO within one;
 * -EMSGSIZE; -errno. */
int frame_send(int fd, const void *body, size_t len, size_t max);
int frame_receive(int fd, struct bytes *body, size_t max);
/* The same into a secret, for messages that may carry a PIN; its capacity is the maximum. */
int frame_receive_secret(int fd, struct secret *body);
