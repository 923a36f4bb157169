/* SPDX-License-Identifier: MIT */
/* webauthn.get: what the key is asked for, what it may not say, and the extensions. */
#include "test_webauthn_rig.h"

#include <openssl/sha.h>
#include <string.h>

#define DISCOVERABLE ""

static void wait_for(enum waiting_for what, const char *key, int tries)
{
    rig.work->events.waiting(rig.work->events.context, what, key, tries);
}

static void a_sign_in_reaches_the_key_and_comes_back(void **state)
{
    (void)state;
    static const char client_data[] = "{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE
                                      "\",\"origin\":\"" ORIGIN "\",\"crossOrigin\":false}";
    uint8_t hash[32];
    SHA256((const uint8_t *)client_data, strlen(client_data), hash);
    ask(GET(ALLOW_ID));
    assert_int_equal(asked()->operation, FIDO_GET);
    assert_string_equal(asked()->rp_id, "login.op.example");
    assert_string_equal(asked()->key, "");
    assert_memory_equal(asked()->client_data_hash, hash, sizeof hash);
    assert_int_equal(asked()->list_count, 1);
    assert_int_equal(asked()->list[0].len, 2);
    assert_int_equal(asked()->verification, FIDO_UV_PREFERRED);
    assert_string_equal(rig.work->copy.site, ORIGIN);
    assert_int_equal(rig.work->copy.caller->door, DOOR_WEB);
    assert_int_equal(webauthns_count(rig.webauthns), 1);
    wait_for(WAITING_TOUCH, "Example Key", -1);
    expect("\"for\":\"use-key\"}");
    unsigned told = rig.sent; /* which key, and what is on it, is not the page's to know */
    wait_for(WAITING_OTHER_KEY, NULL, -1);
    wait_for(WAITING_KEY_PIN, "Example Key", 8);
    assert_int_equal(rig.sent, told);
    wait_for(WAITING_TURN, NULL, -1);
    expect("\"for\":\"turn\"");
    wait_for(WAITING_TOUCH, "Example Key", -1);
    expect("\"for\":\"use-key\"}");
    struct fido_done done = assertion();
    answer(&done);
    assert_true(says_base64url("clientDataJSON", client_data, strlen(client_data)));
    expect("\"id\":\"aWQ\"");
    expect("\"signature\":\"c2c\"");
    expect("\"userHandle\":\"dQ\"");
    assert_int_equal(webauthns_count(rig.webauthns), 0);
    assert_int_equal(rig.made, 0);
}

static void a_program_signs_in_for_the_origin_it_names(void **state)
{
    (void)state;
    ask_as_program(GET(",\"rpId\":\"op.example\""));
    assert_string_equal(asked()->rp_id, "op.example");
    assert_int_equal(rig.work->copy.caller->door, DOOR_NATIVE);
    fail_with(OUTCOME_KEY_REMOVED);
    expect_error("key-removed", "NotAllowedError");
    ask_as(&rig.program, GET(""), ",\"origin\":\"https://no.example\"");
    expect_error("not-allowed", "NotAllowedError");
    assert_int_equal(rig.begun, 1);
}

static void a_key_is_never_asked_for_another_site(void **state)
{
    (void)state;
    static const char *const calls[] = {
        GET(",\"rpId\":\"example\""),
        GET(",\"rpId\":\"evil.example\""),
        GET(",\"rpId\":\"login.op.example.\""),
        GET(",\"rpId\":\"LOGIN.op.example\""),
        GET(",\"rpId\":\"login.op.example:443\""),
        GET(",\"rpId\":\"127.0.0.1\""),
        GET(",\"rpId\":\"l\xc3\xb6gin.op.example\""),
        GET(",\"extensions\":{\"appid\":\"https://evil.example/\"}"),
        GET(",\"extensions\":{\"appid\":\"http://op.example/\"}"),
        CREATE(",\"extensions\":{\"appidExclude\":\"https://evil.example/\"}"),
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        ask(calls[i]);
        expect_error("rp-id-not-allowed", "SecurityError");
    }
    assert_int_equal(rig.begun, 0);
}

static void a_timeout_is_the_site_s_or_long_enough_for_a_pin(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        unsigned timeout_ms;
    } calls[] = {
        {GET(",\"timeout\":45000"), 45000},
        {GET(",\"timeout\":1"), 30000},
        {GET(",\"timeout\":1e12"), 600000},
        {GET(""), 300000},
        {GET(",\"userVerification\":\"required\""), 300000},
        {GET(",\"userVerification\":\"discouraged\""), 120000},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        ask(calls[i].call);
        assert_non_null(rig.work);
        assert_int_equal(rig.work->copy.timeout_ms, calls[i].timeout_ms);
        fail_with(OUTCOME_TIMED_OUT);
        expect_error("timed-out", "NotAllowedError");
    }
}

static void a_list_of_nothing_is_not_any_credential(void **state)
{
    (void)state;
    ask(GET(",\"allowCredentials\":[{\"type\":\"other\",\"id\":\"aWQ\"}]"));
    expect_error("key-not-registered", "NotAllowedError");
    assert_int_equal(rig.begun, 0);
}

static void an_assertion_that_lies_is_none(void **state)
{
    (void)state;
    struct fido_done done = assertion();
    write_auth_data(&done.auth_data, "op.example", AUTH_DATA_PRESENT);
    assert_lie(GET(ALLOW_ID), &done);
    done = assertion();
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_VERIFIED);
    assert_lie(GET(ALLOW_ID), &done);
    done = assertion();
    bytes_append(&done.auth_data, "", 1);
    assert_lie(GET(ALLOW_ID), &done);
    done = assertion();
    bytes_reset(&done.auth_data);
    assert_lie(GET(ALLOW_ID), &done);
    done = assertion();
    set(&done.credential_id, "another");
    assert_lie(GET(ALLOW_ID), &done);
    done = assertion();
    bytes_reset(&done.credential_id);
    assert_lie(GET(DISCOVERABLE), &done);
    done = assertion();
    bytes_reset(&done.signature);
    assert_lie(GET(ALLOW_ID), &done);
    done = assertion();
    bytes_reset(&done.user_id); /* whose is it? */
    assert_lie(GET(DISCOVERABLE), &done);
    done = assertion();
    done.with_appid = true; /* nobody asked for one */
    write_auth_data(&done.auth_data, "https://op.example/u2f", AUTH_DATA_PRESENT);
    assert_lie(GET(ALLOW_ID), &done);
    done = assertion();
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_PRESENT);
    answer_wrongly(GET(ALLOW_ID ",\"userVerification\":\"required\""), &done, "key-unverified",
                   "NotAllowedError");
}

static void prf_is_hashed_on_the_way_in_and_parted_on_the_way_out(void **state)
{
    (void)state;
    uint8_t salt[32], secret[64];
    SHA256((const uint8_t *)"WebAuthn PRF\0a", 14, salt);
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)i;
    ask(GET(ALLOW_ID ",\"extensions\":{\"prf\":{\"eval\":{\"first\":\"Yg\"},"
                     "\"evalByCredential\":{\"aWQ\":{\"first\":\"YQ\",\"second\":\"Yg\"}}}}"));
    assert_int_equal(asked()->salts_count, 2);
    assert_int_equal(asked()->salts[0].credential.len, 2);
    assert_int_equal(asked()->salts[0].salts.len, 64);
    assert_memory_equal(asked()->salts[0].salts.data, salt, sizeof salt);
    assert_int_equal(asked()->salts[1].credential.len, 0);
    assert_int_equal(asked()->salts[1].salts.len, 32);
    struct fido_done done = assertion();
    assert_int_equal(bytes_set(&done.hmac_secret, secret, 64), 0);
    answer(&done);
    assert_true(says_base64url("first", secret, 32));
    assert_true(says_base64url("second", secret + 32, 32));
    ask(GET(ALLOW_ID ",\"extensions\":{\"prf\":{\"eval\":{\"first\":\"Yg\"}}}"));
    done = assertion();
    assert_int_equal(bytes_set(&done.hmac_secret, secret, 64), 0); /* more than was asked for */
    answer(&done);
    expect("\"clientExtensionResults\":{\"prf\":{}}");
}

static void a_large_blob_is_read_and_written(void **state)
{
    (void)state;
    ask(GET(ALLOW_ID ",\"extensions\":{\"largeBlob\":{\"read\":true}}"));
    assert_int_equal(asked()->blob, FIDO_BLOB_READ);
    struct fido_done done = assertion();
    done.blob_read = true;
    set(&done.blob, "b");
    answer(&done);
    expect("\"largeBlob\":{\"blob\":\"Yg\"}");
    ask(GET(ALLOW_ID ",\"extensions\":{\"largeBlob\":{\"write\":\"Yg\"}}"));
    assert_int_equal(asked()->blob, FIDO_BLOB_WRITE);
    assert_int_equal(asked()->blob_data.len, 1);
    done = assertion();
    done.blob_written = true;
    answer(&done);
    expect("\"largeBlob\":{\"written\":true}");
}

static void an_old_key_signs_for_its_appid(void **state)
{
    (void)state;
    ask(GET(ALLOW_ID ",\"extensions\":{\"appid\":\"https://op.example/u2f\"}"));
    assert_string_equal(asked()->appid, "https://op.example/u2f");
    struct fido_done done = assertion();
    done.with_appid = true;
    write_auth_data(&done.auth_data, "https://op.example/u2f", AUTH_DATA_PRESENT);
    answer(&done);
    expect("\"clientExtensionResults\":{\"appid\":true}");
    ask(GET(ALLOW_ID ",\"extensions\":{\"appid\":\"https://op.example/u2f\"}"));
    done = assertion();
    answer(&done);
    expect("\"clientExtensionResults\":{\"appid\":false}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sign_in_reaches_the_key_and_comes_back),
        TEST(a_program_signs_in_for_the_origin_it_names),
        TEST(a_key_is_never_asked_for_another_site),
        TEST(a_timeout_is_the_site_s_or_long_enough_for_a_pin),
        TEST(a_list_of_nothing_is_not_any_credential),
        TEST(an_assertion_that_lies_is_none),
        TEST(prf_is_hashed_on_the_way_in_and_parted_on_the_way_out),
        TEST(a_large_blob_is_read_and_written),
        TEST(an_old_key_signs_for_its_appid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
