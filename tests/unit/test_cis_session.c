/* SPDX-License-Identifier: MIT */
/* A provider's answers, one row each: what is read, what is refused, and what survives writing. */
#include "agent/cis/cis_message.h"
#include "agent/cis/cis_session.h"
#include "ipc/base/cleanup.h"
#include "ipc/card_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void release_session(struct cis_session **session)
{
    free(*session);
}

static struct cis_session *session_of(const char *text)
{
    return cis_session_read(text, strlen(text));
}

/* The shortest session object there is, with more members before its end. */
#define SESSION(members)                                                                           \
    "{\"sid\":\"s\",\"uid\":\"555\",\"auth_time\":1790000000,\"expires_in\":36000" members "}"
#define ROLES ",\"roles\":[{\"id\":\"r1\",\"name\":\"Nurse\"},{\"id\":\"r2\",\"code\":\"R8\"}]"
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X256 X64 X64 X64 X64

static void what_is_not_said_has_its_default(void **state)
{
    (void)state;
    CLEANUP(release_session) struct cis_session *session = session_of(SESSION(""));
    assert_non_null(session);
    assert_string_equal(session->sid, "s");
    assert_string_equal(session->uid, "555");
    assert_string_equal(session->name, "");
    assert_string_equal(session->acr, "");
    assert_int_equal(session->amr_count, 0);
    assert_int_equal(session->auth_time, 1790000000);
    assert_int_equal(session->expires_in, 36000);
    assert_int_equal(session->idle, 0);
    assert_int_equal(session->keep_alive, CIS_KEEP_ALIVE_DEFAULT);
    assert_int_equal(session->role, -1);
    assert_int_equal(session->role_count, 0);
}

static void everything_that_is_said_is_read(void **state)
{
    (void)state;
    CLEANUP(release_session)
    struct cis_session *session =
        session_of(SESSION(",\"name\":\"Zo\\u00eb O\\u2019N "
                           "\\ud83d\\ude00\",\"acr\":\"AAL3\",\"amr\":[\"sc\",\"pin\"],"
                           "\"idle\":3600,\"keep_alive\":10,\"role\":\"r2\"" ROLES));
    assert_non_null(session);
    assert_string_equal(session->name, "Zoë O’N 😀");
    assert_string_equal(session->acr, "AAL3");
    assert_int_equal(session->amr_count, 2);
    assert_string_equal(session->amr[1], "pin");
    assert_int_equal(session->idle, 3600);
    assert_int_equal(session->keep_alive, 10);
    assert_int_equal(session->role_count, 2);
    assert_int_equal(session->role, 1);
    assert_string_equal(session->roles[0].name, "Nurse");
    assert_string_equal(session->roles[0].organisation, "");
    assert_string_equal(session->roles[1].code, "R8");
}

static void a_server_may_say_more_and_leave_out(void **state)
{
    (void)state;
    static const char *const good[] = {
        SESSION(",\"later\":{\"a\":[1,{\"b\":null}]},\"other\":1.5"),
        SESSION(",\"name\":null,\"acr\":null,\"amr\":null,\"idle\":null,\"keep_alive\":null,"
                "\"role\":null,\"roles\":null"),
        SESSION(",\"role\":null" ROLES),
        /* next to what is refused, and what Persian and emoji are written with */
        SESSION(",\"name\":\"\\u00a0\\u061b\\u061d\\u200c\\u200d\\u2010\\u202f\\u2070\""),
        SESSION(",\"name\":\"\\ufefc\\ufffc\\udb40\\udd00\""),
        SESSION(",\"roles\":[],\"amr\":[],\"idle\":0"),
        SESSION(",\"roles\":[{\"id\":\"" X64 "\",\"name\":\"" X256 "\",\"organisation\":\"" X256
                "\",\"code\":null,\"more\":1}]"),
        SESSION(",\"keep_alive\":3600,\"idle\":9999999999"),
        SESSION(",\"amr\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\"],\"name\":\"" X256 "\""),
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CLEANUP(release_session) struct cis_session *session = session_of(good[i]);
        if (!session)
            fail_msg("%s", good[i]);
    }
}

/* {1: 2, 3: -7, -1: 1, -2: x, -3: y}, the base point of P-256; one that is not on the curve; the
 * same as secp256k1's; Ed25519's base point. */
#define P256                                                                                       \
    "pQECAyYgASFYIGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWIlggT-NC4v4af5uO5-tKfA-eFivOM1dr"     \
    "MV7Oy7ZAaDe_UfU"
#define NO_POINT                                                                                   \
    "pQECAyYgASFYIGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWIlggT-NC4v4af5uO5-tKfA-eFivOM1dr"     \
    "MV7Oy7ZAaDe_UfY"
#define ES256K                                                                                     \
    "pQECAzguIAghWCBrF9Hy4SxCR_i85uVjpEDydwN9gS3rM6D0oTlF2JjCliJYIE_jQuL-Gn-bjufrSnwPnhYrzjNX"     \
    "azFezsu2QGg3v1H1"
#define ED25519 "pAEBAycgBiFYIFhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"
#define KEY(text) SESSION(",\"credential_public_key\":\"" text "\"")

static void a_security_keys_public_key_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } keys[] = {
        {KEY(P256), 77},
        {KEY(ED25519), 42},
        {KEY(ES256K), 0}, /* of no use here, and no mistake */
        {SESSION(",\"credential_public_key\":null"), 0},
        {SESSION(""), 0},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        CLEANUP(release_session) struct cis_session *session = session_of(keys[i].text);
        CLEANUP(bytes_deinit) struct bytes text = {0};
        assert_non_null(session);
        assert_int_equal(session->public_key_len, keys[i].len);
        assert_int_equal(cis_session_write(session, &text), 0);
        CLEANUP(release_session)
        struct cis_session *again = cis_session_read((const char *)text.data, text.len);
        assert_non_null(again);
        assert_int_equal(again->public_key_len, keys[i].len);
        assert_memory_equal(again->public_key, session->public_key, CIS_PUBLIC_KEY_MAX);
    }
}

static void a_public_key_that_is_none_is_no_session(void **state)
{
    (void)state;
    static const char *const bad[] = {
        KEY(""),
        KEY("pQ"),
        KEY(P256 "AA"),
        KEY(P256 "="),
        KEY(NO_POINT),
        SESSION(",\"credential_public_key\":7"),
        KEY("oA"),
        SESSION(",\"credential_public_key\":{\"kty\":\"EC\"}"),
        KEY(X256 X256 X256 X256 X256 X256),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (session_of(bad[i]))
            fail_msg("%s", bad[i]);
}

static void what_is_wrong_in_one_detail_is_no_session(void **state)
{
    (void)state;
    static const char *const bad[] = {
        /* the text */
        "",
        "{}",
        "[]",
        "null",
        "\"session\"",
        "{",
        SESSION("") "x",
        SESSION("") SESSION(""),
        SESSION(",\"sid\":\"s\""),
        SESSION(",\"later\":1,\"later\":1"),
        SESSION(",\"name\":\"\xff\""),
        SESSION(",\"name\":\"\\u0000\""),
        SESSION(",\"name\":\"\\ud800\""),
        SESSION(",\"later\":NaN"),
        /* what must be there */
        "{\"uid\":\"5\",\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"s\",\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":1}",
        "{\"sid\":\"s\",\"uid\":\"\",\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":null,\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":5,\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":\"" X256 "x\",\"auth_time\":1,\"expires_in\":1}",
        /* the sid is part of a URL */
        "{\"sid\":\"\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\".\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"..\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"a/b\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"a%2fb\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"a b\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":1}",
        "{\"sid\":\"" X64 X64 "x\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":1}",
        /* times */
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":0,\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":-1,\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":1.5,\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":\"1\",\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":253402300800,\"expires_in\":1}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":0}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":-1}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":true}",
        "{\"sid\":\"s\",\"uid\":\"5\",\"auth_time\":1,\"expires_in\":99999999999999999999}",
        SESSION(",\"idle\":-1"),
        SESSION(",\"idle\":\"\""),
        SESSION(",\"keep_alive\":9"),
        SESSION(",\"keep_alive\":3601"),
        SESSION(",\"keep_alive\":0"),
        SESSION(",\"keep_alive\":1e2"),
        /* texts that people read */
        SESSION(",\"name\":7"),
        SESSION(",\"name\":[\"a\"]"),
        SESSION(",\"name\":\"" X256 "x\""),
        SESSION(",\"name\":\"a\\nb\""),
        SESSION(",\"name\":\"a\\u007f\""),
        SESSION(",\"name\":\"a\\u0085\""),
        SESSION(",\"name\":\"a\\u2028\""),
        SESSION(",\"name\":\"a\\u202e\""),
        SESSION(",\"name\":\"a\\u2066\""),
        SESSION(",\"name\":\"a\\u200e\""),
        SESSION(",\"name\":\"a\\u200f\""),
        SESSION(",\"name\":\"a\\u061c\""),
        SESSION(",\"name\":\"a\\ufeff\""),
        SESSION(",\"name\":\"a\\u2060\""),
        SESSION(",\"name\":\"a\\u2064\""),
        SESSION(",\"name\":\"a\\u2069\""),
        SESSION(",\"name\":\"a\\ufff9\""),
        SESSION(",\"name\":\"a\\ufffb\""),
        SESSION(",\"name\":\"a\\udb40\\udc01\""),
        SESSION(",\"name\":\"a\\udb40\\udc20\""),
        SESSION(",\"name\":\"a\\udb40\\udc7f\""),
        SESSION(",\"roles\":[{\"id\":\"r\",\"name\":\"a\\u200f\"}]"),
        SESSION(",\"roles\":[{\"id\":\"r\",\"organisation\":\"\\ufeffa\"}]"),
        SESSION(",\"acr\":\"\\u001b[2J\""),
        SESSION(",\"amr\":\"pin\""),
        SESSION(",\"amr\":[1]"),
        SESSION(",\"amr\":[\"\"]"),
        SESSION(",\"amr\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]"),
        /* roles */
        SESSION(",\"roles\":{}"),
        SESSION(",\"roles\":[1]"),
        SESSION(",\"roles\":[{}]"),
        SESSION(",\"roles\":[{\"id\":\"\"}]"),
        SESSION(",\"roles\":[{\"id\":1}]"),
        SESSION(",\"roles\":[{\"id\":\"\\u00e9\"}]"),
        SESSION(",\"roles\":[{\"id\":\"" X64 "x\"}]"),
        SESSION(",\"roles\":[{\"id\":\"r\",\"name\":\"" X256 "x\"}]"),
        SESSION(",\"roles\":[{\"id\":\"r\",\"organisation\":\"\\t\"}]"),
        SESSION(",\"roles\":[{\"id\":\"r\",\"code\":\"\\u00e9\"}]"),
        SESSION(",\"roles\":[{\"id\":\"r\"},{\"id\":\"r\"}]"),
        SESSION(",\"role\":\"r1\""),
        SESSION(",\"role\":\"r3\"" ROLES),
        SESSION(",\"role\":\"\"" ROLES),
        SESSION(",\"role\":1" ROLES),
        SESSION(",\"role\":\"" X64 "x\"" ROLES),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CLEANUP(release_session) struct cis_session *session = session_of(bad[i]);
        if (session)
            fail_msg("%s", bad[i]);
    }
}

static void a_nul_in_the_text_ends_nothing(void **state)
{
    (void)state;
    static const char text[] = SESSION("") "\0x";
    assert_null(cis_session_read(text, sizeof text - 1));
    static const char inside[] = SESSION(",\"name\":\"a\0b\"");
    assert_null(cis_session_read(inside, sizeof inside - 1));
}

static void roles(struct bytes *text, size_t count)
{
    bytes_append_text(text, SESSION(""));
    text->len--; /* its closing brace */
    bytes_append_text(text, ",\"roles\":[");
    for (size_t i = 0; i < count; i++) {
        char role[64];
        snprintf(role, sizeof role, "%s{\"id\":\"r%zu\"}", i == 0 ? "" : ",", i);
        bytes_append_text(text, role);
    }
    bytes_append_text(text, "]}");
}

static void there_are_at_most_256_roles(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes most = {0}, more = {0};
    roles(&most, ROLES_MAX);
    roles(&more, ROLES_MAX + 1);
    CLEANUP(release_session)
    struct cis_session *session = cis_session_read((char *)most.data, most.len);
    assert_non_null(session);
    assert_int_equal(session->role_count, ROLES_MAX);
    assert_string_equal(session->roles[ROLES_MAX - 1].id, "r255");
    assert_null(cis_session_read((char *)more.data, more.len));
}

static void nesting_without_end_is_refused(void **state)
{
    (void)state;
    enum { LEVELS = 100000 };
    CLEANUP(bytes_deinit) struct bytes text = {0};
    bytes_append_text(&text, SESSION(",\"later\":"));
    text.len--;
    for (size_t i = 0; i < LEVELS; i++)
        bytes_append_text(&text, "[");
    assert_null(cis_session_read((char *)text.data, text.len));
}

static void what_is_written_reads_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {
        SESSION(""),
        SESSION(",\"name\":\"a\\\"b\\\\c \\u00eb\",\"acr\":\"AAL3\",\"amr\":[\"sc\",\"pin\"],"
                "\"idle\":3600,\"keep_alive\":10,\"role\":\"r2\"" ROLES),
        SESSION(",\"role\":null,\"keep_alive\":3600" ROLES),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CLEANUP(release_session) struct cis_session *session = session_of(texts[i]);
        CLEANUP(bytes_deinit) struct bytes once = {0}, twice = {0};
        assert_int_equal(cis_session_write(session, &once), 0);
        assert_int_equal(strlen((char *)once.data), once.len);
        CLEANUP(release_session) struct cis_session *again = session_of((char *)once.data);
        assert_non_null(again);
        assert_memory_equal(again, session,
                            sizeof *session + session->role_count * sizeof session->roles[0]);
        assert_int_equal(cis_session_write(again, &twice), 0);
        assert_true(bytes_equal(&once, &twice));
    }
}

/* ---- the smaller messages ---- */

#define CHALLENGE32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static bool read_challenge(const char *text, struct cis_challenge *out)
{
    return cis_challenge_read(text, strlen(text), out);
}

static void a_challenge_says_what_may_sign_it(void **state)
{
    (void)state;
    struct cis_challenge challenge;
    assert_true(read_challenge("{\"challenge\":\"" CHALLENGE32 "\"}", &challenge));
    assert_string_equal(challenge.text, CHALLENGE32);
    assert_int_equal(challenge.algorithm_count, 4);
    assert_true(read_challenge("{\"challenge\":\"" CHALLENGE32 "\",\"algorithms\":"
                               "[\"EdDSA\",\"RS256\",7,\"RS256\",\"ES256\"],\"later\":{}}",
                               &challenge));
    assert_int_equal(challenge.algorithm_count, 2);
    assert_int_equal(challenge.algorithms[0], CARD_RS256);
    assert_int_equal(challenge.algorithms[1], CARD_ES256);
}

static void what_is_no_challenge_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"challenge\":null}",
        "{\"challenge\":7}",
        "{\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg\"}",
        "{\"challenge\":\"" CHALLENGE32 "=\"}",
        "{\"challenge\":\"" CHALLENGE32 "\",\"challenge\":\"" CHALLENGE32 "\"}",
        "{\"challenge\":\"" CHALLENGE32 "\",\"algorithms\":[]}",
        "{\"challenge\":\"" CHALLENGE32 "\",\"algorithms\":[\"none\"]}",
        "{\"challenge\":\"" CHALLENGE32 "\",\"algorithms\":\"ES256\"}",
        "{\"challenge\":\"" CHALLENGE32 "\",\"algorithms\":{}}",
        "{\"challenge\":\"" X256 X64 X64 "\"}",
    };
    struct cis_challenge challenge;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_challenge(bad[i], &challenge))
            fail_msg("%s", bad[i]);
}

#define WITH_KEYS(keys) "{\"challenge\":\"" CHALLENGE32 "\",\"publicKey\":" keys "}"
#define KEYS(members) WITH_KEYS("{\"challenge\":\"" CHALLENGE32 "\"" members "}")

static void a_challenge_says_which_keys_will_do(void **state)
{
    (void)state;
    CLEANUP(cis_challenge_deinit) struct cis_challenge challenge = {0};
    assert_true(read_challenge("{\"challenge\":\"" CHALLENGE32 "\"}", &challenge));
    assert_false(challenge.takes_keys);
    assert_true(read_challenge(KEYS(",\"timeout\":1"), &challenge));
    assert_true(challenge.takes_keys);
    assert_string_equal(challenge.keys.rp_id, "");
    assert_int_equal(challenge.keys.list_count, 0);
    assert_true(read_challenge(KEYS(",\"rpId\":\"op.example\",\"allowCredentials\":["
                                    "{\"type\":\"public-key\",\"id\":\"AQID\"},"
                                    "{\"type\":\"other\",\"id\":\"*\"},"
                                    "{\"type\":\"public-key\",\"id\":\"BA\",\"transports\":[]}]"),
                               &challenge));
    assert_true(challenge.takes_keys);
    assert_string_equal(challenge.keys.rp_id, "op.example");
    assert_int_equal(challenge.keys.list_count, 2);
    assert_int_equal(challenge.keys.list[0].len, 3);
    assert_memory_equal(challenge.keys.list[0].data, "\1\2\3", 3);
    assert_int_equal(challenge.keys.list[1].len, 1);
}

static void what_is_said_of_keys_is_right_or_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        WITH_KEYS("null"),
        WITH_KEYS("[]"),
        WITH_KEYS("{}"),
        WITH_KEYS("{\"challenge\":\"" CHALLENGE32 "A\"}"),
        KEYS(",\"rpId\":\"\""),
        KEYS(",\"rpId\":7"),
        KEYS(",\"rpId\":\"a b\""),
        KEYS(",\"rpId\":\"" X256 "\""),
        KEYS(",\"allowCredentials\":{}"),
        KEYS(",\"allowCredentials\":[7]"),
        KEYS(",\"allowCredentials\":[{\"type\":\"other\",\"id\":\"AQID\"}]"),
        KEYS(",\"allowCredentials\":[{\"type\":\"public-key\",\"id\":\"A+\"}]"),
        KEYS(",\"allowCredentials\":[{\"type\":\"public-key\",\"id\":\"\"}]"),
        KEYS(",\"allowCredentials\":[{\"type\":\"public-key\"}]"),
        KEYS(",\"allowCredentials\":[{\"id\":\"AQID\"}]"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CLEANUP(cis_challenge_deinit) struct cis_challenge challenge = {0};
        if (!read_challenge(bad[i], &challenge) || challenge.takes_keys)
            fail_msg("%s", bad[i]);
    }
}

static void an_assertion_is_written_as_servers_read_it(void **state)
{
    (void)state;
    uint8_t one[] = {1, 2}, json[] = {'{', '}'}, high[] = {0xff, 0xfe}, zero[] = {0}, u[] = {'u'};
    struct bytes id = {.data = one, .len = sizeof one};
    struct bytes client = {.data = json, .len = sizeof json};
    struct bytes data = {.data = high, .len = sizeof high};
    struct bytes signature = {.data = zero, .len = sizeof zero};
    struct bytes user = {0};
    struct cis_assertion assertion = {&id, &client, &data, &signature, &user};
    CLEANUP(bytes_deinit) struct bytes out = {0};
    assert_int_equal(cis_assertion_write(&assertion, &out), 0);
    assert_string_equal((const char *)out.data,
                        "{\"type\":\"public-key\",\"id\":\"AQI\",\"rawId\":\"AQI\","
                        "\"authenticatorAttachment\":\"cross-platform\","
                        "\"clientExtensionResults\":{},\"response\":{\"userHandle\":null,"
                        "\"clientDataJSON\":\"e30\",\"authenticatorData\":\"__4\","
                        "\"signature\":\"AA\"}}");
    user = (struct bytes){.data = u, .len = sizeof u};
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(cis_assertion_write(&assertion, &out), 0);
    assert_non_null(strstr((const char *)out.data, "\"userHandle\":\"dQ\""));
    assert_int_equal(cis_body_write_json("assertion", "{}", &body), 0);
    assert_string_equal((const char *)body.data, "{\"assertion\":{}}");
}

static void a_refusals_word_is_a_word(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"{\"error\":\"person-unknown\",\"more\":1}", "person-unknown"},
        {"{\"error\":\"" X64 "\"}", X64},
        {"{\"error\":\"" X64 "x\"}", ""},
        {"{\"error\":\"Person unknown\"}", ""},
        {"{\"error\":\"a\\nb\"}", ""},
        {"{\"error\":7}", ""},
        {"{\"error\":\"a\",\"error\":\"b\"}", ""},
        {"[\"error\"]", ""},
        {"<html>", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char word[CIS_REASON_MAX + 1] = "before";
        cis_reason_read(rows[i].text, strlen(rows[i].text), word);
        assert_string_equal(word, rows[i].word);
    }
}

static void a_body_keeps_its_value_in_its_text(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(cis_body_write("role", "r1", &body), 0);
    assert_string_equal((char *)body.data, "{\"role\":\"r1\"}");
    assert_int_equal(body.len, strlen((char *)body.data));
    assert_int_equal(cis_body_write("role", "\",\"x\":\"", &body), 0);
    assert_string_equal((char *)body.data, "{\"role\":\"\\u0022,\\u0022x\\u0022:\\u0022\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(everything_that_is_said_is_read),
        cmocka_unit_test(a_server_may_say_more_and_leave_out),
        cmocka_unit_test(a_security_keys_public_key_is_kept),
        cmocka_unit_test(a_public_key_that_is_none_is_no_session),
        cmocka_unit_test(what_is_wrong_in_one_detail_is_no_session),
        cmocka_unit_test(a_nul_in_the_text_ends_nothing),
        cmocka_unit_test(there_are_at_most_256_roles),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(a_challenge_says_what_may_sign_it),
        cmocka_unit_test(what_is_no_challenge_is_refused),
        cmocka_unit_test(a_challenge_says_which_keys_will_do),
        cmocka_unit_test(what_is_said_of_keys_is_right_or_nothing),
        cmocka_unit_test(an_assertion_is_written_as_servers_read_it),
        cmocka_unit_test(a_refusals_word_is_a_word),
        cmocka_unit_test(a_body_keeps_its_value_in_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
