/* SPDX-License-Identifier: MIT */
/* What a key signs of the page, byte for byte (Web Authentication Level 3 §5.8.1.1). */
#include "agent/webauthn/client_data.h"
#include "agent/webauthn/prf.h"
#include "ipc/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_written(const struct client_data *data, const char *wanted)
{
    CLEANUP(bytes_deinit) struct bytes out = {0};
    assert_int_equal(client_data_write(data, &out), 0);
    bytes_append(&out, "", 1);
    assert_string_equal((char *)out.data, wanted);
    assert_int_equal(out.len, strlen(wanted) + 1);
}

static void each_method_is_named(void **state)
{
    (void)state;
    assert_written(&(struct client_data){.challenge = "AAEC", .origin = "https://op.example"},
                   "{\"type\":\"webauthn.get\",\"challenge\":\"AAEC\","
                   "\"origin\":\"https://op.example\",\"crossOrigin\":false}");
    assert_written(&(struct client_data){.create = true,
                                         .challenge = "_-_-",
                                         .origin = "http://localhost:3000"},
                   "{\"type\":\"webauthn.create\",\"challenge\":\"_-_-\","
                   "\"origin\":\"http://localhost:3000\",\"crossOrigin\":false}");
}

/* No origin has these, but the rule is the standard's: only these are escaped, and so. */
static void strings_are_escaped_as_the_standard_has_it(void **state)
{
    (void)state;
    assert_written(
        &(struct client_data){.challenge = "\"\\/\b\f\n\r\t\x01\x1f", .origin = " \x7f<>&'é€😀"},
        "{\"type\":\"webauthn.get\",\"challenge\":\"\\\"\\\\/\\u0008\\u000c\\u000a\\u000d\\u0009"
        "\\u0001\\u001f\",\"origin\":\" \x7f<>&'é€😀\",\"crossOrigin\":false}");
}

static void a_session_s_key_stands_last(void **state)
{
    (void)state;
    struct session_key *key = session_key_new();
    char wanted[512];
    assert_non_null(key);
    snprintf(wanted, sizeof wanted,
             "{\"type\":\"webauthn.get\",\"challenge\":\"AAEC\",\"origin\":\"https://op.example\","
             "\"crossOrigin\":false,\"lanyard_cnf\":{\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\","
             "\"x\":\"%s\",\"y\":\"%s\"}}}",
             session_key_x(key), session_key_y(key));
    assert_written(
        &(struct client_data){.challenge = "AAEC", .origin = "https://op.example", .key = key},
        wanted);
    session_key_free(&key);
}

/* printf 'WebAuthn PRF\0abc' | sha256sum */
static void an_input_is_hashed_with_its_prefix(void **state)
{
    (void)state;
    static const uint8_t hash[PRF_BYTES] = {0x42, 0x55, 0x07, 0xdf, 0xa7, 0x40, 0x4b, 0x2f,
                                            0xc3, 0x74, 0x3f, 0xf9, 0x67, 0x3c, 0x78, 0xe7,
                                            0xb3, 0xc2, 0xf9, 0xd2, 0x98, 0xb5, 0x33, 0xae,
                                            0x2d, 0x82, 0x77, 0x20, 0x3f, 0x73, 0xf4, 0xb7};
    static const uint8_t hash_of_nothing[PRF_BYTES] = {
        0x6a, 0x7e, 0x64, 0xb2, 0xaa, 0x34, 0xc9, 0x27, 0x36, 0x14, 0x3a,
        0x06, 0x2f, 0xa1, 0x49, 0xaf, 0xf1, 0xbd, 0x8b, 0xb3, 0xf7, 0xee,
        0x6f, 0x34, 0x68, 0x85, 0x48, 0x1f, 0x94, 0x14, 0xa3, 0xd3};
    CLEANUP(bytes_deinit) struct bytes salts = {0}, input = {0};
    assert_int_equal(bytes_set(&input, "abc", 3), 0);
    struct webauthn_prf prf = {.first = input};
    assert_int_equal(prf_salts(&prf, &salts), 0);
    assert_int_equal(salts.len, PRF_BYTES);
    assert_memory_equal(salts.data, hash, PRF_BYTES);
    prf.has_second = true;
    assert_int_equal(prf_salts(&prf, &salts), 0);
    assert_int_equal(salts.len, 2 * PRF_BYTES);
    assert_memory_equal(salts.data + PRF_BYTES, hash_of_nothing, PRF_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_method_is_named),
        cmocka_unit_test(strings_are_escaped_as_the_standard_has_it),
        cmocka_unit_test(a_session_s_key_stands_last),
        cmocka_unit_test(an_input_is_hashed_with_its_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
