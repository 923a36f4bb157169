/* SPDX-License-Identifier: MIT */
/*
 * Properties of the messages between the agent and lanyard-fido, over many random but valid ones:
 * what is encoded is decoded to the same bytes again; no proper prefix is accepted, nor anything
 * longer; one flipped bit gives a refusal or another valid message. And what contradicts itself is
 * refused.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/fido_message.h"
#include "ipc/frame.h"
#include "test_message_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 40, STEPS = 300 };

static bool random_bool(void)
{
    return random_below(2) == 1;
}

static void random_bytes(struct bytes *out, size_t min, size_t max)
{
    static uint8_t data[FIDO_STATEMENT_MAX];
    size_t len = min + random_below((uint32_t)(max - min + 1));
    if (random_below(4) && len > min + 40)
        len = min + random_below(40);
    random_fill(data, len);
    assert_int_equal(bytes_set(out, data, len), 0);
}

/* ---- each kind: decodes, and when that is accepted it must encode to the same bytes ---- */

static int decode_start(const uint8_t *data, size_t len)
{
    uint8_t *copy = exact(data, len);
    CLEANUP(fido_start_deinit) struct fido_start start = {0};
    CLEANUP(bytes_deinit) struct bytes again = {0};
    int r = fido_start_decode(copy, len, &start);
    if (r == 0) {
        assert_int_equal(fido_start_encode(&start, &again), 0);
        assert_int_equal(again.len, len);
        assert_memory_equal(again.data, data, len);
    }
    free(copy);
    return r;
}

static int decode_word(const uint8_t *data, size_t len)
{
    uint8_t *copy = exact(data, len);
    struct fido_word word = {0};
    int r = fido_word_decode(copy, len, &word);
    if (r == 0) {
        CLEANUP(secret_free) struct secret *again = secret_new(128);
        assert_int_equal(fido_word_encode(&word, again), 0);
        assert_int_equal(secret_len(again), len);
        assert_memory_equal(secret_peek(again), data, len);
    }
    free(copy);
    return r;
}

static int decode_reply(const uint8_t *data, size_t len)
{
    uint8_t *copy = exact(data, len);
    CLEANUP(fido_news_deinit) struct fido_news news = {0};
    CLEANUP(fido_done_deinit) struct fido_done done = {0};
    CLEANUP(bytes_deinit) struct bytes again = {0};
    enum fido_message_type type;
    int r = fido_reply_decode(copy, len, &type, &news, &done);
    if (r == 0 && type == FIDO_MESSAGE_NEWS) {
        assert_int_equal(fido_news_encode(&news, &again), 0);
        assert_int_equal(again.len, len);
        assert_memory_equal(again.data, data, len);
    } else if (r == 0) {
        CLEANUP(secret_free) struct secret *secret = secret_new(FIDO_DONE_BYTES_MAX);
        assert_int_equal(fido_done_encode(&done, secret), 0);
        assert_int_equal(secret_len(secret), len);
        assert_memory_equal(secret_peek(secret), data, len);
    }
    free(copy);
    return r;
}

static void try_all(const uint8_t *data, size_t len, decode_fn *decode)
{
    assert_withstands(decode, data, len, 1 + len / STEPS);
}

/* ---- START ---- */

static void random_start(struct fido_start *start)
{
    start->operation = (uint8_t)(1 + random_below(FIDO_OPERATIONS - 1));
    random_text(start->key, sizeof start->key);
    random_text(start->rp_id, sizeof start->rp_id);
    random_text(start->appid, sizeof start->appid);
    random_fill(start->client_data_hash, sizeof start->client_data_hash);
    start->verification = (uint8_t)random_below(3);
    start->list_count = (uint8_t)(random_below(8) ? random_below(4) : FIDO_LIST_MAX);
    for (size_t i = 0; i < start->list_count; i++)
        random_bytes(&start->list[i], 1, FIDO_CREDENTIAL_ID_MAX);
    start->salts_count = (uint8_t)(random_below(8) ? random_below(3) : FIDO_LIST_MAX + 1);
    start->salts = calloc(FIDO_LIST_MAX + 1, sizeof *start->salts);
    assert_non_null(start->salts);
    for (size_t i = 0; i < start->salts_count; i++) {
        size_t len = random_bool() ? 32 : 64;
        random_bytes(&start->salts[i].credential, 0, FIDO_CREDENTIAL_ID_MAX);
        random_bytes(&start->salts[i].salts, len, len);
    }
    start->blob = (uint8_t)random_below(5);
    random_bytes(&start->blob_data, 0, FIDO_BLOB_MAX);
    random_text(start->rp_name, sizeof start->rp_name);
    random_bytes(&start->user_id, 0, FIDO_USER_ID_MAX);
    random_text(start->user_name, sizeof start->user_name);
    random_text(start->user_display_name, sizeof start->user_display_name);
    start->algorithm_count = (uint8_t)random_below(FIDO_ALGORITHMS_MAX + 1);
    for (size_t i = 0; i < start->algorithm_count; i++)
        start->algorithms[i] = (int32_t)(random_below(UINT32_MAX) - INT32_MAX);
    start->resident = (uint8_t)random_below(3);
    start->protection = (uint8_t)random_below(4);
    start->protection_enforced = random_bool();
    start->hmac_secret = random_bool();
    start->min_pin_length = random_bool();
    start->attestation = random_bool();
}

static void starts_survive(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        CLEANUP(fido_start_deinit) struct fido_start start = {0};
        CLEANUP(bytes_deinit) struct bytes body = {0};
        random_start(&start);
        assert_int_equal(fido_start_encode(&start, &body), 0);
        try_all(body.data, body.len, decode_start);
    }
}

static void fill_bytes(struct bytes *out, size_t len)
{
    static const uint8_t data[FIDO_STATEMENT_MAX];
    assert_int_equal(bytes_set(out, data, len), 0);
}

static void fill_text(char *out, size_t size)
{
    memset(out, 'x', size - 1);
    out[size - 1] = '\0';
}

static void the_greatest_start_fits(void **state)
{
    (void)state;
    CLEANUP(fido_start_deinit) struct fido_start start = {.operation = FIDO_CREATE};
    CLEANUP(bytes_deinit) struct bytes body = {0};
    fill_text(start.key, sizeof start.key);
    fill_text(start.rp_id, sizeof start.rp_id);
    fill_text(start.appid, sizeof start.appid);
    start.list_count = FIDO_LIST_MAX;
    for (size_t i = 0; i < FIDO_LIST_MAX; i++)
        fill_bytes(&start.list[i], FIDO_CREDENTIAL_ID_MAX);
    start.salts_count = FIDO_LIST_MAX + 1;
    start.salts = calloc(start.salts_count, sizeof *start.salts);
    for (size_t i = 0; i < start.salts_count; i++) {
        fill_bytes(&start.salts[i].credential, FIDO_CREDENTIAL_ID_MAX);
        fill_bytes(&start.salts[i].salts, FIDO_SALTS_MAX);
    }
    fill_bytes(&start.blob_data, FIDO_BLOB_MAX);
    fill_text(start.rp_name, sizeof start.rp_name);
    fill_bytes(&start.user_id, FIDO_USER_ID_MAX);
    fill_text(start.user_name, sizeof start.user_name);
    fill_text(start.user_display_name, sizeof start.user_display_name);
    start.algorithm_count = FIDO_ALGORITHMS_MAX;
    assert_int_equal(fido_start_encode(&start, &body), 0);
    assert_int_equal(decode_start(body.data, body.len), 0);
}

static void bounds_of_a_start_are_kept(void **state)
{
    (void)state;
    static const struct fido_start wrong[] = {
        {.operation = 0},
        {.operation = FIDO_OPERATIONS},
        {.operation = FIDO_GET, .verification = FIDO_UV_REQUIRED + 1},
        {.operation = FIDO_GET, .blob = FIDO_BLOB_WANTED + 1},
        {.operation = FIDO_CREATE, .resident = FIDO_RESIDENT_REQUIRED + 1},
        {.operation = FIDO_CREATE, .protection = FIDO_PROTECT_REQUIRED + 1},
        {.operation = FIDO_GET, .list_count = 1}, /* of no bytes */
        {.operation = FIDO_GET, .rp_id = "a\nb"},
        {.operation = FIDO_GET, .rp_id = "\xff"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CLEANUP(bytes_deinit) struct bytes body = {0};
        assert_int_equal(fido_start_encode(&wrong[i], &body), 0);
        assert_int_equal(decode_start(body.data, body.len), -EPROTO);
    }
    uint8_t salt[33] = {0};
    struct fido_salts salts = {.salts = {.data = salt, .len = sizeof salt}};
    struct fido_start start = {.operation = FIDO_GET, .salts_count = 1, .salts = &salts};
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(fido_start_encode(&start, &body), 0);
    assert_int_equal(decode_start(body.data, body.len), -EPROTO);
}

/* ---- words ---- */

static int encode_word(const struct fido_word *word, uint8_t *out, size_t *len)
{
    CLEANUP(secret_free) struct secret *body = secret_new(128);
    int r = fido_word_encode(word, body);
    *len = secret_len(body);
    memcpy(out, secret_peek(body), *len);
    return r;
}

static void words_survive(void **state)
{
    (void)state;
    const uint8_t *longest = (const uint8_t *)"012345678901234567890123456789012345678901234567890"
                                              "123456789012";
    const struct fido_word words[] = {
        {.type = FIDO_MESSAGE_PIN, .pin = (const uint8_t *)"1234", .pin_len = 4},
        {.type = FIDO_MESSAGE_PIN, .pin = longest, .pin_len = FIDO_PIN_BYTES_MAX},
        {.type = FIDO_MESSAGE_CHOICE, .choice = FIDO_ACCOUNTS_MAX - 1},
        {.type = FIDO_MESSAGE_KEYS},
        {.type = FIDO_MESSAGE_CANCEL},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        uint8_t body[128];
        size_t len;
        assert_int_equal(encode_word(&words[i], body, &len), 0);
        try_all(body, len, decode_word);
    }
}

static void no_other_word_is_heard(void **state)
{
    (void)state;
    const struct fido_word wrong[] = {
        {.type = FIDO_MESSAGE_START},
        {.type = FIDO_MESSAGE_DONE},
        {.type = FIDO_MESSAGE_PIN},
        {.type = FIDO_MESSAGE_PIN, .pin = (const uint8_t *)"12\0004", .pin_len = 4},
        {.type = FIDO_MESSAGE_PIN,
         .pin = (const uint8_t *)"0123456789012345678901234567890123456789012345678901234567890123",
         .pin_len = FIDO_PIN_BYTES_MAX + 1},
        {.type = FIDO_MESSAGE_CHOICE, .choice = FIDO_ACCOUNTS_MAX},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t body[128];
        size_t len;
        assert_int_equal(encode_word(&wrong[i], body, &len), 0);
        assert_int_equal(decode_word(body, len), -EPROTO);
    }
}

/* ---- news ---- */

static void random_news(struct fido_news *news, struct fido_account *accounts)
{
    if (random_bool())
        news->waiting = (uint8_t)(1 + random_below(FIDO_WAITING_WORK));
    else
        news->ask = (uint8_t)(1 + random_below(FIDO_ASK_ACCOUNT));
    random_text(news->key, sizeof news->key);
    random_text(news->product, sizeof news->product);
    news->tries_left = (uint8_t)random_below(256);
    news->min_length = (uint8_t)random_below(64);
    news->problem = random_bool() ? OUTCOME_OK : OUTCOME_PIN_WRONG;
    news->accounts = accounts;
    if (news->ask == FIDO_ASK_ACCOUNT)
        news->account_count = (uint8_t)(1 + random_below(FIDO_ACCOUNTS_MAX));
    for (size_t i = 0; i < news->account_count; i++) {
        random_text(accounts[i].name, sizeof accounts[i].name);
        random_text(accounts[i].display_name, sizeof accounts[i].display_name);
    }
}

static void news_survive(void **state)
{
    (void)state;
    static struct fido_account accounts[FIDO_ACCOUNTS_MAX];
    for (int round = 0; round < ROUNDS; round++) {
        struct fido_news news = {0};
        CLEANUP(bytes_deinit) struct bytes body = {0};
        random_news(&news, accounts);
        assert_int_equal(fido_news_encode(&news, &body), 0);
        try_all(body.data, body.len, decode_reply);
    }
}

static void news_that_contradict_themselves_are_refused(void **state)
{
    (void)state;
    struct fido_account account = {.name = "a"};
    const struct fido_news wrong[] = {
        {.problem = OUTCOME_OK}, /* neither a wait nor a question */
        {.waiting = FIDO_WAITING_KEY, .ask = FIDO_ASK_PIN},
        {.waiting = FIDO_WAITING_WORK + 1},
        {.ask = FIDO_ASK_ACCOUNT + 1},
        {.ask = FIDO_ASK_ACCOUNT}, /* without any */
        {.ask = FIDO_ASK_PIN, .account_count = 1, .accounts = &account},
        {.ask = FIDO_ASK_PIN, .problem = OUTCOME_KEY_FAILED},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CLEANUP(bytes_deinit) struct bytes body = {0};
        assert_int_equal(fido_news_encode(&wrong[i], &body), 0);
        assert_int_equal(decode_reply(body.data, body.len), -EPROTO);
    }
}

/* ---- DONE ---- */

static void random_info(struct fido_key_info *info)
{
    random_text(info->product, sizeof info->product);
    random_text(info->versions, sizeof info->versions);
    random_fill(info->aaguid, sizeof info->aaguid);
    random_fill(&info->firmware, sizeof info->firmware);
    info->pin_possible = random_bool();
    info->verification_set = random_bool();
    info->large_blobs = random_bool();
    info->pin_tries = (uint8_t)random_below(256);
    info->credentials_left = (int32_t)random_below(100) - 1;
}

static void random_done(struct fido_done *done)
{
    done->result = random_below(4) ? OUTCOME_OK : OUTCOME_KEY_LOCKED;
    random_text(done->key, sizeof done->key);
    random_text(done->product, sizeof done->product);
    done->tries_left = (uint8_t)random_below(256);
    done->device_code = (int32_t)random_below(256) - 12;
    if (done->result != OUTCOME_OK)
        return;
    random_bytes(&done->credential_id, 0, FIDO_CREDENTIAL_ID_MAX);
    random_bytes(&done->auth_data, 0, FIDO_AUTH_DATA_MAX);
    done->with_appid = random_bool();
    random_bytes(&done->signature, 0, FIDO_SIGNATURE_MAX);
    random_bytes(&done->user_id, 0, FIDO_USER_ID_MAX);
    random_text(done->user_name, sizeof done->user_name);
    random_text(done->user_display_name, sizeof done->user_display_name);
    if (random_bool())
        random_bytes(&done->hmac_secret, 32, 32);
    done->blob_read = random_bool();
    random_bytes(&done->blob, 0, FIDO_BLOB_MAX);
    random_text(done->format, sizeof done->format);
    random_bytes(&done->statement, 0, FIDO_STATEMENT_MAX);
    done->hmac_secret_made = random_bool();
    if (random_bool()) {
        done->info = calloc(1, sizeof *done->info);
        assert_non_null(done->info);
        random_info(done->info);
    }
    done->credential_count = (uint16_t)random_below(4);
    done->credentials = calloc(4, sizeof *done->credentials);
    assert_non_null(done->credentials);
    for (size_t i = 0; i < done->credential_count; i++) {
        random_bytes(&done->credentials[i].id, 1, FIDO_CREDENTIAL_ID_MAX);
        random_bytes(&done->credentials[i].user_id, 0, FIDO_USER_ID_MAX);
        random_text(done->credentials[i].rp_id, sizeof done->credentials[i].rp_id);
        done->credentials[i].protection = (uint8_t)random_below(4);
    }
}

static void answers_survive(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        CLEANUP(fido_done_deinit) struct fido_done done = {0};
        CLEANUP(secret_free) struct secret *body = secret_new(FIDO_DONE_BYTES_MAX);
        random_done(&done);
        assert_int_equal(fido_done_encode(&done, body), 0);
        try_all(secret_peek(body), secret_len(body), decode_reply);
    }
}

static void the_greatest_answer_fits(void **state)
{
    (void)state;
    CLEANUP(fido_done_deinit) struct fido_done done = {0};
    CLEANUP(secret_free) struct secret *body = secret_new(FIDO_DONE_BYTES_MAX);
    fill_bytes(&done.credential_id, FIDO_CREDENTIAL_ID_MAX);
    fill_bytes(&done.auth_data, FIDO_AUTH_DATA_MAX);
    fill_bytes(&done.signature, FIDO_SIGNATURE_MAX);
    fill_bytes(&done.user_id, FIDO_USER_ID_MAX);
    fill_bytes(&done.hmac_secret, FIDO_SALTS_MAX);
    fill_bytes(&done.blob, FIDO_BLOB_MAX);
    fill_bytes(&done.statement, FIDO_STATEMENT_MAX);
    done.info = calloc(1, sizeof *done.info);
    done.credential_count = FIDO_CREDENTIALS_MAX;
    done.credentials = calloc(FIDO_CREDENTIALS_MAX, sizeof *done.credentials);
    for (size_t i = 0; i < FIDO_CREDENTIALS_MAX; i++) {
        struct fido_credential *credential = &done.credentials[i];
        fill_bytes(&credential->id, FIDO_CREDENTIAL_ID_MAX);
        fill_bytes(&credential->user_id, FIDO_USER_ID_MAX);
        fill_text(credential->rp_id, sizeof credential->rp_id);
        fill_text(credential->user_name, sizeof credential->user_name);
        fill_text(credential->user_display_name, sizeof credential->user_display_name);
    }
    assert_int_equal(fido_done_encode(&done, body), 0);
    assert_in_range(secret_len(body), 1, FRAME_MAX_HELPER);
    assert_int_equal(decode_reply(secret_peek(body), secret_len(body)), 0);
}

static void answers_that_lie_are_refused(void **state)
{
    (void)state;
    uint8_t data[FIDO_CREDENTIAL_ID_MAX + 1] = {0};
    struct fido_key_info info = {.credentials_left = -2};
    struct fido_credential credential = {.protection = FIDO_PROTECT_REQUIRED + 1};
    const struct fido_done wrong[] = {
        {.result = 4242}, /* no outcome */
        {.result = UINT32_MAX},
        {.credential_id = {.data = data, .len = sizeof data}},
        {.hmac_secret = {.data = data, .len = 31}},
        {.user_id = {.data = data, .len = FIDO_USER_ID_MAX + 1}},
        {.product = "two\nlines"},
        {.info = &info},
        {.credential_count = 1, .credentials = &credential},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CLEANUP(secret_free) struct secret *body = secret_new(FIDO_DONE_BYTES_MAX);
        assert_int_equal(fido_done_encode(&wrong[i], body), 0);
        assert_int_equal(decode_reply(secret_peek(body), secret_len(body)), -EPROTO);
    }
}

/* A wrong PIN comes with nothing that could be taken for an assertion. */
static void a_failure_carries_nothing_else(void **state)
{
    (void)state;
    struct fido_done done = {.result = OUTCOME_KEY_LOCKED, .with_appid = true};
    CLEANUP(secret_free) struct secret *body = secret_new(FIDO_DONE_BYTES_MAX);
    assert_int_equal(fido_done_encode(&done, body), 0);
    CLEANUP(fido_done_deinit) struct fido_done decoded = {0};
    struct fido_news news = {0};
    enum fido_message_type type;
    assert_int_equal(fido_reply_decode(secret_peek(body), secret_len(body), &type, &news, &decoded),
                     0);
    assert_int_equal(type, FIDO_MESSAGE_DONE);
    assert_int_equal(decoded.result, OUTCOME_KEY_LOCKED);
    assert_false(decoded.with_appid);
}

static void what_does_not_fit_leaves_nothing(void **state)
{
    (void)state;
    const struct fido_word word = {
        .type = FIDO_MESSAGE_PIN, .pin = (const uint8_t *)"12345678", .pin_len = 8};
    CLEANUP(secret_free) struct secret *body = secret_new(10);
    assert_int_equal(secret_append(body, "head", 4), 0);
    assert_int_equal(fido_word_encode(&word, body), -ENOSPC);
    assert_int_equal(secret_len(body), 4);
    for (size_t i = 4; i < secret_capacity(body); i++)
        assert_int_equal(secret_peek(body)[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_survive),
        cmocka_unit_test(the_greatest_start_fits),
        cmocka_unit_test(bounds_of_a_start_are_kept),
        cmocka_unit_test(words_survive),
        cmocka_unit_test(no_other_word_is_heard),
        cmocka_unit_test(news_survive),
        cmocka_unit_test(news_that_contradict_themselves_are_refused),
        cmocka_unit_test(answers_survive),
        cmocka_unit_test(the_greatest_answer_fits),
        cmocka_unit_test(answers_that_lie_are_refused),
        cmocka_unit_test(a_failure_carries_nothing_else),
        cmocka_unit_test(what_does_not_fit_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
