/* SPDX-License-Identifier: MIT */
/* Text in, a typed request or a ready error answer out: each row is one message. */
#include "ipc/base/cleanup.h"
#include "ipc/card_message.h"
#include "ipc/door/answer.h"
#include "ipc/door/json_rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHALLENGE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define SIGN_IN(members)                                                                           \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"card.signIn\",\"params\":{" members "}}"
#define CALL(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":" params "}"
#define PROVE(members) CALL("session.prove", "{" members "}")
#define REQUEST RPC_REQUEST
#define WEB DOOR_WEB
#define NATIVE DOOR_NATIVE

struct row {
    enum door_kind door;
    const char *text;
    int verdict;
    int code; /* of the error answer */
};

static const struct row rows[] = {
    /* the envelope */
    {WEB, "", RPC_ANSWERED, -32700},
    {WEB, "{", RPC_ANSWERED, -32700},
    {WEB, "{} {}", RPC_ANSWERED, -32700},
    {WEB, "nul", RPC_ANSWERED, -32700},
    {WEB, "{\"id\":1,\"id\":2}", RPC_ANSWERED, -32700},
    {WEB, "{\"id\":\"\\u0000\"}", RPC_ANSWERED, -32700},
    {WEB, "[]", RPC_ANSWERED, -32600},
    {WEB, "\"x\"", RPC_ANSWERED, -32600},
    {WEB, "null", RPC_ANSWERED, -32600},
    {WEB, "1", RPC_ANSWERED, -32600},
    {WEB, "[" CALL("agent.hello", "{\"protocol\":[1]}") "]", RPC_ANSWERED, -32600},
    {WEB, "{}", RPC_ANSWERED, -32600},
    {WEB, "{\"jsonrpc\":\"2.0\",\"method\":\"agent.hello\"}", RPC_ANSWERED, -32600},
    {WEB, "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"agent.hello\"}", RPC_ANSWERED, -32600},
    {WEB, "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"agent.hello\"}", RPC_ANSWERED, -32600},
    {WEB, "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"agent.hello\"}", RPC_ANSWERED, -32600},
    {WEB, "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"agent.hello\"}", RPC_ANSWERED, -32600},
    {WEB, "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"agent.hello\"}", RPC_ANSWERED, -32600},
    {WEB, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", RPC_ANSWERED, -32600},
    {WEB, "{\"jsonrpc\":\"2.0\",\"id\":1}", RPC_ANSWERED, -32600},
    {WEB, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"agent.hello\",\"more\":1}", RPC_ANSWERED,
     -32600},
    {WEB, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"agent.hello\",\"params\":[1]}", RPC_ANSWERED,
     -32602},
    /* methods and doors */
    {WEB, CALL("no.such", "{}"), RPC_ANSWERED, -32601},
    {WEB, CALL("agent.Hello", "{}"), RPC_ANSWERED, -32601},
    {WEB, CALL("card.list", "{}"), RPC_ANSWERED, -32601},
    {WEB, CALL("agent.status", "{}"), RPC_ANSWERED, -32601},
    {WEB, CALL("agent.subscribe", "{}"), RPC_ANSWERED, -32601},
    {NATIVE, CALL("card.list", "{}"), REQUEST, 0},
    {NATIVE, CALL("agent.status", "{}"), REQUEST, 0},
    {NATIVE, CALL("agent.subscribe", "{}"), REQUEST, 0},
    {NATIVE, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"card.list\"}", REQUEST, 0},
    {NATIVE, CALL("card.list", "{\"all\":true}"), RPC_ANSWERED, -32602},
    /* agent.hello */
    {WEB, CALL("agent.hello", "{\"protocol\":[1]}"), REQUEST, 0},
    {WEB, CALL("agent.hello", "{\"protocol\":[2,9]}"), REQUEST, 0},
    {WEB, CALL("agent.hello", "{}"), RPC_ANSWERED, -32602},
    {WEB, CALL("agent.hello", "{\"protocol\":1}"), RPC_ANSWERED, -32602},
    {WEB, CALL("agent.hello", "{\"protocol\":[]}"), RPC_ANSWERED, -32602},
    {WEB, CALL("agent.hello", "{\"protocol\":[\"1\"]}"), RPC_ANSWERED, -32602},
    {WEB, CALL("agent.hello", "{\"protocol\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}"),
     RPC_ANSWERED, -32602},
    /* card.signIn */
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\""), REQUEST, 0},
    {WEB, SIGN_IN(""), RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":7"), RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"AAAA\""), RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "=\""), RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9\""), RPC_ANSWERED,
     -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"Format\":\"jws\""), RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"format\":\"JWS\""), RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"format\":null"), RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "=\",\"format\":\"web-eid:1.1\""), REQUEST, 0},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"format\":\"web-eid:1.1\""), RPC_ANSWERED,
     -32602},
    {WEB, SIGN_IN("\"challenge\":\" " CHALLENGE "~/+\",\"format\":\"web-eid:1.1\""), REQUEST, 0},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\\u0007\",\"format\":\"web-eid:1.1\""),
     RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "é\",\"format\":\"web-eid:1.1\""), RPC_ANSWERED,
     -32602},
    {WEB,
     SIGN_IN("\"challenge\":\"" CHALLENGE CHALLENGE "012345678901234567890123456789012345678901\","
             "\"format\":\"web-eid:1.1\""),
     REQUEST, 0},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE CHALLENGE CHALLENGE "\",\"format\":\"web-eid:1.1\""),
     RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":7,\"format\":\"web-eid:1.1\""), RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"interaction\":\"never\""), RPC_ANSWERED,
     -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"interaction\":\"force\""), REQUEST, 0},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"algorithms\":[]"), RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"algorithms\":[\"none\"]"), RPC_ANSWERED,
     -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"algorithms\":[\"ES256\",\"ES256\"]"),
     RPC_ANSWERED, -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"algorithms\":\"ES256\""), RPC_ANSWERED,
     -32602},
    {WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://op.example\""),
     RPC_ANSWERED, -32602},
    {NATIVE, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://op.example\""), REQUEST,
     0},
    {NATIVE, SIGN_IN("\"challenge\":\"" CHALLENGE "\""), RPC_ANSWERED, -32602},
    {NATIVE, SIGN_IN("\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://op.example/\""),
     RPC_ANSWERED, -32602},
    /* session.prove */
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\""), REQUEST, 0},
    {WEB, PROVE(""), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":7"), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"AAAA\""), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "=\""), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"interaction\":\"never\""), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"interaction\":\"silent\",\"maxAge\":0"), REQUEST,
     0},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"maxAge\":86400"), REQUEST, 0},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"maxAge\":86401"), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"maxAge\":-1"), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"maxAge\":1.0"), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"maxAge\":\"60\""), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"maxAge\":null"), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"max_age\":60"), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"format\":\"jws\""), RPC_ANSWERED, -32602},
    {WEB, PROVE("\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://op.example\""), RPC_ANSWERED,
     -32602},
    {NATIVE, PROVE("\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://op.example\""), REQUEST,
     0},
    {NATIVE, PROVE("\"challenge\":\"" CHALLENGE "\",\"origin\":\"op.example\""), RPC_ANSWERED,
     -32602},
    {NATIVE, PROVE("\"challenge\":\"" CHALLENGE "\""), RPC_ANSWERED, -32602},
    /* session.begin */
    {WEB, CALL("session.begin", "{}"), REQUEST, 0},
    {WEB, CALL("session.begin", "{\"sid\":\"AZaz09-._~\"}"), REQUEST, 0},
    {WEB, CALL("session.begin", "{\"sid\":\"...\"}"), REQUEST, 0},
    {WEB, CALL("session.begin", "{\"sid\":\".\"}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"sid\":\"..\"}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"sid\":\"\"}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"sid\":\"a/b\"}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"sid\":\"a%2fb\"}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"sid\":\"a?b\"}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"sid\":\"a b\"}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"sid\":\"é\"}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"sid\":7}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"sid\":null}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"role\":\"window\"}"), RPC_ANSWERED, -32602},
    {WEB, CALL("session.begin", "{\"origin\":\"https://op.example\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.begin", "{}"), REQUEST, 0},
    {NATIVE, CALL("session.begin", "{\"origin\":\"https://op.example\",\"role\":\"caller\"}"),
     REQUEST, 0},
    {NATIVE, CALL("session.begin", "{\"role\":\"window\"}"), REQUEST, 0},
    {NATIVE, CALL("session.begin", "{\"role\":\"page\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.begin", "{\"role\":true}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.begin", "{\"origin\":\"\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.begin", "{\"origin\":null}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.begin", "{\"sid\":\"a\"}"), RPC_ANSWERED, -32602},
    /* session.role */
    {WEB, CALL("session.role", "{}"), RPC_ANSWERED, -32601},
    {NATIVE, CALL("session.role", "{}"), REQUEST, 0},
    {NATIVE, CALL("session.role", "{\"role\":\" ~\"}"), REQUEST, 0},
    {NATIVE, CALL("session.role", "{\"role\":\"\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.role", "{\"role\":\"a\\u001f\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.role", "{\"role\":\"a\\u007f\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.role", "{\"role\":\"é\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.role", "{\"role\":1}"), RPC_ANSWERED, -32602},
    /* session.status, session.end */
    {WEB, CALL("session.status", "{}"), REQUEST, 0},
    {WEB, CALL("session.end", "{}"), REQUEST, 0},
    {NATIVE, CALL("session.status", "{}"), REQUEST, 0},
    {NATIVE, CALL("session.end", "{}"), REQUEST, 0},
    {NATIVE, CALL("session.status", "{\"sid\":\"a\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("session.end", "{\"origin\":\"https://op.example\"}"), RPC_ANSWERED, -32602},
    /* key.list to key.reset */
    {WEB, CALL("key.list", "{}"), RPC_ANSWERED, -32601},
    {WEB, CALL("key.reset", "{}"), RPC_ANSWERED, -32601},
    {NATIVE, CALL("key.list", "{}"), REQUEST, 0},
    {NATIVE, CALL("key.list", "{\"key\":\"1\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.info", "{}"), REQUEST, 0},
    {NATIVE, CALL("key.info", "{\"key\":\"18446744073709551615\"}"), REQUEST, 0},
    {NATIVE, CALL("key.info", "{\"key\":\"18446744073709551616\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.info", "{\"key\":\"0\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.info", "{\"key\":\"07\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.info", "{\"key\":\"-1\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.info", "{\"key\":\"\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.info", "{\"key\":1}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.setPin", "{\"pin\":\"1234\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.deleteCredential", "{\"id\":\"AQ\"}"), REQUEST, 0},
    {NATIVE, CALL("key.deleteCredential", "{}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.deleteCredential", "{\"id\":\"\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.deleteCredential", "{\"id\":\"AQ==\"}"), RPC_ANSWERED, -32602},
    {NATIVE, CALL("key.renameCredential", "{\"id\":\"AQ\",\"userName\":\"a\"}"), RPC_ANSWERED,
     -32602},
    {NATIVE,
     CALL("key.renameCredential", "{\"id\":\"AQ\",\"userName\":\"\",\"displayName\":\"b\"}"),
     RPC_ANSWERED, -32602},
    {NATIVE,
     CALL("key.renameCredential",
          "{\"id\":\"AQ\",\"userName\":\"a\\u0007\",\"displayName\":\"b\"}"),
     RPC_ANSWERED, -32602},
    {NATIVE,
     CALL("key.renameCredential", "{\"id\":\"AQ\",\"userName\":\"a\",\"displayName\":\"\"}"),
     REQUEST, 0},
    /* operation.cancel */
    {WEB, CALL("operation.cancel", "{\"request\":7}"), REQUEST, 0},
    {WEB, CALL("operation.cancel", "{\"request\":\"a\"}"), REQUEST, 0},
    {WEB, CALL("operation.cancel", "{\"request\":null}"), RPC_ANSWERED, -32602},
    {WEB, CALL("operation.cancel", "{}"), RPC_ANSWERED, -32602},
    /* what ends the connection */
    {WEB, "\xff", RPC_NOT_UTF8, 0},
    {WEB, "\"\xed\xa0\x80\"", RPC_NOT_UTF8, 0},
    {WEB, "[[[[[[[[[", RPC_TOO_LARGE, 0},
    {WEB, "{\"a\":[[[[[[[[]]]]]]]]}", RPC_TOO_LARGE, 0},
    {WEB, "[[[[[[[[]]]]]]]]", RPC_ANSWERED, -32600},
    {WEB, "\"[[[[[[[[[[[[\"", RPC_ANSWERED, -32600},
    {WEB, "{\"[[[[[[[[[[\\\"[[[[[\":1}", RPC_ANSWERED, -32600},
};

static void every_message_has_its_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rpc_request request = {0};
        CLEANUP(bytes_deinit) struct bytes answer = {0};
        int verdict =
            rpc_decode(rows[i].door, rows[i].text, strlen(rows[i].text), &request, &answer);
        if (verdict != rows[i].verdict)
            fail_msg("%s: verdict %d", rows[i].text, verdict);
        char code[32];
        snprintf(code, sizeof code, "\"code\":%d,", rows[i].code);
        bytes_append(&answer, "", 1);
        if (rows[i].verdict == RPC_ANSWERED && !strstr((char *)answer.data, code))
            fail_msg("%s: answered %s", rows[i].text, (char *)answer.data);
    }
}

static int decode(enum door_kind door, const char *text, struct rpc_request *request)
{
    CLEANUP(bytes_deinit) struct bytes answer = {0};
    return rpc_decode(door, text, strlen(text), request, &answer);
}

static void a_sign_in_is_typed(void **state)
{
    (void)state;
    struct rpc_request request = {0};
    assert_int_equal(decode(DOOR_NATIVE,
                            SIGN_IN("\"challenge\":\"" CHALLENGE "=\",\"format\":\"web-eid:1.1\","
                                    "\"interaction\":\"silent\",\"origin\":\"https://op.example\","
                                    "\"algorithms\":[\"PS256\",\"ES256\"]"),
                            &request),
                     RPC_REQUEST);
    assert_string_equal(request.sign_in.challenge, CHALLENGE "=");
    assert_string_equal(request.sign_in.origin, "https://op.example");
    assert_int_equal(request.sign_in.format, TOKEN_WEB_EID);
    assert_int_equal(request.sign_in.interaction, INTERACTION_SILENT);
    assert_int_equal(request.sign_in.algorithm_count, 2);
    assert_int_equal(request.sign_in.algorithms[0], CARD_PS256);
    assert_int_equal(request.sign_in.algorithms[1], CARD_ES256);
}

static void defaults_are_what_the_protocol_says(void **state)
{
    (void)state;
    struct rpc_request request = {0};
    assert_int_equal(decode(DOOR_WEB, SIGN_IN("\"challenge\":\"" CHALLENGE "\""), &request),
                     RPC_REQUEST);
    assert_int_equal(request.sign_in.format, TOKEN_JWS);
    assert_int_equal(request.sign_in.interaction, INTERACTION_IF_NEEDED);
    assert_int_equal(request.sign_in.algorithm_count, 4);
    assert_string_equal(request.sign_in.origin, "");
}

/* Both sides of the upkeep of keys: what is asked for, and what is answered. */
static void upkeep_of_keys_is_typed(void **state)
{
    (void)state;
    struct rpc_request request = {0};
    assert_int_equal(
        decode(DOOR_NATIVE,
               CALL("key.renameCredential", "{\"key\":\"7\",\"id\":\"AQI\",\"userName\":\"al\","
                                            "\"displayName\":\"Al\"}"),
               &request),
        RPC_REQUEST);
    assert_int_equal(request.key.operation, FIDO_RENAME);
    assert_int_equal(request.key.key, 7);
    assert_int_equal(request.key.credential_len, 2);
    assert_memory_equal(request.key.credential, "\x01\x02", 2);
    assert_string_equal(request.key.user_name, "al");
    assert_string_equal(request.key.user_display_name, "Al");

    const struct rpc_id id = {"7"};
    const struct key_view key = {.id = 3, .name = "Example Key", .path = "/dev/hidraw0"};
    CLEANUP(bytes_deinit) struct bytes list = {0}, answer = {0}, credentials = {0};
    assert_int_equal(notify_encode_key_changed(&list, &(struct key_list){1, &key}), 0);
    bytes_append(&list, "", 1);
    assert_string_equal((char *)list.data,
                        "{\"jsonrpc\":\"2.0\",\"method\":\"key.changed\",\"params\":{\"keys\":["
                        "{\"id\":\"3\",\"name\":\"Example Key\",\"path\":\"/dev/hidraw0\","
                        "\"session\":false}]}}");

    const struct fido_key_info info = {.versions = "FIDO_2_0 U2F_V2",
                                       .aaguid = {0xca, 0xfe, [15] = 1},
                                       .firmware = 5,
                                       .pin_possible = true,
                                       .pin_tries = 8,
                                       .verification_tries = 255,
                                       .min_pin_length = 4,
                                       .resident = true,
                                       .credentials_left = -1};
    assert_int_equal(answer_encode_key_info(&answer, &id, &key, &info), 0);
    bytes_append(&answer, "", 1);
    assert_string_equal(
        (char *)answer.data,
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"id\":\"3\",\"name\":\"Example Key\","
        "\"versions\":[\"FIDO_2_0\",\"U2F_V2\"],"
        "\"aaguid\":\"cafe0000-0000-0000-0000-000000000001\",\"firmware\":5,"
        "\"pin\":{\"possible\":true,\"set\":false,\"triesLeft\":8,\"minLength\":4,"
        "\"changeOwed\":false},"
        "\"verification\":{\"possible\":false,\"set\":false,\"triesLeft\":null},"
        "\"residentKeys\":true,\"credentialManagement\":false,\"largeBlobs\":false,"
        "\"prf\":false,\"credentialsLeft\":null}}");

    uint8_t bytes[] = {1, 2};
    const struct fido_credential credential = {.id = {.data = bytes, .len = 2},
                                               .user_id = {.data = bytes, .len = 1},
                                               .rp_id = "op.example",
                                               .user_name = "al",
                                               .protection = FIDO_PROTECT_REQUIRED};
    assert_int_equal(answer_encode_credentials(&credentials, &id, &credential, 1), 0);
    bytes_append(&credentials, "", 1);
    assert_string_equal((char *)credentials.data,
                        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"credentials\":[{\"id\":"
                        "\"AQI\",\"rpId\":\"op.example\",\"userId\":\"AQ\",\"userName\":\"al\","
                        "\"displayName\":\"\",\"protection\":\"userVerificationRequired\"}]}}");
}

static void assert_web_eid(const struct web_eid_token *token, const char *more)
{
    CLEANUP(bytes_deinit) struct bytes answer = {0}, wanted = {0};
    const struct rpc_id id = {"7"};
    assert_int_equal(
        answer_encode_sign_in(&answer, &id, &(struct sign_in_result){.web_eid = token}), 0);
    bytes_append_text(&wanted, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{"
                               "\"format\":\"web-eid:1.1\",\"token\":{"
                               "\"unverifiedCertificate\":\"AA==\",\"algorithm\":\"ES256\","
                               "\"signature\":\"BB==\",");
    bytes_append_text(&wanted, more);
    bytes_append_text(&wanted, "}}}");
    bytes_append(&wanted, "", 1);
    bytes_append(&answer, "", 1);
    assert_string_equal((char *)answer.data, (char *)wanted.data);
}

#define APP_VERSION "\"appVersion\":\"lanyard:" LANYARD_VERSION "\""

/* The member names and values are the Web eID project's. */
static void a_web_eid_token_has_one_of_three_shapes(void **state)
{
    (void)state;
    const char *const intermediates[] = {"CC==", "DD=="};
    const struct web_eid_signing_certificate signing[] = {
        {"EE==", CARD_PS256 | CARD_RS256}, {"FF==", CARD_ES384}, {"GG==", CARD_ES256}};
    struct web_eid_token token = {.certificate = "AA==",
                                  .algorithm = "ES256",
                                  .signature = "BB==",
                                  .intermediates = intermediates,
                                  .signing = signing};
    assert_web_eid(&token, "\"format\":\"web-eid:1.0\"," APP_VERSION);
    token.signing_count = 3;
    assert_web_eid(&token,
                   "\"format\":\"web-eid:1.1\"," APP_VERSION ",\"unverifiedSigningCertificates\":["
                   "{\"certificate\":\"EE==\",\"supportedSignatureAlgorithms\":["
                   "{\"cryptoAlgorithm\":\"RSA\",\"hashFunction\":\"SHA-256\","
                   "\"paddingScheme\":\"PSS\"},"
                   "{\"cryptoAlgorithm\":\"RSA\",\"hashFunction\":\"SHA-256\","
                   "\"paddingScheme\":\"PKCS1.5\"}]},"
                   "{\"certificate\":\"FF==\",\"supportedSignatureAlgorithms\":["
                   "{\"cryptoAlgorithm\":\"ECC\",\"hashFunction\":\"SHA-384\","
                   "\"paddingScheme\":\"NONE\"}]},"
                   "{\"certificate\":\"GG==\",\"supportedSignatureAlgorithms\":["
                   "{\"cryptoAlgorithm\":\"ECC\",\"hashFunction\":\"SHA-256\","
                   "\"paddingScheme\":\"NONE\"}]}]");
    token.intermediate_count = 2;
    assert_web_eid(&token, "\"format\":\"web-eid:1.1\"," APP_VERSION
                           ",\"unverifiedIntermediateCertificates\":[\"CC==\",\"DD==\"]");
}

/* The last length that is taken, and the first that is not. */
static void texts_are_bounded(void **state)
{
    (void)state;
    static const struct {
        enum door_kind door;
        const char *before;
        int longest;
    } bounds[] = {
        {DOOR_WEB, "session.begin\",\"params\":{\"sid\":\"", SESSION_ID_MAX},
        {DOOR_NATIVE, "session.role\",\"params\":{\"role\":\"", ROLE_ID_MAX},
        {DOOR_WEB, "session.prove\",\"params\":{\"challenge\":\"", CHALLENGE_TEXT_MAX},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        for (int length = bounds[i].longest; length <= bounds[i].longest + 1; length++) {
            struct rpc_request request = {0};
            char value[CHALLENGE_TEXT_MAX + 2] = "", text[1024];
            memset(value, 'A', (size_t)length);
            snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s%s\"}}",
                     bounds[i].before, value);
            assert_int_equal(decode(bounds[i].door, text, &request),
                             length == bounds[i].longest ? RPC_REQUEST : RPC_ANSWERED);
        }
}

static void ids_have_one_spelling_and_a_bound(void **state)
{
    (void)state;
    struct rpc_request a = {0}, b = {0};
    decode(DOOR_WEB, "{\"jsonrpc\":\"2.0\",\"id\":\"ab\",\"method\":\"agent.hello\"}", &a);
    decode(DOOR_WEB, "{\"jsonrpc\":\"2.0\",\"id\":\"\\u0061b\",\"method\":\"agent.hello\"}", &b);
    assert_string_equal(a.id.text, b.id.text);

    char text[512];
    for (int length = 64; length <= 65; length++) {
        struct rpc_request request = {0};
        char id[65 * 2 + 1] = "";
        for (int i = 0; i < length; i++)
            strcat(id, "\xc3\xa9");
        snprintf(text, sizeof text,
                 "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"agent.hello\","
                 "\"params\":{\"protocol\":[1]}}",
                 id);
        assert_int_equal(decode(DOOR_WEB, text, &request),
                         length == 64 ? RPC_REQUEST : RPC_ANSWERED);
    }
}

static void size_is_bounded(void **state)
{
    (void)state;
    static char text[RPC_TEXT_MAX + 1];
    memset(text, ' ', sizeof text);
    struct rpc_request request = {0};
    CLEANUP(bytes_deinit) struct bytes answer = {0};
    assert_int_equal(rpc_decode(DOOR_WEB, text, RPC_TEXT_MAX, &request, &answer), RPC_ANSWERED);
    assert_int_equal(rpc_decode(DOOR_WEB, text, sizeof text, &request, &answer), RPC_TOO_LARGE);
}

static void the_table_is_told(void **state)
{
    (void)state;
    static const char *const native[] = {"session.role", "card.list",  "agent.status",
                                         "key.list",     "key.setPin", "key.reset"};
    assert_string_equal(door_method_name(0), "agent.hello");
    assert_null(door_method_name(door_method_count()));
    assert_false(door_method_native_only(1));
    assert_false(door_method_native_only(2));
    for (size_t i = 0; i < sizeof native / sizeof *native; i++) {
        size_t at = 0;
        while (door_method_name(at) && strcmp(door_method_name(at), native[i]) != 0)
            at++;
        assert_true(door_method_native_only(at));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_its_verdict),
        cmocka_unit_test(a_sign_in_is_typed),
        cmocka_unit_test(defaults_are_what_the_protocol_says),
        cmocka_unit_test(upkeep_of_keys_is_typed),
        cmocka_unit_test(a_web_eid_token_has_one_of_three_shapes),
        cmocka_unit_test(texts_are_bounded),
        cmocka_unit_test(ids_have_one_spelling_and_a_bound),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(the_table_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
