/* SPDX-License-Identifier: MIT */
/* The parts of lanyard-fido that need no key: its map of errors, texts, authenticator data. */
#include "fido/auth_data.h"
#include "fido/error.h"
#include "fido/text.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <fido.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- errors ---- */

static void only_ok_is_ok(void **state)
{
    (void)state;
    for (int code = -300; code <= 300; code++) {
        int outcome = error_outcome(code);
        assert_int_equal(outcome == OUTCOME_OK, code == FIDO_OK);
        assert_int_equal(outcome_of(outcome), outcome);
        assert_int_not_equal(outcome, OUTCOME_INTERNAL);
    }
    assert_int_equal(error_outcome(INT32_MIN), OUTCOME_KEY_FAILED);
}

static void each_state_of_the_pin_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(error_outcome(FIDO_ERR_PIN_INVALID), OUTCOME_PIN_WRONG);
    assert_int_equal(error_outcome(FIDO_ERR_PIN_AUTH_BLOCKED), OUTCOME_KEY_LOCKED);
    assert_int_equal(error_outcome(FIDO_ERR_PIN_BLOCKED), OUTCOME_KEY_BLOCKED);
    assert_int_equal(error_outcome(FIDO_ERR_PIN_NOT_SET), OUTCOME_KEY_PIN_NOT_SET);
    assert_int_equal(error_outcome(FIDO_ERR_PIN_POLICY_VIOLATION), OUTCOME_KEY_PIN_REFUSED);
    assert_int_equal(error_outcome(FIDO_ERR_RX), OUTCOME_KEY_FAILED);
    assert_int_equal(error_outcome(0xf3), OUTCOME_KEY_FAILED); /* a vendor's own */
}

/* ---- texts ---- */

static void texts_are_cut_at_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *given, *copied;
    } rows[] = {
        {"", ""},
        {NULL, ""},
        {"Key", "Key"},
        {"1234567", "1234567"},
        {"12345678", "1234567"},
        {"12345é", "12345é"},
        {"123456é", "123456"},
        {"漢漢漢", "漢漢"},
        {"a\nb\x7f", "a?b?"},
        {"a\xff\xc3", "a??"},
        {"\xed\xa0\x80", "???"}, /* half of a pair */
        {"a\u202eb", "a?b"},     /* what would turn the rest of the sentence */
        {"\u202a\u2066\u2069c", "???c"},
        {"\u200e\u200f\u061c", "???"},
        {"\xc2\x85\u2028\ufeff", "???"},
        {"a\u200db", "a\u200db"}, /* what some scripts need */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[8];
        memset(out, 'x', sizeof out);
        text_copy(out, sizeof out, rows[i].given);
        assert_string_equal(out, rows[i].copied);
    }
    assert_int_equal(text_characters("åäö"), 3);
    assert_int_equal(text_characters("1234"), 4);
}

/* ---- authenticator data ---- */

#define HEAD "0123456789abcdef0123456789abcdef"
#define COUNTER "\0\0\0\7"
#define ATTESTED "0123456789abcdef\0\3idx\xa1\1\x41z"

static int parse(const char *data, size_t len, struct auth_data *out)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    int r = auth_data_parse(copy, len, out);
    free(copy); /* what it borrowed is only compared with NULL below */
    return r;
}

#define PARSE(text, out) parse(text, sizeof(text) - 1, out)

static void plain_data_is_37_bytes(void **state)
{
    (void)state;
    struct auth_data data;
    assert_int_equal(PARSE(HEAD "\1" COUNTER, &data), 0);
    assert_int_equal(data.flags, CTAP_AUTHDATA_USER_PRESENT);
    assert_null(data.id);
    for (size_t len = 0; len < 37; len++)
        assert_int_equal(parse(HEAD "\1" COUNTER, len, &data), -EPROTO);
    assert_int_equal(PARSE(HEAD "\1" COUNTER "x", &data), -EPROTO);
}

static void attested_data_has_an_id_and_a_key(void **state)
{
    (void)state;
    static const char whole[] = HEAD "\x41" COUNTER ATTESTED;
    struct auth_data data;
    assert_int_equal(PARSE(HEAD "\x41" COUNTER ATTESTED, &data), 0);
    assert_int_equal(data.id_len, 3);
    assert_false(data.anonymous);
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_int_equal(parse(whole, len, &data), -EPROTO);
}

static void extensions_are_found_behind_it(void **state)
{
    (void)state;
    struct auth_data data;
    assert_int_equal(PARSE(HEAD "\xc1" COUNTER ATTESTED "\xa3\x6b"
                                "credProtect\3\x6bhmac-secret\xf5\x6cminPinLength\6",
                           &data),
                     0);
    assert_true(data.hmac_secret);
    assert_int_equal(data.protection, 3);
    assert_true(data.min_pin);
    assert_int_equal(data.min_pin_length, 6);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xa1\x6bhmac-secret\xf4", &data), 0);
    assert_false(data.hmac_secret);
}

static void what_is_not_canonical_is_refused(void **state)
{
    (void)state;
    struct auth_data data;
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xb8\1\x6bhmac-secret\xf5", &data), -EPROTO);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xbf\x6bhmac-secret\xf5\xff", &data), -EPROTO);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xa1\x18\x14", &data), -EPROTO);
    assert_int_equal(
        PARSE(HEAD "\x81" COUNTER "\xa1\x61x\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", &data), -EPROTO);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xa1\x61x\x81\x81\x81\x81\x81\x80", &data),
                     -EPROTO);
    assert_int_equal(PARSE(HEAD "\x81" COUNTER "\xa1\x61x\xc0\1", &data), -EPROTO);
}

static void the_wrapping_is_a_whole_byte_string(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len, inside;
        bool taken;
    } rows[] = {
        {"\x43"
         "abc",
         4, 3, true},
        {"\x58\x03"
         "abc",
         5, 0, false}, /* not the shortest form */
        {"\x43"
         "ab",
         3, 0, false},
        {"\x43"
         "abcd",
         5, 0, false},
        {"\x63"
         "abc",
         4, 0, false},
        {"\x5f", 1, 0, false},
        {"", 0, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = 0;
        const uint8_t *inside = auth_data_unwrap((const uint8_t *)rows[i].data, rows[i].len, &len);
        assert_int_equal(inside != NULL, rows[i].taken);
        assert_int_equal(len, rows[i].inside);
    }
    size_t len;
    assert_null(auth_data_unwrap(NULL, 0, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_ok_is_ok),
        cmocka_unit_test(each_state_of_the_pin_is_told_apart),
        cmocka_unit_test(texts_are_cut_at_a_character),
        cmocka_unit_test(plain_data_is_37_bytes),
        cmocka_unit_test(attested_data_has_an_id_and_a_key),
        cmocka_unit_test(extensions_are_found_behind_it),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(the_wrapping_is_a_whole_byte_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
