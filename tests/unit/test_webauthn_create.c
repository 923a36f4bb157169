/* SPDX-License-Identifier: MIT */
/* webauthn.create: what the key is asked for, what it may not say, and who learns what of it. */
#include "test_webauthn_rig.h"

#include "agent/webauthn/public_key.h"
#include "ipc/base/cleanup.h"

#include <string.h>

static void a_registration_that_lies_is_none(void **state)
{
    (void)state;
    struct fido_done done = credential();
    write_auth_data(&done.auth_data, "op.example", AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
    write_credential(&done.auth_data);
    assert_lie(CREATE(""), &done);
    done = credential();
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_PRESENT);
    assert_lie(CREATE(""), &done);
    done = credential();
    set(&done.credential_id, "ix");
    assert_lie(CREATE(""), &done);
    done = credential(); /* of a kind that was not asked for */
    assert_lie(CREATE_OF("[{\"type\":\"public-key\",\"alg\":-8}]", ""), &done);
    done = credential();
    done.auth_data.data[done.auth_data.len - 1] ^= 1; /* not on the curve */
    assert_lie(CREATE(""), &done);
    done = credential();
    set(&done.statement, "\x80");
    assert_lie(CREATE(",\"attestation\":\"direct\""), &done);
}

static void a_registration_reaches_the_key_and_comes_back(void **state)
{
    (void)state;
    ask(CREATE(",\"excludeCredentials\":[{\"type\":\"public-key\",\"id\":\"AA\"}],"
               "\"authenticatorSelection\":{\"residentKey\":\"required\"},\"extensions\":{"
               "\"credProps\":true,\"prf\":{},\"minPinLength\":true,\"largeBlob\":{}}"));
    assert_int_equal(asked()->operation, FIDO_CREATE);
    assert_string_equal(asked()->rp_id, "login.op.example");
    assert_string_equal(asked()->rp_name, "Site");
    assert_string_equal(asked()->user_name, "n");
    assert_int_equal(asked()->user_id.len, 1);
    assert_int_equal(asked()->list_count, 1);
    assert_int_equal(asked()->algorithms[0], COSE_ES256);
    assert_int_equal(asked()->resident, FIDO_RESIDENT_REQUIRED);
    assert_int_equal(asked()->blob, FIDO_BLOB_PREFERRED);
    assert_true(asked()->hmac_secret);
    assert_true(asked()->min_pin_length);
    assert_false(asked()->attestation);
    struct fido_done done = credential();
    done.resident = true;
    done.hmac_secret_made = true;
    answer(&done);
    expect("\"credProps\":{\"rk\":true}");
    expect("\"prf\":{\"enabled\":true}");
    expect("\"largeBlob\":{\"supported\":false}");
    expect("\"publicKeyAlgorithm\":-7");
    expect("\"publicKey\":\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"); /* EC, P-256, uncompressed */
    expect("\"attestationObject\":\"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0Y"); /* none */
}

static void only_who_asks_learns_the_kind_of_key(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes kind = {0}, none = {0};
    struct fido_done done = credential();
    assert_int_equal(bytes_set(&kind, done.auth_data.data, done.auth_data.len), 0);
    assert_int_equal(bytes_set(&none, done.auth_data.data, done.auth_data.len), 0);
    memset(none.data + AUTH_DATA_AAGUID_OFFSET, 0, sizeof aaguid);
    ask(CREATE(",\"attestation\":\"indirect\""));
    answer(&done);
    assert_true(says_base64url("authenticatorData", none.data, none.len));
    done = credential();
    bytes_reset(&kind);
    bytes_append(&kind, done.auth_data.data, done.auth_data.len);
    ask(CREATE(",\"attestation\":\"direct\""));
    assert_true(asked()->attestation);
    answer(&done);
    assert_true(says_base64url("authenticatorData", kind.data, kind.len));
    expect("\"attestationObject\":\"o2NmbXRmcGFja2VkZ2F0dFN0bXShY3NpZ0F4"); /* packed */
}

static void what_no_security_key_can_do_is_refused_at_once(void **state)
{
    (void)state;
    ask(CREATE(",\"authenticatorSelection\":{\"authenticatorAttachment\":\"platform\"}"));
    expect_error("key-unable", "ConstraintError");
    ask(CREATE_OF("[{\"type\":\"public-key\",\"alg\":-999}]", ""));
    expect_error("algorithm-unknown", "NotSupportedError");
    assert_int_equal(rig.begun, 0);
}

static void a_registered_key_is_told_as_browsers_do(void **state)
{
    (void)state;
    ask(CREATE(""));
    fail_with(OUTCOME_KEY_REGISTERED);
    expect_error("key-registered", "InvalidStateError");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_registration_that_lies_is_none),
        TEST(a_registration_reaches_the_key_and_comes_back),
        TEST(only_who_asks_learns_the_kind_of_key),
        TEST(what_no_security_key_can_do_is_refused_at_once),
        TEST(a_registered_key_is_told_as_browsers_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
