/* SPDX-License-Identifier: MIT */
/*
 * The options that servers write, as the service gets them, and the answers that servers read. The
 * rows are patches on options that are whole: what each adds stands behind the rest.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/door/answer.h"
#include "ipc/door/json_rpc.h"
#include "ipc/door/webauthn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHALLENGE "AAECAwQFBgcICQoLDA0ODw"
#define CALL(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":{" params "}}"
#define GET(more) CALL("webauthn.get", "\"publicKey\":{\"challenge\":\"" CHALLENGE "\"" more "}")
#define USER "\"user\":{\"id\":\"dQ\",\"name\":\"nurse\",\"displayName\":\"A Nurse\"}"
#define CREATE_OF(rp, user, algorithms, more)                                                      \
    CALL("webauthn.create", "\"publicKey\":{\"challenge\":\"" CHALLENGE "\"," rp "," user          \
                            ",\"pubKeyCredParams\":" algorithms more "}")
#define RP "\"rp\":{\"name\":\"Site\"}"
#define ES256 "[{\"type\":\"public-key\",\"alg\":-7}]"
#define CREATE(more) CREATE_OF(RP, USER, ES256, more)
#define KEY(id) "{\"type\":\"public-key\",\"id\":\"" id "\"}"
#define ALLOW(list) ",\"allowCredentials\":[" list "]"
#define EXTENSIONS(members) ",\"extensions\":{" members "}"
#define PRF(members) EXTENSIONS("\"prf\":{" members "}")
#define BLOB(members) EXTENSIONS("\"largeBlob\":{" members "}")

static int decode_at(enum door_kind door, const char *text, struct rpc_request *request,
                     struct bytes *answer)
{
    *request = (struct rpc_request){0};
    return rpc_decode(door, text, strlen(text), request, answer);
}

/* ---- what is refused, and what is not ---- */

struct row {
    bool taken;
    const char *text;
};

static const struct row rows[] = {
    /* webauthn.get */
    {true, GET("")},
    {false, CALL("webauthn.get", "")},
    {false, CALL("webauthn.get", "\"publicKey\":null")},
    {false, CALL("webauthn.get", "\"publicKey\":[]")},
    {false, CALL("webauthn.get", "\"publicKey\":{}")},
    {false, CALL("webauthn.get", "\"publicKey\":{\"challenge\":7}")},
    {false, CALL("webauthn.get", "\"publicKey\":{\"challenge\":\"\"}")},
    {false, CALL("webauthn.get", "\"publicKey\":{\"challenge\":\"AAECAwQFBgcICQoLDA0O\"}")},
    {false, CALL("webauthn.get", "\"publicKey\":{\"challenge\":\"" CHALLENGE "==\"}")},
    {false, CALL("webauthn.get", "\"publicKey\":{\"challenge\":\"AAECAwQFBgcICQoLDA0OD/\"}")},
    {false, GET(",\"challenge\":\"" CHALLENGE "\"")},  /* twice */
    {false, GET("},\"mediation\":{\"a\":\"silent\"")}, /* not of params */
    {false, GET("},\"session\":1,\"x\":{")},
    {true, GET(",\"not-known\":[1,{}]")},
    {true, GET(",\"timeout\":60000")},
    {true, GET(",\"timeout\":1.5e9")},
    {true, GET(",\"timeout\":0")},
    {false, GET(",\"timeout\":-1")},
    {false, GET(",\"timeout\":\"60000\"")},
    {false, GET(",\"timeout\":null")},
    {true, GET(",\"rpId\":\"op.example\"")},
    {false, GET(",\"rpId\":\"\"")},
    {false, GET(",\"rpId\":null")},
    {false, GET(",\"rpId\":7")},
    {false, GET(",\"rpId\":\"a\\u0007b\"")},
    {true, GET(",\"userVerification\":\"required\"")},
    {true, GET(",\"userVerification\":\"always\"")}, /* passed over, as browsers do */
    {false, GET(",\"userVerification\":true")},
    {true, GET(",\"hints\":[\"security-key\",\"new-thing\"]")},
    {true, GET(",\"hints\":[]")},
    {false, GET(",\"hints\":\"security-key\"")},
    {false, GET(",\"hints\":[1]")},
    {true, GET(ALLOW(""))},
    {true, GET(ALLOW(KEY("AA")))},
    {true, GET(ALLOW("{\"type\":\"public-key\",\"id\":\"AA\",\"transports\":[\"usb\",\"x\"]}"))},
    {true, GET(ALLOW("{\"type\":\"password\",\"id\":\"AA\"}"))},
    {false, GET(",\"allowCredentials\":{}")},
    {false, GET(",\"allowCredentials\":null")},
    {false, GET(ALLOW("\"AA\""))},
    {false, GET(ALLOW("{\"id\":\"AA\"}"))},
    {false, GET(ALLOW("{\"type\":\"public-key\"}"))},
    {false, GET(ALLOW(KEY("")))},
    {false, GET(ALLOW(KEY("A")))},
    {false, GET(ALLOW(KEY("AB")))}, /* spare bits */
    {false, GET(ALLOW(KEY("AA==")))},
    {false, GET(ALLOW("{\"type\":\"public-key\",\"id\":\"AA\",\"transports\":\"usb\"}"))},
    {false, GET(ALLOW("{\"type\":\"public-key\",\"id\":\"AA\",\"transports\":[7]}"))},
    /* webauthn.create */
    {true, CREATE("")},
    {false, CREATE_OF("\"rp\":null", USER, ES256, "")},
    {false, CREATE_OF("\"rp\":{}", USER, ES256, "")},
    {false, CREATE_OF("\"rp\":{\"name\":7}", USER, ES256, "")},
    {true, CREATE_OF("\"rp\":{\"name\":\"\",\"id\":\"op.example\",\"icon\":1}", USER, ES256, "")},
    {false, CREATE_OF("\"rp\":{\"name\":\"\",\"id\":\"\"}", USER, ES256, "")},
    {false, CREATE_OF("\"rp\":{\"name\":\"\",\"id\":{}}", USER, ES256, "")},
    {false, CREATE_OF(RP, "\"user\":\"nurse\"", ES256, "")},
    {false, CREATE_OF(RP, "\"user\":{\"id\":\"\",\"name\":\"\",\"displayName\":\"\"}", ES256, "")},
    {true, CREATE_OF(RP, "\"user\":{\"id\":\"dQ\",\"name\":\"\",\"displayName\":\"\"}", ES256, "")},
    {false, CREATE_OF(RP, "\"user\":{\"id\":\"dQ\",\"name\":\"\"}", ES256, "")},
    {false, CREATE_OF(RP, "\"user\":{\"id\":\"dQ\",\"displayName\":\"\"}", ES256, "")},
    {false, CREATE_OF(RP, "\"user\":{\"id\":[1],\"name\":\"\",\"displayName\":\"\"}", ES256, "")},
    {true, CREATE_OF(RP, USER, "[]", "")},
    {false, CREATE_OF(RP, USER, "null", "")},
    {false, CREATE_OF(RP, USER, "{}", "")},
    {false, CREATE_OF(RP, USER, "[-7]", "")},
    {false, CREATE_OF(RP, USER, "[{\"type\":\"public-key\"}]", "")},
    {false, CREATE_OF(RP, USER, "[{\"type\":\"public-key\",\"alg\":\"ES256\"}]", "")},
    {false, CREATE_OF(RP, USER, "[{\"type\":\"public-key\",\"alg\":-7.0}]", "")},
    {false, CREATE_OF(RP, USER, "[{\"alg\":-7}]", "")},
    {true, CREATE_OF(RP, USER, "[{\"type\":\"public-key\",\"alg\":9007199254740993}]", "")},
    {true, CREATE(",\"excludeCredentials\":[" KEY("AA") "]")},
    {false, CREATE(",\"excludeCredentials\":[" KEY("A") "]")},
    {true, CREATE(",\"allowCredentials\":7")}, /* not known here */
    {true, CREATE(",\"authenticatorSelection\":{}")},
    {false, CREATE(",\"authenticatorSelection\":null")},
    {false, CREATE(",\"authenticatorSelection\":{\"requireResidentKey\":1}")},
    {false, CREATE(",\"authenticatorSelection\":{\"residentKey\":true}")},
    {false, CREATE(",\"authenticatorSelection\":{\"userVerification\":1}")},
    {false, CREATE(",\"authenticatorSelection\":{\"authenticatorAttachment\":[]}")},
    {true, CREATE(",\"authenticatorSelection\":{\"authenticatorAttachment\":\"new\"}")},
    {true, CREATE(",\"attestation\":\"new\"")},
    {false, CREATE(",\"attestation\":false")},
    {false, CALL("webauthn.create", "\"session\":true,\"publicKey\":{}")},
    /* extensions */
    {true, GET(EXTENSIONS(""))},
    {true, GET(EXTENSIONS("\"new\":7,\"credProps\":7,\"appidExclude\":7"))},
    {false, GET(",\"extensions\":null")},
    {false, GET(",\"extensions\":[]")},
    {true, GET(EXTENSIONS("\"appid\":\"https://op.example\""))},
    {false, GET(EXTENSIONS("\"appid\":\"\""))},
    {false, GET(EXTENSIONS("\"appid\":true"))},
    {true, GET(PRF(""))},
    {false, GET(EXTENSIONS("\"prf\":true"))},
    {true, GET(PRF("\"eval\":{\"first\":\"\"}"))},
    {true, GET(PRF("\"eval\":{\"first\":\"AA\",\"second\":\"AQ\"}"))},
    {false, GET(PRF("\"eval\":{}"))},
    {false, GET(PRF("\"eval\":{\"second\":\"AA\"}"))},
    {false, GET(PRF("\"eval\":{\"first\":\"A\"}"))},
    {false, GET(PRF("\"eval\":{\"first\":\"AA\",\"second\":null}"))},
    {false, GET(PRF("\"eval\":\"AA\""))},
    {false, GET(PRF("\"evalByCredential\":{\"AA\":{\"first\":\"AA\"}}"))},
    {true, GET(ALLOW(KEY("AA")) PRF("\"evalByCredential\":{\"AA\":{\"first\":\"AA\"}}"))},
    {true, GET(ALLOW(KEY("AA")) PRF("\"evalByCredential\":{}"))},
    {false, GET(ALLOW(KEY("AA")) PRF("\"evalByCredential\":{\"AQ\":{\"first\":\"AA\"}}"))},
    {false, GET(ALLOW(KEY("AA")) PRF("\"evalByCredential\":{\"\":{\"first\":\"AA\"}}"))},
    {false, GET(ALLOW(KEY("AA")) PRF("\"evalByCredential\":{\"A\":{\"first\":\"AA\"}}"))},
    {false, GET(ALLOW(KEY("AA")) PRF("\"evalByCredential\":{\"AA\":{}}"))},
    {false, GET(ALLOW(KEY("AA")) PRF("\"evalByCredential\":{\"AA\":7}"))},
    {false, GET(ALLOW(KEY("AA")) PRF("\"evalByCredential\":[]"))},
    {false, CREATE(PRF("\"evalByCredential\":{}"))},
    {true, CREATE(PRF("\"eval\":{\"first\":\"AA\"}"))},
    {true, GET(BLOB("\"read\":true"))},
    {true, GET(BLOB(""))},
    {true, GET(ALLOW(KEY("AA")) BLOB("\"write\":\"AA\""))},
    {false, GET(BLOB("\"write\":\"AA\""))}, /* into which? */
    {false, GET(ALLOW(KEY("AA") "," KEY("AQ")) BLOB("\"write\":\"AA\""))},
    {false, GET(ALLOW(KEY("AA")) BLOB("\"write\":7"))},
    {false, GET(ALLOW(KEY("AA")) BLOB("\"read\":true,\"write\":\"AA\""))},
    {false, GET(BLOB("\"read\":1"))},
    {false, GET(BLOB("\"support\":\"preferred\""))},
    {false, GET(EXTENSIONS("\"largeBlob\":true"))},
    {true, CREATE(BLOB("\"support\":\"required\""))},
    {true, CREATE(BLOB("\"support\":\"new\""))},
    {true, CREATE(BLOB(""))},
    {false, CREATE(BLOB("\"support\":true"))},
    {false, CREATE(BLOB("\"read\":true"))},
    {true, CREATE(EXTENSIONS("\"credProps\":true,\"minPinLength\":true,\"appid\":7"))},
    {false, CREATE(EXTENSIONS("\"credProps\":1"))},
    {false, CREATE(EXTENSIONS("\"minPinLength\":\"yes\""))},
    {true, CREATE(EXTENSIONS("\"appidExclude\":\"https://op.example\""))},
    {true, CREATE(EXTENSIONS("\"credentialProtectionPolicy\":\"userVerificationRequired\","
                             "\"enforceCredentialProtectionPolicy\":true"))},
    {false, CREATE(EXTENSIONS("\"credentialProtectionPolicy\":\"\""))},
    {false, CREATE(EXTENSIONS("\"credentialProtectionPolicy\":\"new\""))},
    {false, CREATE(EXTENSIONS("\"credentialProtectionPolicy\":3"))},
    {false, CREATE(EXTENSIONS("\"enforceCredentialProtectionPolicy\":\"true\""))},
};

static void what_is_known_and_malformed_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(bytes_deinit) struct bytes answer = {0};
        CLEANUP(rpc_request_deinit) struct rpc_request request;
        int verdict = decode_at(DOOR_WEB, rows[i].text, &request, &answer);
        bytes_append(&answer, "", 1);
        if (verdict != (rows[i].taken ? RPC_REQUEST : RPC_ANSWERED))
            fail_msg("%s: verdict %d, %s", rows[i].text, verdict, (char *)answer.data);
        if (!rows[i].taken && strstr(rows[i].text, "webauthn") &&
            !strstr((char *)answer.data, "-32700") &&
            !strstr((char *)answer.data, "\"name\":\"TypeError\""))
            fail_msg("%s: answered %s", rows[i].text, (char *)answer.data);
    }
}

static void a_program_names_the_origin_and_a_page_does_not(void **state)
{
    (void)state;
    static const struct {
        enum door_kind door;
        const char *origin;
        int verdict;
    } origins[] = {
        {DOOR_NATIVE, ",\"origin\":\"https://op.example\"", RPC_REQUEST},
        {DOOR_NATIVE, "", RPC_ANSWERED},
        {DOOR_NATIVE, ",\"origin\":\"https://op.example/\"", RPC_ANSWERED},
        {DOOR_WEB, ",\"origin\":\"https://op.example\"", RPC_ANSWERED},
    };
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        char text[512];
        CLEANUP(bytes_deinit) struct bytes answer = {0};
        CLEANUP(rpc_request_deinit) struct rpc_request request;
        snprintf(text, sizeof text,
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"webauthn.get\",\"params\":{"
                 "\"publicKey\":{\"challenge\":\"" CHALLENGE "\"}%s}}",
                 origins[i].origin);
        assert_int_equal(decode_at(origins[i].door, text, &request, &answer), origins[i].verdict);
    }
}

/* ---- what it is made into ---- */

static void take(const char *text, struct rpc_request *request)
{
    CLEANUP(bytes_deinit) struct bytes answer = {0};
    if (decode_at(DOOR_WEB, text, request, &answer) != RPC_REQUEST)
        fail_msg("%s: %.*s", text, (int)answer.len, (char *)answer.data);
}

static void defaults_are_the_standard_s(void **state)
{
    (void)state;
    CLEANUP(rpc_request_deinit) struct rpc_request get, create;
    take(GET(""), &get);
    assert_false(get.webauthn->create);
    assert_string_equal(get.webauthn->challenge, CHALLENGE);
    assert_string_equal(get.webauthn->rp_id, "");
    assert_int_equal(get.webauthn->timeout_ms, 0);
    assert_int_equal(get.webauthn->verification, FIDO_UV_PREFERRED);
    assert_int_equal(get.webauthn->list_count, 0);
    assert_false(get.webauthn->list_useless);
    assert_false(get.webauthn->session);
    assert_false(get.webauthn->prf_wanted);
    take(CREATE_OF(RP, USER, "[]", ""), &create);
    assert_true(create.webauthn->create);
    assert_int_equal(create.webauthn->algorithm_count, 2);
    assert_int_equal(create.webauthn->algorithms[0], -7);
    assert_int_equal(create.webauthn->algorithms[1], -257);
    assert_int_equal(create.webauthn->resident, FIDO_RESIDENT_DISCOURAGED);
    assert_false(create.webauthn->attestation);
    assert_false(create.webauthn->platform);
    assert_int_equal(create.webauthn->blob, FIDO_BLOB_NONE);
    assert_int_equal(create.webauthn->protection, FIDO_PROTECT_NONE);
}

static void a_request_is_typed(void **state)
{
    (void)state;
    CLEANUP(rpc_request_deinit) struct rpc_request request;
    take(CALL("webauthn.get",
              "\"session\":true,\"publicKey\":{\"challenge\":\"" CHALLENGE
              "\",\"rpId\":\"op.example\",\"timeout\":1,\"userVerification\":\"required\"" ALLOW(
                  KEY("AA") ",{\"type\":\"other\",\"id\":\"Ag\"}," KEY("AQ"))
                  EXTENSIONS("\"appid\":\"https://op.example/u2f\",\"largeBlob\":{\"read\":true},"
                             "\"prf\":{\"evalByCredential\":{\"AQ\":{\"first\":\"Ag\","
                             "\"second\":\"\"}},\"eval\":{\"first\":\"Aw\"}}") "}"),
         &request);
    const struct webauthn_params *p = request.webauthn;
    assert_true(p->session);
    assert_string_equal(p->rp_id, "op.example");
    assert_int_equal(p->timeout_ms, WEBAUTHN_TIMEOUT_MIN_MS);
    assert_int_equal(p->verification, FIDO_UV_REQUIRED);
    assert_int_equal(p->list_count, 2);
    assert_int_equal(p->list[1].data[0], 1);
    assert_string_equal(p->appid, "https://op.example/u2f");
    assert_int_equal(p->blob, FIDO_BLOB_READ);
    assert_true(p->blob_asked);
    assert_true(p->prf_wanted);
    assert_int_equal(p->prf_count, 2);
    assert_int_equal(p->prf[0].credential.data[0], 1);
    assert_int_equal(p->prf[0].first.data[0], 2);
    assert_true(p->prf[0].has_second);
    assert_int_equal(p->prf[0].second.len, 0);
    assert_int_equal(p->prf[1].credential.len, 0);
    assert_int_equal(p->prf[1].first.data[0], 3);
    assert_false(p->prf[1].has_second);
}

static void a_creation_is_typed(void **state)
{
    (void)state;
    CLEANUP(rpc_request_deinit) struct rpc_request request;
    take(CREATE_OF("\"rp\":{\"name\":\"Site\\n\\u007f\",\"id\":\"op.example\"}", USER,
                   "[{\"type\":\"public-key\",\"alg\":-8},{\"type\":\"public-key\",\"alg\":-257},"
                   "{\"type\":\"public-key\",\"alg\":-8},{\"type\":\"public-key\",\"alg\":-39},"
                   "{\"type\":\"other\",\"alg\":-7}]",
                   ",\"timeout\":9999999,\"attestation\":\"direct\",\"excludeCredentials\":[" KEY(
                       "AA") "],\"authenticatorSelection\":{\"requireResidentKey\":true,"
                             "\"authenticatorAttachment\":\"platform\",\"userVerification\":"
                             "\"discouraged\"}" EXTENSIONS(
                                 "\"credProps\":true,\"minPinLength\":true,\"prf\":{},"
                                 "\"appidExclude\":\"https://op.example/u2f\","
                                 "\"largeBlob\":{\"support\":\"required\"},"
                                 "\"credentialProtectionPolicy\":"
                                 "\"userVerificationOptionalWithCredentialIDList\","
                                 "\"enforceCredentialProtectionPolicy\":true")),
         &request);
    const struct webauthn_params *p = request.webauthn;
    assert_string_equal(p->rp_id, "op.example");
    assert_string_equal(p->rp_name, "Site  ");
    assert_int_equal(p->user_id.data[0], 'u');
    assert_string_equal(p->user_name, "nurse");
    assert_string_equal(p->user_display_name, "A Nurse");
    assert_int_equal(p->algorithm_count, 2);
    assert_int_equal(p->algorithms[0], -8);
    assert_int_equal(p->algorithms[1], -257);
    assert_int_equal(p->timeout_ms, WEBAUTHN_TIMEOUT_MAX_MS);
    assert_true(p->attestation);
    assert_int_equal(p->list_count, 1);
    assert_int_equal(p->resident, FIDO_RESIDENT_REQUIRED);
    assert_true(p->platform);
    assert_int_equal(p->verification, FIDO_UV_DISCOURAGED);
    assert_true(p->cred_props);
    assert_true(p->min_pin_length);
    assert_true(p->prf_wanted);
    assert_int_equal(p->prf_count, 0);
    assert_string_equal(p->appid, "https://op.example/u2f");
    assert_int_equal(p->blob, FIDO_BLOB_WANTED);
    assert_int_equal(p->protection, FIDO_PROTECT_WITH_LIST);
    assert_true(p->protection_enforced);
}

static void residentKey_goes_before_requireResidentKey(void **state)
{
    (void)state;
    CLEANUP(rpc_request_deinit) struct rpc_request request;
    take(CREATE(",\"authenticatorSelection\":{\"requireResidentKey\":true,"
                "\"residentKey\":\"preferred\"}"),
         &request);
    assert_int_equal(request.webauthn->resident, FIDO_RESIDENT_PREFERRED);
}

static void nothing_of_use_is_not_nothing(void **state)
{
    (void)state;
    CLEANUP(rpc_request_deinit) struct rpc_request get, create;
    take(GET(ALLOW("{\"type\":\"other\",\"id\":\"AA\"}")), &get);
    assert_true(get.webauthn->list_useless);
    take(CREATE_OF(RP, USER, "[{\"type\":\"public-key\",\"alg\":-47}]", ""), &create);
    assert_int_equal(create.webauthn->algorithm_count, 0);
}

/* The last that is taken, and the first that is not. */
static void lists_and_texts_are_bounded(void **state)
{
    (void)state;
    for (size_t count = FIDO_LIST_MAX; count <= FIDO_LIST_MAX + 1; count++) {
        CLEANUP(bytes_deinit) struct bytes text = {0}, answer = {0};
        CLEANUP(rpc_request_deinit) struct rpc_request request;
        bytes_append_text(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"webauthn.get\","
                                 "\"params\":{\"publicKey\":{\"challenge\":\"" CHALLENGE
                                 "\",\"allowCredentials\":[" KEY("AA"));
        for (size_t i = 1; i < count; i++)
            bytes_append_text(&text, "," KEY("AA"));
        bytes_append(&text, "]}}}", sizeof "]}}}");
        assert_int_equal(decode_at(DOOR_WEB, (char *)text.data, &request, &answer),
                         count == FIDO_LIST_MAX ? RPC_REQUEST : RPC_ANSWERED);
    }
    static const struct {
        const char *before, *after;
        size_t most; /* bytes when decoded */
    } bounds[] = {
        {"\"challenge\":\"", "\"", WEBAUTHN_CHALLENGE_MAX},
        {"\"challenge\":\"" CHALLENGE "\",\"allowCredentials\":[{\"type\":\"public-key\",\"id\":\"",
         "\"}]", FIDO_CREDENTIAL_ID_MAX},
        {"\"challenge\":\"" CHALLENGE
         "\",\"allowCredentials\":[" KEY("AA") "],\"extensions\":{\"largeBlob\":{\"write\":\"",
         "\"}}", FIDO_BLOB_MAX},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        for (size_t len = bounds[i].most; len <= bounds[i].most + 1; len++) {
            static const uint8_t zeros[FIDO_BLOB_MAX + 1];
            CLEANUP(bytes_deinit) struct bytes text = {0}, answer = {0};
            CLEANUP(rpc_request_deinit) struct rpc_request request;
            bytes_append_text(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"webauthn.get\","
                                     "\"params\":{\"publicKey\":{");
            bytes_append_text(&text, bounds[i].before);
            base64url_append(&text, zeros, len);
            bytes_append_text(&text, bounds[i].after);
            bytes_append(&text, "}}}", sizeof "}}}");
            assert_int_equal(decode_at(DOOR_WEB, (char *)text.data, &request, &answer),
                             len == bounds[i].most ? RPC_REQUEST : RPC_ANSWERED);
        }
}

static void a_long_name_is_cut_at_a_character_s_end(void **state)
{
    (void)state;
    char name[256] = "a", text[1024];
    for (int i = 0; i < 70; i++)
        memcpy(name + 1 + 2 * i, "\xc3\xa9", 2); /* the 128th byte is the first half of one */
    snprintf(text, sizeof text, CREATE_OF("\"rp\":{\"name\":\"%s\"}", USER, ES256, ""), name);
    CLEANUP(rpc_request_deinit) struct rpc_request request;
    take(text, &request);
    assert_int_equal(strlen(request.webauthn->rp_name), 127);
    assert_true(utf8_valid(request.webauthn->rp_name, 127));
}

/* ---- answers ---- */

static struct bytes borrowed(const char *text)
{
    return (struct bytes){.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
}

static void assert_answer(const struct webauthn_result *result, const char *wanted)
{
    CLEANUP(bytes_deinit) struct bytes answer = {0}, whole = {0};
    const struct rpc_id id = {"7"};
    assert_int_equal(answer_encode_webauthn(&answer, &id, result), 0);
    bytes_append_text(&whole, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{"
                              "\"id\":\"aWQ\",\"rawId\":\"aWQ\",\"type\":\"public-key\","
                              "\"authenticatorAttachment\":\"cross-platform\",");
    bytes_append_text(&whole, wanted);
    bytes_append_text(&whole, "}}");
    bytes_append(&whole, "", 1);
    bytes_append(&answer, "", 1);
    assert_string_equal((char *)answer.data, (char *)whole.data);
}

static void an_assertion_is_what_a_browser_gives(void **state)
{
    (void)state;
    struct webauthn_result result = {.credential_id = borrowed("id"),
                                     .client_data = borrowed("{}"),
                                     .auth_data = borrowed("ad"),
                                     .signature = borrowed("sg")};
    assert_answer(&result, "\"clientExtensionResults\":{},\"response\":{\"clientDataJSON\":\"e30\","
                           "\"authenticatorData\":\"YWQ\",\"signature\":\"c2c\"}");
    result.user_id = borrowed("u");
    result.has_appid = true;
    result.has_prf = true;
    result.has_blob = true;
    assert_answer(&result, "\"clientExtensionResults\":{\"appid\":false,\"prf\":{},"
                           "\"largeBlob\":{}},\"response\":{\"clientDataJSON\":\"e30\","
                           "\"authenticatorData\":\"YWQ\",\"signature\":\"c2c\","
                           "\"userHandle\":\"dQ\"}");
    result.appid = true;
    result.prf_first = borrowed("1");
    result.blob_read = true;
    result.blob = borrowed("b");
    assert_answer(&result, "\"clientExtensionResults\":{\"appid\":true,\"prf\":{\"results\":"
                           "{\"first\":\"MQ\"}},\"largeBlob\":{\"blob\":\"Yg\"}},\"response\":"
                           "{\"clientDataJSON\":\"e30\",\"authenticatorData\":\"YWQ\","
                           "\"signature\":\"c2c\",\"userHandle\":\"dQ\"}");
    result.has_appid = false;
    result.prf_second = borrowed("2");
    result.blob_read = false;
    result.blob_wanted_written = true;
    assert_answer(&result, "\"clientExtensionResults\":{\"prf\":{\"results\":{\"first\":\"MQ\","
                           "\"second\":\"Mg\"}},\"largeBlob\":{\"written\":false}},\"response\":"
                           "{\"clientDataJSON\":\"e30\",\"authenticatorData\":\"YWQ\","
                           "\"signature\":\"c2c\",\"userHandle\":\"dQ\"}");
}

static void a_registration_is_what_a_browser_gives(void **state)
{
    (void)state;
    struct webauthn_result result = {.create = true,
                                     .credential_id = borrowed("id"),
                                     .client_data = borrowed("{}"),
                                     .auth_data = borrowed("ad"),
                                     .attestation_object = borrowed("ao"),
                                     .public_key = borrowed("pk"),
                                     .algorithm = -7,
                                     .has_cred_props = true,
                                     .resident = true,
                                     .has_prf = true,
                                     .prf_enabled = true,
                                     .has_blob = true,
                                     .has_appid = true,
                                     .appid = true};
    assert_answer(&result, "\"clientExtensionResults\":{\"appidExclude\":true,\"credProps\":"
                           "{\"rk\":true},\"prf\":{\"enabled\":true},\"largeBlob\":"
                           "{\"supported\":false}},\"response\":{\"clientDataJSON\":\"e30\","
                           "\"authenticatorData\":\"YWQ\",\"transports\":[\"usb\"],"
                           "\"publicKeyAlgorithm\":-7,\"attestationObject\":\"YW8\","
                           "\"publicKey\":\"cGs\"}");
    result = (struct webauthn_result){.create = true,
                                      .credential_id = borrowed("id"),
                                      .client_data = borrowed("{}"),
                                      .auth_data = borrowed("ad"),
                                      .attestation_object = borrowed("ao"),
                                      .algorithm = -47};
    assert_answer(&result, "\"clientExtensionResults\":{},\"response\":{\"clientDataJSON\":\"e30\","
                           "\"authenticatorData\":\"YWQ\",\"transports\":[\"usb\"],"
                           "\"publicKeyAlgorithm\":-47,\"attestationObject\":\"YW8\"}");
}

static void an_error_has_the_name_that_a_browser_gives_it(void **state)
{
    (void)state;
    static const struct {
        int result;
        const char *name;
    } names[] = {
        {OUTCOME_CANCELLED, "NotAllowedError"},
        {OUTCOME_TIMED_OUT, "NotAllowedError"},
        {OUTCOME_BUSY, "NotAllowedError"},
        {OUTCOME_NOT_ALLOWED, "NotAllowedError"},
        {OUTCOME_NO_KEY, "NotAllowedError"},
        {OUTCOME_KEY_REMOVED, "NotAllowedError"},
        {OUTCOME_KEY_NOT_REGISTERED, "NotAllowedError"},
        {OUTCOME_KEY_BLOCKED, "NotAllowedError"},
        {OUTCOME_KEY_LOCKED, "NotAllowedError"},
        {OUTCOME_KEY_UNVERIFIED, "NotAllowedError"},
        {OUTCOME_KEY_REGISTERED, "InvalidStateError"},
        {OUTCOME_KEY_UNABLE, "ConstraintError"},
        {OUTCOME_KEY_PIN_NOT_SET, "ConstraintError"},
        {OUTCOME_ALGORITHM_UNKNOWN, "NotSupportedError"},
        {OUTCOME_RP_ID_NOT_ALLOWED, "SecurityError"},
        {OUTCOME_INVALID_REQUEST, "TypeError"},
        {OUTCOME_KEY_FAILED, "UnknownError"},
        {OUTCOME_INTERNAL, "UnknownError"},
        {-12, "UnknownError"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(webauthn_error_name(names[i].result), names[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_and_malformed_is_refused),
        cmocka_unit_test(a_program_names_the_origin_and_a_page_does_not),
        cmocka_unit_test(defaults_are_the_standard_s),
        cmocka_unit_test(a_request_is_typed),
        cmocka_unit_test(a_creation_is_typed),
        cmocka_unit_test(residentKey_goes_before_requireResidentKey),
        cmocka_unit_test(nothing_of_use_is_not_nothing),
        cmocka_unit_test(lists_and_texts_are_bounded),
        cmocka_unit_test(a_long_name_is_cut_at_a_character_s_end),
        cmocka_unit_test(an_assertion_is_what_a_browser_gives),
        cmocka_unit_test(a_registration_is_what_a_browser_gives),
        cmocka_unit_test(an_error_has_the_name_that_a_browser_gives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
