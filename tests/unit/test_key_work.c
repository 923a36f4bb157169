/* SPDX-License-Identifier: MIT */
/*
 * Works with security keys, played move by move: clock and timers, the helper's socket, prompt and
 * chooser, and the keys that are in stand here in the place of the agent's own. What the helper
 * says goes through the real codec, so it may say anything.
 */
#include "agent/chooser_client.h"
#include "agent/keys/key_work.h"
#include "agent/prompt_client.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATH_A "/dev/hidraw0"
#define PATH_B "/dev/hidraw1"
#define SITE "https://op.example"

enum { PIN_TIMEOUT = 120, ENDED_MAX = 16 };

/* ---- the clock ---- */

struct loop_timer {
    struct loop_timer *next;
    loop_fn *fn;
    void *context;
    uint64_t due; /* UINT64_MAX: not set */
};

static uint64_t now = 1000;
static struct loop_timer *timers;

uint64_t loop_now(void)
{
    return now;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *context)
{
    (void)loop;
    struct loop_timer *timer = calloc(1, sizeof *timer);
    *timer = (struct loop_timer){.next = timers, .fn = fn, .context = context, .due = UINT64_MAX};
    timers = timer;
    return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t milliseconds)
{
    timer->due = now + milliseconds;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->due = UINT64_MAX;
}

void loop_timer_free(struct loop_timer **timer)
{
    for (struct loop_timer **at = &timers; *timer && *at; at = &(*at)->next)
        if (*at == *timer) {
            *at = (*timer)->next;
            break;
        }
    free(*timer);
    *timer = NULL;
}

/* Lets that much time go by, and everything that is due happen. */
static void pass(uint64_t milliseconds)
{
    uint64_t until = now + milliseconds;
    for (;;) {
        struct loop_timer *first = NULL;
        for (struct loop_timer *t = timers; t; t = t->next)
            if (t->due <= until && (!first || t->due < first->due))
                first = t;
        if (!first)
            break;
        now = first->due > now ? first->due : now;
        first->due = UINT64_MAX;
        first->fn(first->context);
    }
    now = until;
}

/* ---- the helper ---- */

struct helper {
    helper_fn *readable;
    void *context;
};

static struct helper *running;
static unsigned started;
static struct bytes to_agent; /* not read yet */
static bool hung_up;
static struct fido_start told; /* the last START */
static struct fido_word words[8];
static char typed[FIDO_PIN_BYTES_MAX + 1]; /* the PIN of the last PIN word */
static unsigned word_count;
static bool deaf;

struct helper *helper_spawn(struct helpers *helpers, enum helper_program program,
                            const char *argument, helper_fn *readable, void *context)
{
    (void)helpers;
    assert_int_equal(program, HELPER_FIDO);
    assert_string_equal(argument, "/run/desk/key");
    assert_null(running); /* two would disturb each other */
    running = calloc(1, sizeof *running);
    *running = (struct helper){readable, context};
    started++;
    word_count = 0;
    hung_up = false;
    return running;
}

void helper_free(struct helper **helper)
{
    if (*helper) {
        assert_ptr_equal(*helper, running);
        running = NULL;
        bytes_deinit(&to_agent);
    }
    free(*helper);
    *helper = NULL;
}

int helper_send(struct helper *helper, const void *body, size_t len)
{
    assert_ptr_equal(helper, running);
    if (deaf)
        return -EPIPE;
    const uint8_t *type = (const uint8_t *)body + 1;
    if (*type == FIDO_MESSAGE_START) {
        fido_start_deinit(&told);
        told = (struct fido_start){0};
        assert_int_equal(fido_start_decode(body, len, &told), 0);
        return 0;
    }
    assert_in_range(word_count, 0, 7);
    struct fido_word *word = &words[word_count++];
    *word = (struct fido_word){0};
    assert_int_equal(fido_word_decode(body, len, word), 0);
    if (word->type == FIDO_MESSAGE_PIN)
        snprintf(typed, sizeof typed, "%.*s", word->pin_len, (const char *)word->pin);
    return 0;
}

int helper_read(struct helper *helper, void *space, size_t size)
{
    assert_ptr_equal(helper, running);
    if (to_agent.len == 0)
        return hung_up ? 0 : -EAGAIN;
    if (size > to_agent.len)
        size = to_agent.len;
    memcpy(space, to_agent.data, size);
    bytes_consume(&to_agent, size);
    return (int)size;
}

/* The agent reads as long as there is something. */
static void deliver(void)
{
    while (running && (to_agent.len > 0 || hung_up)) {
        running->readable(running->context, running);
        if (hung_up && to_agent.len == 0)
            break;
    }
    pass(0);
}

static void say_raw(const void *body, size_t len)
{
    uint8_t header[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                         (uint8_t)len};
    bytes_append(&to_agent, header, sizeof header);
    bytes_append(&to_agent, body, len);
    deliver();
}

static void say(const struct fido_news *news)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(fido_news_encode(news, &body), 0);
    say_raw(body.data, body.len);
}

static void wait_for(enum fido_waiting what, const char *key)
{
    struct fido_news news = {.waiting = (uint8_t)what, .product = "Itself", .tries_left = 255};
    snprintf(news.key, sizeof news.key, "%s", key);
    say(&news);
}

static void ask_pin(enum fido_ask what, uint8_t tries, enum outcome problem)
{
    struct fido_news news = {.ask = (uint8_t)what,
                             .key = PATH_A,
                             .product = "Itself",
                             .tries_left = tries,
                             .min_length = what == FIDO_ASK_NEW_PIN ? 6 : 4,
                             .problem = problem};
    say(&news);
}

static void end_with(const struct fido_done *done)
{
    CLEANUP(secret_free) struct secret *body = secret_new(FIDO_DONE_BYTES_MAX);
    assert_int_equal(fido_done_encode(done, body), 0);
    say_raw(secret_peek(body), secret_len(body));
}

static void end_at(enum outcome result, const char *key)
{
    struct fido_done done = {.result = result, .tries_left = 255};
    snprintf(done.key, sizeof done.key, "%s", key);
    end_with(&done);
}

static void hang_up(void)
{
    hung_up = true;
    deliver();
}

static bool was_told(enum fido_message_type type)
{
    for (unsigned i = 0; i < word_count; i++)
        if (words[i].type == type)
            return true;
    return false;
}

/* ---- windows ---- */

struct prompt {
    prompt_fn *fn;
    void *context;
};
struct chooser {
    chooser_fn *fn;
    void *context;
};

static struct prompt *prompt;
static struct chooser *chooser;
static struct prompt_question question;
static struct chooser_account accounts[FIDO_ACCOUNTS_MAX];
static size_t account_count;
static char chooser_site[64];
static bool no_display;

struct prompt *prompt_ask(struct loop *loop, struct helpers *helpers, const char *pinentry,
                          const struct prompt_question *asked, prompt_fn *fn, void *context)
{
    (void)loop;
    (void)helpers;
    assert_string_equal(pinentry, "/usr/bin/pinentry");
    assert_null(prompt);
    if (no_display)
        return NULL;
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(prompt_question_encode(asked, &body), 0);
    assert_int_equal(prompt_question_decode(body.data, body.len, &question), 0);
    prompt = calloc(1, sizeof *prompt);
    *prompt = (struct prompt){fn, context};
    return prompt;
}

void prompt_free(struct prompt **freed)
{
    if (*freed)
        prompt = NULL;
    free(*freed);
    *freed = NULL;
}

static void answer(int result, const char *pin)
{
    assert_non_null(prompt);
    struct prompt_answer given = {
        .result = (uint32_t)result, .pin = (const uint8_t *)pin, .pin_len = (uint8_t)strlen(pin)};
    prompt->fn(prompt->context, &given);
    pass(0);
}

static void type_pin(const char *pin)
{
    answer(OUTCOME_OK, pin);
}

struct chooser *chooser_ask_account(struct loop *loop, struct helpers *helpers, const char *site,
                                    const struct chooser_account *offered, size_t count,
                                    unsigned timeout_seconds, chooser_fn *fn, void *context)
{
    (void)loop;
    (void)helpers;
    assert_null(chooser);
    assert_in_range(timeout_seconds, 1, PIN_TIMEOUT);
    memcpy(accounts, offered, count * sizeof *offered);
    account_count = count;
    snprintf(chooser_site, sizeof chooser_site, "%s", site);
    chooser = calloc(1, sizeof *chooser);
    *chooser = (struct chooser){fn, context};
    return chooser;
}

void chooser_free(struct chooser **freed)
{
    if (*freed)
        chooser = NULL;
    free(*freed);
    *freed = NULL;
}

static bool shows(const char *text)
{
    return strstr(question.text, text) || strstr(question.error, text);
}

/* ---- the keys that are in ---- */

static struct key_found in[2];
static size_t in_count;
static struct key_works *works;

const struct key_found *key_watch_find(const struct key_watch *watch, uint64_t id)
{
    (void)watch;
    for (size_t i = 0; i < in_count; i++)
        if (in[i].id == id)
            return &in[i];
    return NULL;
}

const struct key_found *key_watch_at(const struct key_watch *watch, size_t i)
{
    (void)watch;
    return i < in_count ? &in[i] : NULL;
}

const struct key_found *key_watch_find_path(const struct key_watch *watch, const char *path)
{
    (void)watch;
    for (size_t i = 0; i < in_count; i++)
        if (strcmp(in[i].path, path) == 0)
            return &in[i];
    return NULL;
}

static const char *mark = ""; /* of the next that is plugged in */

static void plug_in(uint64_t id, const char *path, const char *name)
{
    struct key_found *key = &in[in_count++];
    snprintf(key->mark, sizeof key->mark, "%s", mark);
    key->id = id;
    snprintf(key->path, sizeof key->path, "%s", path);
    snprintf(key->name, sizeof key->name, "%s", name);
    key_works_keys_changed(works);
    pass(0);
}

static void put_in(uint64_t id, const char *path)
{
    char name[32];
    snprintf(name, sizeof name, "Example Key %d", (int)id);
    plug_in(id, path, name);
}

static void pull_out(void)
{
    in_count = 0;
    key_works_keys_changed(works);
    pass(0);
}

/* ---- works ---- */

static struct config config;
static struct fido_start start;
static struct caller page = {.door = DOOR_WEB, .origin = SITE};
static struct caller program = {.door = DOOR_NATIVE, .pid = 42};
static struct {
    uint32_t result;
    uint64_t key;
    void *context;
} ended[ENDED_MAX];
static unsigned ended_count;
static char heard[256]; /* "key touch[Example Key 1] ..." */

static void on_waiting(void *context, enum waiting_for what, const char *key, int tries)
{
    static const char *const names[] = {
        [WAITING_TURN] = "turn",           [WAITING_KEY] = "key",
        [WAITING_OTHER_KEY] = "other-key", [WAITING_KEY_CHOICE] = "key-choice",
        [WAITING_TOUCH] = "touch",         [WAITING_VERIFICATION] = "verification",
        [WAITING_KEY_PIN] = "key-pin",     [WAITING_ACCOUNT] = "account",
        [WAITING_REPLUG] = "replug",
    };
    (void)context;
    size_t used = strlen(heard);
    snprintf(heard + used, sizeof heard - used, "%s%s%s%s%s", used ? " " : "", names[what],
             key ? "[" : "", key ? key : "", key ? "]" : "");
    used = strlen(heard);
    if (tries >= 0)
        snprintf(heard + used, sizeof heard - used, ":%d", tries);
}

static void on_done(void *context, struct fido_done *done, uint64_t key)
{
    assert_in_range(ended_count, 0, ENDED_MAX - 1);
    ended[ended_count].result = done->result;
    ended[ended_count].context = context;
    ended[ended_count++].key = key;
    assert_null(prompt); /* the window is gone when it is told */
    assert_null(chooser);
}

static struct key_work *try_begin_for(const struct caller *caller, void *context, int *refusal)
{
    struct key_work_request request = {.start = &start, .caller = caller, .site = SITE};
    struct key_work_events events = {.context = context, .waiting = on_waiting, .done = on_done};
    return key_work_begin(works, &request, &events, refusal);
}

static struct key_work *try_begin(void *context, int *refusal)
{
    return try_begin_for(&program, context, refusal);
}

/* The session's: a look whether its key is in, or its own sign-in. */
static struct key_work *begin_for_session(const struct fido_start *what, bool own, void *context)
{
    int refusal;
    struct key_work_request request = {
        .start = what, .caller = own ? &page : NULL, .site = own ? SITE : NULL, .session = own};
    struct key_work_events events = {.context = context, .waiting = on_waiting, .done = on_done};
    struct key_work *work = key_work_begin(works, &request, &events, &refusal);
    assert_non_null(work);
    pass(0);
    return work;
}

static struct key_work *begin_by(const struct caller *caller, enum fido_operation operation)
{
    int refusal;
    start.operation = (uint8_t)operation;
    struct key_work *work = try_begin_for(caller, NULL, &refusal);
    assert_non_null(work);
    assert_int_equal(ended_count, 0); /* never from within */
    pass(0);
    return work;
}

static struct key_work *begin(enum fido_operation operation)
{
    return begin_by(&program, operation);
}

static void assert_ended(enum outcome result)
{
    assert_int_equal(ended_count, 1);
    assert_int_equal(ended[0].result, result);
}

static int set_up(void **state)
{
    (void)state;
    config = (struct config){.keys_enabled = true,
                             .keys_redirect = (char *)(uintptr_t) "/run/desk/key",
                             .pin_timeout = PIN_TIMEOUT,
                             .pinentry = (char *)(uintptr_t) "/usr/bin/pinentry"};
    start = (struct fido_start){.rp_id = "op.example"};
    ended_count = started = word_count = 0;
    in_count = 0;
    heard[0] = typed[0] = '\0';
    deaf = hung_up = no_display = false;
    works = key_works_new(NULL, NULL, NULL, &config);
    put_in(1, PATH_A);
    return works ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    key_works_free(&works);
    fido_start_deinit(&told);
    bytes_deinit(&to_agent);
    return timers || running || prompt || chooser ? -1 : 0;
}

/* ---- what the person is told and asked ---- */

static void waits_are_told_once_each(void **state)
{
    (void)state;
    begin(FIDO_GET);
    assert_string_equal(told.rp_id, "op.example");
    wait_for(FIDO_WAITING_KEY, "");
    wait_for(FIDO_WAITING_KEY, "");
    wait_for(FIDO_WAITING_OTHER_KEY, "");
    wait_for(FIDO_WAITING_KEY_CHOICE, "");
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    wait_for(FIDO_WAITING_WORK, PATH_A);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    wait_for(FIDO_WAITING_VERIFICATION, "/dev/hidraw7"); /* one that udev does not know */
    assert_string_equal(heard, "key other-key key-choice touch[Example Key 1] "
                               "verification[Itself]");
    end_at(OUTCOME_OK, PATH_A);
    assert_ended(OUTCOME_OK);
    assert_int_equal(ended[0].key, 1);
    hang_up();
}

static void the_pin_is_asked_for_and_goes_to_the_key_once(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    assert_int_equal(question.kind, PROMPT_PIN);
    assert_true(shows("Site: " SITE "\n"));
    assert_true(shows("Security key: Example Key 1\n"));
    assert_true(shows("Tries left: 8\n"));
    assert_string_equal(question.error, "");
    assert_string_equal(heard, "key-pin[Example Key 1]:8");
    type_pin("1234");
    assert_null(prompt);
    assert_int_equal(word_count, 1);
    assert_string_equal(typed, "1234");

    ask_pin(FIDO_ASK_PIN, 7, OUTCOME_PIN_WRONG);
    assert_true(shows("That PIN is wrong."));
    assert_true(shows("Tries left: 7\n"));
    type_pin("12345");
    assert_int_equal(word_count, 2);
    assert_string_equal(typed, "12345");
    end_at(OUTCOME_KEY_LOCKED, PATH_A);
    assert_ended(OUTCOME_KEY_LOCKED);
}

static void what_cannot_be_the_pin_costs_no_try(void **state)
{
    (void)state;
    char longer[FIDO_PIN_BYTES_MAX + 2] = "";
    memset(longer, '1', FIDO_PIN_BYTES_MAX + 1);
    begin(FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    type_pin("123");
    assert_true(shows("This has not counted as a try."));
    type_pin(longer);
    answer(OUTCOME_PIN_FORMAT, "");
    assert_int_equal(word_count, 0);
    longer[FIDO_PIN_BYTES_MAX] = '\0';
    type_pin(longer);
    assert_string_equal(typed, longer);
}

static void the_last_try_is_confirmed(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 1, OUTCOME_PIN_WRONG);
    assert_int_equal(question.kind, PROMPT_CONFIRM);
    assert_true(shows("This is the last try."));
    assert_true(shows("erases everything"));
    answer(OUTCOME_OK, "");
    assert_int_equal(question.kind, PROMPT_PIN);
    type_pin("12x"); /* is none, and confirms nothing */
    assert_int_equal(question.kind, PROMPT_PIN);
    type_pin("1234");
    assert_string_equal(typed, "1234");
    ask_pin(FIDO_ASK_PIN, 1, OUTCOME_PIN_WRONG); /* each last try by itself */
    assert_int_equal(question.kind, PROMPT_CONFIRM);
    answer(OUTCOME_CANCELLED, "");
    assert_ended(OUTCOME_CANCELLED);
    assert_int_equal(word_count, 2);
    assert_int_equal(words[1].type, FIDO_MESSAGE_CANCEL);
}

static void a_new_pin_is_typed_twice(void **state)
{
    (void)state;
    begin(FIDO_PIN_SET);
    ask_pin(FIDO_ASK_NEW_PIN, 255, OUTCOME_OK);
    assert_string_equal(question.title, "Lanyard: your security key");
    assert_true(shows("at least 6 characters"));
    type_pin("12345");
    assert_true(shows("too short. It has at least 6 characters"));
    answer(OUTCOME_PIN_FORMAT, "");
    assert_true(shows("at most 63"));
    type_pin("123456");
    assert_string_equal(question.label, "New PIN again:");
    type_pin("123457");
    assert_true(shows("not the same"));
    assert_string_equal(question.label, "New PIN:");
    type_pin("abcdef");
    type_pin("abcdef");
    assert_int_equal(word_count, 1);
    assert_string_equal(typed, "abcdef");
    ask_pin(FIDO_ASK_NEW_PIN, 255, OUTCOME_PIN_FORMAT);
    assert_true(shows("does not accept that"));
    answer(OUTCOME_TIMED_OUT, "");
    assert_ended(OUTCOME_TIMED_OUT);
}

static void a_key_may_want_a_new_pin_before_it_is_used(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    type_pin("1234");
    ask_pin(FIDO_ASK_NEW_PIN, 255, OUTCOME_OK);
    assert_true(shows("Before it is used, your security key wants a new PIN."));
    type_pin("123456");
    type_pin("123456");
    assert_string_equal(typed, "123456");
    end_at(OUTCOME_OK, PATH_A);
    assert_ended(OUTCOME_OK);
}

static void one_of_several_accounts_is_chosen(void **state)
{
    (void)state;
    struct fido_account offered[] = {{"alice@example", "Dr Alice"}, {"bob", ""}, {"c", "c"}};
    struct fido_news news = {.ask = FIDO_ASK_ACCOUNT,
                             .key = PATH_A,
                             .tries_left = 255,
                             .account_count = 3,
                             .accounts = offered};
    begin(FIDO_GET);
    say(&news);
    assert_string_equal(chooser_site, SITE);
    assert_int_equal(account_count, 3);
    assert_string_equal(heard, "account[Example Key 1]");
    chooser->fn(chooser->context, OUTCOME_OK, 2);
    pass(0);
    assert_null(chooser);
    assert_int_equal(words[0].type, FIDO_MESSAGE_CHOICE);
    assert_int_equal(words[0].choice, 2);
    say(&news);
    chooser->fn(chooser->context, OUTCOME_CANCELLED, 0);
    assert_ended(OUTCOME_CANCELLED);
}

static void a_reset_is_asked_about_first(void **state)
{
    (void)state;
    snprintf(start.key, sizeof start.key, PATH_A);
    begin(FIDO_RESET);
    assert_int_equal(started, 0);
    assert_int_equal(question.kind, PROMPT_CONFIRM);
    assert_true(shows("This erases the security key"));
    assert_true(shows("Security key: Example Key 1"));
    answer(OUTCOME_CANCELLED, "");
    assert_ended(OUTCOME_CANCELLED);
    assert_int_equal(started, 0);

    ended_count = 0;
    begin(FIDO_RESET);
    answer(OUTCOME_OK, "");
    assert_int_equal(started, 0); /* the key's ten seconds begin when the person is ready */
    assert_string_equal(heard, "replug[Example Key 1]");
    assert_int_equal(question.kind, PROMPT_PIN_PAD);
    assert_true(shows("Pull the security key out and plug it in again, at the same place."));
    in_count = 0;
    put_in(2, PATH_B); /* another one is not it */
    assert_int_equal(ended_count, 0);
    assert_int_equal(started, 0);
    in_count = 0;
    plug_in(3, PATH_B, "Example Key 1");
    assert_int_equal(started, 1);
    assert_string_equal(told.key, PATH_B);
    assert_int_equal(told.operation, FIDO_RESET);
    wait_for(FIDO_WAITING_TOUCH, PATH_B);
    assert_true(shows("Touch your security key to erase it."));
    end_at(OUTCOME_KEY_RESET_LATE, PATH_B);
    assert_ended(OUTCOME_KEY_RESET_LATE);
}

static void a_key_beside_it_that_was_in_before_is_not_erased(void **state)
{
    (void)state;
    snprintf(start.key, sizeof start.key, PATH_A);
    begin(FIDO_RESET);
    answer(OUTCOME_OK, "");
    plug_in(2, PATH_B, "Example Key 1"); /* of the same make */
    in[0] = in[1];
    in_count = 1;
    key_works_keys_changed(works);
    pass(0);
    assert_int_equal(started, 0);
    pass(PIN_TIMEOUT * 1000);
    assert_ended(OUTCOME_TIMED_OUT);
    assert_int_equal(started, 0);
}

/* Two of the same make: the serial number says which it is, or where it was plugged in. */
static void a_spare_put_in_instead_is_not_erased(void **state)
{
    (void)state;
    snprintf(start.key, sizeof start.key, PATH_A);
    snprintf(in[0].mark, sizeof in[0].mark, "serial 1");
    begin(FIDO_RESET);
    answer(OUTCOME_OK, "");
    pull_out();
    mark = "serial 2";
    plug_in(2, PATH_A, "Example Key 1");
    assert_int_equal(started, 0);
    assert_true(shows("Pull the security key out and plug it in again")); /* asked for still */
    mark = "serial 1";
    plug_in(3, PATH_B, "Example Key 1");
    mark = "";
    assert_int_equal(started, 1);
    assert_string_equal(told.key, PATH_B);
    end_at(OUTCOME_OK, PATH_B);
    assert_ended(OUTCOME_OK);
}

static void two_that_cannot_be_told_apart_are_not_erased(void **state)
{
    (void)state;
    snprintf(start.key, sizeof start.key, PATH_A);
    begin(FIDO_RESET);
    answer(OUTCOME_OK, "");
    in_count = 0;
    struct key_found *both = in;
    both[0] = (struct key_found){.id = 2, .path = PATH_A, .name = "Example Key 1"};
    both[1] = (struct key_found){.id = 3, .path = PATH_B, .name = "Example Key 1"};
    in_count = 2;
    key_works_keys_changed(works);
    pass(PIN_TIMEOUT * 1000);
    assert_int_equal(started, 0);
    assert_ended(OUTCOME_TIMED_OUT);
}

/* Before a key is touched its person reads which site wants that, and can say no. */
static void while_a_key_blinks_a_window_names_the_site(void **state)
{
    (void)state;
    static const struct {
        enum fido_waiting wait;
        const char *key, *says;
    } waits[] = {
        {FIDO_WAITING_KEY, "", "Plug in your security key to sign in."},
        {FIDO_WAITING_OTHER_KEY, "", "Plug in another one to sign in."},
        {FIDO_WAITING_KEY_CHOICE, "", "Touch the security key that you mean to sign in."},
        {FIDO_WAITING_TOUCH, PATH_A, "Touch your security key to sign in."},
        {FIDO_WAITING_VERIFICATION, PATH_A, "by a finger on it or on its own keys, to sign in."},
    };
    begin_by(&page, FIDO_GET);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        wait_for(waits[i].wait, waits[i].key);
        assert_int_equal(question.kind, PROMPT_PIN_PAD);
        assert_true(shows(waits[i].says));
        assert_true(shows("Site: " SITE "\n"));
    }
    assert_true(shows("Security key: Example Key 1\n"));
    wait_for(FIDO_WAITING_WORK, PATH_A);
    assert_null(prompt);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    answer(OUTCOME_CANCELLED, "");
    assert_ended(OUTCOME_CANCELLED);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
    assert_null(prompt);
}

static void and_without_a_window_nothing_blinks(void **state)
{
    (void)state;
    no_display = true;
    begin_by(&page, FIDO_CREATE);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    assert_ended(OUTCOME_PROMPT_UNAVAILABLE);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
}

/* A key that lies in its socket all day is no reason for a window while a card is waited for. */
static void the_sessions_sign_in_shows_what_blinks_only(void **state)
{
    (void)state;
    struct fido_start own = {.operation = FIDO_GET, .rp_id = "session.example"};
    begin_for_session(&own, true, NULL);
    wait_for(FIDO_WAITING_OTHER_KEY, "");
    assert_null(prompt);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    assert_true(shows("Touch your security key"));
}

static void a_helper_does_not_flood_the_desktop(void **state)
{
    (void)state;
    begin_by(&page, FIDO_GET);
    for (int i = 0; i < 100; i++) {
        wait_for(FIDO_WAITING_TOUCH, PATH_A);
        wait_for(FIDO_WAITING_KEY, "");
        heard[0] = '\0';
    }
    assert_int_equal(ended_count, 0);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    pass(2000);
    assert_ended(OUTCOME_KEY_FAILED);
    assert_null(prompt);
}

static void without_a_display_nothing_is_typed(void **state)
{
    (void)state;
    no_display = true;
    begin(FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    assert_ended(OUTCOME_PROMPT_UNAVAILABLE);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
}

/* ---- turns and ends ---- */

static void one_is_done_at_a_time(void **state)
{
    (void)state;
    int refusal, second, third;
    struct key_work *first = begin(FIDO_INFO);
    struct key_work *later = try_begin(&second, &refusal), *last = try_begin(&third, &refusal);
    pass(0);
    assert_string_equal(heard, "turn turn");
    assert_int_equal(key_works_count(works), 3);
    assert_int_equal(started, 1);
    key_work_free(&later); /* done is not called */
    assert_null(later);
    assert_int_equal(ended_count, 0);
    key_work_cancel(first);
    assert_ended(OUTCOME_CANCELLED);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
    pass(500);
    assert_int_equal(started, 1); /* the first process has not ended yet */
    pass(500);
    assert_int_equal(started, 2); /* it was killed */
    key_work_cancel(last);
    assert_int_equal(ended[1].result, OUTCOME_CANCELLED);
    assert_ptr_equal(ended[1].context, &third);
    hang_up(); /* it has ended by itself */
    assert_null(running);
}

static void beyond_nine_it_is_busy(void **state)
{
    (void)state;
    int refusal;
    for (int i = 0; i < 9; i++)
        assert_non_null(try_begin(NULL, &refusal));
    assert_null(try_begin(NULL, &refusal));
    assert_int_equal(refusal, OUTCOME_BUSY);
    key_works_free(&works);
    assert_int_equal(ended_count, 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(ended[i].result, OUTCOME_CANCELLED);
}

/* However many pages insist, programs find room, and the session always. */
static void pages_do_not_take_all_the_room(void **state)
{
    (void)state;
    static struct caller others[] = {{.door = DOOR_WEB, .origin = "https://a.example"},
                                     {.door = DOOR_WEB, .origin = "https://b.example"},
                                     {.door = DOOR_WEB, .origin = "https://c.example"}};
    struct fido_start probe = {.operation = FIDO_PROBE, .rp_id = "op.example"};
    int refusal;
    assert_non_null(try_begin_for(&page, NULL, &refusal));
    assert_non_null(try_begin_for(&page, NULL, &refusal));
    assert_null(try_begin_for(&page, NULL, &refusal)); /* one at work, one that waits */
    assert_int_equal(refusal, OUTCOME_BUSY);
    assert_non_null(try_begin_for(&others[0], NULL, &refusal));
    assert_non_null(try_begin_for(&others[1], NULL, &refusal));
    assert_null(try_begin_for(&others[2], NULL, &refusal));
    assert_int_equal(refusal, OUTCOME_BUSY);
    for (int i = 0; i < 5; i++)
        assert_non_null(try_begin(NULL, &refusal));
    assert_null(try_begin(NULL, &refusal));
    begin_for_session(&probe, false, NULL);
    begin_for_session(&start, true, NULL);
    assert_int_equal(key_works_count(works), 11);
}

/* ---- the session's turn ---- */

static void a_look_for_the_sessions_key_waits_for_nobodys_touch(void **state)
{
    (void)state;
    struct fido_start probe = {.operation = FIDO_PROBE, .rp_id = "session.example"};
    int looked;
    begin_by(&page, FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    begin_for_session(&probe, false, &looked);
    assert_true(was_told(FIDO_MESSAGE_CANCEL)); /* the key stops blinking */
    hang_up();
    assert_int_equal(started, 2);
    assert_string_equal(told.rp_id, "session.example");
    end_at(OUTCOME_OK, PATH_A);
    assert_ended(OUTCOME_OK);
    assert_ptr_equal(ended[0].context, &looked);
    hang_up();
    assert_int_equal(started, 3); /* and the page's goes on, from its beginning */
    assert_string_equal(told.rp_id, "op.example");
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    end_at(OUTCOME_OK, PATH_A);
    assert_int_equal(ended_count, 2);
    assert_int_equal(ended[1].result, OUTCOME_OK);
    assert_string_equal(heard, "touch[Example Key 1] turn touch[Example Key 1]");
}

/* Two that open the key that has come would be in each other's way. */
static void nor_does_the_other_open_the_key_that_has_come(void **state)
{
    (void)state;
    struct fido_start probe = {.operation = FIDO_PROBE};
    int refusal;
    const struct key_work_request request = {.start = &probe};
    const struct key_work_events events = {.done = on_done};
    begin_by(&page, FIDO_GET);
    wait_for(FIDO_WAITING_OTHER_KEY, "");
    assert_non_null(key_work_begin(works, &request, &events, &refusal));
    put_in(2, PATH_B);
    assert_false(was_told(FIDO_MESSAGE_KEYS));
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
    hang_up();
    assert_int_equal(told.operation, FIDO_PROBE);
}

static void nor_for_a_pin_that_nobody_types(void **state)
{
    (void)state;
    struct fido_start probe = {.operation = FIDO_PROBE};
    begin_by(&page, FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    begin_for_session(&probe, false, NULL);
    assert_null(prompt);
    hang_up();
    end_at(OUTCOME_KEY_NOT_REGISTERED, PATH_A);
    hang_up();
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    type_pin("1234");
    assert_string_equal(typed, "1234");
}

static void but_nothing_that_had_a_pin_is_done_again(void **state)
{
    (void)state;
    struct fido_start probe = {.operation = FIDO_PROBE};
    begin_by(&page, FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    type_pin("1234");
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    begin_for_session(&probe, false, NULL);
    assert_int_equal(started, 1);
    assert_false(was_told(FIDO_MESSAGE_CANCEL));
    end_at(OUTCOME_OK, PATH_A);
    assert_ended(OUTCOME_OK);
    hang_up();
    assert_int_equal(told.operation, FIDO_PROBE);
}

static void a_pages_work_keeps_the_time_that_it_has_left(void **state)
{
    (void)state;
    struct fido_start probe = {.operation = FIDO_PROBE};
    begin_by(&page, FIDO_GET);
    pass(PIN_TIMEOUT * 1000 - 50);
    begin_for_session(&probe, false, NULL);
    hang_up();
    pass(100); /* not its own */
    end_at(OUTCOME_OK, PATH_A);
    assert_int_equal(ended_count, 1);
    hang_up();
    pass(49);
    assert_int_equal(ended_count, 1);
    pass(1);
    assert_int_equal(ended[1].result, OUTCOME_TIMED_OUT);
}

static void the_sessions_sign_in_goes_before_a_pages_that_waits(void **state)
{
    (void)state;
    struct fido_start own = {.operation = FIDO_GET, .rp_id = "session.example"};
    int signed_in;
    begin_by(&page, FIDO_GET);
    wait_for(FIDO_WAITING_KEY, "");
    begin_for_session(&own, true, &signed_in);
    hang_up();
    assert_string_equal(told.rp_id, "session.example");
    end_at(OUTCOME_OK, PATH_A);
    assert_ptr_equal(ended[0].context, &signed_in);
    hang_up();
    assert_string_equal(told.rp_id, "op.example");
}

/* A window must not be exchanged under the fingers of who types into it. */
static void but_takes_no_window_away(void **state)
{
    (void)state;
    struct fido_start own = {.operation = FIDO_GET, .rp_id = "session.example"};
    begin_by(&page, FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    begin_for_session(&own, true, NULL);
    assert_non_null(prompt);
    answer(OUTCOME_CANCELLED, "");
    hang_up();
    assert_string_equal(told.rp_id, "session.example");
}

static void a_program_is_not_interrupted_by_a_sign_in(void **state)
{
    (void)state;
    struct fido_start own = {.operation = FIDO_GET, .rp_id = "session.example"};
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    begin_for_session(&own, true, NULL);
    assert_int_equal(started, 1);
    end_at(OUTCOME_OK, PATH_A);
    hang_up();
    assert_string_equal(told.rp_id, "session.example");
}

static void where_keys_are_not_used_there_is_none(void **state)
{
    (void)state;
    int refusal;
    config.keys_enabled = false;
    assert_null(try_begin(NULL, &refusal));
    assert_int_equal(refusal, OUTCOME_KEYS_OFF);
}

static void time_runs_from_the_turn_on(void **state)
{
    (void)state;
    int refusal;
    begin(FIDO_GET);
    try_begin(NULL, &refusal);
    pass(PIN_TIMEOUT * 1000 - 1);
    assert_int_equal(ended_count, 0);
    pass(1);
    assert_ended(OUTCOME_TIMED_OUT);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
    pass(1000);
    assert_int_equal(started, 2);
    pass(PIN_TIMEOUT * 1000 - 1);
    assert_int_equal(ended_count, 1);
    pass(1);
    assert_int_equal(ended_count, 2);
}

static void the_key_that_has_left_ends_it(void **state)
{
    (void)state;
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    pull_out();
    assert_ended(OUTCOME_KEY_REMOVED);
    assert_int_equal(ended[0].key, 0);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
}

static void another_key_only_has_the_helper_look(void **state)
{
    (void)state;
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    put_in(2, PATH_B);
    assert_int_equal(ended_count, 0);
    assert_int_equal(word_count, 1);
    assert_int_equal(words[0].type, FIDO_MESSAGE_KEYS);
    wait_for(FIDO_WAITING_KEY_CHOICE, ""); /* none is settled: any may leave */
    pull_out();
    assert_int_equal(ended_count, 0);
    end_at(OUTCOME_CANCELLED, "");
    assert_ended(OUTCOME_CANCELLED);
}

static void a_key_that_left_while_others_were_served_is_not_replaced(void **state)
{
    (void)state;
    int refusal;
    snprintf(start.key, sizeof start.key, PATH_A);
    assert_non_null(try_begin(NULL, &refusal));
    pull_out();
    assert_ended(OUTCOME_KEY_REMOVED);
    assert_int_equal(started, 0);
}

/* The kernel gives the same path to the next key. */
static void nor_by_one_that_has_its_place(void **state)
{
    (void)state;
    int refusal;
    start.operation = FIDO_GET;
    assert_non_null(try_begin(NULL, &refusal));
    pass(0);
    snprintf(start.key, sizeof start.key, PATH_A);
    start.operation = FIDO_DELETE;
    assert_non_null(try_begin(NULL, &refusal));
    pull_out();
    put_in(2, PATH_A);
    assert_int_equal(ended_count, 0);
    end_at(OUTCOME_CANCELLED, "");
    hang_up();
    pass(2000);
    assert_int_equal(started, 1);
    assert_int_equal(ended_count, 2);
    assert_int_equal(ended[1].result, OUTCOME_KEY_REMOVED);
}

/* The process notices a pulled key before udev tells of it. */
static void a_failure_waits_for_udev(void **state)
{
    (void)state;
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    end_at(OUTCOME_KEY_FAILED, PATH_A);
    assert_int_equal(ended_count, 0);
    pull_out();
    assert_ended(OUTCOME_KEY_REMOVED);
    hang_up();

    ended_count = 0;
    put_in(3, PATH_A);
    begin(FIDO_GET);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    hang_up();
    assert_int_equal(ended_count, 0);
    pass(1000);
    assert_ended(OUTCOME_KEY_FAILED);
}

static void a_removal_ends_the_question(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    assert_non_null(prompt);
    end_at(OUTCOME_KEY_REMOVED, PATH_A);
    assert_null(prompt);
    pull_out();
    assert_ended(OUTCOME_KEY_REMOVED);
}

/* ---- hostile helpers ---- */

static void assert_failed(void)
{
    pass(2000);
    assert_ended(OUTCOME_KEY_FAILED);
    assert_null(running); /* killed */
    assert_null(prompt);
    ended_count = 0;
}

static void nonsense_is_a_failed_key(void **state)
{
    (void)state;
    static const uint8_t garbage[] = {1, 129, 9, 9, 9};
    static const uint8_t heads[][4] = {{0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {0, 7, 0, 1}};
    begin(FIDO_GET);
    say_raw(garbage, sizeof garbage);
    assert_failed();
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        begin(FIDO_GET);
        bytes_append(&to_agent, heads[i], sizeof heads[i]);
        deliver();
        assert_failed();
    }
    begin(FIDO_GET);
    bytes_append(&to_agent, "\0\0\0\x40half", 8);
    deliver();
    assert_int_equal(ended_count, 0);
    hang_up();
    assert_failed();
}

static void nobody_is_asked_what_the_operation_has_no_use_for(void **state)
{
    (void)state;
    static const enum fido_operation silent[] = {FIDO_PROBE, FIDO_INFO};
    for (size_t i = 0; i < 2; i++) {
        begin(silent[i]);
        ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
        assert_failed();
    }
    begin(FIDO_INFO);
    end_at(OUTCOME_OK, PATH_A); /* and says nothing */
    assert_failed();
}

static void a_question_is_not_overtaken(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    assert_failed();
    begin(FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    end_at(OUTCOME_OK, PATH_A);
    assert_failed();
}

static void nobody_is_asked_for_ever(void **state)
{
    (void)state;
    begin(FIDO_GET);
    for (int i = 0; i < 32; i++) {
        ask_pin(FIDO_ASK_PIN, 8, OUTCOME_PIN_WRONG);
        word_count = 0;
        type_pin("1234");
    }
    assert_int_equal(ended_count, 0);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_PIN_WRONG);
    assert_failed();
}

static void only_the_key_that_was_meant_will_do(void **state)
{
    (void)state;
    put_in(2, PATH_B);
    snprintf(start.key, sizeof start.key, PATH_A);
    begin(FIDO_CREDENTIALS);
    wait_for(FIDO_WAITING_TOUCH, PATH_B);
    assert_failed();
    begin(FIDO_CREDENTIALS);
    end_at(OUTCOME_OK, PATH_B);
    assert_failed();
}

static void a_helper_that_does_not_listen_has_failed(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(FIDO_ASK_PIN, 8, OUTCOME_OK);
    deaf = true;
    type_pin("1234");
    assert_failed();
    int refusal;
    assert_non_null(try_begin(NULL, &refusal)); /* not even to START */
    pass(0);
    assert_ended(OUTCOME_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(waits_are_told_once_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_pin_is_asked_for_and_goes_to_the_key_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_the_pin_costs_no_try, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_try_is_confirmed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_pin_is_typed_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_may_want_a_new_pin_before_it_is_used, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_of_several_accounts_is_chosen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_is_asked_about_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_spare_put_in_instead_is_not_erased, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_that_cannot_be_told_apart_are_not_erased, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_key_beside_it_that_was_in_before_is_not_erased, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(while_a_key_blinks_a_window_names_the_site, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(and_without_a_window_nothing_blinks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_sessions_sign_in_shows_what_blinks_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_helper_does_not_flood_the_desktop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_display_nothing_is_typed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_is_done_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beyond_nine_it_is_busy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_do_not_take_all_the_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_look_for_the_sessions_key_waits_for_nobodys_touch, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nor_does_the_other_open_the_key_that_has_come, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nor_for_a_pin_that_nobody_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(but_nothing_that_had_a_pin_is_done_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_pages_work_keeps_the_time_that_it_has_left, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_sessions_sign_in_goes_before_a_pages_that_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(but_takes_no_window_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_is_not_interrupted_by_a_sign_in, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(where_keys_are_not_used_there_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(time_runs_from_the_turn_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_key_that_has_left_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_key_only_has_the_helper_look, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_that_left_while_others_were_served_is_not_replaced,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(nor_by_one_that_has_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_waits_for_udev, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removal_ends_the_question, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_a_failed_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_asked_what_the_operation_has_no_use_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_question_is_not_overtaken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_asked_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_key_that_was_meant_will_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_helper_that_does_not_listen_has_failed, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
