/* SPDX-License-Identifier: MIT */
/*
 * An answer is waited for only after a question; PIN or CHOICE at another time means that one of
 * the two programs is broken. PINs arrive in the one secret of this link and leave it for the
 * asker's, and it is wiped at once.
 */
#include "fido/agent_link.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { WORD_BYTES_MAX = 128 };

int link_init(struct agent_link *link, int fd)
{
    *link = (struct agent_link){.fd = fd, .word = secret_new(WORD_BYTES_MAX)};
    return link->word ? 0 : log_fault(ENOMEM, "agent");
}

void link_deinit(struct agent_link *link)
{
    secret_free(&link->word);
}

int link_receive_start(struct agent_link *link, struct fido_start *start)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    int r = frame_receive(link->fd, &body, FIDO_START_BYTES_MAX);
    if (r == 0)
        r = fido_start_decode(body.data, body.len, start);
    return r < 0 ? log_fault(-r, "start") : 0;
}

static void fail(struct agent_link *link, int error)
{
    if (error != EPIPE)
        log_fault(error, "agent");
    link->failed = link->cancelled = true;
}

/* Waits for one word. KEYS and CANCEL are noted here. */
static void hear_one(struct agent_link *link, struct fido_word *word)
{
    *word = (struct fido_word){0};
    int r = frame_receive_secret(link->fd, link->word);
    if (r == 0)
        r = fido_word_decode(secret_peek(link->word), secret_len(link->word), word);
    if (r < 0)
        fail(link, -r);
    if (word->type == FIDO_MESSAGE_CANCEL)
        link->cancelled = true;
    if (word->type == FIDO_MESSAGE_KEYS)
        link->keys_changed = true;
}

static bool is_answer(const struct fido_word *word)
{
    return word->type == FIDO_MESSAGE_PIN || word->type == FIDO_MESSAGE_CHOICE;
}

void link_hear(struct agent_link *link)
{
    struct pollfd ready = {.fd = link->fd, .events = POLLIN};
    while (!link->failed && poll(&ready, 1, 0) > 0) {
        struct fido_word word;
        hear_one(link, &word);
        if (is_answer(&word))
            fail(link, EPROTO);
        secret_wipe(link->word);
    }
}

static int send_news(struct agent_link *link, const struct fido_news *news)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    int r = fido_news_encode(news, &body);
    if (r == 0)
        r = frame_send(link->fd, body.data, body.len, FRAME_MAX_HELPER);
    if (r < 0)
        fail(link, -r);
    return link->cancelled ? OUTCOME_CANCELLED : OUTCOME_OK;
}

void link_say(struct agent_link *link, enum fido_waiting waiting, const char *path,
              const char *product)
{
    struct fido_news news = {.waiting = (uint8_t)waiting, .tries_left = UINT8_MAX};
    snprintf(news.key, sizeof news.key, "%s", path ? path : "");
    snprintf(news.product, sizeof news.product, "%s", product ? product : "");
    if (link->failed || (link->waiting == waiting && strcmp(link->key, news.key) == 0))
        return;
    link->waiting = (uint8_t)waiting;
    memcpy(link->key, news.key, sizeof link->key);
    send_news(link, &news);
}

int link_await_keys(struct agent_link *link)
{
    while (!link->cancelled && !link->keys_changed) {
        struct fido_word word;
        hear_one(link, &word);
        if (is_answer(&word))
            fail(link, EPROTO);
        secret_wipe(link->word);
    }
    return link->cancelled ? OUTCOME_CANCELLED : OUTCOME_OK;
}

/* Returns with the answer in *word, which borrows from link->word. */
static int ask(struct agent_link *link, const struct fido_news *question, uint8_t type,
               struct fido_word *word)
{
    link->waiting = 0;
    int r = send_news(link, question);
    while (r == OUTCOME_OK) {
        hear_one(link, word);
        if (is_answer(word) && word->type != type)
            fail(link, EPROTO);
        if (link->cancelled)
            r = OUTCOME_CANCELLED;
        else if (word->type == type)
            break;
    }
    return r;
}

int link_ask_pin(struct agent_link *link, const struct fido_news *question, struct secret *pin)
{
    struct fido_word word;
    int r = ask(link, question, FIDO_MESSAGE_PIN, &word);
    secret_wipe(pin);
    if (r == OUTCOME_OK &&
        (secret_append(pin, word.pin, word.pin_len) < 0 || secret_append(pin, "", 1) < 0)) {
        fail(link, ENOSPC);
        r = OUTCOME_CANCELLED;
    }
    secret_wipe(link->word);
    return r;
}

int link_ask_account(struct agent_link *link, const struct fido_news *question, size_t *choice)
{
    struct fido_word word;
    int r = ask(link, question, FIDO_MESSAGE_CHOICE, &word);
    if (r == OUTCOME_OK && word.choice >= question->account_count) {
        fail(link, EPROTO);
        r = OUTCOME_CANCELLED;
    }
    *choice = r == OUTCOME_OK ? word.choice : 0;
    secret_wipe(link->word);
    return r;
}

int link_send_done(struct agent_link *link, const struct fido_done *done)
{
    CLEANUP(secret_free) struct secret *body = secret_new(FIDO_DONE_BYTES_MAX);
    if (!body)
        return log_fault(ENOMEM, "answer");
    int r = fido_done_encode(done, body);
    if (r == 0)
        r = frame_send(link->fd, secret_peek(body), secret_len(body), FRAME_MAX_HELPER);
    return r < 0 ? log_fault(-r, "answer") : 0;
}
