/* SPDX-License-Identifier: MIT */
/*
 * The session machine's hands. Everything that happens becomes an event for it, and everything it
 * says is done here, action by action in its order, before the next event. Actions may make events
 * (a card that is found, an end that is settled); those wait in a ring until the step is over, so
 * the machine is never told something in the middle of what it has just said.
 *
 * Every way out of a session passes WIPE first; whatever borrows the key is gone before the key.
 */
#include "agent/session/keeper_inside.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t keeper_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool keeper_signed_in(const struct keeper *k)
{
    return k->machine.state >= SESSION_ACTIVE && k->machine.state <= SESSION_LOCKED;
}

/* ---- actions ---- */

static void wipe(struct keeper *k)
{
    upkeep_end(k);
    opening_forget(k);
    k->verifying = false;
}

/* With REFUSE it is said with the asker's origin already. */
static void audit_refused(struct keeper *k, const struct session_step *step)
{
    if (!(step->actions & SESSION_REFUSE) && keeper_audits_refusal(k))
        keeper_audit(k, keeper_signed_in(k) ? AUDIT_REFUSED : AUDIT_SIGN_IN_FAILED, step->given_up,
                     k->origin);
}

static void do_action(struct keeper *k, enum session_action action, const struct session_step *step,
                      struct fact *fact)
{
    switch (action) {
    case SESSION_WIPE:
        wipe(k);
        break;
    case SESSION_SEAL:
        keeper_seal(k);
        break;
    case SESSION_DISMISS:
        keeper_dismiss(k);
        break;
    case SESSION_DISOWN:
        opening_disown(k);
        break;
    case SESSION_TELL_SERVER:
        if (k->about)
            end_queue_due(k->setup.ends, k->about->sid);
        break;
    case SESSION_TELL_STRAY:
        if (k->stray.len > 0)
            end_queue_due(k->setup.ends, (const char *)k->stray.data);
        break;
    case SESSION_LOCK_DESKTOP:
        keeper_lock_desktop(k);
        break;
    case SESSION_NOTIFY:
        keeper_notify(k);
        break;
    case SESSION_OPEN:
        opening_open(k);
        break;
    case SESSION_VERIFY:
        keeper_verify(k);
        break;
    case SESSION_PROMPT:
        keeper_prompt(k, step->ceremony, fact->ask);
        break;
    case SESSION_GIVE_UP:
        keeper_give_up(k, step->given_up);
        break;
    case SESSION_ALLOW:
        keeper_allow(k, STEAL(fact->ask));
        break;
    case SESSION_REFUSE:
        keeper_refuse(k, STEAL(fact->ask), step->refusal);
        break;
    case SESSION_HOLD:
        keeper_hold(k, STEAL(fact->ask));
        break;
    case SESSION_INVITE:
        keeper_invite(k);
        break;
    case SESSION_WARN:
        keeper_tell_person(k, OUTCOME_PROVIDER_UNREACHABLE);
        break;
    case SESSION_AUDIT_OPENED:
        keeper_audit(k, AUDIT_SESSION_OPENED, OUTCOME_OK, k->origin);
        break;
    case SESSION_AUDIT_USED: /* keeper_allow does, when the proof is made */
        break;
    case SESSION_AUDIT_STEPPED_UP:
        keeper_audit(k, AUDIT_SESSION_RENEWED, OUTCOME_OK, NULL);
        break;
    case SESSION_AUDIT_ROLE:
        keeper_audit(k, AUDIT_SESSION_ROLE, OUTCOME_OK, NULL);
        break;
    case SESSION_AUDIT_REFUSED:
        audit_refused(k, step);
        break;
    case SESSION_AUDIT_LOCKED:
        keeper_audit(k, AUDIT_SESSION_LOCKED, OUTCOME_OK, NULL);
        break;
    case SESSION_AUDIT_RESUMED:
        keeper_audit(k, AUDIT_SESSION_RESUMED, OUTCOME_OK, NULL);
        break;
    case SESSION_AUDIT_ENDED:
        keeper_audit(k, AUDIT_SESSION_ENDED, OUTCOME_OK, NULL);
        break;
    case SESSION_RETRY:
        keeper_retry(k);
        break;
    }
}

/* ---- one step ---- */

static void forget_session(struct keeper *k)
{
    free(STEAL(k->about));
    bytes_deinit(&k->statement);
    key_seat_hold(k->key_seat, NULL, 0);
    key_holder_deinit(&k->holder);
    k->key_name[0] = '\0';
    if (k->provider)
        k->last_provider = k->provider;
    k->provider = NULL;
    k->uid[0] = '\0';
    k->origin[0] = '\0';
}

/* What follows from the state that has been reached, whichever way led there. */
static void settle(struct keeper *k, const struct session_step *step)
{
    if (k->machine.state != SESSION_ACTIVE)
        upkeep_drop_role(k, OUTCOME_CANCELLED);
    if (k->machine.state == SESSION_ENDED && step->actions & SESSION_AUDIT_ENDED) {
        if (!(step->actions & SESSION_TELL_SERVER) && k->about)
            end_queue_disarm(k->setup.ends, k->about->sid);
        keeper_put_type(k, SESSION_SETTLED);
    }
    if (k->machine.state == SESSION_NONE)
        forget_session(k);
    keeper_take_policy(k);
    keeper_tell_of_service(k);
}

/* The machine does not tell keys from cards; whoever waits does. */
static void name_the_key(const struct keeper *k, struct session_step *step)
{
    if (!key_holder_is(&k->holder))
        return;
    if (step->refusal == OUTCOME_CARD_REMOVED)
        step->refusal = OUTCOME_KEY_REMOVED;
    if (step->given_up == OUTCOME_CARD_REMOVED)
        step->given_up = OUTCOME_KEY_REMOVED;
}

static void take_step(struct keeper *k, struct fact *fact)
{
    struct session_step step;
    session_step(&k->machine, &fact->event, keeper_now(), &step);
    name_the_key(k, &step);
    if (k->machine.cause != SESSION_INPUT_SETTLED)
        k->cause = k->machine.cause;
    for (unsigned bit = 0; bit < SESSION_ACTIONS; bit++)
        if (step.actions & 1U << bit)
            do_action(k, (enum session_action)(1U << bit), &step, fact);
    settle(k, &step);
    if (fact->ask) /* the table leaves nobody without an answer; a way out all the same */
        ask_fail(&fact->ask, OUTCOME_INTERNAL);
    if (step.deadline == SESSION_NEVER) {
        loop_timer_stop(k->timer);
        return;
    }
    uint64_t now = keeper_now();
    loop_timer_set(k->timer, step.deadline > now ? step.deadline - now : 0);
}

/* ---- events ---- */

static void drive(struct keeper *k)
{
    k->driving = true;
    for (;;) {
        struct ask *ask;
        if (k->fact_count > 0) {
            struct fact fact = k->facts[k->fact_first];
            k->fact_first = (k->fact_first + 1) % FACTS_MAX;
            k->fact_count--;
            fact.event.identity = fact.identity;
            take_step(k, &fact);
        } else if ((ask = asks_take_first(&k->again))) {
            struct fact fact = {.event = keeper_event_of(ask), .ask = ask};
            take_step(k, &fact);
        } else {
            break;
        }
    }
    k->driving = false;
}

void keeper_put(struct keeper *k, const struct session_event *event, struct ask *ask)
{
    if (k->fact_count == FACTS_MAX) {
        log_error("the session has too much to think about");
        if (ask)
            ask_fail(&ask, OUTCOME_INTERNAL);
        return;
    }
    struct fact *fact = &k->facts[(k->fact_first + k->fact_count++) % FACTS_MAX];
    *fact = (struct fact){.event = *event, .ask = ask};
    if (event->identity)
        memcpy(fact->identity, event->identity, sizeof fact->identity);
    if (!k->driving)
        drive(k);
}

void keeper_put_type(struct keeper *k, enum session_event_type type)
{
    keeper_put(k, &(struct session_event){.type = type}, NULL);
}

static void on_timer(void *context)
{
    keeper_put_type(context, SESSION_TIMER);
}

/* ---- its life ---- */

struct keeper *keeper_new(const struct keeper_setup *setup)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (!k) {
        log_fault(ENOMEM, "session");
        return NULL;
    }
    k->setup = *setup;
    struct session_policy policy = keeper_policy(k);
    session_init(&k->machine, &policy);
    k->cause = k->machine.cause;
    k->rate = keeper_new_rate(k);
    k->timer = loop_timer_new(setup->loop, on_timer, k);
    k->handovers = handovers_new(setup->loop);
    if (!k->rate || !k->timer || !k->handovers || !keeper_begin_seats(k)) {
        keeper_free(&k);
        return NULL;
    }
    keeper_restore(k);
    return k;
}

void keeper_free(struct keeper **keeper)
{
    struct keeper *k = *keeper;
    if (!k)
        return;
    k->stopping = true;
    if (k->key_seat)
        keeper_put_type(k, SESSION_STOPPING);
    keeper_give_up(k, OUTCOME_CANCELLED);
    if (keeper_signed_in(k))
        keeper_seal(k); /* what a use has moved since */
    upkeep_end(k);
    opening_deinit(k);
    if (k->key_seat)
        forget_session(k);
    handovers_free(&k->handovers);
    key_seat_free(&k->key_seat);
    seats_free(&k->seats);
    rate_free(&k->rate);
    loop_timer_free(&k->timer);
    free(k);
    *keeper = NULL;
}
