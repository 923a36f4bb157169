/* SPDX-License-Identifier: MIT */
/*
 * A page's frames, by tables: each stream is pushed whole and byte by byte, and both must end in
 * the same verdict. Lengths stand for payload that the checker only counts.
 */
#include "ipc/door/connection.h"
#include "ipc/door/json_rpc.h"
#include "ipc/door/web_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STREAM_MAX = 2 * RPC_TEXT_MAX };

#define MASK "\x11\x22\x33\x44"
#define ROW(text, code)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1, code                                                               \
    }

static int push_bytewise(struct web_frames *frames, const uint8_t *bytes, size_t len)
{
    int broken = 0;
    for (size_t i = 0; i < len; i++)
        broken = web_frames_push(frames, bytes + i, 1);
    return broken;
}

static void heads_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int code;
    } rows[] = {
        ROW("", 0),
        ROW("\x81\x82" MASK "{}", 0),
        ROW("\x81\x80" MASK, 0),
        ROW("\x81\x82" MASK "{}\x81\x82" MASK "{}", 0),
        ROW("\x81\x02{}", CLOSE_PROTOCOL), /* not masked */
        ROW("\x81", 0),
        ROW("\x81\x02", CLOSE_PROTOCOL),
        ROW("\x89\x00", CLOSE_PROTOCOL),
        ROW("\xc1", CLOSE_PROTOCOL), /* reserved bits */
        ROW("\xa1", CLOSE_PROTOCOL),
        ROW("\x91", CLOSE_PROTOCOL),
        ROW("\x83", CLOSE_PROTOCOL), /* reserved opcodes */
        ROW("\x87", CLOSE_PROTOCOL),
        ROW("\x8b", CLOSE_PROTOCOL),
        ROW("\x8f", CLOSE_PROTOCOL),
        ROW("\x82", CLOSE_NOT_TEXT),
        ROW("\x02", CLOSE_NOT_TEXT),
        ROW("\x80", CLOSE_PROTOCOL), /* a continuation of nothing */
        ROW("\x01\x81" MASK "{\x80\x81" MASK "}", 0),
        ROW("\x01\x81" MASK "{\x80\x81" MASK "}\x80", CLOSE_PROTOCOL),
        ROW("\x01\x81" MASK "{\x81", CLOSE_PROTOCOL), /* a message within a message */
        ROW("\x01\x81" MASK "{\x82", CLOSE_PROTOCOL),
        ROW("\x01\x81" MASK "{\x89\x80" MASK "\x80\x81" MASK "}", 0), /* a ping between */
        ROW("\x89\x82" MASK "hi\x8a\x82" MASK "hi", 0),
        ROW("\x09", CLOSE_PROTOCOL), /* fragmented control frames */
        ROW("\x0a", CLOSE_PROTOCOL),
        ROW("\x08", CLOSE_PROTOCOL),
        ROW("\x89\xfe", CLOSE_PROTOCOL), /* and too long ones */
        ROW("\x8a\xff", CLOSE_PROTOCOL),
        ROW("\x88\x80" MASK, 0),
        ROW("\x88\x82" MASK "\x03\xe8", 0),
        ROW("\x88\x81" MASK, CLOSE_PROTOCOL),        /* half a code */
        ROW("\x88\x80" MASK "\x81", CLOSE_PROTOCOL), /* something behind the end */
        ROW("\x81\xfe\x00\x7e", 0),                  /* lengths in their shortest form */
        ROW("\x81\xfe\x00\x7d", CLOSE_PROTOCOL),
        ROW("\x81\xff\0\0\0\0\0\0\xff\xff", CLOSE_PROTOCOL),
        ROW("\x81\xff\0\0\0\0\0\1\0\0", 0),
        ROW("\x81\xff\0\0\0\0\0\1\0\1", CLOSE_TOO_LARGE),
        ROW("\x81\xff\0\0\0\1\0\0\0\0", CLOSE_TOO_LARGE),
        ROW("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", CLOSE_TOO_LARGE),
        ROW("\x81\xff\x80\0\0\0\0\1\0\0", CLOSE_PROTOCOL),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct web_frames whole = {0}, bytewise = {0};
        int code = web_frames_push(&whole, rows[i].bytes, rows[i].len);
        if (code != rows[i].code)
            fail_msg("row %zu: %d, expected %d", i, code, rows[i].code);
        code = push_bytewise(&bytewise, (const uint8_t *)rows[i].bytes, rows[i].len);
        if (code != rows[i].code)
            fail_msg("row %zu, byte by byte: %d, expected %d", i, code, rows[i].code);
    }
}

/* Appends a frame whose payload is zeros. */
static size_t put_frame(uint8_t *at, uint8_t first, size_t payload)
{
    size_t head = 2;
    at[0] = first;
    at[1] = (uint8_t)(0x80 | (payload < 126 ? payload : payload <= UINT16_MAX ? 126 : 127));
    size_t extra = payload < 126 ? 0 : payload <= UINT16_MAX ? 2 : 8;
    for (size_t i = extra; i > 0; i--)
        at[head++] = (uint8_t)((uint64_t)payload >> (8 * (i - 1)));
    memset(at + head, 0, 4 + payload);
    return head + 4 + payload;
}

static void every_opcode_and_length_fits(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536};
    uint8_t *stream = malloc(STREAM_MAX);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct web_frames frames = {0};
        size_t len = put_frame(stream, 0x81, lengths[i]);
        assert_int_equal(push_bytewise(&frames, stream, len), 0);
        /* The counting is exact: the next frame begins right behind. */
        assert_int_equal(web_frames_push(&frames, "\x81\x02", 2), CLOSE_PROTOCOL);
    }
    free(stream);
}

static void a_message_is_bounded_over_its_fragments(void **state)
{
    (void)state;
    uint8_t *stream = malloc(STREAM_MAX);
    struct web_frames frames = {0};
    size_t len = put_frame(stream, 0x01, 40000);
    len += put_frame(stream + len, 0x89, 125);
    len += put_frame(stream + len, 0x80, RPC_TEXT_MAX - 40000);
    assert_int_equal(web_frames_push(&frames, stream, len), 0);
    assert_int_equal(web_frames_push(&frames, stream, len), 0); /* the next message starts at 0 */

    len = put_frame(stream, 0x01, 40000);
    len += put_frame(stream + len, 0x80, RPC_TEXT_MAX - 40000 + 1);
    assert_int_equal(web_frames_push(&frames, stream, len), CLOSE_TOO_LARGE);
    free(stream);
}

static void fragments_are_counted(void **state)
{
    (void)state;
    uint8_t frame[16];
    for (int last = WEB_FRAGMENTS_MAX; last <= WEB_FRAGMENTS_MAX + 1; last++) {
        struct web_frames frames = {0};
        int broken = 0;
        for (int i = 1; i <= last; i++) {
            uint8_t first = (uint8_t)((i == 1 ? 0x01 : 0x00) | (i == last ? 0x80 : 0x00));
            broken = web_frames_push(&frames, frame, put_frame(frame, first, 0));
        }
        assert_int_equal(broken, last > WEB_FRAGMENTS_MAX ? CLOSE_TOO_LARGE : 0);
    }
}

static void a_verdict_stays(void **state)
{
    (void)state;
    struct web_frames frames = {0};
    assert_int_equal(web_frames_push(&frames, "\x82", 1), CLOSE_NOT_TEXT);
    assert_int_equal(web_frames_push(&frames, "\x81\x82" MASK "{}", 8), CLOSE_NOT_TEXT);
    assert_int_equal(web_frames_push(&frames, "\xff", 1), CLOSE_NOT_TEXT);
    assert_int_equal(web_frames_push(&frames, NULL, 0), CLOSE_NOT_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_judged),
        cmocka_unit_test(every_opcode_and_length_fits),
        cmocka_unit_test(a_message_is_bounded_over_its_fragments),
        cmocka_unit_test(fragments_are_counted),
        cmocka_unit_test(a_verdict_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
