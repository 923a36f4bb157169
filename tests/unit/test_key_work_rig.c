/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_key_work_rig.h"

#include "ipc/base/cleanup.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig rig;
const struct caller page = {.door = DOOR_WEB, .origin = SITE};
const struct caller program = {.door = DOOR_NATIVE, .pid = 42};

/* ---- the helper ---- */

struct helper {
    helper_fn *readable;
    void *context;
};

static struct bytes to_agent; /* not read yet */
static bool hung_up;

struct helper *helper_spawn(struct helpers *helpers, enum helper_program which,
                            const char *argument, helper_fn *readable, void *context)
{
    (void)helpers;
    assert_int_equal(which, HELPER_FIDO);
    assert_string_equal(argument, "/run/desk/key");
    assert_null(rig.running); /* two would disturb each other */
    rig.running = calloc(1, sizeof *rig.running);
    *rig.running = (struct helper){readable, context};
    rig.started++;
    rig.word_count = 0;
    hung_up = false;
    return rig.running;
}

void helper_free(struct helper **helper)
{
    if (*helper) {
        assert_ptr_equal(*helper, rig.running);
        rig.running = NULL;
        bytes_deinit(&to_agent);
    }
    free(*helper);
    *helper = NULL;
}

int helper_send(struct helper *helper, const void *body, size_t len)
{
    assert_ptr_equal(helper, rig.running);
    if (rig.deaf)
        return -EPIPE;
    const uint8_t *type = (const uint8_t *)body + 1;
    if (*type == FIDO_MESSAGE_START) {
        fido_start_deinit(&rig.told);
        rig.told = (struct fido_start){0};
        assert_int_equal(fido_start_decode(body, len, &rig.told), 0);
        return 0;
    }
    assert_in_range(rig.word_count, 0, 7);
    struct fido_word *word = &rig.words[rig.word_count++];
    *word = (struct fido_word){0};
    assert_int_equal(fido_word_decode(body, len, word), 0);
    if (word->type == FIDO_MESSAGE_PIN)
        snprintf(rig.typed, sizeof rig.typed, "%.*s", word->pin_len, (const char *)word->pin);
    return 0;
}

int helper_read(struct helper *helper, void *space, size_t size)
{
    assert_ptr_equal(helper, rig.running);
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
    while (rig.running && (to_agent.len > 0 || hung_up)) {
        rig.running->readable(rig.running->context, rig.running);
        if (hung_up && to_agent.len == 0)
            break;
    }
    run();
}

void say_bytes(const void *bytes, size_t len)
{
    bytes_append(&to_agent, bytes, len);
    deliver();
}

void say_framed(const void *body, size_t len)
{
    uint8_t header[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                         (uint8_t)len};
    bytes_append(&to_agent, header, sizeof header);
    say_bytes(body, len);
}

void say(const struct fido_news *news)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(fido_news_encode(news, &body), 0);
    say_framed(body.data, body.len);
}

void wait_for(enum fido_waiting what, const char *key)
{
    struct fido_news news = {.waiting = (uint8_t)what, .product = "Itself", .tries_left = 255};
    snprintf(news.key, sizeof news.key, "%s", key);
    say(&news);
}

void ask_pin(uint8_t tries, enum outcome problem)
{
    say(&(struct fido_news){.ask = FIDO_ASK_PIN,
                            .key = PATH_A,
                            .product = "Itself",
                            .tries_left = tries,
                            .min_length = 4,
                            .problem = problem});
}

void ask_new_pin(enum outcome problem)
{
    say(&(struct fido_news){.ask = FIDO_ASK_NEW_PIN,
                            .key = PATH_A,
                            .product = "Itself",
                            .tries_left = 255,
                            .min_length = 6,
                            .problem = problem});
}

void end_at(enum outcome result, const char *key)
{
    struct fido_done done = {.result = result, .tries_left = 255};
    snprintf(done.key, sizeof done.key, "%s", key);
    CLEANUP(secret_free) struct secret *body = secret_new(FIDO_DONE_BYTES_MAX);
    assert_int_equal(fido_done_encode(&done, body), 0);
    say_framed(secret_peek(body), secret_len(body));
}

void hang_up(void)
{
    hung_up = true;
    deliver();
}

bool was_told(enum fido_message_type type)
{
    for (unsigned i = 0; i < rig.word_count; i++)
        if (rig.words[i].type == type)
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

struct prompt *prompt_ask(struct loop *loop, struct helpers *helpers, const char *pinentry,
                          const struct prompt_question *asked, prompt_fn *fn, void *context)
{
    (void)loop;
    (void)helpers;
    assert_string_equal(pinentry, "/usr/bin/pinentry");
    assert_null(rig.prompt);
    if (rig.no_display)
        return NULL;
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(prompt_question_encode(asked, &body), 0);
    assert_int_equal(prompt_question_decode(body.data, body.len, &rig.question), 0);
    rig.prompt = calloc(1, sizeof *rig.prompt);
    *rig.prompt = (struct prompt){fn, context};
    return rig.prompt;
}

void prompt_free(struct prompt **freed)
{
    if (*freed)
        rig.prompt = NULL;
    free(*freed);
    *freed = NULL;
}

void answer(int result, const char *pin)
{
    assert_non_null(rig.prompt);
    struct prompt_answer given = {
        .result = (uint32_t)result, .pin = (const uint8_t *)pin, .pin_len = (uint8_t)strlen(pin)};
    rig.prompt->fn(rig.prompt->context, &given);
    run();
}

void type_pin(const char *pin)
{
    answer(OUTCOME_OK, pin);
}

struct chooser *chooser_ask_account(struct loop *loop, struct helpers *helpers, const char *site,
                                    const struct chooser_account *offered, size_t count,
                                    unsigned timeout_seconds, chooser_fn *fn, void *context)
{
    (void)loop;
    (void)helpers;
    (void)offered;
    assert_null(rig.chooser);
    assert_in_range(timeout_seconds, 1, PIN_TIMEOUT);
    rig.account_count = count;
    snprintf(rig.chooser_site, sizeof rig.chooser_site, "%s", site);
    rig.chooser = calloc(1, sizeof *rig.chooser);
    *rig.chooser = (struct chooser){fn, context};
    return rig.chooser;
}

void chooser_free(struct chooser **freed)
{
    if (*freed)
        rig.chooser = NULL;
    free(*freed);
    *freed = NULL;
}

void choose_account(int result, size_t account)
{
    assert_non_null(rig.chooser);
    rig.chooser->fn(rig.chooser->context, result, account);
    run();
}

bool shows(const char *text)
{
    return strstr(rig.question.text, text) || strstr(rig.question.error, text);
}

/* ---- the keys that are in ---- */

const struct key_found *key_watch_find(const struct key_watch *watch, uint64_t id)
{
    (void)watch;
    for (size_t i = 0; i < rig.in_count; i++)
        if (rig.in[i].id == id)
            return &rig.in[i];
    return NULL;
}

const struct key_found *key_watch_at(const struct key_watch *watch, size_t i)
{
    (void)watch;
    return i < rig.in_count ? &rig.in[i] : NULL;
}

const struct key_found *key_watch_find_path(const struct key_watch *watch, const char *path)
{
    (void)watch;
    for (size_t i = 0; i < rig.in_count; i++)
        if (strcmp(rig.in[i].path, path) == 0)
            return &rig.in[i];
    return NULL;
}

void keys_changed(void)
{
    key_works_keys_changed(rig.works);
    run();
}

void plug_in(uint64_t id, const char *path, const char *name, const char *mark)
{
    struct key_found *key = &rig.in[rig.in_count++];
    key->id = id;
    snprintf(key->path, sizeof key->path, "%s", path);
    snprintf(key->name, sizeof key->name, "%s", name);
    snprintf(key->mark, sizeof key->mark, "%s", mark);
    keys_changed();
}

void put_in(uint64_t id, const char *path)
{
    char name[32];
    snprintf(name, sizeof name, "Example Key %d", (int)id);
    plug_in(id, path, name, "");
}

void pull_out(void)
{
    rig.in_count = 0;
    keys_changed();
}

void mean_key(const char *path)
{
    snprintf(rig.start.key, sizeof rig.start.key, "%s", path);
}

/* ---- works ---- */

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
    size_t used = strlen(rig.heard);
    snprintf(rig.heard + used, sizeof rig.heard - used, "%s%s%s%s%s", used ? " " : "", names[what],
             key ? "[" : "", key ? key : "", key ? "]" : "");
    used = strlen(rig.heard);
    if (tries >= 0)
        snprintf(rig.heard + used, sizeof rig.heard - used, ":%d", tries);
}

static void on_done(void *context, struct fido_done *done, uint64_t key)
{
    assert_in_range(rig.ended_count, 0, ENDED_MAX - 1);
    rig.ended[rig.ended_count].result = done->result;
    rig.ended[rig.ended_count].context = context;
    rig.ended[rig.ended_count++].key = key;
    assert_null(rig.prompt); /* the window is gone when it is told */
    assert_null(rig.chooser);
}

static struct key_work *ask_for(const struct key_work_request *request, void *context, int *refusal)
{
    struct key_work_events events = {.context = context, .waiting = on_waiting, .done = on_done};
    return key_work_begin(rig.works, request, &events, refusal);
}

struct key_work *try_begin(const struct caller *caller, void *context, int *refusal)
{
    struct key_work_request request = {.start = &rig.start, .caller = caller, .site = SITE};
    return ask_for(&request, context, refusal);
}

struct key_work *line_up(const struct caller *caller, void *context)
{
    int refusal;
    struct key_work *work = try_begin(caller, context, &refusal);
    assert_non_null(work);
    return work;
}

void assert_turned_away(const struct caller *caller, int outcome)
{
    int refusal;
    assert_null(try_begin(caller, NULL, &refusal));
    assert_int_equal(refusal, outcome);
}

struct key_work *begin_by(const struct caller *caller, enum fido_operation operation)
{
    rig.start.operation = (uint8_t)operation;
    struct key_work *work = line_up(caller, NULL);
    assert_int_equal(rig.ended_count, 0); /* never from within */
    run();
    return work;
}

struct key_work *begin(enum fido_operation operation)
{
    return begin_by(&program, operation);
}

static void begin_for_session(const struct key_work_request *request, void *context)
{
    int refusal;
    assert_non_null(ask_for(request, context, &refusal));
    run();
}

void look_for_session(void *context)
{
    static const struct fido_start probe = {.operation = FIDO_PROBE, .rp_id = SESSION_RP_ID};
    begin_for_session(&(struct key_work_request){.start = &probe}, context);
}

void sign_in_for_session(void *context)
{
    static const struct fido_start own = {.operation = FIDO_GET, .rp_id = SESSION_RP_ID};
    struct key_work_request request = {
        .start = &own, .caller = &page, .site = SITE, .session = true};
    begin_for_session(&request, context);
}

void assert_ended(enum outcome result)
{
    assert_int_equal(rig.ended_count, 1);
    assert_int_equal(rig.ended[0].result, result);
}

/* ---- life ---- */

int rig_set_up(void **state)
{
    (void)state;
    rig = (struct rig){.config = {.keys_enabled = true,
                                  .keys_redirect = (char *)(uintptr_t) "/run/desk/key",
                                  .pin_timeout = PIN_TIMEOUT,
                                  .pinentry = (char *)(uintptr_t) "/usr/bin/pinentry"},
                       .start = {.rp_id = SITE_RP_ID}};
    hung_up = false;
    clock_begin();
    rig.works = key_works_new(NULL, NULL, NULL, &rig.config);
    if (!rig.works)
        return -1;
    put_in(1, PATH_A);
    return 0;
}

int rig_tear_down(void **state)
{
    (void)state;
    key_works_free(&rig.works);
    fido_start_deinit(&rig.told);
    bytes_deinit(&to_agent);
    clock_end();
    return rig.running || rig.prompt || rig.chooser ? -1 : 0;
}
