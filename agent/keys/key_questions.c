/* SPDX-License-Identifier: MIT */
/*
 * What the process asks becomes a window of ours, and its answer a word to the process. A PIN goes
 * there once, straight from the prompt's secret. A new PIN is typed twice; the first one waits in a
 * secret until the second has been compared with it.
 *
 * What cannot be a PIN is asked for again here: the key would count it as a try.
 */
#include "agent/keys/key_work_inside.h"

#include "agent/keys/key_wording.h"
#include "agent/new_pin.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <string.h>

enum { PIN_CHARACTERS_MIN = 4 }; /* CTAP 2.1 §6.5.1 */

void key_ask_end(struct key_work *w)
{
    prompt_free(&w->notice);
    prompt_free(&w->prompt);
    chooser_free(&w->chooser);
    secret_free(&w->typed);
}

/* ---- windows ---- */

static unsigned seconds_left(const struct key_work *w)
{
    uint64_t now = loop_now();
    return now < w->deadline ? (unsigned)((w->deadline - now + 999) / 1000) : 1;
}

static struct key_wording wording(const struct key_work *w)
{
    return (struct key_wording){
        .operation = (enum fido_operation)w->request.start->operation,
        .caller = w->request.caller,
        .site = w->request.site,
        .another_pin = w->request.another_pin,
        .key = w->name,
        .tries_left = w->tries_left,
        .min_length = w->min_length,
        .timeout = seconds_left(w),
    };
}

static int tries_told(const struct key_work *w)
{
    return w->tries_left == UINT8_MAX ? -1 : w->tries_left;
}

/* Shows it in the place of whatever is shown. */
static void show(struct key_work *w, const struct prompt_question *question, prompt_fn *fn)
{
    prompt_free(&w->notice);
    prompt_free(&w->prompt);
    w->prompt =
        prompt_ask(w->home->loop, w->home->helpers, w->home->config->pinentry, question, fn, w);
    if (w->prompt)
        key_work_tell(w, WAITING_KEY_PIN, tries_told(w));
    else
        key_work_finish(w, OUTCOME_PROMPT_UNAVAILABLE);
}

static void send_pin(struct key_work *w, const uint8_t *pin, size_t len)
{
    struct fido_word word = {.type = FIDO_MESSAGE_PIN, .pin = pin, .pin_len = (uint8_t)len};
    w->committed = true;
    if (key_work_say(w, &word))
        key_ask_end(w);
}

/* ---- the PIN ---- */

static void ask_for_pin(struct key_work *w);

static bool could_be_pin(const struct prompt_answer *answer)
{
    return answer->pin_len >= PIN_CHARACTERS_MIN && answer->pin_len <= FIDO_PIN_BYTES_MAX;
}

static void on_pin(void *context, const struct prompt_answer *answer)
{
    struct key_work *w = context;
    int result = (int)answer->result;
    if (result == OUTCOME_OK && !could_be_pin(answer))
        result = OUTCOME_PIN_FORMAT;
    if (result == OUTCOME_PIN_FORMAT) {
        w->wrong = result;
        ask_for_pin(w);
    } else if (result != OUTCOME_OK) {
        key_work_finish(w, result);
    } else {
        w->last_try_confirmed = false;
        send_pin(w, answer->pin, answer->pin_len);
    }
}

static void on_last_try(void *context, const struct prompt_answer *answer)
{
    struct key_work *w = context;
    if (answer->result != OUTCOME_OK) {
        key_work_finish(w, (int)answer->result);
        return;
    }
    w->last_try_confirmed = true;
    w->wrong = OUTCOME_OK; /* said already */
    ask_for_pin(w);
}

static void ask_for_pin(struct key_work *w)
{
    struct key_wording words = wording(w);
    struct prompt_question question;
    bool last = w->tries_left == 1 && !w->last_try_confirmed;
    if (last)
        key_wording_last_try(&words, w->wrong, &question);
    else
        key_wording_pin(&words, w->wrong, &question);
    show(w, &question, last ? on_last_try : on_pin);
}

/* ---- a new PIN ---- */

static void ask_for_new_pin(struct key_work *w, int wrong);

static void on_new_pin_again(void *context, const struct prompt_answer *answer)
{
    struct key_work *w = context;
    if (new_pin_same(answer, w->typed))
        send_pin(w, answer->pin, answer->pin_len);
    else if (answer->result == OUTCOME_OK || answer->result == OUTCOME_PIN_FORMAT)
        ask_for_new_pin(w, WRONG_PIN_DIFFERENT);
    else
        key_work_finish(w, (int)answer->result);
}

static void ask_again(struct key_work *w)
{
    struct key_wording words = wording(w);
    struct prompt_question question;
    key_wording_new_pin_again(&words, &question);
    show(w, &question, on_new_pin_again);
}

static void on_new_pin(void *context, const struct prompt_answer *answer)
{
    struct key_work *w = context;
    if (answer->result != OUTCOME_OK && answer->result != OUTCOME_PIN_FORMAT) {
        key_work_finish(w, (int)answer->result);
        return;
    }
    int wrong = new_pin_take(answer, w->min_length, FIDO_PIN_BYTES_MAX, &w->typed);
    w->committed |= wrong == 0;
    if (wrong == 0)
        ask_again(w);
    else if (wrong == WRONG_PIN_FAULT)
        key_work_finish(w, -ENOMEM);
    else
        ask_for_new_pin(w, wrong);
}

static void ask_for_new_pin(struct key_work *w, int wrong)
{
    secret_free(&w->typed);
    struct key_wording words = wording(w);
    struct prompt_question question;
    key_wording_new_pin(&words, wrong, &question);
    show(w, &question, on_new_pin);
}

/* ---- which account ---- */

static void on_account(void *context, int result, size_t account)
{
    struct key_work *w = context;
    struct fido_word word = {.type = FIDO_MESSAGE_CHOICE, .choice = (uint8_t)account};
    w->committed = true;
    if (result != OUTCOME_OK)
        key_work_finish(w, result);
    else if (key_work_say(w, &word))
        key_ask_end(w);
}

/* A person knows the account by its display name, or by the name where it has none. */
static void ask_for_account(struct key_work *w, const struct fido_news *news)
{
    struct chooser_account accounts[FIDO_ACCOUNTS_MAX];
    size_t count = news->account_count;
    prompt_free(&w->notice);
    for (size_t i = 0; i < count; i++) {
        const struct fido_account *each = &news->accounts[i];
        bool named = each->display_name[0] != '\0';
        accounts[i] = (struct chooser_account){
            .name = named ? each->display_name : each->name,
            .detail = named && strcmp(each->name, each->display_name) != 0 ? each->name : "",
        };
    }
    w->chooser =
        chooser_ask_account(w->home->loop, w->home->helpers, w->request.site ? w->request.site : "",
                            accounts, count, seconds_left(w), on_account, w);
    if (w->chooser)
        key_work_tell(w, WAITING_ACCOUNT, -1);
    else
        key_work_finish(w, OUTCOME_PROMPT_UNAVAILABLE);
}

/* ---- whether it is meant ---- */

static void on_meant(void *context, const struct prompt_answer *answer)
{
    struct key_work *w = context;
    int result = (int)answer->result;
    key_ask_end(w);
    w->committed = true;
    if (result == OUTCOME_OK)
        key_work_await_replug(w);
    else
        key_work_finish(w, result);
}

void key_ask_meant(struct key_work *w)
{
    struct key_wording words = wording(w);
    struct prompt_question question;
    key_wording_reset(&words, &question);
    w->prompt = prompt_ask(w->home->loop, w->home->helpers, w->home->config->pinentry, &question,
                           on_meant, w);
    if (!w->prompt)
        key_work_finish(w, OUTCOME_PROMPT_UNAVAILABLE);
}

/* ---- what to do with the key ---- */

/* Its one button calls it off. */
static void on_notice(void *context, const struct prompt_answer *answer)
{
    key_work_finish(context, (int)answer->result);
}

/* The session's sign-in says by other means what is missing; of what is to be touched a person
 * knows by this window alone for whom it is. */
static bool notice_due(const struct key_work *w, enum waiting_for what)
{
    if (w->request.start->operation == FIDO_RESET)
        return true;
    bool blinks =
        what == WAITING_TOUCH || what == WAITING_VERIFICATION || what == WAITING_KEY_CHOICE;
    return w->request.site && (blinks || !w->request.session);
}

bool key_notice(struct key_work *w, enum waiting_for what)
{
    prompt_free(&w->notice);
    if (!notice_due(w, what))
        return true;
    struct key_wording words = wording(w);
    struct prompt_question question;
    key_wording_notice(&words, what, &question);
    w->noticed = (int)what;
    memcpy(w->noticed_key, w->name, sizeof w->noticed_key);
    w->notice = prompt_ask(w->home->loop, w->home->helpers, w->home->config->pinentry, &question,
                           on_notice, w);
    if (w->notice)
        return true;
    key_work_finish(w, OUTCOME_PROMPT_UNAVAILABLE);
    return false;
}

void key_ask(struct key_work *w, const struct fido_news *news)
{
    w->tries_left = news->tries_left;
    w->min_length = news->min_length > PIN_CHARACTERS_MIN ? news->min_length : PIN_CHARACTERS_MIN;
    w->wrong = (int)news->problem;
    switch ((enum fido_ask)news->ask) {
    case FIDO_ASK_PIN:
        ask_for_pin(w);
        break;
    case FIDO_ASK_NEW_PIN:
        w->tries_left = UINT8_MAX;
        ask_for_new_pin(w, w->wrong);
        break;
    case FIDO_ASK_ACCOUNT:
        ask_for_account(w, news);
        break;
    }
}
