/* SPDX-License-Identifier: MIT */
/*
 * Requests stand in one queue; the first is the one the process works on. Each is encoded when it
 * is asked, into a secret, and that secret is released the moment its bytes are in the socket:
 * there is nothing left that could be sent a second time.
 *
 * A reply is taken only if it answers the first request by number and type. Anything else, also a
 * frame out of bounds, is treated as the module's failure, like a crash.
 */
#include "agent/card_module.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_MAX = 16,               /* sign-ins in a queue of eight, and a listing for each change */
    LIST_DEADLINE_MS = 15000,     /* a slow card reads its certificates in three seconds */
    SIGN_DEADLINE_MS = 30000,     /* RSA-4096 on an old card takes several seconds */
    PIN_PAD_DEADLINE_MS = 180000, /* readers stop waiting for a key by themselves, long before */
    CARD_LEFT_MS = 1000,          /* a module that notices says so in milliseconds */
    RESTART_FIRST_MS = 100,
    RESTART_MOST_MS = 30000,
    MISSED_MAX = 8,     /* no hand exchanges cards as quickly as that many processes start */
    SETTLED_MS = 30000, /* a process that lived that long starts again at once if it fails */
};

struct question {
    struct question *next;
    uint32_t number;
    uint8_t type;
    bool sent;
    bool pin_pad;
    bool card_left; /* what it was about is gone */
    uint64_t slot;  /* of any but a list */
    uint32_t deadline_ms;
    struct secret *encoded; /* until sent */
    card_module_fn *fn;
    void *context;
};

struct card_module {
    struct loop *loop;
    struct helpers *helpers;
    const char *path;
    loop_fn *restarted;
    void *context;
    struct helper *process; /* NULL between a failure and the restart */
    struct frame_reader incoming;
    struct question *first;
    uint32_t last_number;
    struct loop_timer *deadline;
    struct loop_timer *restart;
    uint64_t restart_pause_ms;
    uint64_t started_at; /* loop_now */
    bool answered;       /* this process has answered once */
    bool outdated;       /* a new process is to take over */
    unsigned missed;     /* lists in a row that said so */
    int problem; /* how it failed last, as an outcome and in words; cleared by a good list */
    const char *detail;
};

static void question_free(struct question **q)
{
    if (*q)
        secret_free(&(*q)->encoded);
    free(*q);
    *q = NULL;
}

static void fail(struct card_module *m, const char *why);

static void answer_first(struct card_module *m, int result, struct card_reply *reply)
{
    CLEANUP(question_free) struct question *q = m->first;
    m->first = q->next;
    q->fn(q->context, result, reply);
}

static bool start(struct card_module *m);

/* Puts the first question to the process unless it has it already. */
static void work(struct card_module *m)
{
    struct question *q = m->first;
    if (!q || q->sent || !m->process)
        return;
    if (m->outdated && !start(m)) {
        fail(m, "its helper cannot be started");
        return;
    }
    int r = helper_send(m->process, secret_peek(q->encoded), secret_len(q->encoded));
    secret_free(&q->encoded);
    q->sent = true;
    if (r < 0)
        fail(m, "it does not read its requests");
    else
        loop_timer_set(m->deadline, q->deadline_ms);
}

/* A callback may ask again, or forget others: what was asked before counts, by its number. */
static void fail_all(struct card_module *m)
{
    uint32_t last = m->last_number;
    while (m->first && (int32_t)(m->first->number - last) <= 0)
        answer_first(m, OUTCOME_CARD_MODULE_FAILED, NULL);
}

/* What ask() puts off: with a process the next question is put, without one all have failed. */
static void attend(void *context)
{
    struct card_module *m = context;
    if (m->process)
        work(m);
    else
        fail_all(m);
}

static void fail(struct card_module *m, const char *why)
{
    log_warning("card module %s: %s; starting it again in %u ms", m->path, why,
                (unsigned)m->restart_pause_ms);
    m->problem = OUTCOME_CARD_MODULE_FAILED;
    m->detail = why;
    helper_free(&m->process);
    loop_timer_stop(m->deadline);
    loop_timer_set(m->restart, m->restart_pause_ms);
    m->restart_pause_ms *= 2;
    if (m->restart_pause_ms > RESTART_MOST_MS)
        m->restart_pause_ms = RESTART_MOST_MS;
    fail_all(m);
}

/* The process goes down with what it works on, and a new one is there at once: it is not the
 * module that failed. */
static void replace(struct card_module *m, const char *why)
{
    int result = m->first->type == CARD_REQUEST_LIST ? OUTCOME_CARD_CHANGED : OUTCOME_CARD_REMOVED;
    if (!start(m)) {
        fail(m, "its helper cannot be started");
        return;
    }
    log_info("card module %s: %s; started again", m->path, why);
    loop_timer_stop(m->deadline);
    answer_first(m, result, NULL);
    m->restarted(m->context);
    work(m);
}

/* The process has ended, or is to end, over its question. */
static void give_up(struct card_module *m, const char *why)
{
    if (m->first && m->first->sent && m->first->card_left)
        replace(m, "it did not come back from a card that has left");
    else
        fail(m, why);
}

static void on_deadline(void *context)
{
    give_up(context, "it did not answer in time");
}

void card_module_card_left(struct card_module *m, const uint64_t *slot)
{
    struct question *q = m->first;
    if (!q || !q->sent || q->card_left || !m->process)
        return;
    if (q->type != CARD_REQUEST_LIST && (!slot || q->slot != *slot))
        return;
    q->card_left = true;
    loop_timer_set(m->deadline, CARD_LEFT_MS);
}

/* What the module said is of interest; a missing one is the administrator's to put right. */
static void log_problem(const struct card_module *m, const struct card_reply *reply)
{
    int outcome = (int)reply->result;
    enum log_level level =
        outcome == OUTCOME_CARD_MODULE_MISSING ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
    if (outcome != OUTCOME_OK && reply->module_code != 0)
        log_write(level, "card module %s: %s (CK_RV 0x%llx)", m->path, outcome_reason(outcome),
                  (unsigned long long)reply->module_code);
    else if (outcome != OUTCOME_OK)
        log_write(level, "card module %s: %s", m->path, outcome_reason(outcome));
}

/* True if the frame answered the first question. */
static bool take_reply(struct card_module *m, const uint8_t *body, size_t len)
{
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    struct question *q = m->first;
    if (card_reply_decode(body, len, &reply) < 0 || !q || !q->sent || reply.number != q->number ||
        reply.type != q->type)
        return false;
    bool list = reply.type == CARD_REQUEST_LIST;
    bool missed = list && reply.result == OUTCOME_CARD_CHANGED;
    m->missed = missed ? m->missed + 1 : 0;
    if (m->missed > MISSED_MAX)
        return false;
    frame_reader_pop(&m->incoming);
    loop_timer_stop(m->deadline);
    if (loop_now() - m->started_at > SETTLED_MS)
        m->restart_pause_ms = RESTART_FIRST_MS;
    m->answered = true;
    if (missed) {
        card_module_renew(m);
    } else if (list) {
        m->problem = (int)reply.result;
        m->detail = m->problem == OUTCOME_OK ? NULL : outcome_sentence(m->problem);
    }
    log_problem(m, &reply);
    answer_first(m, (int)reply.result, &reply);
    return true;
}

static void on_readable(void *context, struct helper *process)
{
    struct card_module *m = context;
    /* One read for each turn of the loop: whoever floods is not alone in being served. */
    uint8_t piece[8192];
    int got = helper_read(process, piece, sizeof piece);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        give_up(m, "it ended");
        return;
    }
    if (frame_reader_push(&m->incoming, piece, (size_t)got) < 0) {
        fail(m, "its answer is out of bounds");
        return;
    }
    size_t len;
    const uint8_t *body;
    while ((body = frame_reader_peek(&m->incoming, &len))) {
        if (!take_reply(m, body, len)) {
            fail(m, "its answer makes no sense");
            return;
        }
        if (m->process != process)
            return; /* a callback ended it */
    }
    work(m);
}

static bool start(struct card_module *m)
{
    helper_free(&m->process);
    frame_reader_deinit(&m->incoming);
    m->answered = false;
    m->outdated = false;
    m->started_at = loop_now();
    m->process = helper_spawn(m->helpers, HELPER_CARD, m->path, on_readable, m);
    return m->process != NULL;
}

static void on_restart(void *context)
{
    struct card_module *m = context;
    if (!start(m)) {
        fail(m, "its helper cannot be started");
        return;
    }
    m->restarted(m->context);
    work(m);
}

struct card_module *card_module_new(struct loop *loop, struct helpers *helpers, const char *path,
                                    loop_fn *restarted, void *context)
{
    CLEANUP(card_module_free) struct card_module *m = calloc(1, sizeof *m);
    if (!m) {
        log_fault(ENOMEM, path);
        return NULL;
    }
    m->loop = loop;
    m->helpers = helpers;
    m->path = path;
    m->restarted = restarted;
    m->context = context;
    m->incoming = FRAME_READER(FRAME_MAX_HELPER);
    m->restart_pause_ms = RESTART_FIRST_MS;
    m->deadline = loop_timer_new(loop, on_deadline, m);
    m->restart = loop_timer_new(loop, on_restart, m);
    if (!m->deadline || !m->restart || !start(m))
        return NULL;
    return STEAL(m);
}

void card_module_free(struct card_module **module)
{
    struct card_module *m = *module;
    if (!m)
        return;
    helper_free(&m->process);
    while (m->first) {
        struct question *q = m->first;
        m->first = q->next;
        question_free(&q);
    }
    loop_undefer(m->loop, m);
    loop_timer_free(&m->deadline);
    loop_timer_free(&m->restart);
    frame_reader_deinit(&m->incoming);
    free(m);
    *module = NULL;
}

const char *card_module_path(const struct card_module *module)
{
    return module->path;
}

const char *card_module_state(const struct card_module *module)
{
    if (!module->process || (module->answered && module->problem != OUTCOME_OK))
        return "failed";
    return module->answered ? "ready" : "starting";
}

const char *card_module_detail(const struct card_module *module)
{
    return module->detail;
}

int card_module_problem(const struct card_module *module)
{
    return module->problem;
}

static int ask(struct card_module *m, struct card_request *request, uint32_t deadline_ms,
               card_module_fn *fn, void *context)
{
    size_t asked = 0;
    struct question **end = &m->first;
    for (; *end; end = &(*end)->next)
        asked++;
    if (asked >= QUEUE_MAX)
        return -EAGAIN;

    CLEANUP(question_free) struct question *q = calloc(1, sizeof *q);
    if (!q)
        return -ENOMEM;
    q->encoded = secret_new(CARD_REQUEST_BYTES_MAX);
    if (!q->encoded)
        return -ENOMEM;
    request->number = q->number = ++m->last_number;
    q->type = request->type;
    q->deadline_ms = deadline_ms;
    bool sign = request->type == CARD_REQUEST_SIGN, list = request->type == CARD_REQUEST_LIST;
    q->slot = sign ? request->sign.slot : request->pin.slot;
    q->pin_pad = !list && (sign ? request->sign.pin_len : request->pin.secret_len) == 0;
    q->fn = fn;
    q->context = context;
    int r = card_request_encode(request, q->encoded);
    if (r == 0) /* without a process the answer is the failure, and also comes later */
        r = loop_defer(m->loop, attend, m);
    if (r == 0)
        *end = STEAL(q);
    return r;
}

int card_module_list(struct card_module *module, card_module_fn *fn, void *context)
{
    struct card_request request = {.type = CARD_REQUEST_LIST};
    return ask(module, &request, LIST_DEADLINE_MS, fn, context);
}

int card_module_sign(struct card_module *module, const struct card_sign_request *sign,
                     card_module_fn *fn, void *context)
{
    struct card_request request = {.type = CARD_REQUEST_SIGN, .sign = *sign};
    int r = ask(module, &request, sign->pin_len > 0 ? SIGN_DEADLINE_MS : PIN_PAD_DEADLINE_MS, fn,
                context);
    explicit_bzero(&request, sizeof request); /* the id's bytes are still the caller's */
    return r;
}

int card_module_pin(struct card_module *module, enum card_request_type type,
                    const struct card_pin_request *pin, card_module_fn *fn, void *context)
{
    struct card_request request = {.type = (uint8_t)type, .pin = *pin};
    int r = ask(module, &request, pin->secret_len > 0 ? SIGN_DEADLINE_MS : PIN_PAD_DEADLINE_MS, fn,
                context);
    explicit_bzero(&request, sizeof request);
    return r;
}

void card_module_renew(struct card_module *module)
{
    module->outdated = true;
}

static void no_answer(void *context, int result, struct card_reply *reply)
{
    (void)context;
    (void)result;
    (void)reply;
}

void card_module_forget(struct card_module *module, void *context)
{
    for (struct question **at = &module->first; *at;) {
        struct question *q = *at;
        if (q->context != context) {
            at = &q->next;
        } else if (!q->sent) {
            *at = q->next;
            question_free(&q);
        } else {
            bool stop = q->pin_pad;
            q->fn = no_answer;
            q->context = NULL;
            if (stop) {
                replace(module, "the PIN pad was cancelled");
                return;
            }
            at = &q->next;
        }
    }
}
