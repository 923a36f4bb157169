/* SPDX-License-Identifier: MIT */
/*
 * The answer is at most a few dozen bytes, so it is collected in one secret of fixed size, header
 * and all, and taken apart only when it is complete. A helper that sends more, less, or nonsense
 * has not answered: the person saw no usable prompt, and nothing else follows from it.
 *
 * lanyard-prompt gives up by itself after the question's time; the timer here is for one that does
 * not.
 */
#include "agent/prompt_client.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdlib.h>

enum { GRACE_MS = 5000 }; /* for pinentry to take its window away after the question's time */

struct prompt {
    struct helper *process;
    struct loop_timer *deadline;
    struct secret *incoming; /* header and answer */
    uint8_t choice_count;
    prompt_fn *fn;
    void *context;
};

static void give_up(struct prompt *p, int result)
{
    struct prompt_answer answer = {.result = (uint32_t)result};
    p->fn(p->context, &answer);
}

static void on_deadline(void *context)
{
    give_up(context, OUTCOME_TIMED_OUT);
}

static void answered(struct prompt *p)
{
    struct prompt_answer answer = {0};
    const uint8_t *body = secret_peek(p->incoming) + FRAME_HEADER_BYTES;
    int r = prompt_answer_decode(body, secret_len(p->incoming) - FRAME_HEADER_BYTES, &answer);
    bool usable = r == 0 && (answer.result != OUTCOME_OK || p->choice_count == 0 ||
                             answer.choice < p->choice_count);
    if (!usable) {
        log_warning("the prompt's answer makes no sense");
        give_up(p, OUTCOME_PROMPT_UNAVAILABLE);
        return;
    }
    p->fn(p->context, &answer);
}

static void on_readable(void *context, struct helper *process)
{
    struct prompt *p = context;
    size_t have = secret_len(p->incoming);
    size_t wanted = FRAME_HEADER_BYTES;
    if (have >= FRAME_HEADER_BYTES) {
        struct reader header = READER(secret_peek(p->incoming), FRAME_HEADER_BYTES);
        wanted += read_u32(&header);
    }
    if (wanted > secret_capacity(p->incoming)) {
        log_warning("the prompt's answer is out of bounds");
        give_up(p, OUTCOME_PROMPT_UNAVAILABLE);
        return;
    }
    int got = helper_read(process, secret_bytes(p->incoming) + have, wanted - have);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        log_warning("the prompt ended without an answer");
        give_up(p, OUTCOME_PROMPT_UNAVAILABLE);
        return;
    }
    secret_set_len(p->incoming, have + (size_t)got);
    if (have + (size_t)got == wanted && wanted > FRAME_HEADER_BYTES)
        answered(p);
}

struct prompt *prompt_ask(struct loop *loop, struct helpers *helpers, const char *pinentry,
                          const struct prompt_question *question, prompt_fn *fn, void *context)
{
    CLEANUP(prompt_free) struct prompt *p = calloc(1, sizeof *p);
    CLEANUP(bytes_deinit) struct bytes body = {0};
    int r = p ? prompt_question_encode(question, &body) : -ENOMEM;
    if (r < 0) {
        log_fault(-r, "prompt");
        return NULL;
    }
    p->fn = fn;
    p->context = context;
    p->choice_count = question->kind == PROMPT_CHOICE ? question->choice_count : 0;
    p->incoming = secret_new(FRAME_HEADER_BYTES + PROMPT_ANSWER_BYTES_MAX);
    p->deadline = loop_timer_new(loop, on_deadline, p);
    p->process = helper_spawn(helpers, HELPER_PROMPT, pinentry, on_readable, p);
    if (!p->incoming || !p->deadline || !p->process)
        return NULL;
    r = helper_send(p->process, body.data, body.len);
    if (r < 0) {
        log_fault(-r, "prompt");
        return NULL;
    }
    loop_timer_set(p->deadline, (uint64_t)question->timeout_seconds * 1000 + GRACE_MS);
    return STEAL(p);
}

void prompt_free(struct prompt **prompt)
{
    struct prompt *p = *prompt;
    if (!p)
        return;
    helper_free(&p->process);
    loop_timer_free(&p->deadline);
    secret_free(&p->incoming);
    free(p);
    *prompt = NULL;
}
