/* SPDX-License-Identifier: MIT */
/* Buffers, writers and readers: what goes in comes out, and failure sticks. */
#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void buffers_grow_and_shrink(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes b = {0}, copy = {0};
    for (int i = 0; i < 1000; i++)
        bytes_append(&b, &(uint8_t){(uint8_t)i}, 1);
    assert_int_equal(b.len, 1000);
    bytes_consume(&b, 990);
    assert_int_equal(b.data[0], (uint8_t)990);
    assert_int_equal(bytes_set(&copy, b.data, b.len), 0);
    assert_true(bytes_equal(&b, &copy));
    bytes_consume(&b, 99);
    assert_int_equal(b.len, 0);
    assert_false(bytes_equal(&b, &copy));
    bytes_append(&b, copy.data, SIZE_MAX);
    assert_true(b.failed);
    bytes_append(&b, "x", 1);
    assert_int_equal(b.len, 0);
    bytes_reset(&b);
    bytes_append_text(&b, "x");
    assert_int_equal(b.len, 1);
}

static void consuming_wipes(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes b = {0};
    bytes_append_text(&b, "1234");
    bytes_consume(&b, 2);
    assert_memory_equal(b.data, "34\0\0", 4);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint8_t space[64];
    struct writer w = WRITER(space, sizeof space);
    write_u8(&w, 0x12);
    write_u16(&w, 0x3456);
    write_u32(&w, 0x789abcde);
    write_u64(&w, 0x0123456789abcdef);
    write_text(&w, "caf\xc3\xa9");
    write_field(&w, "\1\2", 2);
    assert_false(w.failed);
    assert_memory_equal(space, "\x12\x34\x56\x78\x9a\xbc\xde", 7);

    struct reader r = READER(space, w.len);
    char text[6];
    CLEANUP(bytes_deinit) struct bytes field = {0};
    assert_int_equal(read_u8(&r), 0x12);
    assert_int_equal(read_u16(&r), 0x3456);
    assert_int_equal(read_u32(&r), 0x789abcde);
    assert_true(read_u64(&r) == 0x0123456789abcdef);
    read_text(&r, text, sizeof text);
    assert_string_equal(text, "caf\xc3\xa9");
    read_bytes(&r, 2, &field);
    assert_int_equal(field.len, 2);
    assert_true(reader_done(&r));
    assert_int_equal(read_u8(&r), 0);
    assert_false(reader_done(&r));
}

static void a_writer_that_is_full_fails(void **state)
{
    (void)state;
    uint8_t space[3];
    struct writer w = WRITER(space, sizeof space);
    write_u32(&w, 1);
    assert_true(w.failed);
    write_u8(&w, 1);
    assert_true(w.failed);
}

static void a_reader_refuses_bad_texts(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"\0\5abcd", 6},  {"\0\2a\n", 4}, {"\0\2a\0", 4},  {"\0\2a\x7f", 4},
                {"\0\2\xc3(", 4}, {"\0", 1},      {"\0\5abcde", 7}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reader r = READER((const uint8_t *)rows[i].bytes, rows[i].len);
        char text[5] = "zzzz";
        read_text(&r, text, sizeof text);
        assert_true(r.failed);
        assert_string_equal(text, "");
    }
}

static void utf8_is_judged_by_rfc_3629(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "a\xe2\x28\xa1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
}

static void characters_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        uint32_t character;
        bool prints;
    } rows[] = {
        {"a", 1, 'a', true},
        {"\xc3\xa9x", 2, 0xe9, true},
        {"\xe2\x82\xac", 3, 0x20ac, true},
        {"\xf0\x9f\x98\x80", 4, 0x1f600, true},
        {"\xe2\x80\x8d", 3, 0x200d, true},
        {"\n", 1, '\n', false},
        {"\x7f", 1, 0x7f, false},
        {"\xc2\x85", 2, 0x85, false},
        {"\xe2\x80\x8e", 3, 0x200e, false},
        {"\xe2\x80\xaa", 3, 0x202a, false},
        {"\xe2\x80\xae", 3, 0x202e, false},
        {"\xe2\x81\xa6", 3, 0x2066, false},
        {"\xe2\x81\xa9", 3, 0x2069, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t character;
        assert_int_equal(utf8_character(rows[i].text, &character), rows[i].len);
        assert_int_equal(character, rows[i].character);
        assert_int_equal(character_prints(character), rows[i].prints);
    }
    static const char *const none[] = {"",         "\xff",         "\x80",        "\xc3",
                                       "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f\x98"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        uint32_t character;
        assert_int_equal(utf8_character(none[i], &character), 0);
    }
}

static void base64_round_trips(void **state)
{
    (void)state;
    uint8_t data[64];
    for (size_t len = 0; len < sizeof data; len++) {
        data[len] = (uint8_t)(len * 37);
        CLEANUP(bytes_deinit) struct bytes text = {0}, again = {0};
        base64url_append(&text, data, len);
        assert_int_equal(base64url_decode((const char *)text.data, text.len, &again), 0);
        assert_int_equal(again.len, len);
        if (len > 0)
            assert_memory_equal(again.data, data, len);
    }
}

static void base64_has_one_spelling(void **state)
{
    (void)state;
    static const char *const bad[] = {"A", "AAAAA", "AB", "AAB", "AA==", "A+", "A/", "A A", "AA\n"};
    CLEANUP(bytes_deinit) struct bytes out = {0}, mime = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(base64url_decode(bad[i], strlen(bad[i]), &out), -EINVAL);
    assert_int_equal(base64url_decode("AA\0A", 4, &out), -EINVAL);
    base64_append(&mime, "\xff\xfe", 2);
    assert_int_equal(mime.len, 4);
    assert_memory_equal(mime.data, "//4=", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_grow_and_shrink),    cmocka_unit_test(consuming_wipes),
        cmocka_unit_test(what_is_written_is_read),    cmocka_unit_test(a_writer_that_is_full_fails),
        cmocka_unit_test(a_reader_refuses_bad_texts), cmocka_unit_test(utf8_is_judged_by_rfc_3629),
        cmocka_unit_test(characters_are_told_apart),  cmocka_unit_test(base64_has_one_spelling),
        cmocka_unit_test(base64_round_trips),         cmocka_unit_test(base64_has_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
