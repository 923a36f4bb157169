/* SPDX-License-Identifier: MIT */
#include "test_webauthn_rig.h"

#include "agent/audit.h"
#include "agent/webauthn/public_key.h"
#include "ipc/base/cleanup.h"
#include "ipc/cbor.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig rig;

/* ---- what stands for the journal ---- */

void audit_write(const struct audit_entry *entry)
{
    if (entry->event == AUDIT_REFUSED)
        rig.refusals_written++;
}

/* ---- what stands for agent/keys ---- */

struct key_work *key_work_begin(struct key_works *works, const struct key_work_request *request,
                                const struct key_work_events *events, int *refusal)
{
    (void)works;
    if (rig.refusal != 0) {
        *refusal = rig.refusal;
        return NULL;
    }
    struct key_work *work = calloc(1, sizeof *work);
    work->copy = *request;
    work->events = *events;
    rig.work = work;
    rig.begun++;
    return work;
}

static void end_work(struct key_work *work, struct fido_done *done, uint64_t plug)
{
    if (rig.work == work)
        rig.work = NULL;
    work->events.done(work->events.context, done, plug);
    free(work);
}

void key_work_cancel(struct key_work *work)
{
    struct fido_done done = {.result = OUTCOME_CANCELLED};
    end_work(work, &done, 0);
}

const struct fido_start *asked(void)
{
    assert_non_null(rig.work);
    return rig.work->copy.start;
}

/* ---- the doors ---- */

static void serve(void *context, struct request *request, struct webauthn_params *params)
{
    assert_ptr_equal(context, &rig);
    webauthns_add(rig.webauthns, request, params);
}

static void cancel(void *context, struct request *request)
{
    assert_ptr_equal(context, &rig);
    assert_true(webauthns_cancel(rig.webauthns, request));
}

static void refused(void *context, const struct caller *caller, const char *origin, int result)
{
    (void)context;
    (void)caller;
    (void)origin;
    (void)result;
}

static const struct service service = {
    .context = &rig, .webauthn = serve, .cancel = cancel, .refused = refused};

static void take(struct connection *connection, const struct bytes *message)
{
    (void)connection;
    rig.sent++;
    bytes_reset(&rig.last);
    bytes_append(&rig.last, message->data, message->len);
    bytes_append(&rig.last, "", 1);
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
    assert_ptr_equal(context, &rig);
    rig.made++;
    rig.made_plug = what->plug;
    snprintf(rig.made_origin, sizeof rig.made_origin, "%s", what->origin);
    assert_int_equal(what->credential_id->len, 2);
    assert_string_equal(what->product, "Example Key");
    if (rig.takes_key)
        rig.key = STEAL(*what->key);
}

/* ---- life ---- */

int rig_set_up(void **state)
{
    (void)state;
    rig = (struct rig){0};
    config_init(&rig.config);
    rig.loop = loop_new();
    rig.webauthns = webauthns_new(NULL, &rig.config, made, &rig);
    if (connections_init(&rig.set, rig.loop, &service, listed) < 0)
        return -1;
    const struct caller page = {.door = DOOR_WEB, .origin = ORIGIN},
                        program = {.door = DOOR_NATIVE};
    connection_open(&rig.page, &rig.set, &transport, &page);
    connection_open(&rig.program, &rig.set, &transport, &program);
    return 0;
}

int rig_tear_down(void **state)
{
    (void)state;
    webauthns_free(&rig.webauthns);
    connection_gone(&rig.page);
    connection_gone(&rig.program);
    connections_deinit(&rig.set);
    loop_free(&rig.loop);
    config_deinit(&rig.config);
    session_key_free(&rig.key);
    bytes_deinit(&rig.last);
    return 0;
}

/* ---- callers ---- */

void ask_as(struct connection *connection, const char *call, const char *more)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    bytes_append_text(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"");
    bytes_append_text(&text, call);
    bytes_append_text(&text, more);
    bytes_append_text(&text, "}}");
    rig.sent = 0;
    connection_receive(connection, (const char *)text.data, text.len);
}

void ask(const char *call)
{
    ask_as(&rig.page, call, "");
}

void ask_as_program(const char *call)
{
    ask_as(&rig.program, call, ",\"origin\":\"" ORIGIN "\"");
}

void expect(const char *words)
{
    assert_true(rig.sent > 0);
    if (!strstr((const char *)rig.last.data, words))
        fail_msg("%s is not in %s", words, (const char *)rig.last.data);
}

bool says_base64url(const char *name, const void *data, size_t len)
{
    CLEANUP(bytes_deinit) struct bytes words = {0};
    bytes_append_text(&words, "\"");
    bytes_append_text(&words, name);
    bytes_append_text(&words, "\":\"");
    base64url_append(&words, data, len);
    bytes_append(&words, "\"", 2);
    return strstr((const char *)rig.last.data, (const char *)words.data);
}

void expect_error(const char *reason, const char *name)
{
    char words[128];
    snprintf(words, sizeof words, "\"reason\":\"%s\"", reason);
    expect(words);
    snprintf(words, sizeof words, "\"name\":\"%s\"", name);
    expect(words);
    assert_int_equal(webauthns_count(rig.webauthns), 0);
}

/* ---- what a key answers ---- */

void set(struct bytes *to, const char *text)
{
    assert_int_equal(bytes_set(to, text, strlen(text)), 0);
}

void write_auth_data(struct bytes *out, const char *site, uint8_t flags)
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

const uint8_t aaguid[AUTH_DATA_AAGUID_BYTES] = "an example's id";

void write_credential(struct bytes *out)
{
    bytes_append(out, aaguid, sizeof aaguid);
    bytes_append(out, "\0\2id", 4);
    write_key(out);
}

struct fido_done assertion(void)
{
    struct fido_done done = {.product = "Example Key"};
    set(&done.credential_id, "id");
    set(&done.signature, "sg");
    set(&done.user_id, "u");
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_PRESENT | AUTH_DATA_VERIFIED);
    return done;
}

struct fido_done credential(void)
{
    struct fido_done done = {.product = "Example Key", .format = "packed"};
    set(&done.credential_id, "id");
    set(&done.statement, "\xa1\x63sig\x41x");
    write_auth_data(&done.auth_data, "login.op.example", AUTH_DATA_PRESENT | AUTH_DATA_CREDENTIAL);
    write_credential(&done.auth_data);
    return done;
}

void answer(struct fido_done *done)
{
    assert_non_null(rig.work);
    end_work(rig.work, done, 42);
    fido_done_deinit(done);
}

void fail_with(int result)
{
    struct fido_done done = {.result = (uint32_t)result, .product = "Example Key"};
    answer(&done);
}

void answer_wrongly(const char *call, struct fido_done *done, const char *reason, const char *name)
{
    ask(call);
    answer(done);
    expect_error(reason, name);
}

void assert_lie(const char *call, struct fido_done *done)
{
    answer_wrongly(call, done, "key-failed", "UnknownError");
}
