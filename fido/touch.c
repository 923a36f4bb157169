/* SPDX-License-Identifier: MIT */
/*
 * libfido2 makes a key blink with a request that cannot succeed (CTAP 2.1 §6.1.3). Answers are
 * waited for on all keys at once; a key that has something to say is listened to for a moment, and
 * a U2F key, which does not say anything by itself, is asked five times a second. A key that fails
 * is left out; one that has waited for as long as it does by itself is asked again.
 */
#include "fido/touch.h"

#include "ipc/base/clock.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <poll.h>

enum {
    MOMENT_MS = 200,
    ROUNDS_MAX = 64, /* of thirty seconds each; a key that gives up at once is soon left out */
};

struct blinker {
    struct candidate *candidate; /* NULL: left out */
    unsigned rounds;
};

struct blinkers {
    struct agent_link *link;
    size_t count, left;
    struct blinker at[FIDO_KEYS_MAX];
    int failure; /* of the last that was left out */
};

static void leave_out(struct blinkers *all, struct blinker *one, int code)
{
    all->failure = key_outcome(&one->candidate->key, code);
    one->candidate = NULL;
    all->left--;
}

static void begin(struct blinkers *all, struct blinker *one)
{
    struct key *key = &one->candidate->key;
    key_begin(key);
    key->quiet = true;
    int code = one->rounds++ < ROUNDS_MAX ? fido_dev_get_touch_begin(key->dev)
                                          : FIDO_ERR_USER_ACTION_TIMEOUT;
    if (code != FIDO_OK)
        leave_out(all, one, code);
}

/* True if it was touched. */
static bool listen_to(struct blinkers *all, struct blinker *one)
{
    struct key *key = &one->candidate->key;
    key->silence_until = key->work_until = INT64_MAX; /* a person is waited for */
    int touched = 0;
    int code = fido_dev_get_touch_status(key->dev, &touched, MOMENT_MS);
    if (code == FIDO_ERR_USER_ACTION_TIMEOUT || code == FIDO_ERR_ACTION_TIMEOUT)
        begin(all, one);
    else if (code != FIDO_OK || key->removed || key->reports_left == 0)
        leave_out(all, one, code != FIDO_OK ? code : FIDO_ERR_RX);
    return touched != 0;
}

/* Waits until one of them or the agent has something to say. */
static void wait_for_any(struct blinkers *all, struct pollfd ready[FIDO_KEYS_MAX + 1])
{
    int ms = -1;
    for (size_t i = 0; i < all->count; i++) {
        const struct candidate *candidate = all->at[i].candidate;
        bool u2f = candidate && !candidate->key.traits.fido2;
        ready[i] = (struct pollfd){
            .fd = candidate && !u2f ? candidate->key.fd : -1, .events = POLLIN, .revents = 0};
        if (u2f)
            ms = MOMENT_MS;
    }
    ready[all->count] = (struct pollfd){.fd = all->link->fd, .events = POLLIN};
    if (poll(ready, all->count + 1, ms) < 0)
        for (size_t i = 0; i <= all->count; i++)
            ready[i].revents = 0;
    if (ready[all->count].revents)
        link_hear(all->link);
}

static struct blinker *wait_for_touch(struct blinkers *all)
{
    while (all->left > 0) {
        struct pollfd ready[FIDO_KEYS_MAX + 1];
        wait_for_any(all, ready);
        if (all->link->cancelled || all->link->keys_changed)
            return NULL;
        for (size_t i = 0; i < all->count; i++) {
            struct blinker *one = &all->at[i];
            if (!one->candidate || (one->candidate->key.traits.fido2 && !ready[i].revents))
                continue;
            if (listen_to(all, one))
                return one;
            if (all->link->cancelled || all->link->keys_changed)
                return NULL;
        }
    }
    return NULL;
}

/* Its last word is taken, so that nothing is left for the next who opens it. */
static void end(struct key *key)
{
    if (!key->traits.fido2 || key->cancelled || fido_dev_cancel(key->dev) != FIDO_OK)
        return;
    int touched;
    key->silence_until = key->work_until = clock_ms() + KEY_CANCEL_MS;
    fido_dev_get_touch_status(key->dev, &touched, KEY_CANCEL_MS);
}

int touch_choose(struct keys *keys, enum key_fit fit, struct candidate **chosen)
{
    struct blinkers all = {.link = keys->link, .failure = OUTCOME_KEY_FAILED};
    *chosen = NULL;
    for (size_t i = 0; i < keys->count; i++)
        if (keys->at[i].fit >= fit && !keys_is_aside(keys, &keys->at[i]))
            all.at[all.count++].candidate = &keys->at[i];
    all.left = all.count;
    for (size_t i = 0; i < all.count; i++)
        begin(&all, &all.at[i]);
    const struct candidate *only = all.count == 1 ? all.at[0].candidate : NULL;
    if (all.left > 0)
        link_say(keys->link, only ? FIDO_WAITING_TOUCH : FIDO_WAITING_KEY_CHOICE,
                 only ? only->key.path : NULL, only ? only->key.product : NULL);
    struct blinker *touched = wait_for_touch(&all);
    if (touched) {
        touched->candidate->key.quiet = false;
        touched->candidate->key.settled = true;
    }
    for (size_t i = 0; i < all.count; i++)
        if (all.at[i].candidate && &all.at[i] != touched)
            end(&all.at[i].candidate->key);
    if (touched)
        *chosen = touched->candidate;
    if (keys->link->cancelled || (!touched && keys->link->keys_changed))
        return OUTCOME_CANCELLED;
    return touched ? OUTCOME_OK : all.failure;
}
