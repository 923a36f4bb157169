/* SPDX-License-Identifier: MIT */
/*
 * Two ways to the same end, of which at most one is at work. Whenever the card's side says that it
 * has a card, or has none, or is over, opener_weigh decides whether a key may go ahead; every way
 * out goes through opener_finish, which takes both away before anybody is told.
 *
 * That a provider takes keys is known by its answers only, so it is asked when there is no card: a
 * person without a card is to read what else will do.
 */
#include "agent/session/opener_inside.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdlib.h>

/* ---- every way out ---- */

static void withdraw(struct opener *o)
{
    opener_card_stop(o);
    opener_key_stop(o);
    loop_timer_free(&o->patience);
}

static void release(struct opener *o)
{
    fido_start_deinit(&o->start);
    bytes_deinit(&o->client_data);
    bytes_deinit(&o->assertion);
    key_holder_deinit(&o->holder);
    free(o);
}

void opener_finish(struct opener *o, struct opener_result *result)
{
    withdraw(o);
    o->ended = true;
    o->events.done(o->events.context, result);
    release(o);
}

void opener_fail(struct opener *o, int result)
{
    opener_finish(o, &(struct opener_result){.result = result});
}

void opener_free(struct opener **opener)
{
    struct opener *o = STEAL(*opener);
    if (!o || o->ended)
        return;
    withdraw(o);
    release(o);
}

/* ---- what the person should do ---- */

void opener_say(struct opener *o, enum waiting_for what, const char *name, int tries_left)
{
    o->events.waiting(o->events.context, what, name, tries_left);
}

void opener_say_missing(struct opener *o)
{
    enum waiting_for what = WAITING_KEY;
    if (o->ceremony && o->card_waits < 0)
        return;
    if (o->ceremony && o->takes_keys)
        what = o->card_waits == WAITING_CARD ? WAITING_CARD_OR_KEY : WAITING_KEY;
    else if (o->ceremony)
        what = (enum waiting_for)o->card_waits;
    opener_say(o, what, NULL, -1);
}

/* ---- card or key ---- */

static bool key_is_in(const struct opener *o)
{
    return key_watch_count(o->setup.keys) > 0;
}

static void on_patience(void *context)
{
    struct opener *o = context;
    opener_fail(o, o->card_result != OUTCOME_OK ? o->card_result : OUTCOME_NO_KEY);
}

/* A ceremony has a patience of its own. */
static void be_patient(struct opener *o)
{
    if (o->ceremony || o->work)
        loop_timer_stop(o->patience);
    else
        loop_timer_set(o->patience, (uint64_t)o->setup.config->pin_timeout * 1000);
}

void opener_weigh(struct opener *o)
{
    if (o->at_work || !opener_key_counts(o)) {
        opener_key_stop(o);
        return;
    }
    be_patient(o);
    if (o->asking || (o->work && !o->idle))
        return;
    if (o->asked && !key_is_in(o))
        opener_say_missing(o);
    else if (!o->work && !opener_key_begin(o))
        opener_fail(o, -ENOMEM);
}

bool opener_has_card(const struct opener *opener)
{
    return opener->at_work;
}

/* ---- its beginning ---- */

struct opener *opener_begin(const struct opener_setup *setup, const struct opener_request *request,
                            const struct opener_events *events, int *refusal)
{
    CLEANUP(opener_free) struct opener *o = calloc(1, sizeof *o);
    if (o)
        o->patience = loop_timer_new(setup->loop, on_patience, o);
    if (!o || !o->patience) {
        *refusal = log_fault(ENOMEM, "a sign-in");
        return NULL;
    }
    o->setup = *setup;
    o->request = *request;
    o->events = *events;
    o->card_waits = -1;
    *refusal = OUTCOME_OK;
    if (!request->holder)
        *refusal = opener_card_begin(o);
    else if (!opener_key_counts(o))
        *refusal = OUTCOME_NO_KEY;
    else if (!opener_key_begin(o))
        *refusal = -ENOMEM;
    if (*refusal != OUTCOME_OK)
        return NULL;
    if (request->holder)
        be_patient(o);
    return STEAL(o);
}
