/* SPDX-License-Identifier: MIT */
/*
 * The roles' ids and the accounts stay here: the window gets what a person reads and answers with
 * an index, which is checked against the list it was shown. A window that sends more, less, or
 * nonsense has not answered: nobody chose anything, and nothing else follows from it.
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
static_assert(SIZE(chooser_item, name) == SIZE(cis_role, name), "a question holds a role's texts");
static_assert(SIZE(chooser_item, detail) == SIZE(cis_role, organisation), "the same");
static_assert(SIZE(chooser_item, code) == SIZE(cis_role, code), "the same");
static_assert(SIZE(chooser_question, subject) == SIZE(cis_session, name), "and the person's name");
#undef SIZE

struct chooser {
    struct loop *loop;
    struct helper *process;
    struct loop_timer *deadline;
    struct frame_reader incoming;
    size_t item_count;
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
    if (r < 0 || (answer.result == OUTCOME_OK && answer.item >= c->item_count)) {
        log_warning("the chooser's answer makes no sense");
        give_up(c, OUTCOME_PROMPT_UNAVAILABLE);
        return;
    }
    c->fn(c->context, (int)answer.result, answer.item);
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

/* An empty question of that kind; NULL: its count or its time is out of bounds, or no memory
 * (logged). */
static struct chooser_question *question_new(enum chooser_kind kind, const char *subject,
                                             size_t count, unsigned timeout_seconds)
{
    bool fits = count > 0 && count <= CHOOSER_ITEMS_MAX && timeout_seconds > 0 &&
                timeout_seconds <= CHOOSER_SECONDS_MAX;
    struct chooser_question *question = fits ? calloc(1, sizeof *question) : NULL;
    if (!question) {
        log_fault(fits ? ENOMEM : EINVAL, "chooser");
        return NULL;
    }
    question->kind = (uint8_t)kind;
    question->timeout_seconds = timeout_seconds;
    snprintf(question->subject, sizeof question->subject, "%s", subject);
    question->item_count = question->current = (uint16_t)count;
    return question;
}

/* Without a process, or with one that does not take the question, there is no window. */
static int show(struct chooser *c, struct helpers *helpers, uint8_t kind,
                const struct bytes *question)
{
    const char *what = kind == CHOOSER_ACCOUNT ? "account" : "role";
    c->process = helper_spawn(helpers, HELPER_CHOOSER, what, on_readable, c);
    if (c->process && helper_send(c->process, question->data, question->len) == 0)
        return 0;
    log_warning("the %s cannot be asked for: lanyard-chooser does not start", what);
    helper_free(&c->process);
    return loop_defer(c->loop, on_no_process, c);
}

static struct chooser *ask(struct loop *loop, struct helpers *helpers,
                           const struct chooser_question *question, chooser_fn *fn, void *context)
{
    CLEANUP(chooser_free) struct chooser *c = calloc(1, sizeof *c);
    CLEANUP(bytes_deinit) struct bytes body = {0};
    int r = c ? chooser_question_encode(question, &body) : -ENOMEM;
    if (r < 0) {
        log_fault(-r, "chooser");
        return NULL;
    }
    c->loop = loop;
    c->incoming = FRAME_READER(CHOOSER_ANSWER_BYTES_MAX);
    c->item_count = question->item_count;
    c->fn = fn;
    c->context = context;
    c->deadline = loop_timer_new(loop, on_deadline, c);
    if (!c->deadline || show(c, helpers, question->kind, &body) < 0)
        return NULL;
    loop_timer_set(c->deadline, (uint64_t)question->timeout_seconds * 1000 + GRACE_MS);
    return STEAL(c);
}

struct chooser *chooser_ask(struct loop *loop, struct helpers *helpers, const char *name,
                            const struct cis_role *roles, size_t role_count, int current,
                            unsigned timeout_seconds, chooser_fn *fn, void *context)
{
    CLEANUP(release)
    struct chooser_question *question =
        question_new(CHOOSER_ROLE, name, role_count, timeout_seconds);
    if (!question)
        return NULL;
    if (current >= 0 && (size_t)current < role_count)
        question->current = (uint16_t)current;
    for (size_t i = 0; i < role_count; i++) {
        struct chooser_item *item = &question->items[i];
        snprintf(item->name, sizeof item->name, "%s", roles[i].name);
        snprintf(item->detail, sizeof item->detail, "%s", roles[i].organisation);
        snprintf(item->code, sizeof item->code, "%s", roles[i].code);
    }
    return ask(loop, helpers, question, fn, context);
}

struct chooser *chooser_ask_account(struct loop *loop, struct helpers *helpers, const char *site,
                                    const struct chooser_account *accounts, size_t count,
                                    unsigned timeout_seconds, chooser_fn *fn, void *context)
{
    CLEANUP(release)
    struct chooser_question *question = question_new(CHOOSER_ACCOUNT, "", count, timeout_seconds);
    if (!question)
        return NULL;
    if (site[0] != '\0')
        snprintf(question->subject, sizeof question->subject, "Site: %s", site);
    for (size_t i = 0; i < count; i++) {
        struct chooser_item *item = &question->items[i];
        snprintf(item->name, sizeof item->name, "%s", accounts[i].name);
        snprintf(item->detail, sizeof item->detail, "%s", accounts[i].detail);
    }
    return ask(loop, helpers, question, fn, context);
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
