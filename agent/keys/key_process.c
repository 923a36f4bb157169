/* SPDX-License-Identifier: MIT */
/*
 * A reply may be as short as a wait or as long as a few hundred kilobytes of credentials, and may
 * carry a secret, so each is read into a secret of its own length, whose header has been judged
 * before there is memory for it.
 *
 * Two of these processes would disturb each other at the same key, so a process that was let go
 * still counts until it has ended; that takes at most a second.
 */
#include "agent/keys/key_process.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdlib.h>

enum {
    LEAVE_MS = 1000,      /* for the key to be told, and the process to end */
    WORD_BYTES_MAX = 128, /* a PIN of 63 bytes, and what stands around it */
};

struct key_process {
    struct helper *helper;
    struct key_process_events events;
    bool left; /* events are not called */
    loop_fn *gone;
    void *gone_context;
    struct loop_timer *end; /* when it is over: killed, if it still runs */
    size_t header_len;
    uint8_t header[FRAME_HEADER_BYTES];
    struct secret *body; /* NULL: the header is not complete */
    size_t body_len;     /* as the header says */
};

static void on_end(void *context)
{
    struct key_process *p = context;
    helper_free(&p->helper);
    p->gone(p->gone_context);
}

static void fail(struct key_process *p, const char *why)
{
    if (p->left)
        return;
    log_warning("lanyard-fido %s", why);
    p->left = true;
    loop_timer_set(p->end, 0);
    p->events.failed(p->events.context);
}

static void done(struct key_process *p, struct fido_done *reply)
{
    p->left = true; /* it ends by itself */
    loop_timer_set(p->end, LEAVE_MS);
    p->events.done(p->events.context, reply);
}

/* Takes apart what has arrived as a whole. */
static void take_reply(struct key_process *p)
{
    CLEANUP(secret_free) struct secret *body = STEAL(p->body);
    CLEANUP(fido_news_deinit) struct fido_news news = {0};
    CLEANUP(fido_done_deinit) struct fido_done reply = {0};
    enum fido_message_type type;
    p->header_len = 0;
    if (p->left)
        return;
    if (fido_reply_decode(secret_peek(body), secret_len(body), &type, &news, &reply) < 0)
        fail(p, "said what makes no sense");
    else if (type == FIDO_MESSAGE_DONE)
        done(p, &reply);
    else
        p->events.news(p->events.context, &news);
}

/* What was read, or would be: the header first, then as much as it says. */
static int read_piece(struct key_process *p)
{
    if (!p->body) {
        int got =
            helper_read(p->helper, p->header + p->header_len, sizeof p->header - p->header_len);
        if (got <= 0)
            return got;
        p->header_len += (size_t)got;
        if (p->header_len < sizeof p->header)
            return got;
        struct reader header = READER(p->header, sizeof p->header);
        p->body_len = read_u32(&header);
        if (p->body_len == 0 || p->body_len > FIDO_DONE_BYTES_MAX)
            return -EPROTO;
        p->body = secret_new(p->body_len);
        return p->body ? got : -ENOMEM;
    }
    size_t have = secret_len(p->body);
    int got = helper_read(p->helper, secret_bytes(p->body) + have, p->body_len - have);
    if (got > 0)
        secret_set_len(p->body, have + (size_t)got);
    return got;
}

static void on_readable(void *context, struct helper *helper)
{
    (void)helper;
    struct key_process *p = context;
    int got = read_piece(p);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        fail(p, got == 0 ? "ended without an answer" : "sent what is out of bounds");
        on_end(p);
        return;
    }
    if (p->body && secret_len(p->body) == p->body_len)
        take_reply(p);
}

static int send_start(struct key_process *p, const struct fido_start *start)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    int r = fido_start_encode(start, &body);
    if (r == 0)
        r = helper_send(p->helper, body.data, body.len);
    return r < 0 ? log_fault(-r, "lanyard-fido") : 0;
}

struct key_process *key_process_new(struct loop *loop, struct helpers *helpers,
                                    const char *redirect, const struct fido_start *start,
                                    const struct key_process_events *events, loop_fn *gone,
                                    void *gone_context)
{
    CLEANUP(key_process_free) struct key_process *p = calloc(1, sizeof *p);
    if (!p) {
        log_fault(ENOMEM, "lanyard-fido");
        return NULL;
    }
    p->events = *events;
    p->gone = gone;
    p->gone_context = gone_context;
    p->end = loop_timer_new(loop, on_end, p);
    p->helper = p->end ? helper_spawn(helpers, HELPER_FIDO, redirect, on_readable, p) : NULL;
    return p->helper && send_start(p, start) == 0 ? STEAL(p) : NULL;
}

void key_process_free(struct key_process **process)
{
    struct key_process *p = STEAL(*process);
    if (!p)
        return;
    helper_free(&p->helper);
    loop_timer_free(&p->end);
    secret_free(&p->body);
    free(p);
}

int key_process_say(struct key_process *process, const struct fido_word *word)
{
    CLEANUP(secret_free) struct secret *body = secret_new(WORD_BYTES_MAX);
    int r = body ? fido_word_encode(word, body) : -ENOMEM;
    if (r == 0)
        r = helper_send(process->helper, secret_peek(body), secret_len(body));
    return r;
}

void key_process_leave(struct key_process *process)
{
    if (!process || process->left)
        return;
    process->left = true;
    key_process_say(process, &(struct fido_word){.type = FIDO_MESSAGE_CANCEL});
    loop_timer_set(process->end, LEAVE_MS);
}
