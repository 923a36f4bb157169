/* SPDX-License-Identifier: MIT */
/*
 * The roles' ids stay here: the window gets what a person reads and answers with an index, which is
 * checked against the list it was shown. A window that sends more, less, or nonsense has not
 * answered: nobody chose a role, and nothing else follows from it.
 *
 * lanyard-chooser gives up by itself after the question's time; the timer here is for one that does
 * not. It is also for one that cannot be started: that, too, is told from the loop.
 */
#include "agent/chooser_client.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/chooser_message.h"
#include "ipc/frame.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRACE_MS = 5000 }; /* for the window to go away after the question's time */

#define SIZE(structure, member) sizeof(((struct structure *)NULL)->member)
static_assert(SIZE(chooser_role, name) == SIZE(cis_role, name), "a question holds a role's texts");
static_assert(SIZE(chooser_role, organisation) == SIZE(cis_role, organisation), "the same");
static_assert(SIZE(chooser_role, code) == SIZE(cis_role, code), "the same");
static_assert(SIZE(chooser_question, person) == SIZE(cis_session, name), "and the person's name");
#undef SIZE

struct chooser {
    struct loop *loop;
    struct helper *process;
    struct loop_timer *deadline;
    struct frame_reader incoming;
    size_t role_count;
    chooser_fn *fn;
    void *context;
};

static void give_up(struct chooser *c, int result)
{
    c->fn(c->context, result, 0);
}

static void on_deadline(void *context)
{
    give_up(context, OUTCOME_TIMED_OUT);
}

static void on_no_process(void *context)
{
    give_up(context, OUTCOME_PROMPT_UNAVAILABLE);
}

static void answered(struct chooser *c, const uint8_t *body, size_t len)
{
    struct chooser_answer answer;
    int r = chooser_answer_decode(body, len, &answer);
    if (r < 0 || (answer.result == OUTCOME_OK && answer.role >= c->role_count)) {
        log_warning("the chooser's answer makes no sense");
        give_up(c, OUTCOME_PROMPT_UNAVAILABLE);
        return;
    }
    c->fn(c->context, (int)answer.result, answer.role);
}

static void on_readable(void *context, struct helper *process)
{
    struct chooser *c = context;
    uint8_t piece[FRAME_HEADER_BYTES + CHOOSER_ANSWER_BYTES_MAX];
    int got = helper_read(process, piece, sizeof piece);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        log_warning("the chooser ended without an answer");
        give_up(c, OUTCOME_PROMPT_UNAVAILABLE);
        return;
    }
    if (frame_reader_push(&c->incoming, piece, (size_t)got) < 0) {
        log_warning("the chooser's answer is out of bounds");
        give_up(c, OUTCOME_PROMPT_UNAVAILABLE);
        return;
    }
    size_t len;
    const uint8_t *body = frame_reader_peek(&c->incoming, &len);
    if (body)
        answered(c, body, len);
}

static void release(struct chooser_question **question)
{
    free(*question);
}

/* The question as bytes. 0 or a fault. */
static int write_question(const char *name, const struct cis_role *roles, size_t role_count,
                          int current, unsigned timeout_seconds, struct bytes *out)
{
    CLEANUP(release) struct chooser_question *question = calloc(1, sizeof *question);
    if (!question)
        return -ENOMEM;
    if (role_count == 0 || role_count > CHOOSER_ROLES_MAX || timeout_seconds == 0 ||
        timeout_seconds > CHOOSER_SECONDS_MAX)
        return -EINVAL;
    question->kind = CHOOSER_ROLE;
    question->timeout_seconds = timeout_seconds;
    snprintf(question->person, sizeof question->person, "%s", name);
    question->role_count = (uint16_t)role_count;
    bool chosen = current >= 0 && (size_t)current < role_count;
    question->current = chosen ? (uint16_t)current : question->role_count;
    for (size_t i = 0; i < role_count; i++) {
        struct chooser_role *role = &question->roles[i];
        snprintf(role->name, sizeof role->name, "%s", roles[i].name);
        snprintf(role->organisation, sizeof role->organisation, "%s", roles[i].organisation);
        snprintf(role->code, sizeof role->code, "%s", roles[i].code);
    }
    return chooser_question_encode(question, out);
}

/* Without a process, or with one that does not take the question, there is no window. */
static int show(struct chooser *c, struct helpers *helpers, const struct bytes *question)
{
    c->process = helper_spawn(helpers, HELPER_CHOOSER, "role", on_readable, c);
    if (c->process && helper_send(c->process, question->data, question->len) == 0)
        return 0;
    log_warning("the role cannot be asked for: lanyard-chooser does not start");
    helper_free(&c->process);
    return loop_defer(c->loop, on_no_process, c);
}

struct chooser *chooser_ask(struct loop *loop, struct helpers *helpers, const char *name,
                            const struct cis_role *roles, size_t role_count, int current,
                            unsigned timeout_seconds, chooser_fn *fn, void *context)
{
    CLEANUP(chooser_free) struct chooser *c = calloc(1, sizeof *c);
    CLEANUP(bytes_deinit) struct bytes question = {0};
    int r =
        c ? write_question(name, roles, role_count, current, timeout_seconds, &question) : -ENOMEM;
    if (r < 0) {
        log_fault(-r, "chooser");
        return NULL;
    }
    c->loop = loop;
    c->incoming = FRAME_READER(CHOOSER_ANSWER_BYTES_MAX);
    c->role_count = role_count;
    c->fn = fn;
    c->context = context;
    c->deadline = loop_timer_new(loop, on_deadline, c);
    if (!c->deadline || show(c, helpers, &question) < 0)
        return NULL;
    loop_timer_set(c->deadline, (uint64_t)timeout_seconds * 1000 + GRACE_MS);
    return STEAL(c);
}

void chooser_free(struct chooser **chooser)
{
    struct chooser *c = *chooser;
    if (!c)
        return;
    if (c->loop)
        loop_undefer(c->loop, c);
    helper_free(&c->process);
    loop_timer_free(&c->deadline);
    frame_reader_deinit(&c->incoming);
    free(c);
    *chooser = NULL;
}
