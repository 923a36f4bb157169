/* SPDX-License-Identifier: MIT */
/*
 * Both directions of each message stand next to each other, as in card_message.c. Every field is
 * written whatever the operation, but for what follows a result other than OK, where there is
 * nothing; so what is accepted has one encoding only. What contradicts itself (a question that is
 * a wait too, accounts without a question for one) is malformed.
 */
#include "ipc/fido_message.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NEWS_BYTES_MAX = 32 * 1024 }; /* 64 accounts of two names */

static void write_bytes(struct writer *w, const struct bytes *bytes)
{
    write_field(w, bytes->data, bytes->len);
}

static bool read_bool(struct reader *r)
{
    uint8_t value = read_u8(r);
    if (value > 1)
        r->failed = true;
    return value == 1;
}

/* A number of at most max: an enumerator, or how many of something follow. */
static uint8_t read_most(struct reader *r, uint8_t max)
{
    uint8_t value = read_u8(r);
    if (value > max) {
        r->failed = true;
        return 0;
    }
    return value;
}

static void read_exactly(struct reader *r, uint8_t *out, size_t len)
{
    const uint8_t *at = read_raw(r, len);
    if (at)
        memcpy(out, at, len);
}

static uint8_t read_head(struct reader *r)
{
    if (read_u8(r) != FIDO_MESSAGE_VERSION)
        r->failed = true;
    return read_u8(r);
}

/* count structures of that size, zeroed; one where there are none, so that NULL means no memory. */
static void *several(size_t count, size_t size)
{
    return calloc(count ? count : 1, size);
}

/* Encodes by write(w, from) into *out, which is replaced. */
#define ENCODE(write, from, limit, out)                                                            \
    ({                                                                                             \
        CLEANUP(bytes_deinit) struct bytes space_ = {.data = malloc(limit), .capacity = (limit)};  \
        struct writer w_ = WRITER(space_.data, space_.capacity);                                   \
        if (space_.data)                                                                           \
            write(&w_, from);                                                                      \
        !space_.data ? -ENOMEM : w_.failed ? -ENOSPC : bytes_set(out, space_.data, w_.len);        \
    })

/* Appends by write(w, from) to the secret *out; on -ENOSPC it is as it was. */
#define APPEND(write, from, out)                                                                   \
    ({                                                                                             \
        size_t used_ = secret_len(out);                                                            \
        struct writer w_ = WRITER(secret_bytes(out) + used_, secret_capacity(out) - used_);        \
        write(&w_, from);                                                                          \
        secret_set_len(out, w_.failed ? used_ : used_ + w_.len);                                   \
        w_.failed ? -ENOSPC : 0;                                                                   \
    })

/* ---- START ---- */

void fido_start_deinit(struct fido_start *start)
{
    for (size_t i = 0; i < FIDO_LIST_MAX; i++)
        bytes_deinit(&start->list[i]);
    for (size_t i = 0; start->salts && i < start->salts_count; i++) {
        bytes_deinit(&start->salts[i].credential);
        bytes_deinit(&start->salts[i].salts);
    }
    free(start->salts);
    bytes_deinit(&start->blob_data);
    bytes_deinit(&start->user_id);
    explicit_bzero(start, sizeof *start);
}

static void write_start(struct writer *w, const struct fido_start *start)
{
    write_u8(w, FIDO_MESSAGE_VERSION);
    write_u8(w, FIDO_MESSAGE_START);
    write_u8(w, start->operation);
    write_text(w, start->key);
    write_text(w, start->rp_id);
    write_text(w, start->appid);
    write_raw(w, start->client_data_hash, sizeof start->client_data_hash);
    write_u8(w, start->verification);
    write_u8(w, start->list_count);
    for (size_t i = 0; i < start->list_count; i++)
        write_bytes(w, &start->list[i]);
    write_u8(w, start->salts_count);
    for (size_t i = 0; i < start->salts_count; i++) {
        write_bytes(w, &start->salts[i].credential);
        write_bytes(w, &start->salts[i].salts);
    }
    write_u8(w, start->blob);
    write_bytes(w, &start->blob_data);
    write_text(w, start->rp_name);
    write_bytes(w, &start->user_id);
    write_text(w, start->user_name);
    write_text(w, start->user_display_name);
    write_u8(w, start->algorithm_count);
    for (size_t i = 0; i < start->algorithm_count; i++)
        write_u32(w, (uint32_t)start->algorithms[i]);
    write_u8(w, start->resident);
    write_u8(w, start->protection);
    write_u8(w, start->protection_enforced);
    write_u8(w, start->hmac_secret);
    write_u8(w, start->min_pin_length);
    write_u8(w, start->attestation);
}

int fido_start_encode(const struct fido_start *start, struct bytes *out)
{
    return ENCODE(write_start, start, FIDO_START_BYTES_MAX, out);
}

static void read_list(struct reader *r, struct fido_start *start)
{
    start->list_count = read_most(r, FIDO_LIST_MAX);
    for (size_t i = 0; i < start->list_count; i++) {
        read_bytes(r, FIDO_CREDENTIAL_ID_MAX, &start->list[i]);
        if (start->list[i].len == 0)
            r->failed = true;
    }
}

static int read_salts(struct reader *r, struct fido_start *start)
{
    uint8_t count = read_most(r, FIDO_LIST_MAX + 1);
    start->salts = several(count, sizeof *start->salts);
    if (!start->salts)
        return -ENOMEM;
    start->salts_count = count;
    for (size_t i = 0; i < count; i++) {
        struct fido_salts *salts = &start->salts[i];
        read_bytes(r, FIDO_CREDENTIAL_ID_MAX, &salts->credential);
        read_bytes(r, FIDO_SALTS_MAX, &salts->salts);
        if (salts->salts.len != FIDO_SALTS_MAX / 2 && salts->salts.len != FIDO_SALTS_MAX)
            r->failed = true;
    }
    return 0;
}

static void read_creation(struct reader *r, struct fido_start *start)
{
    read_text(r, start->rp_name, sizeof start->rp_name);
    read_bytes(r, FIDO_USER_ID_MAX, &start->user_id);
    read_text(r, start->user_name, sizeof start->user_name);
    read_text(r, start->user_display_name, sizeof start->user_display_name);
    start->algorithm_count = read_most(r, FIDO_ALGORITHMS_MAX);
    for (size_t i = 0; i < start->algorithm_count; i++)
        start->algorithms[i] = (int32_t)read_u32(r);
    start->resident = read_most(r, FIDO_RESIDENT_REQUIRED);
    start->protection = read_most(r, FIDO_PROTECT_REQUIRED);
    start->protection_enforced = read_bool(r);
    start->hmac_secret = read_bool(r);
    start->min_pin_length = read_bool(r);
    start->attestation = read_bool(r);
}

int fido_start_decode(const uint8_t *body, size_t len, struct fido_start *start)
{
    struct reader r = READER(body, len);
    uint8_t type = read_head(&r);
    start->operation = read_u8(&r);
    read_text(&r, start->key, sizeof start->key);
    read_text(&r, start->rp_id, sizeof start->rp_id);
    read_text(&r, start->appid, sizeof start->appid);
    read_exactly(&r, start->client_data_hash, sizeof start->client_data_hash);
    start->verification = read_most(&r, FIDO_UV_REQUIRED);
    read_list(&r, start);
    int result = read_salts(&r, start);
    start->blob = read_most(&r, FIDO_BLOB_WANTED);
    read_bytes(&r, FIDO_BLOB_MAX, &start->blob_data);
    read_creation(&r, start);
    bool known = start->operation > 0 && start->operation < FIDO_OPERATIONS;
    if (result == 0 && (type != FIDO_MESSAGE_START || !known || !reader_done(&r)))
        result = -EPROTO;
    if (result < 0)
        fido_start_deinit(start);
    return result;
}

/* ---- what the agent says after it ---- */

static void write_word(struct writer *w, const struct fido_word *word)
{
    write_u8(w, FIDO_MESSAGE_VERSION);
    write_u8(w, word->type);
    if (word->type == FIDO_MESSAGE_PIN)
        write_field(w, word->pin, word->pin_len);
    else if (word->type == FIDO_MESSAGE_CHOICE)
        write_u8(w, word->choice);
}

int fido_word_encode(const struct fido_word *word, struct secret *out)
{
    return APPEND(write_word, word, out);
}

/* It becomes a C string for the library, so it has an end only at its end. */
static void read_pin(struct reader *r, struct fido_word *word)
{
    size_t len;
    const uint8_t *pin = read_field(r, FIDO_PIN_BYTES_MAX, &len);
    if (len == 0 || memchr(pin, '\0', len)) {
        r->failed = true;
        return;
    }
    word->pin = pin;
    word->pin_len = (uint8_t)len;
}

int fido_word_decode(const uint8_t *body, size_t len, struct fido_word *word)
{
    struct reader r = READER(body, len);
    word->type = read_head(&r);
    if (word->type == FIDO_MESSAGE_PIN)
        read_pin(&r, word);
    else if (word->type == FIDO_MESSAGE_CHOICE)
        word->choice = read_most(&r, FIDO_ACCOUNTS_MAX - 1);
    else if (word->type != FIDO_MESSAGE_KEYS && word->type != FIDO_MESSAGE_CANCEL)
        r.failed = true;
    if (reader_done(&r))
        return 0;
    *word = (struct fido_word){0};
    return -EPROTO;
}

/* ---- WAITING and ASK ---- */

void fido_news_deinit(struct fido_news *news)
{
    free(news->accounts);
    *news = (struct fido_news){0};
}

static void write_news(struct writer *w, const struct fido_news *news)
{
    write_u8(w, FIDO_MESSAGE_VERSION);
    write_u8(w, FIDO_MESSAGE_NEWS);
    write_u8(w, news->waiting);
    write_u8(w, news->ask);
    write_text(w, news->key);
    write_text(w, news->product);
    write_u8(w, news->tries_left);
    write_u8(w, news->min_length);
    write_u32(w, news->problem);
    write_u8(w, news->account_count);
    for (size_t i = 0; i < news->account_count; i++) {
        write_text(w, news->accounts[i].name);
        write_text(w, news->accounts[i].display_name);
    }
}

int fido_news_encode(const struct fido_news *news, struct bytes *out)
{
    return ENCODE(write_news, news, NEWS_BYTES_MAX, out);
}

static bool news_make_sense(const struct fido_news *news)
{
    bool problem = news->problem == OUTCOME_OK || news->problem == OUTCOME_PIN_WRONG ||
                   news->problem == OUTCOME_PIN_FORMAT;
    return (news->waiting == 0) != (news->ask == 0) && problem &&
           (news->ask == FIDO_ASK_ACCOUNT) == (news->account_count > 0);
}

static int read_news(struct reader *r, struct fido_news *news)
{
    news->waiting = read_most(r, FIDO_WAITING_WORK);
    news->ask = read_most(r, FIDO_ASK_ACCOUNT);
    read_text(r, news->key, sizeof news->key);
    read_text(r, news->product, sizeof news->product);
    news->tries_left = read_u8(r);
    news->min_length = read_u8(r);
    news->problem = read_u32(r);
    uint8_t count = read_most(r, FIDO_ACCOUNTS_MAX);
    if (count > 0 && !(news->accounts = several(count, sizeof *news->accounts)))
        return -ENOMEM;
    news->account_count = count;
    for (size_t i = 0; i < count; i++) {
        read_text(r, news->accounts[i].name, sizeof news->accounts[i].name);
        read_text(r, news->accounts[i].display_name, sizeof news->accounts[i].display_name);
    }
    return reader_done(r) && news_make_sense(news) ? 0 : -EPROTO;
}

/* ---- DONE ---- */

void fido_done_deinit(struct fido_done *done)
{
    bytes_deinit(&done->credential_id);
    bytes_deinit(&done->auth_data);
    bytes_deinit(&done->signature);
    bytes_deinit(&done->user_id);
    bytes_deinit(&done->hmac_secret);
    bytes_deinit(&done->blob);
    bytes_deinit(&done->statement);
    free(done->info);
    for (size_t i = 0; done->credentials && i < done->credential_count; i++) {
        bytes_deinit(&done->credentials[i].id);
        bytes_deinit(&done->credentials[i].user_id);
    }
    free(done->credentials);
    explicit_bzero(done, sizeof *done);
}

static void write_info(struct writer *w, const struct fido_key_info *info)
{
    write_u8(w, info != NULL);
    if (!info)
        return;
    write_text(w, info->product);
    write_text(w, info->versions);
    write_raw(w, info->aaguid, sizeof info->aaguid);
    write_u64(w, info->firmware);
    write_u8(w, info->pin_possible);
    write_u8(w, info->pin_set);
    write_u8(w, info->pin_change_owed);
    write_u8(w, info->verification_possible);
    write_u8(w, info->verification_set);
    write_u8(w, info->resident);
    write_u8(w, info->credential_management);
    write_u8(w, info->large_blobs);
    write_u8(w, info->hmac_secret);
    write_u8(w, info->cred_protect);
    write_u8(w, info->min_pin);
    write_u8(w, info->pin_tries);
    write_u8(w, info->verification_tries);
    write_u8(w, info->min_pin_length);
    write_u32(w, (uint32_t)info->credentials_left);
}

static int read_info(struct reader *r, struct fido_done *done)
{
    if (!read_bool(r))
        return 0;
    struct fido_key_info *info = done->info = several(1, sizeof *info);
    if (!info)
        return -ENOMEM;
    read_text(r, info->product, sizeof info->product);
    read_text(r, info->versions, sizeof info->versions);
    read_exactly(r, info->aaguid, sizeof info->aaguid);
    info->firmware = read_u64(r);
    info->pin_possible = read_bool(r);
    info->pin_set = read_bool(r);
    info->pin_change_owed = read_bool(r);
    info->verification_possible = read_bool(r);
    info->verification_set = read_bool(r);
    info->resident = read_bool(r);
    info->credential_management = read_bool(r);
    info->large_blobs = read_bool(r);
    info->hmac_secret = read_bool(r);
    info->cred_protect = read_bool(r);
    info->min_pin = read_bool(r);
    info->pin_tries = read_u8(r);
    info->verification_tries = read_u8(r);
    info->min_pin_length = read_u8(r);
    info->credentials_left = (int32_t)read_u32(r);
    if (info->credentials_left < -1)
        r->failed = true;
    return 0;
}

static void write_credential(struct writer *w, const struct fido_credential *credential)
{
    write_bytes(w, &credential->id);
    write_bytes(w, &credential->user_id);
    write_text(w, credential->rp_id);
    write_text(w, credential->user_name);
    write_text(w, credential->user_display_name);
    write_u8(w, credential->protection);
}

static void read_credential(struct reader *r, struct fido_credential *credential)
{
    read_bytes(r, FIDO_CREDENTIAL_ID_MAX, &credential->id);
    read_bytes(r, FIDO_USER_ID_MAX, &credential->user_id);
    read_text(r, credential->rp_id, sizeof credential->rp_id);
    read_text(r, credential->user_name, sizeof credential->user_name);
    read_text(r, credential->user_display_name, sizeof credential->user_display_name);
    credential->protection = read_most(r, FIDO_PROTECT_REQUIRED);
}

static int read_credentials(struct reader *r, struct fido_done *done)
{
    uint16_t count = read_u16(r);
    if (count > FIDO_CREDENTIALS_MAX)
        return -EPROTO;
    if (count > 0 && !(done->credentials = several(count, sizeof *done->credentials)))
        return -ENOMEM;
    done->credential_count = count;
    for (size_t i = 0; i < count && !r->failed; i++)
        read_credential(r, &done->credentials[i]);
    return 0;
}

static void write_done(struct writer *w, const struct fido_done *done)
{
    write_u8(w, FIDO_MESSAGE_VERSION);
    write_u8(w, FIDO_MESSAGE_DONE);
    write_u32(w, done->result);
    write_text(w, done->key);
    write_text(w, done->product);
    write_u8(w, done->tries_left);
    write_u32(w, (uint32_t)done->device_code);
    if (done->result != OUTCOME_OK)
        return;
    write_bytes(w, &done->credential_id);
    write_bytes(w, &done->auth_data);
    write_u8(w, done->with_appid);
    write_bytes(w, &done->signature);
    write_bytes(w, &done->user_id);
    write_text(w, done->user_name);
    write_text(w, done->user_display_name);
    write_bytes(w, &done->hmac_secret);
    write_u8(w, done->blob_read);
    write_u8(w, done->blob_written);
    write_bytes(w, &done->blob);
    write_text(w, done->format);
    write_bytes(w, &done->statement);
    write_u8(w, done->resident);
    write_u8(w, done->hmac_secret_made);
    write_u8(w, done->blob_possible);
    write_info(w, done->info);
    write_u16(w, done->credential_count);
    for (size_t i = 0; i < done->credential_count; i++)
        write_credential(w, &done->credentials[i]);
}

int fido_done_encode(const struct fido_done *done, struct secret *out)
{
    return APPEND(write_done, done, out);
}

static void read_assertion(struct reader *r, struct fido_done *done)
{
    read_bytes(r, FIDO_CREDENTIAL_ID_MAX, &done->credential_id);
    read_bytes(r, FIDO_AUTH_DATA_MAX, &done->auth_data);
    done->with_appid = read_bool(r);
    read_bytes(r, FIDO_SIGNATURE_MAX, &done->signature);
    read_bytes(r, FIDO_USER_ID_MAX, &done->user_id);
    read_text(r, done->user_name, sizeof done->user_name);
    read_text(r, done->user_display_name, sizeof done->user_display_name);
    read_bytes(r, FIDO_SALTS_MAX, &done->hmac_secret);
    size_t secrets = done->hmac_secret.len;
    if (secrets != 0 && secrets != FIDO_SALTS_MAX / 2 && secrets != FIDO_SALTS_MAX)
        r->failed = true;
    done->blob_read = read_bool(r);
    done->blob_written = read_bool(r);
    read_bytes(r, FIDO_BLOB_MAX, &done->blob);
}

static int read_done(struct reader *r, struct fido_done *done)
{
    done->result = read_u32(r);
    read_text(r, done->key, sizeof done->key);
    read_text(r, done->product, sizeof done->product);
    done->tries_left = read_u8(r);
    done->device_code = (int32_t)read_u32(r);
    int result = 0;
    if (done->result == OUTCOME_OK) {
        read_assertion(r, done);
        read_text(r, done->format, sizeof done->format);
        read_bytes(r, FIDO_STATEMENT_MAX, &done->statement);
        done->resident = read_bool(r);
        done->hmac_secret_made = read_bool(r);
        done->blob_possible = read_bool(r);
        result = read_info(r, done);
        if (result == 0)
            result = read_credentials(r, done);
    }
    if (result == 0 && (!reader_done(r) || outcome_of((int)done->result) != (int)done->result))
        result = -EPROTO;
    return result;
}

int fido_reply_decode(const uint8_t *body, size_t len, enum fido_message_type *type,
                      struct fido_news *news, struct fido_done *done)
{
    struct reader r = READER(body, len);
    uint8_t said = read_head(&r);
    int result = said == FIDO_MESSAGE_NEWS   ? read_news(&r, news)
                 : said == FIDO_MESSAGE_DONE ? read_done(&r, done)
                                             : -EPROTO;
    *type = said == FIDO_MESSAGE_DONE ? FIDO_MESSAGE_DONE : FIDO_MESSAGE_NEWS;
    if (result < 0) {
        fido_news_deinit(news);
        fido_done_deinit(done);
    }
    return result;
}
