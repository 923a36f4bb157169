/* SPDX-License-Identifier: MIT */
/*
 * A page's side of a WebSocket connection, judged frame by frame: RFC 6455 §5 with the limits of
 * ipc/PROTOCOL.md §1.1. Sans-I/O: bytes in, a verdict out. Any thread, one at a time; nothing
 * blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEB_FRAGMENTS_MAX = 256, /* of one message; a browser sends one, or a few of 64 KiB or more */
    WEB_FRAME_HEAD_MAX = 10, /* without the mask: two bytes and a length of at most eight */
};

/* All zero: nothing has come yet. Holds no pointer and needs no release. */
struct web_frames {
    uint8_t head[WEB_FRAME_HEAD_MAX];
    uint8_t head_len;     /* what has come of the head; 0: between frames, or within one's body */
    uint32_t body_left;   /* the mask and the payload of the frame at hand */
    uint32_t message_len; /* announced so far by the fragments of a message that goes on */
    uint16_t fragments;   /* of that message; 0: none is under way */
    bool closed;          /* the page's close frame has come */
    int broken;           /* the verdict, once it is not 0 */
};

/* Judges the next bytes of the stream, in pieces of any size. 0: no rule is broken so far. Else the
 * code to close with (enum close_code: CLOSE_PROTOCOL, CLOSE_NOT_TEXT, CLOSE_TOO_LARGE), from then
 * on for every call; which of the bytes broke the rule is not said, so none of them is used. */
int web_frames_push(struct web_frames *frames, const void *bytes, size_t len);
