/* SPDX-License-Identifier: MIT */
/*
 * Only heads are looked at: everything a frame may be refused for stands in its first ten bytes.
 * The mask and the payload behind them are counted and passed over. So the state is a few words
 * whatever the page sends, and a frame is refused before its payload has come.
 *
 * The head is judged as it grows, each byte that completes a field once. A length must be in its
 * shortest form (§5.2), which leaves the eight-byte form one honest value at a limit of 64 KiB: the
 * limit itself.
 *
 * A message is bounded as a whole, over its fragments: in bytes, because somebody puts it together,
 * and in number, because empty fragments cost work too. Control frames may stand between fragments
 * (§5.4) and count for neither. Behind a close frame nothing may follow (§5.5.1).
 */
#include "ipc/door/web_frames.h"

#include "ipc/door/connection.h"
#include "ipc/door/json_rpc.h"

enum {
    FINAL = 0x80, /* first byte */
    RESERVED = 0x70,
    OPCODE = 0x0f,
    CONTROL = 0x08, /* within the opcode */
    MASKED = 0x80,  /* second byte */
    LENGTH = 0x7f,
    LENGTH_IN_TWO = 126, /* in the second byte: the length follows in so many bytes */
    LENGTH_IN_EIGHT = 127,
    CONTROL_BYTES_MAX = 125,
    MASK_BYTES = 4,
};

enum opcode {
    OPCODE_CONTINUATION = 0,
    OPCODE_TEXT = 1,
    OPCODE_BINARY = 2,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    OPCODE_PONG = 10,
};

static bool control(const struct web_frames *frames)
{
    return frames->head[0] & CONTROL;
}

static int judge_first_byte(struct web_frames *frames)
{
    uint8_t first = frames->head[0];
    bool continues = frames->fragments > 0;
    if (frames->closed || (first & RESERVED))
        return CLOSE_PROTOCOL;
    switch (first & OPCODE) {
    case OPCODE_CONTINUATION:
        if (!continues)
            return CLOSE_PROTOCOL;
        break;
    case OPCODE_TEXT:
    case OPCODE_BINARY:
        if (continues)
            return CLOSE_PROTOCOL;
        if ((first & OPCODE) == OPCODE_BINARY)
            return CLOSE_NOT_TEXT;
        break;
    case OPCODE_CLOSE:
    case OPCODE_PING:
    case OPCODE_PONG:
        return first & FINAL ? 0 : CLOSE_PROTOCOL;
    default:
        return CLOSE_PROTOCOL;
    }
    return ++frames->fragments > WEB_FRAGMENTS_MAX ? CLOSE_TOO_LARGE : 0;
}

static int judge_second_byte(const struct web_frames *frames)
{
    uint8_t len = frames->head[1] & LENGTH;
    if (!(frames->head[1] & MASKED))
        return CLOSE_PROTOCOL;
    /* A close frame says nothing or begins with a code of two bytes. */
    if (control(frames) &&
        (len > CONTROL_BYTES_MAX || ((frames->head[0] & OPCODE) == OPCODE_CLOSE && len == 1)))
        return CLOSE_PROTOCOL;
    return 0;
}

/* The size of the whole head, as its second byte says. */
static size_t head_size(const struct web_frames *frames)
{
    switch (frames->head[1] & LENGTH) {
    case LENGTH_IN_TWO:
        return 2 + 2;
    case LENGTH_IN_EIGHT:
        return 2 + 8;
    default:
        return 2;
    }
}

/* The head is whole: takes its length, and the frame's body begins. */
static int judge_length(struct web_frames *frames)
{
    uint64_t len = 0;
    for (size_t i = 2; i < frames->head_len; i++)
        len = len << 8 | frames->head[i];
    if (frames->head_len == 2)
        len = frames->head[1] & LENGTH;
    else if (len < LENGTH_IN_TWO || (frames->head_len > 4 && (len <= UINT16_MAX || len >> 63)))
        return CLOSE_PROTOCOL;

    if (!control(frames)) {
        if (len > RPC_TEXT_MAX - frames->message_len)
            return CLOSE_TOO_LARGE;
        frames->message_len += (uint32_t)len;
    }
    frames->body_left = MASK_BYTES + (uint32_t)len;
    return 0;
}

/* What the frame leaves behind for those that follow. */
static void conclude(struct web_frames *frames)
{
    frames->head_len = 0;
    if ((frames->head[0] & OPCODE) == OPCODE_CLOSE)
        frames->closed = true;
    if (control(frames) || !(frames->head[0] & FINAL))
        return;
    frames->message_len = 0;
    frames->fragments = 0;
}

static int push_head_byte(struct web_frames *frames, uint8_t byte)
{
    frames->head[frames->head_len++] = byte;
    int broken = 0;
    if (frames->head_len == 1)
        return judge_first_byte(frames);
    if (frames->head_len == 2)
        broken = judge_second_byte(frames);
    if (broken || frames->head_len < head_size(frames))
        return broken;
    broken = judge_length(frames);
    conclude(frames);
    return broken;
}

int web_frames_push(struct web_frames *frames, const void *bytes, size_t len)
{
    const uint8_t *at = bytes, *end = at + len;
    while (at < end && !frames->broken) {
        size_t skip =
            (size_t)(end - at) < frames->body_left ? (size_t)(end - at) : frames->body_left;
        frames->body_left -= (uint32_t)skip;
        at += skip;
        if (at < end)
            frames->broken = push_head_byte(frames, *at++);
    }
    return frames->broken;
}
