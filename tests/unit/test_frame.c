/* SPDX-License-Identifier: MIT */
/* Frames come out whole, whatever the pieces they arrive in, and a bad length is final. */
#include "ipc/base/cleanup.h"
#include "ipc/frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void pieces_of_any_size(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes stream = {0};
    assert_int_equal(frame_append(&stream, "one", 3, 16), 0);
    assert_int_equal(frame_append(&stream, "three", 5, 16), 0);
    for (size_t piece = 1; piece <= stream.len; piece++) {
        CLEANUP(frame_reader_deinit) struct frame_reader reader = FRAME_READER(16);
        size_t frames = 0;
        for (size_t at = 0; at < stream.len; at += piece) {
            size_t n = stream.len - at < piece ? stream.len - at : piece;
            assert_int_equal(frame_reader_push(&reader, stream.data + at, n), 0);
            size_t len;
            const uint8_t *body;
            while ((body = frame_reader_peek(&reader, &len))) {
                assert_memory_equal(body, frames == 0 ? "one" : "three", frames == 0 ? 3 : 5);
                frame_reader_pop(&reader);
                frames++;
            }
        }
        assert_int_equal(frames, 2);
    }
}

static void bad_lengths_are_final(void **state)
{
    (void)state;
    static const char *const headers[] = {"\0\0\0\0", "\0\0\0\x11", "\xff\xff\xff\xff"};
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(frame_reader_deinit) struct frame_reader reader = FRAME_READER(16);
        assert_int_equal(frame_reader_push(&reader, headers[i], 4), -EMSGSIZE);
    }
    /* behind a good frame, too */
    CLEANUP(frame_reader_deinit) struct frame_reader reader = FRAME_READER(16);
    assert_int_equal(frame_reader_push(&reader, "\0\0\0\1x\0\0\0\0", 9), -EMSGSIZE);
    CLEANUP(bytes_deinit) struct bytes out = {0};
    assert_int_equal(frame_append(&out, "", 0, 16), -EMSGSIZE);
    assert_int_equal(frame_append(&out, "12345678901234567", 17, 16), -EMSGSIZE);
}

static void blocking_calls(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(frame_send(pair[0], "hello", 5, 16), 0);
    assert_int_equal(frame_receive(pair[1], &body, 16), 0);
    assert_memory_equal(body.data, "hello", 5);
    assert_int_equal(frame_send(pair[0], "hello", 5, 4), -EMSGSIZE);

    CLEANUP(secret_free) struct secret *secret = secret_new(8);
    assert_int_equal(frame_send(pair[0], "1234", 4, 16), 0);
    assert_int_equal(frame_receive_secret(pair[1], secret), 0);
    assert_int_equal(secret_len(secret), 4);
    assert_int_equal(frame_send(pair[0], "123456789", 9, 16), 0);
    assert_int_equal(frame_receive_secret(pair[1], secret), -EMSGSIZE);
    close(pair[0]);
    close(pair[1]);
}

static void the_end_of_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int result;
    } rows[] = {{"", 0, -EPIPE},
                {"\0\0", 2, -EPROTO},
                {"\0\0\0\3", 4, -EPROTO},
                {"\0\0\0\3ab", 6, -EPROTO}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        assert_int_equal(write(pair[0], rows[i].bytes, rows[i].len), rows[i].len);
        close(pair[0]);
        CLEANUP(bytes_deinit) struct bytes body = {0};
        assert_int_equal(frame_receive(pair[1], &body, 16), rows[i].result);
        close(pair[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size),
        cmocka_unit_test(bad_lengths_are_final),
        cmocka_unit_test(blocking_calls),
        cmocka_unit_test(the_end_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
