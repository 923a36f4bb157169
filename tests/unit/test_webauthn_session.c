/* SPDX-License-Identifier: MIT */
/* webauthn.get for a session: its key is signed, and handed over or wiped. */
#include "test_webauthn_rig.h"

#include <stdio.h>
#include <string.h>

#define SESSION_GET GET(ALLOW_ID) ",\"session\":true"

static void a_session_s_key_is_signed_and_handed_over(void **state)
{
    (void)state;
    rig.takes_key = true;
    ask(SESSION_GET);
    struct fido_done done = assertion();
    answer(&done);
    assert_int_equal(rig.made, 1);
    assert_string_equal(rig.made_origin, ORIGIN);
    assert_int_equal(rig.made_plug, 42);
    assert_non_null(rig.key);
    char wanted[512];
    snprintf(wanted, sizeof wanted,
             "{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN
             "\",\"crossOrigin\":false,\"lanyard_cnf\":{\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\","
             "\"x\":\"%s\",\"y\":\"%s\"}}}",
             session_key_x(rig.key), session_key_y(rig.key));
    assert_true(says_base64url("clientDataJSON", wanted, strlen(wanted)));
}

static void a_session_wants_its_person_whatever_the_page_says(void **state)
{
    (void)state;
    ask(GET(ALLOW_ID ",\"userVerification\":\"discouraged\","
                     "\"extensions\":{\"appid\":\"https://op.example/u2f\"}") ",\"session\":true");
    assert_int_equal(asked()->verification, FIDO_UV_REQUIRED);
    assert_string_equal(asked()->appid, ""); /* whose credential nobody could ask for again */
    struct fido_done done = assertion();
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_PRESENT);
    answer(&done);
    expect_error("key-unverified", "NotAllowedError");
    assert_int_equal(rig.made, 0);
    ask(GET(ALLOW_ID ",\"userVerification\":\"discouraged\""));
    assert_int_equal(asked()->verification, FIDO_UV_DISCOURAGED);
    fail_with(OUTCOME_CANCELLED);
}

static void a_session_s_key_is_wiped_when_nobody_takes_it(void **state)
{
    (void)state;
    ask(SESSION_GET);
    struct fido_done done = assertion();
    answer(&done);
    assert_int_equal(rig.made, 1);
    ask(SESSION_GET);
    fail_with(OUTCOME_PIN_WRONG);
    assert_int_equal(rig.made, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_s_key_is_signed_and_handed_over),
        TEST(a_session_wants_its_person_whatever_the_page_says),
        TEST(a_session_s_key_is_wiped_when_nobody_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
