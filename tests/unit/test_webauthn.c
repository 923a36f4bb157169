/* SPDX-License-Identifier: MIT */
/*
 * webauthn.get and webauthn.create from the message to the answer, without keys: what would be done
 * with one is kept here, and ends as each test has it end. What the key signs is not verified by
 * the agent, so it is not made here either.
 */
#include "agent/webauthn/webauthn.h"

#include "agent/audit.h"
#include "agent/webauthn/public_key.h"
#include "ipc/auth_data.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/cbor.h"
#include "ipc/door/connection.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHALLENGE "AAECAwQFBgcICQoLDA0ODw"
#define ORIGIN "https://login.op.example"
#define GET(more)                                                                                  \
    "webauthn.get\",\"params\":{\"publicKey\":{\"challenge\":\"" CHALLENGE "\"" more "}"
#define CREATE_OF(algorithms, more)                                                                \
    "webauthn.create\",\"params\":{\"publicKey\":{\"challenge\":\"" CHALLENGE                      \
    "\",\"rp\":{\"name\":\"Site\"},\"user\":{\"id\":\"dQ\",\"name\":\"n\",\"displayName\":\"N\"}," \
    "\"pubKeyCredParams\":" algorithms more "}"
#define CREATE(more) CREATE_OF("[{\"type\":\"public-key\",\"alg\":-7}]", more)
#define ALLOW_ID ",\"allowCredentials\":[{\"type\":\"public-key\",\"id\":\"aWQ\"}]"
#define DISCOVERABLE ""

struct key_work {
    struct key_work_request copy;
    struct key_work_events events;
};

struct fixture {
    struct loop *loop;
    struct config config;
    struct connections set;
    struct connection page, program;
    struct webauthns *webauthns;
    struct bytes last; /* the last message, terminated */
    unsigned sent;
    struct key_work *work; /* the last that was begun; NULL: it has ended */
    unsigned begun;
    int refusal; /* of the next one */
    bool takes_key;
    unsigned made;
    struct session_key *key;
    char made_origin[64];
    uint64_t made_plug;
};

static struct fixture *rig; /* key_work_begin knows no other */

/* ---- what stands for the journal ---- */

static unsigned refusals_written;

void audit_write(const struct audit_entry *entry)
{
    if (entry->event == AUDIT_REFUSED)
        refusals_written++;
}

/* ---- what stands for agent/keys ---- */

struct key_work *key_work_begin(struct key_works *works, const struct key_work_request *request,
                                const struct key_work_events *events, int *refusal)
{
    (void)works;
    if (rig->refusal != 0) {
        *refusal = rig->refusal;
        return NULL;
    }
    struct key_work *work = calloc(1, sizeof *work);
    work->copy = *request;
    work->events = *events;
    rig->work = work;
    rig->begun++;
    return work;
}

static void end_work(struct key_work *work, struct fido_done *done, uint64_t plug)
{
    if (rig->work == work)
        rig->work = NULL;
    work->events.done(work->events.context, done, plug);
    free(work);
}

void key_work_cancel(struct key_work *work)
{
    struct fido_done done = {.result = OUTCOME_CANCELLED};
    end_work(work, &done, 0);
}

static const struct fido_start *asked(void)
{
    assert_non_null(rig->work);
    return rig->work->copy.start;
}

/* ---- the doors ---- */

static void serve(void *context, struct request *request, struct webauthn_params *params)
{
    struct fixture *f = context;
    webauthns_add(f->webauthns, request, params);
}

static void cancel(void *context, struct request *request)
{
    struct fixture *f = context;
    assert_true(webauthns_cancel(f->webauthns, request));
}

static void refused(void *context, const struct caller *caller, const char *origin, int result)
{
    (void)context;
    (void)caller;
    (void)origin;
    (void)result;
}

static struct service service = {.webauthn = serve, .cancel = cancel, .refused = refused};

static void take(struct connection *connection, const struct bytes *message)
{
    (void)connection;
    rig->sent++;
    bytes_reset(&rig->last);
    bytes_append(&rig->last, message->data, message->len);
    bytes_append(&rig->last, "", 1);
}

static void flush(struct connection *connection)
{
    (void)connection;
}

static void note_close(struct connection *connection, enum close_code code)
{
    (void)connection;
    (void)code;
}

static const struct transport transport = {take, flush, note_close};
static const char *const listed[] = {ORIGIN, NULL};

static void made(void *context, const struct webauthn_made *what)
{
    struct fixture *f = context;
    f->made++;
    f->made_plug = what->plug;
    snprintf(f->made_origin, sizeof f->made_origin, "%s", what->origin);
    assert_int_equal(what->credential_id->len, 2);
    assert_string_equal(what->product, "Example Key");
    if (f->takes_key)
        f->key = STEAL(*what->key);
}

static int setup(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    rig = f;
    service.context = f;
    config_init(&f->config);
    f->loop = loop_new();
    f->webauthns = webauthns_new(NULL, &f->config, made, f);
    if (connections_init(&f->set, f->loop, &service, listed) < 0)
        return -1;
    const struct caller page = {.door = DOOR_WEB, .origin = ORIGIN},
                        program = {.door = DOOR_NATIVE};
    connection_open(&f->page, &f->set, &transport, &page);
    connection_open(&f->program, &f->set, &transport, &program);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    webauthns_free(&f->webauthns);
    connection_gone(&f->page);
    connection_gone(&f->program);
    connections_deinit(&f->set);
    loop_free(&f->loop);
    config_deinit(&f->config);
    session_key_free(&f->key);
    bytes_deinit(&f->last);
    free(f);
    return 0;
}

static void ask_as(struct connection *connection, const char *call, const char *more)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    bytes_append_text(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"");
    bytes_append_text(&text, call);
    bytes_append_text(&text, more);
    bytes_append_text(&text, "}}");
    rig->sent = 0;
    connection_receive(connection, (const char *)text.data, text.len);
}

static void ask(const char *call)
{
    ask_as(&rig->page, call, "");
}

static void expect(const char *words)
{
    assert_true(rig->sent > 0);
    if (!strstr((const char *)rig->last.data, words))
        fail_msg("%s is not in %s", words, (const char *)rig->last.data);
}

static void expect_error(const char *reason, const char *name)
{
    char words[128];
    snprintf(words, sizeof words, "\"reason\":\"%s\"", reason);
    expect(words);
    snprintf(words, sizeof words, "\"name\":\"%s\"", name);
    expect(words);
    assert_int_equal(webauthns_count(rig->webauthns), 0);
}

/* ---- what a key answers ---- */

static void set(struct bytes *to, const char *text)
{
    assert_int_equal(bytes_set(to, text, strlen(text)), 0);
}

static void write_auth_data(struct bytes *out, const char *site, uint8_t flags)
{
    uint8_t hash[32];
    static const uint8_t counter[] = {0, 0, 0, 7};
    SHA256((const uint8_t *)site, strlen(site), hash);
    bytes_reset(out);
    bytes_append(out, hash, sizeof hash);
    bytes_append(out, &flags, 1);
    bytes_append(out, counter, sizeof counter);
}

static void write_key(struct bytes *out)
{
    uint8_t point[80];
    size_t len = 0;
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len),
        1);
    EVP_PKEY_free(pkey);
    bytes_append(out, "\xa5\x01\x02\x03\x26\x20\x01\x21", 8);
    cbor_write_bytes(out, point + 1, 32);
    bytes_append(out, "\x22", 1);
    cbor_write_bytes(out, point + 33, 32);
}

static const uint8_t aaguid[AUTH_DATA_AAGUID_BYTES] = "an example's id";

static void write_credential(struct bytes *out)
{
    bytes_append(out, aaguid, sizeof aaguid);
    bytes_append(out, "\0\2id", 4);
    write_key(out);
}

static struct fido_done assertion(void)
{
    struct fido_done done = {.product = "Example Key"};
    set(&done.credential_id, "id");
    set(&done.signature, "sg");
    set(&done.user_id, "u");
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_PRESENT | AUTH_DATA_VERIFIED);
    return done;
}

static struct fido_done credential(void)
{
    struct fido_done done = {.product = "Example Key", .format = "packed"};
    set(&done.credential_id, "id");
    set(&done.statement, "\xa1\x63sig\x41x");
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
    write_credential(&done.auth_data);
    return done;
}

static void answer(struct fido_done *done)
{
    assert_non_null(rig->work);
    end_work(rig->work, done, 42);
    fido_done_deinit(done);
}

static void fail_with(int result)
{
    struct fido_done done = {.result = (uint32_t)result, .product = "Example Key"};
    answer(&done);
}

static bool says_base64url(const char *name, const void *data, size_t len)
{
    CLEANUP(bytes_deinit) struct bytes words = {0};
    bytes_append_text(&words, "\"");
    bytes_append_text(&words, name);
    bytes_append_text(&words, "\":\"");
    base64url_append(&words, data, len);
    bytes_append(&words, "\"", 2);
    return strstr((const char *)rig->last.data, (const char *)words.data);
}

/* ---- sign-in ---- */

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
    assert_string_equal(rig->work->copy.site, ORIGIN);
    assert_int_equal(rig->work->copy.caller->door, DOOR_WEB);
    assert_int_equal(webauthns_count(rig->webauthns), 1);
    rig->work->events.waiting(rig->work->events.context, WAITING_TOUCH, "Example Key", -1);
    expect("\"for\":\"use-key\"}");
    unsigned told = rig->sent; /* which key, and what is on it, is not the page's to know */
    rig->work->events.waiting(rig->work->events.context, WAITING_OTHER_KEY, NULL, -1);
    rig->work->events.waiting(rig->work->events.context, WAITING_KEY_PIN, "Example Key", 8);
    assert_int_equal(rig->sent, told);
    rig->work->events.waiting(rig->work->events.context, WAITING_TURN, NULL, -1);
    expect("\"for\":\"turn\"");
    rig->work->events.waiting(rig->work->events.context, WAITING_TOUCH, "Example Key", -1);
    expect("\"for\":\"use-key\"}");
    struct fido_done done = assertion();
    answer(&done);
    assert_true(says_base64url("clientDataJSON", client_data, strlen(client_data)));
    expect("\"id\":\"aWQ\"");
    expect("\"signature\":\"c2c\"");
    expect("\"userHandle\":\"dQ\"");
    assert_int_equal(webauthns_count(rig->webauthns), 0);
    assert_int_equal(rig->made, 0);
}

static void a_program_signs_in_for_the_origin_it_names(void **state)
{
    (void)state;
    ask_as(&rig->program, GET(",\"rpId\":\"op.example\""), ",\"origin\":\"" ORIGIN "\"");
    assert_string_equal(asked()->rp_id, "op.example");
    assert_int_equal(rig->work->copy.caller->door, DOOR_NATIVE);
    fail_with(OUTCOME_KEY_REMOVED);
    expect_error("key-removed", "NotAllowedError");
    ask_as(&rig->program, GET(""), ",\"origin\":\"https://no.example\"");
    expect_error("not-allowed", "NotAllowedError");
    assert_int_equal(rig->begun, 1);
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
    assert_int_equal(rig->begun, 0);
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
        assert_non_null(rig->work);
        assert_int_equal(rig->work->copy.timeout_ms, calls[i].timeout_ms);
        fail_with(OUTCOME_TIMED_OUT);
        expect_error("timed-out", "NotAllowedError");
    }
}

static void a_list_of_nothing_is_not_any_credential(void **state)
{
    (void)state;
    ask(GET(",\"allowCredentials\":[{\"type\":\"other\",\"id\":\"aWQ\"}]"));
    expect_error("key-not-registered", "NotAllowedError");
    assert_int_equal(rig->begun, 0);
}

/* ---- what a key may not say ---- */

static void answer_wrongly(const char *call, struct fido_done *done, const char *reason,
                           const char *name)
{
    ask(call);
    answer(done);
    expect_error(reason, name);
}

static void an_assertion_that_lies_is_none(void **state)
{
    (void)state;
    struct fido_done done = assertion();
    write_auth_data(&done.auth_data, "op.example", AUTH_DATA_PRESENT);
    answer_wrongly(GET(ALLOW_ID), &done, "key-failed", "UnknownError");
    done = assertion();
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_VERIFIED);
    answer_wrongly(GET(ALLOW_ID), &done, "key-failed", "UnknownError");
    done = assertion();
    bytes_append(&done.auth_data, "", 1);
    answer_wrongly(GET(ALLOW_ID), &done, "key-failed", "UnknownError");
    done = assertion();
    bytes_reset(&done.auth_data);
    answer_wrongly(GET(ALLOW_ID), &done, "key-failed", "UnknownError");
    done = assertion();
    set(&done.credential_id, "another");
    answer_wrongly(GET(ALLOW_ID), &done, "key-failed", "UnknownError");
    done = assertion();
    bytes_reset(&done.credential_id);
    answer_wrongly(GET(DISCOVERABLE), &done, "key-failed", "UnknownError");
    done = assertion();
    bytes_reset(&done.signature);
    answer_wrongly(GET(ALLOW_ID), &done, "key-failed", "UnknownError");
    done = assertion();
    bytes_reset(&done.user_id); /* whose is it? */
    answer_wrongly(GET(DISCOVERABLE), &done, "key-failed", "UnknownError");
    done = assertion();
    done.with_appid = true; /* nobody asked for one */
    write_auth_data(&done.auth_data, "https://op.example/u2f", AUTH_DATA_PRESENT);
    answer_wrongly(GET(ALLOW_ID), &done, "key-failed", "UnknownError");
    done = assertion();
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_PRESENT);
    answer_wrongly(GET(ALLOW_ID ",\"userVerification\":\"required\""), &done, "key-unverified",
                   "NotAllowedError");
}

static void a_registration_that_lies_is_none(void **state)
{
    (void)state;
    struct fido_done done = credential();
    write_auth_data(&done.auth_data, "op.example", AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
    write_credential(&done.auth_data);
    answer_wrongly(CREATE(""), &done, "key-failed", "UnknownError");
    done = credential();
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_PRESENT);
    answer_wrongly(CREATE(""), &done, "key-failed", "UnknownError");
    done = credential();
    set(&done.credential_id, "ix");
    answer_wrongly(CREATE(""), &done, "key-failed", "UnknownError");
    done = credential(); /* of a kind that was not asked for */
    answer_wrongly(CREATE_OF("[{\"type\":\"public-key\",\"alg\":-8}]", ""), &done, "key-failed",
                   "UnknownError");
    done = credential();
    done.auth_data.data[done.auth_data.len - 1] ^= 1; /* not on the curve */
    answer_wrongly(CREATE(""), &done, "key-failed", "UnknownError");
    done = credential();
    set(&done.statement, "\x80");
    answer_wrongly(CREATE(",\"attestation\":\"direct\""), &done, "key-failed", "UnknownError");
}

/* ---- registration ---- */

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
    assert_int_equal(rig->begun, 0);
}

static void a_registered_key_is_told_as_browsers_do(void **state)
{
    (void)state;
    ask(CREATE(""));
    fail_with(OUTCOME_KEY_REGISTERED);
    expect_error("key-registered", "InvalidStateError");
}

/* ---- extensions of a sign-in ---- */

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

/* ---- the session ---- */

#define SESSION_GET GET(ALLOW_ID) ",\"session\":true"

static void a_session_s_key_is_signed_and_handed_over(void **state)
{
    (void)state;
    rig->takes_key = true;
    ask(SESSION_GET);
    struct fido_done done = assertion();
    answer(&done);
    assert_int_equal(rig->made, 1);
    assert_string_equal(rig->made_origin, ORIGIN);
    assert_int_equal(rig->made_plug, 42);
    assert_non_null(rig->key);
    char wanted[512];
    snprintf(wanted, sizeof wanted,
             "{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN
             "\",\"crossOrigin\":false,\"lanyard_cnf\":{\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\","
             "\"x\":\"%s\",\"y\":\"%s\"}}}",
             session_key_x(rig->key), session_key_y(rig->key));
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
    assert_int_equal(rig->made, 0);
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
    assert_int_equal(rig->made, 1);
    ask(SESSION_GET);
    fail_with(OUTCOME_PIN_WRONG);
    assert_int_equal(rig->made, 1);
}

/* ---- the audit ---- */

static void a_page_that_asks_all_day_long_does_not_fill_the_journal(void **state)
{
    (void)state;
    rig->refusal = OUTCOME_BUSY;
    for (int i = 0; i < 60; i++) {
        ask(GET(ALLOW_ID));
        expect_error("busy", "NotAllowedError");
    }
    assert_in_range(refusals_written, 1, 59);
}

/* ---- giving up ---- */

/* The page does, what it asked last. */
static void take_back(void)
{
    static const char back[] = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"operation.cancel\","
                               "\"params\":{\"request\":1}}";
    connection_receive(&rig->page, back, sizeof back - 1);
}

static void who_gives_up_reads_another_name_than_whose_person_does(void **state)
{
    (void)state;
    ask(GET(""));
    take_back();
    expect_error("cancelled", "AbortError");
    ask(GET(""));
    fail_with(OUTCOME_CANCELLED);
    expect_error("cancelled", "NotAllowedError");
}

static void a_page_that_takes_no_no_waits(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        ask(GET(""));
        fail_with(OUTCOME_CANCELLED);
    }
    assert_int_equal(rig->begun, 3);
    ask(GET(""));
    expect_error("cancelled", "NotAllowedError");
    assert_int_equal(rig->begun, 3);
    /* The person's own programs are not stopped. */
    ask_as(&rig->program, GET(""), ",\"origin\":\"" ORIGIN "\"");
    assert_int_equal(rig->begun, 4);
    fail_with(OUTCOME_CANCELLED);
}

/* So many times; each has begun. */
static void ask_and_take_back(int times)
{
    for (int i = 0; i < times; i++) {
        ask(GET(""));
        take_back();
    }
    assert_int_equal(rig->begun, times);
}

static void what_callers_take_back_is_nobody_s_no(void **state)
{
    (void)state;
    ask_and_take_back(5);
}

/* Nor is it an endless row of windows, or a way to look again and again. */
static void but_a_site_that_takes_back_everything_waits(void **state)
{
    (void)state;
    ask_and_take_back(9);
    ask(GET(""));
    expect_error("busy", "NotAllowedError");
    assert_int_equal(rig->begun, 9);
    ask_as(&rig->program, GET(""), ",\"origin\":\"" ORIGIN "\"");
    assert_int_equal(rig->begun, 10);
    fail_with(OUTCOME_CANCELLED);
}

static void a_time_out_between_does_not_count_as_a_yes(void **state)
{
    (void)state;
    static const int ends[] = {OUTCOME_CANCELLED, OUTCOME_TIMED_OUT, OUTCOME_CANCELLED,
                               OUTCOME_KEY_REMOVED, OUTCOME_CANCELLED};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        ask(GET(""));
        fail_with(ends[i]);
    }
    ask(GET(""));
    expect_error("cancelled", "NotAllowedError");
    assert_int_equal(rig->begun, 5);
}

static void too_many_are_turned_away(void **state)
{
    (void)state;
    rig->refusal = OUTCOME_BUSY;
    ask(GET(""));
    expect_error("busy", "NotAllowedError");
}

static void what_an_origin_has_asked_goes_with_it(void **state)
{
    (void)state;
    static const char text[] = "[provider a]\norigin = " ORIGIN "\n";
    const struct config_reporter silent = {0};
    assert_int_equal(config_read(&rig->config, "f", text, sizeof text - 1, silent), 0);
    assert_int_equal(config_complete(&rig->config, silent), 0);
    ask_as(&rig->program, GET(""), ",\"origin\":\"" ORIGIN "\"");
    webauthns_config_changed(rig->webauthns);
    assert_int_equal(webauthns_count(rig->webauthns), 1);
    struct config none;
    config_init(&none);
    assert_int_equal(config_complete(&none, silent), 0);
    assert_int_equal(config_replace(&rig->config, &none, silent), 0);
    webauthns_config_changed(rig->webauthns);
    assert_int_equal(webauthns_count(rig->webauthns), 0);
    expect("\"reason\":\"cancelled\"");
}

static void the_agent_s_end_answers_everybody(void **state)
{
    (void)state;
    ask(GET(""));
    webauthns_free(&rig->webauthns);
    expect("\"reason\":\"cancelled\"");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_sign_in_reaches_the_key_and_comes_back),
        TEST(a_program_signs_in_for_the_origin_it_names),
        TEST(a_key_is_never_asked_for_another_site),
        TEST(a_timeout_is_the_site_s_or_long_enough_for_a_pin),
        TEST(a_list_of_nothing_is_not_any_credential),
        TEST(an_assertion_that_lies_is_none),
        TEST(a_registration_that_lies_is_none),
        TEST(a_registration_reaches_the_key_and_comes_back),
        TEST(only_who_asks_learns_the_kind_of_key),
        TEST(what_no_security_key_can_do_is_refused_at_once),
        TEST(a_registered_key_is_told_as_browsers_do),
        TEST(prf_is_hashed_on_the_way_in_and_parted_on_the_way_out),
        TEST(a_large_blob_is_read_and_written),
        TEST(an_old_key_signs_for_its_appid),
        TEST(a_session_s_key_is_signed_and_handed_over),
        TEST(a_session_wants_its_person_whatever_the_page_says),
        TEST(a_session_s_key_is_wiped_when_nobody_takes_it),
        TEST(a_page_that_asks_all_day_long_does_not_fill_the_journal),
        TEST(who_gives_up_reads_another_name_than_whose_person_does),
        TEST(a_page_that_takes_no_no_waits),
        TEST(what_callers_take_back_is_nobody_s_no),
        TEST(but_a_site_that_takes_back_everything_waits),
        TEST(a_time_out_between_does_not_count_as_a_yes),
        TEST(too_many_are_turned_away),
        TEST(what_an_origin_has_asked_goes_with_it),
        TEST(the_agent_s_end_answers_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
