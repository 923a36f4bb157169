/* SPDX-License-Identifier: MIT */
/*
 * One round of it looks at all keys that are in. A round ends with a result, or because keys came
 * or went, or with nothing to do but to wait for that; then comes the next. Rounds are begun by the
 * agent's word and by nothing else.
 *
 * Those that surely hold a credential go before those that would have to know their person first;
 * so a key without one is not asked for a PIN while the right one is in.
 */
#include "fido/ceremony.h"

#include "fido/touch.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <stdio.h>
#include <string.h>

enum { AGAIN = 1 }; /* no outcome has so small a number */

static void name_key(const struct candidate *candidate, struct fido_done *done)
{
    memcpy(done->key, candidate->key.path, sizeof done->key);
    memcpy(done->product, candidate->key.product, sizeof done->product);
    done->device_code = candidate->key.code;
}

/* A key that does not work is left out, as if it had not opened. */
static int judge_all(struct keys *keys, const struct fido_start *start, judge_fn *judge)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct candidate *candidate = &keys->at[i];
        int r = judge(candidate, start);
        if (r < 0 || r == OUTCOME_CANCELLED)
            return r;
        if (r != OUTCOME_OK) {
            log_info("%s (%s) cannot be used: %s (%d)", candidate->key.path, candidate->key.product,
                     outcome_reason(r), candidate->key.code);
            keys->failure = r;
            candidate->fit = KEY_BROKEN;
        }
    }
    return OUTCOME_OK;
}

static size_t count_fit(struct keys *keys, enum key_fit fit, struct candidate **last)
{
    size_t count = 0;
    for (size_t i = 0; i < keys->count; i++)
        if (keys->at[i].fit >= fit && !keys_is_aside(keys, &keys->at[i])) {
            *last = &keys->at[i];
            count++;
        }
    return count;
}

/* The one that is meant, or why there is none. */
static int choose(struct keys *keys, struct candidate **chosen)
{
    enum key_fit fit = KEY_FIT;
    size_t count = count_fit(keys, fit, chosen);
    if (count == 0) {
        fit = KEY_UNSURE;
        count = count_fit(keys, fit, chosen);
    }
    if (count == 0)
        return OUTCOME_KEY_NOT_REGISTERED;
    return count == 1 ? OUTCOME_OK : touch_choose(keys, fit, chosen);
}

/* What is on a key, and what state it is in, is told to nobody who has not touched it (WebAuthn
 * §14.5.1, §14.5.2). */
static int refuse(struct keys *keys, struct candidate *chosen)
{
    if (chosen->key.settled)
        return chosen->refusal;
    for (size_t i = 0; i < keys->count; i++)
        keys->at[i].fit = &keys->at[i] == chosen ? KEY_FIT : KEY_UNFIT;
    struct candidate *touched;
    int r = touch_choose(keys, KEY_FIT, &touched);
    return r == OUTCOME_OK ? chosen->refusal : r;
}

static int wait_for_other(struct keys *keys, enum fido_waiting waiting)
{
    keys_close(keys);
    link_say(keys->link, waiting, NULL, NULL);
    int r = link_await_keys(keys->link);
    return r == OUTCOME_OK ? AGAIN : r;
}

static size_t count_working(const struct keys *keys)
{
    size_t count = 0;
    for (size_t i = 0; i < keys->count; i++)
        count += keys->at[i].fit != KEY_BROKEN;
    return count;
}

/* None is there that would do. */
static int without_key(struct keys *keys, const struct fido_start *start)
{
    bool works = count_working(keys) > 0;
    if (*start->key && works)
        return start->operation == FIDO_GET ? OUTCOME_KEY_NOT_REGISTERED : OUTCOME_KEY_UNABLE;
    if (works)
        return wait_for_other(keys, FIDO_WAITING_OTHER_KEY);
    if (keys->failure)
        return keys->failure;
    return *start->key ? OUTCOME_NO_KEY : wait_for_other(keys, FIDO_WAITING_KEY);
}

static int make_with(struct keys *keys, struct candidate *chosen, const struct fido_start *start,
                     make_fn *make, struct fido_done *done)
{
    int r = chosen->refusal ? OUTCOME_OK : make(chosen, start, done);
    if (r == OUTCOME_KEY_BLOCKED || r == OUTCOME_KEY_PIN_NOT_SET)
        chosen->refusal = r;
    if (chosen->refusal)
        r = refuse(keys, chosen);
    if (r == OUTCOME_CANCELLED && !keys->link->cancelled && keys->link->keys_changed)
        return AGAIN;
    if (r == OUTCOME_KEY_NOT_REGISTERED && chosen->fit == KEY_UNSURE && !*start->key) {
        keys_lay_aside(keys, chosen);
        return AGAIN;
    }
    name_key(chosen, done);
    return r;
}

static int round_of(struct keys *keys, const struct fido_start *start, judge_fn *judge,
                    make_fn *make, struct fido_done *done)
{
    keys->link->keys_changed = false;
    int r = keys_open(keys, start->key);
    if (r == OUTCOME_OK)
        r = judge_all(keys, start, judge);
    if (r != OUTCOME_OK)
        return r;
    struct candidate *chosen = NULL;
    r = choose(keys, &chosen);
    if (r == OUTCOME_KEY_NOT_REGISTERED)
        return without_key(keys, start);
    if (r == OUTCOME_CANCELLED && !keys->link->cancelled)
        return AGAIN;
    if (r != OUTCOME_OK)
        return r;
    if (!chosen->refusal)
        keys_close_others(keys, chosen);
    return make_with(keys, chosen, start, make, done);
}

int ceremony_with_person(struct keys *keys, const struct fido_start *start, judge_fn *judge,
                         make_fn *make, struct fido_done *done)
{
    int r;
    do {
        r = round_of(keys, start, judge, make, done);
        keys_close(keys);
    } while (r == AGAIN);
    return r;
}

int ceremony_with_key(struct keys *keys, const struct fido_start *start, make_fn *make,
                      struct fido_done *done)
{
    int r = keys_open(keys, start->key);
    if (r == OUTCOME_OK && keys->count == 0)
        r = keys->failure ? keys->failure : OUTCOME_NO_KEY;
    else if (r == OUTCOME_OK && keys->count > 1)
        r = OUTCOME_KEY_AMBIGUOUS;
    if (r == OUTCOME_OK) {
        r = make(&keys->at[0], start, done);
        name_key(&keys->at[0], done);
    }
    keys_close(keys);
    return r;
}
