/* SPDX-License-Identifier: MIT */
/*
 * The list of works is looked at whenever one came or ended: the foremost gets the turn when nobody
 * has it and no process is left, or interrupts who has it; the others are told that they wait. So
 * there is one place that decides.
 *
 * What the rest relies on:
 * - A work remembers its key by its plugging in. When that is gone, it ends; no later event can
 *   find it at work with a key that was plugged in since.
 * - Every way out goes through withdraw(), which takes windows, PIN, timer and process away; only
 *   then is anybody told. The next turn comes when the process has ended.
 * - A key that is pulled out is often first noticed by the process, as a key that fails. So such an
 *   end waits a moment for udev's word.
 */
#include "agent/keys/key_work_inside.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORKS_MAX = 9,     /* one at work, eight that wait; beyond that somebody is playing */
    PAGES_MAX = 4,     /* of them, pages' */
    SITE_MAX = 2,      /* of them, one site's: one at work, one that waits */
    ASKED_MAX = 32,    /* more often no key asks: eight tries, and what comes of a forced change */
    NOTICES_MAX = 200, /* nobody plugs keys in and out so often */
    VERDICT_MS = 500,  /* udev is slower than the process by milliseconds */
};

/* ---- every way out ---- */

static void withdraw(struct key_work *w)
{
    struct key_works *home = w->home;
    for (struct key_work **at = &home->first; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            break;
        }
    if (home->turn == w) {
        home->turn = NULL;
        key_process_leave(home->process);
    }
    key_ask_end(w);
    loop_timer_free(&w->timer);
    loop_timer_set(home->look_again, 0);
}

static void end(struct key_work *w, struct fido_done *done, uint64_t key)
{
    withdraw(w);
    w->ended = true;
    w->events.done(w->events.context, done, key);
    free(w);
}

void key_work_finish(struct key_work *w, int result)
{
    struct fido_done done = {.result = (uint32_t)outcome_of(result), .tries_left = UINT8_MAX};
    end(w, &done, 0);
}

void key_work_tell(struct key_work *w, enum waiting_for what, int tries_left)
{
    if (w->told == (int)what && w->told_tries == tries_left && strcmp(w->told_key, w->name) == 0)
        return;
    w->told = (int)what;
    w->told_tries = tries_left;
    memcpy(w->told_key, w->name, sizeof w->told_key);
    if (w->events.waiting)
        w->events.waiting(w->events.context, what, *w->name ? w->name : NULL, tries_left);
}

/* ---- whose key ---- */

static bool key_left(const struct key_work *w)
{
    return w->key != 0 && !key_watch_find(w->home->watch, w->key);
}

/* The process works with the key at that path from now on; "": with none in particular. */
static void settle(struct key_work *w, const char *path, const char *product)
{
    const struct key_found *key = *path ? key_watch_find_path(w->home->watch, path) : NULL;
    w->key = key ? key->id : 0;
    snprintf(w->name, sizeof w->name, "%s", key ? key->name : *path ? product : "");
}

/* ---- what the process says ---- */

static bool asks_nobody(const struct key_work *w)
{
    return w->request.start->operation == FIDO_PROBE || w->request.start->operation == FIDO_INFO;
}

static bool elsewhere(const struct key_work *w, const char *path)
{
    return w->path[0] != '\0' && *path && strcmp(w->path, path) != 0;
}

/* It ends so, unless its key turns out to have been pulled out. */
static void fail(struct key_work *w, int result)
{
    key_ask_end(w);
    if (key_left(w))
        result = OUTCOME_KEY_REMOVED;
    else if (w->key != 0 && w->verdict == OUTCOME_OK) {
        w->verdict = result;
        loop_timer_set(w->timer, VERDICT_MS);
        return;
    }
    key_work_finish(w, result);
}

static void on_failed(void *context)
{
    fail(context, OUTCOME_KEY_FAILED);
}

static void refuse(struct key_work *w, const char *why)
{
    log_warning("lanyard-fido %s", why);
    key_process_leave(w->home->process);
    fail(w, OUTCOME_KEY_FAILED);
}

/* The person in front of the key reads it in a window, whoever asked is told. */
static void wait_for(struct key_work *w, enum waiting_for what)
{
    bool shown = w->notice && w->noticed == (int)what && strcmp(w->noticed_key, w->name) == 0;
    if (!shown && ++w->notices > NOTICES_MAX)
        refuse(w, "says too much");
    else if (shown || key_notice(w, what))
        key_work_tell(w, what, -1);
}

static void on_news(void *context, const struct fido_news *news)
{
    static const int waits[] = {
        [FIDO_WAITING_KEY] = WAITING_KEY,
        [FIDO_WAITING_OTHER_KEY] = WAITING_OTHER_KEY,
        [FIDO_WAITING_KEY_CHOICE] = WAITING_KEY_CHOICE,
        [FIDO_WAITING_TOUCH] = WAITING_TOUCH,
        [FIDO_WAITING_VERIFICATION] = WAITING_VERIFICATION,
        [FIDO_WAITING_WORK] = -1,
    };
    struct key_work *w = context;
    if (w->prompt || w->chooser || elsewhere(w, news->key)) {
        refuse(w, "goes on by itself");
        return;
    }
    if (*news->key || !w->path[0])
        settle(w, news->key, news->product);
    if (news->ask != 0 && (asks_nobody(w) || ++w->asked > ASKED_MAX))
        refuse(w, "asks too much");
    else if (news->ask != 0)
        key_ask(w, news);
    else if (news->waiting < sizeof waits / sizeof *waits && waits[news->waiting] >= 0)
        wait_for(w, (enum waiting_for)waits[news->waiting]);
    else
        prompt_free(&w->notice); /* the key is at work */
}

static void on_done(void *context, struct fido_done *done)
{
    struct key_work *w = context;
    bool usable = !w->prompt && !w->chooser && !elsewhere(w, done->key) &&
                  (w->request.start->operation != FIDO_INFO || done->info);
    if (done->result == OUTCOME_OK && !usable) {
        refuse(w, "answers something else");
        return;
    }
    if (*done->key)
        settle(w, done->key, done->product);
    if (done->device_code > 0) /* CTAP's own, CTAP 2.1 §8.2 */
        log_info("security key: %s (CTAP status 0x%02x)", outcome_reason((int)done->result),
                 (unsigned)done->device_code);
    else if (done->result != OUTCOME_OK)
        log_info("security key: %s (libfido2 %d)", outcome_reason((int)done->result),
                 (int)done->device_code);
    if (done->result == OUTCOME_KEY_FAILED || done->result == OUTCOME_KEY_REMOVED)
        fail(w, (int)done->result);
    else
        end(w, done, key_left(w) ? 0 : w->key);
}

/* ---- turns ---- */

static void on_time(void *context)
{
    struct key_work *w = context;
    key_work_finish(w, w->verdict != OUTCOME_OK ? w->verdict : OUTCOME_TIMED_OUT);
}

static void on_gone(void *context)
{
    struct key_works *works = context;
    key_process_free(&works->process);
    loop_timer_set(works->look_again, 0);
}

static void launch(struct key_work *w)
{
    struct key_works *home = w->home;
    struct fido_start start = *w->request.start; /* which keeps what it points at */
    struct key_process_events events = {
        .context = w, .news = on_news, .done = on_done, .failed = on_failed};
    memcpy(start.key, w->path, sizeof start.key);
    home->process = key_process_new(home->loop, home->helpers, home->config->keys_redirect, &start,
                                    &events, on_gone, home);
    if (!home->process)
        key_work_finish(w, OUTCOME_INTERNAL);
}

/* A key can be reset in the first seconds after it was plugged in only (CTAP 2.1 §6.6), which a
 * person would spend reading what it means. So the question comes first, and the key after it. */
void key_work_await_replug(struct key_work *w)
{
    w->replug = true;
    key_works_keys_changed(w->home);
}

/* The key that was plugged in since the other one left, if it is the same by all that is known. Two
 * that are cannot be told apart: then neither. */
static const struct key_found *find_replugged(const struct key_work *w)
{
    const struct key_found *found = NULL, *key;
    for (size_t i = 0; (key = key_watch_at(w->home->watch, i)); i++)
        if (key->id > w->newest && strcmp(key->name, w->name) == 0 &&
            strcmp(key->mark, w->mark) == 0) {
            if (found)
                return NULL;
            found = key;
        }
    return found;
}

static void look_for_replugged(struct key_work *w)
{
    const struct key_found *key;
    if (!key_left(w)) {
        for (size_t i = 0; (key = key_watch_at(w->home->watch, i)); i++)
            if (key->id > w->newest)
                w->newest = key->id;
        if ((key = key_watch_find(w->home->watch, w->key)))
            memcpy(w->mark, key->mark, sizeof w->mark);
        wait_for(w, WAITING_REPLUG);
        return;
    }
    key = find_replugged(w);
    if (!key)
        return;
    w->replug = false;
    w->key = key->id;
    memcpy(w->path, key->path, sizeof w->path);
    prompt_free(&w->notice);
    launch(w);
}

bool key_work_say(struct key_work *w, const struct fido_word *word)
{
    if (key_process_say(w->home->process, word) == 0)
        return true;
    refuse(w, "does not listen");
    return false;
}

static uint64_t patience_of(const struct key_work *w)
{
    return w->left                 ? w->left
           : w->request.timeout_ms ? w->request.timeout_ms
                                   : (uint64_t)w->home->config->pin_timeout * 1000;
}

static void begin_turn(struct key_work *w)
{
    const struct fido_start *start = w->request.start;
    uint64_t patience = patience_of(w);
    w->home->turn = w;
    w->deadline = loop_now() + patience;
    loop_timer_set(w->timer, patience);
    /* Another one may have its path by now. */
    if (start->key[0] && (w->key == 0 || key_left(w))) {
        key_work_finish(w, OUTCOME_KEY_REMOVED);
        return;
    }
    settle(w, start->key, "");
    if (start->operation == FIDO_RESET)
        key_ask_meant(w);
    else
        launch(w);
}

/* Back to its place in the line. The key is told, and the process ends. */
static void interrupt(struct key_work *w)
{
    uint64_t now = loop_now();
    w->left = w->deadline > now ? w->deadline - now : 1;
    w->told = -1;
    w->name[0] = '\0';
    w->home->turn = NULL;
    loop_timer_stop(w->timer);
    key_ask_end(w);
    key_process_leave(w->home->process);
    log_info("security key: a request is interrupted by the session's");
}

static bool goes_before(const struct key_work *w, const struct key_work *turn)
{
    if (w->rank <= turn->rank || turn->committed || turn->verdict != OUTCOME_OK)
        return false;
    bool window = turn->prompt || turn->chooser;
    return w->rank == KEY_RANK_PROBE ||
           (w->rank == KEY_RANK_SESSION && turn->rank == KEY_RANK_PAGE && !window);
}

static struct key_work *foremost(const struct key_works *works)
{
    struct key_work *found = works->first;
    for (struct key_work *w = found; w; w = w->next)
        if (w->rank > found->rank)
            found = w;
    return found;
}

static void look(void *context)
{
    struct key_works *works = context;
    struct key_work *next = foremost(works);
    if (works->closing || !next)
        return;
    if (works->turn && goes_before(next, works->turn))
        interrupt(works->turn);
    if (!works->turn && !works->process) {
        begin_turn(next);
        loop_timer_set(works->look_again, 0); /* the rest, which may be another now */
        return;
    }
    for (struct key_work *w = works->first; w; w = w->next)
        if (w != works->turn && w->told < 0 && (works->turn || w != next)) {
            key_work_tell(w, WAITING_TURN, -1);
            loop_timer_set(works->look_again, 0); /* who was told may have changed the list */
            return;
        }
}

/* ---- from outside ---- */

struct key_works *key_works_new(struct loop *loop, struct helpers *helpers,
                                const struct key_watch *watch, const struct config *config)
{
    struct key_works *works = calloc(1, sizeof *works);
    if (!works) {
        log_fault(ENOMEM, "security keys");
        return NULL;
    }
    *works = (struct key_works){.loop = loop, .helpers = helpers, .watch = watch, .config = config};
    works->look_again = loop_timer_new(loop, look, works);
    if (!works->look_again)
        key_works_free(&works);
    return works;
}

void key_works_free(struct key_works **works)
{
    struct key_works *home = *works;
    if (!home)
        return;
    home->closing = true;
    while (home->first)
        key_work_finish(home->first, OUTCOME_CANCELLED);
    key_process_free(&home->process);
    loop_timer_free(&home->look_again);
    free(home);
    *works = NULL;
}

void key_works_keys_changed(struct key_works *works)
{
    struct key_work *w = works->turn;
    if (!w)
        return;
    if (w->replug)
        look_for_replugged(w);
    else if (key_left(w))
        key_work_finish(w, OUTCOME_KEY_REMOVED);
    else if (goes_before(foremost(works), w))
        interrupt(w); /* before it opens the key that has come, in whose way it would be */
    else if (works->process && w->verdict == OUTCOME_OK)
        key_work_say(w, &(struct fido_word){.type = FIDO_MESSAGE_KEYS});
}

size_t key_works_count(const struct key_works *works)
{
    size_t count = 0;
    for (const struct key_work *w = works->first; w; w = w->next)
        count++;
    return count;
}

static enum key_rank rank_of(const struct key_work_request *request)
{
    if (request->start->operation == FIDO_PROBE)
        return KEY_RANK_PROBE;
    if (request->session)
        return KEY_RANK_SESSION;
    bool page = request->caller && request->caller->door == DOOR_WEB;
    return page ? KEY_RANK_PAGE : KEY_RANK_PROGRAM;
}

static bool has_room(const struct key_works *works, const struct key_work_request *request)
{
    enum key_rank rank = rank_of(request);
    size_t pages = 0, of_site = 0;
    for (const struct key_work *w = works->first; w && rank == KEY_RANK_PAGE; w = w->next)
        if (w->rank == KEY_RANK_PAGE) {
            pages++;
            of_site += strcmp(w->request.caller->origin, request->caller->origin) == 0;
        }
    return rank >= KEY_RANK_SESSION ||
           (key_works_count(works) < WORKS_MAX && pages < PAGES_MAX && of_site < SITE_MAX);
}

struct key_work *key_work_begin(struct key_works *works, const struct key_work_request *request,
                                const struct key_work_events *events, int *refusal)
{
    *refusal = works->closing                 ? OUTCOME_CANCELLED
               : !works->config->keys_enabled ? OUTCOME_KEYS_OFF
               : !has_room(works, request)    ? OUTCOME_BUSY
                                              : OUTCOME_OK;
    if (*refusal != OUTCOME_OK)
        return NULL;
    struct key_work *w = calloc(1, sizeof *w);
    if (!w) {
        *refusal = log_fault(ENOMEM, "security key");
        return NULL;
    }
    *w = (struct key_work){.home = works,
                           .request = *request,
                           .events = *events,
                           .rank = rank_of(request),
                           .told = -1,
                           .told_tries = -1,
                           .noticed = -1};
    memcpy(w->path, request->start->key, sizeof w->path);
    const char *path = request->start->key;
    const struct key_found *key = *path ? key_watch_find_path(works->watch, path) : NULL;
    w->key = key ? key->id : 0;
    w->timer = loop_timer_new(works->loop, on_time, w);
    if (!w->timer) {
        free(w);
        *refusal = -ENOMEM;
        return NULL;
    }
    struct key_work **last = &works->first;
    while (*last)
        last = &(*last)->next;
    *last = w;
    loop_timer_set(works->look_again, 0);
    return w;
}

void key_work_cancel(struct key_work *work)
{
    if (!work->ended)
        key_work_finish(work, OUTCOME_CANCELLED);
}

void key_work_free(struct key_work **work)
{
    struct key_work *w = STEAL(*work);
    if (!w || w->ended)
        return;
    withdraw(w);
    free(w);
}
