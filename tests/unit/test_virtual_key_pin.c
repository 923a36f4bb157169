/* SPDX-License-Identifier: MIT */
/* The virtual security key's PIN, as a platform speaks of it. */
#include "test_virtual_key_rig.h"

#include <string.h>

struct platform {
    struct private_key *own;
    struct shared_secret secret;
};

static void begin_pin(struct cbor_writer *request, int protocol, int subcommand, size_t more)
{
    const uint8_t command = CTAP_CLIENT_PIN;

    request->size = 0;
    cbor_put_raw(request, &command, 1);
    cbor_put_map(request, 2 + more);
    cbor_put_integer(request, 1);
    cbor_put_integer(request, protocol);
    cbor_put_integer(request, 2);
    cbor_put_integer(request, subcommand);
}

static void agree(struct platform *platform, int protocol)
{
    uint8_t bytes[REQUEST_MAX];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    struct cbor map, theirs;

    private_key_free(platform->own);
    platform->own = private_key_new(ALGORITHM_ES256);
    begin_pin(&request, protocol, 2, 0);
    assert_int_equal(ask(&request, &map), CTAP_OK);
    assert_true(cbor_member(&map, 1, &theirs));
    assert_true(shared_secret_agree(protocol, platform->own, &theirs, &platform->secret));
}

static void put_platform(const struct platform *platform, struct cbor_writer *request)
{
    cbor_put_integer(request, 3);
    private_key_put_cose(platform->own, ALGORITHM_ECDH, request);
}

static uint8_t set_pin(struct platform *platform, int protocol, const char *pin, bool honest)
{
    uint8_t bytes[REQUEST_MAX], padded[64] = {0}, sealed[SHARED_CIPHERTEXT_MAX], mac[HASH_SIZE];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    struct cbor map;
    size_t size;

    agree(platform, protocol);
    memcpy(padded, pin, strlen(pin));
    size = shared_secret_encrypt(&platform->secret, padded, sizeof padded, sealed);
    hmac_sha256(platform->secret.hmac_key, 32, sealed, size, mac);
    mac[0] ^= honest ? 0 : 1;
    begin_pin(&request, protocol, 3, 3);
    put_platform(platform, &request);
    cbor_put_integer(&request, 4);
    cbor_put_bytes(&request, mac, protocol == 1 ? 16 : 32);
    cbor_put_integer(&request, 5);
    cbor_put_bytes(&request, sealed, size);
    return ask(&request, &map);
}

/* permissions 0: the older way. */
static uint8_t get_token(struct platform *platform, int protocol, const char *pin, int permissions,
                         uint8_t token[static 32])
{
    uint8_t bytes[REQUEST_MAX], hash[HASH_SIZE], sealed[SHARED_CIPHERTEXT_MAX];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    const uint8_t *theirs;
    struct cbor map;
    size_t size;
    uint8_t status;

    agree(platform, protocol);
    sha256(pin, strlen(pin), hash);
    size = shared_secret_encrypt(&platform->secret, hash, PIN_HASH_SIZE, sealed);
    begin_pin(&request, protocol, permissions > 0 ? 9 : 5, permissions > 0 ? 4 : 2);
    put_platform(platform, &request);
    cbor_put_integer(&request, 6);
    cbor_put_bytes(&request, sealed, size);
    if (permissions > 0) {
        cbor_put_integer(&request, 9);
        cbor_put_integer(&request, permissions);
        cbor_put_integer(&request, 10);
        cbor_put_text(&request, "a.example");
    }
    status = ask(&request, &map);
    if (status == CTAP_OK) {
        assert_true(request_bytes(&map, 2, &theirs, &size));
        assert_int_equal(shared_secret_decrypt(&platform->secret, theirs, size, sealed), 32);
        memcpy(token, sealed, 32);
    }
    return status;
}

static uint8_t make_with(const uint8_t token[static 32], int protocol, const char *rp)
{
    const uint8_t hash[HASH_SIZE] = {1};
    uint8_t bytes[REQUEST_MAX], mac[HASH_SIZE];
    struct cbor_writer request = {.bytes = bytes, .room = sizeof bytes};
    struct cbor map;

    hmac_sha256(token, 32, hash, sizeof hash, mac);
    put_make(&request, rp, true, 2);
    cbor_put_integer(&request, 8);
    cbor_put_bytes(&request, mac, protocol == 1 ? 16 : 32);
    cbor_put_integer(&request, 9);
    cbor_put_integer(&request, protocol);
    return ask(&request, &map);
}

static void both_pin_protocols(void **state)
{
    struct platform platform = {0};
    uint8_t token[32] = {0};

    (void)state;
    open_channel();
    for (int protocol = 1; protocol <= PIN_PROTOCOLS; protocol++) {
        forget_reports();
        store_reset(&rig.key.store);
        assert_int_equal(get_token(&platform, protocol, "2580", 0, token), CTAP_PIN_NOT_SET);
        assert_int_equal(set_pin(&platform, protocol, "258", true), CTAP_PIN_POLICY_VIOLATION);
        assert_int_equal(set_pin(&platform, protocol, "2580", false), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(set_pin(&platform, protocol, "2580", true), CTAP_OK);
        assert_int_equal(set_pin(&platform, protocol, "0000", true), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(make("a.example", true), CTAP_PUAT_REQUIRED);
        assert_int_equal(make_with(token, protocol, "a.example"), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(get_token(&platform, protocol, "2580", 0, token), CTAP_OK);
        assert_int_equal(make_with(token, protocol, "a.example"), CTAP_OK);
        /* it is a.example's from then on */
        assert_int_equal(make_with(token, protocol, "b.example"), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(get_token(&platform, protocol, "2580", PERMISSION_GET, token), CTAP_OK);
        assert_int_equal(make_with(token, protocol, "a.example"), CTAP_PIN_AUTH_INVALID);
        assert_int_equal(get_token(&platform, protocol, "2580", PERMISSION_ENROLL, token),
                         CTAP_UNAUTHORIZED_PERMISSION);
    }
    private_key_free(platform.own);
}

static void tries_are_lost_and_won_back(void **state)
{
    struct platform platform = {0};
    uint8_t token[32];

    (void)state;
    open_channel();
    assert_int_equal(set_pin(&platform, 2, "2580", true), CTAP_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++)
            assert_int_equal(get_token(&platform, 2, "0000", 0, token), CTAP_PIN_INVALID);
        assert_int_equal(get_token(&platform, 2, "0000", 0, token), CTAP_PIN_AUTH_BLOCKED);
        assert_int_equal(get_token(&platform, 2, "2580", 0, token), CTAP_PIN_AUTH_BLOCKED);
        assert_int_equal(rig.key.store.pin_tries, PIN_TRIES_MAX - 3 * (round + 1));
        plug_in_again();
    }
    assert_int_equal(get_token(&platform, 2, "0000", 0, token), CTAP_PIN_INVALID);
    assert_int_equal(get_token(&platform, 2, "0000", 0, token), CTAP_PIN_BLOCKED);
    assert_int_equal(get_token(&platform, 2, "2580", 0, token), CTAP_PIN_BLOCKED);
    plug_in_again();
    assert_int_equal(get_token(&platform, 2, "2580", 0, token), CTAP_PIN_BLOCKED);
    private_key_free(platform.own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_pin_protocols),
        TEST(tries_are_lost_and_won_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
