/* SPDX-License-Identifier: MIT */
/*
 * Everything that happens becomes an event for the machine, and everything the machine says is done
 * here, action by action in its order, before the next event. Actions may make events (a card that
 * is found, an end that is settled); those wait in a ring until the step is over, so the machine is
 * never told something in the middle of what it has just said.
 *
 * What the rest relies on:
 * - Only allow makes a proof, and only when the machine says ALLOW.
 * - Every way out of a session passes WIPE first; whatever borrows the key is gone before the key.
 * - A request is held, or being put to the machine, or answered; it is never in two places.
 */
#include "agent/session/keeper_inside.h"

#include "agent/cis/dpop.h"
#include "agent/session/sealed_session.h"
#include "agent/session/view.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SEALED_BYTES_MAX = 32 * 1024,
    ROLE_ELSEWHERE_MS = 10000, /* for the person to choose one on the provider's page */
    AFTER_SLEEP_MS = 5000,     /* for the network to come back */
};

uint64_t keeper_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool keeper_has_endpoint(const struct config_provider *provider)
{
    return provider && provider->session_endpoint && provider->session_endpoint[0] != '\0';
}

bool keeper_signed_in(const struct keeper *k)
{
    return k->machine.state >= SESSION_ACTIVE && k->machine.state <= SESSION_LOCKED;
}

/* ---- what is told ---- */

static struct view_source source_of(const struct keeper *k)
{
    return (struct view_source){.machine = &k->machine,
                                .cause = k->cause,
                                .provider = k->provider,
                                .about = k->about,
                                .reachable = k->reachable,
                                .pending_ends = end_queue_count(k->setup.ends)};
}

bool keeper_none_of_its_business(const struct keeper *k, const struct request *request)
{
    const struct caller *caller = request_caller(request);
    const struct config_provider *whose = k->provider ? k->provider : k->last_provider;
    return caller->door == DOOR_WEB && whose &&
           config_provider_of(k->setup.config, caller->origin) != whose;
}

void keeper_answer_status(struct keeper *k, struct request **request)
{
    struct view_source source = source_of(k);
    CLEANUP(view_deinit) struct view view;
    view_make(&source, keeper_none_of_its_business(k, *request), &view);
    answer_session(request, &view.it);
}

void keeper_view(struct keeper *k, void (*fn)(void *context, const struct session_view *view),
                 void *context)
{
    keeper_put_type(k, SESSION_TIMER); /* what it says of time is true now */
    struct view_source source = source_of(k);
    CLEANUP(view_deinit) struct view view;
    view_make(&source, false, &view);
    fn(context, &view.it);
}

static void give_session(struct keeper *k, struct ask **ask)
{
    struct view_source source = source_of(k);
    CLEANUP(view_deinit) struct view view;
    view_make(&source, false, &view);
    ask_give_session(ask, &view.it);
}

void keeper_tell_held(struct keeper *k, enum waiting_for what, const char *reader, int tries_left)
{
    k->waiting = (int)what;
    snprintf(k->waiting_reader, sizeof k->waiting_reader, "%s", reader ? reader : "");
    k->waiting_tries = tries_left;
    for (struct ask *ask = k->held.first; ask; ask = ask->next)
        ask_tell(ask, what, reader, tries_left);
}

void keeper_audit(const struct keeper *k, enum audit_event event, int result, const char *origin)
{
    const struct cis_session *about = k->about;
    const struct cis_role *role = about && about->role >= 0 ? &about->roles[about->role] : NULL;
    audit_write(&(struct audit_entry){
        .event = event,
        .result = result,
        .uid = about ? about->uid : k->uid,
        .origin = origin,
        .provider = k->provider ? k->provider->name : NULL,
        .session = about ? about->sid : NULL,
        .role = role ? role->id : NULL,
        .organisation = role ? role->organisation : NULL,
        .key = k->key_name,
        .cause = session_cause_name(k->cause),
    });
}

bool keeper_audits_refusal(struct keeper *k)
{
    return refusals_take(&k->refusals, keeper_now());
}

/* ---- one asker's answer ---- */

static void hold(struct keeper *k, struct ask *ask)
{
    asks_add(&k->held, ask);
    switch (k->machine.state) {
    case SESSION_LEAVING:
        ask_tell(ask, key_holder_is(&k->holder) ? WAITING_KEY : WAITING_CARD, NULL, -1);
        break;
    case SESSION_CHECKING:
        ask_tell(ask, WAITING_SIGNATURE, NULL, -1);
        break;
    default:
        if (k->waiting >= 0)
            ask_tell(ask, (enum waiting_for)k->waiting,
                     k->waiting_reader[0] != '\0' ? k->waiting_reader : NULL, k->waiting_tries);
    }
}

static void prove(struct keeper *k, struct ask *ask)
{
    CLEANUP(bytes_deinit) struct bytes proof = {0};
    int r = session_proof_make(k->key, ask->prove.origin, ask->prove.challenge, k->about->sid,
                               time(NULL), &proof);
    keeper_audit(k, AUDIT_SESSION_PROVED, r, ask->prove.origin);
    if (k->about->role < 0 && k->about->role_count > 0)
        upkeep_soon(k, ROLE_ELSEWHERE_MS);
    if (r == 0)
        ask_give_proof(&ask, (const char *)proof.data);
    else
        ask_fail(&ask, r);
}

static void allow(struct keeper *k, struct ask *ask)
{
    bool silent = ask->kind == ASK_PROVE && ask->prove.interaction == INTERACTION_SILENT;
    bool leaves_role = ask->kind == ASK_BEGIN && ask->begin.caller_chooses_role;
    if (ask->kind != ASK_INSERTION && ask->provider != k->provider)
        ask_fail(&ask, OUTCOME_NO_SESSION);
    else if (ask->kind == ASK_ADOPT && strcmp(ask->begin.sid, k->about->sid) != 0)
        ask_fail(&ask, OUTCOME_SESSION_EXISTS);
    else if (k->role_owed && !silent && !leaves_role)
        hold(k, ask);
    else if (ask->kind == ASK_PROVE)
        prove(k, ask);
    else
        give_session(k, &ask);
}

static void refuse(struct keeper *k, struct ask *ask, int refusal)
{
    if (keeper_audits_refusal(k))
        keeper_audit(k, AUDIT_REFUSED, refusal, ask_origin(ask));
    ask_fail(&ask, refusal);
}

void keeper_tell_person(struct keeper *k, int result)
{
    int outcome = outcome_of(result);
    if (outcome != OUTCOME_CANCELLED && outcome != OUTCOME_TIMED_OUT &&
        outcome != OUTCOME_CARD_REMOVED && outcome != OUTCOME_NO_CARD &&
        outcome != OUTCOME_KEY_REMOVED && outcome != OUTCOME_NO_KEY)
        desktop_tell(k->setup.desktop, outcome / 100 == 16 ? NOTICE_SERVER : NOTICE_SIGN_IN,
                     outcome_sentence(outcome), outcome_advice(outcome));
}

static void give_up(struct keeper *k, int result)
{
    struct ask *ask;
    while ((ask = asks_take_first(&k->held))) {
        if (ask->kind == ASK_INSERTION)
            keeper_tell_person(k, result);
        ask_fail(&ask, result);
    }
}

/* ---- actions ---- */

static void wipe(struct keeper *k)
{
    upkeep_end(k);
    opening_forget(k);
    k->verifying = false;
}

void keeper_seal(struct keeper *k)
{
    if (!seal_available(k->setup.seal))
        return;
    if (k->machine.state == SESSION_NONE || !k->about) {
        seal_destroy(k->setup.seal);
        return;
    }
    struct sealed_session sealed = {.key = k->key, .statement = k->statement, .about = k->about};
    session_seal(&k->machine, &sealed.machine);
    snprintf(sealed.provider, sizeof sealed.provider, "%s", k->provider->name);
    sealed.place = seats_place(k->seats, k->machine.card);
    sealed.holder = k->holder; /* borrowed */
    CLEANUP(secret_free) struct secret *bytes = secret_new(SEALED_BYTES_MAX);
    if (!bytes || sealed_session_write(&sealed, bytes) < 0 ||
        seal_write(k->setup.seal, secret_peek(bytes), secret_len(bytes)) < 0)
        seal_destroy(k->setup.seal);
}

static void on_desktop_locked(void *context, const struct desktop_lock_result *result)
{
    struct keeper *k = context;
    if (result->failed)
        audit_write(&(struct audit_entry){.event = AUDIT_LOCK_FAILED,
                                          .result = result->locked ? OUTCOME_OK : OUTCOME_INTERNAL,
                                          .locker = result->failed});
    if (!result->locked)
        desktop_tell(k->setup.desktop, NOTICE_ALARM, "The screen could not be locked.",
                     "Lock it yourself before you leave, and tell your IT service desk.");
}

static void notify(struct keeper *k)
{
    static const char *const nobody[] = {NULL};
    struct view_source source = source_of(k);
    CLEANUP(view_deinit) struct view view;
    view_make(&source, false, &view);
    k->setup.changed(k->setup.context, &view.it, k->provider ? k->provider->origins.at : nobody);
}

void keeper_put_type(struct keeper *k, enum session_event_type type)
{
    keeper_put(k, &(struct session_event){.type = type}, NULL);
}

/* An agent that was not there cannot know what happened to the card; PC/SC's count can. */
static bool has_stayed(const struct keeper *k, uint64_t seat)
{
    struct place place = seats_place(k->seats, seat);
    return k->restored.reader[0] == '\0' ||
           (strcmp(k->restored.reader, place.reader) == 0 && k->restored.events == place.events);
}

static void look_for_card(struct keeper *k)
{
    if (!k->verifying)
        return;
    enum seats_found found = seats_find(k->seats, k->machine.identity);
    if (found == SEATS_UNKNOWN)
        return;
    k->verifying = false;
    uint8_t holder[SESSION_IDENTITY_BYTES]; /* the machine may forget it on the way */
    memcpy(holder, k->machine.identity, sizeof holder);
    uint64_t seat = seats_of_identity(k->seats, holder);
    if (found == SEATS_MISSING || !has_stayed(k, seat))
        keeper_put_type(k, SESSION_CARD_MISSING);
    k->restored = (struct place){0};
    if (found == SEATS_HERE)
        keeper_put(
            k, &(struct session_event){.type = SESSION_CARD_IN, .card = seat, .identity = holder},
            NULL);
    seats_repeat(k->seats, holder);
}

static void verify(struct keeper *k)
{
    if (key_holder_is(&k->holder)) {
        if (!key_seat_verify(k->key_seat))
            keeper_put_type(k, SESSION_CARD_MISSING);
        return;
    }
    k->verifying = true;
    seats_ask(k->seats);
    look_for_card(k);
}

/* A sign-in without anybody's request. One that a page's own sign-in with this card stands before,
 * or that was tried with this card already, would be a second prompt. */
static void invite(struct keeper *k)
{
    const struct config_provider *provider = config_provider_default(k->setup.config);
    uint64_t seat = seats_uninvited(k->seats);
    if (k->stopping || !provider || !k->setup.config->session_at_insertion || seat == 0)
        return;
    seats_set_invited(k->seats, seat);
    if (ceremonies_count(k->setup.ceremonies) > 0)
        return;
    struct ask *ask = ask_new(ASK_INSERTION, NULL);
    if (!ask)
        return;
    ask->provider = provider;
    ask->seat = seat;
    snprintf(ask->begin.origin, sizeof ask->begin.origin, "%s", provider->origins.at[0]);
    keeper_put(k, &(struct session_event){.type = SESSION_BEGIN}, ask);
}

void keeper_retry(struct keeper *k)
{
    struct ask *ask;
    while ((ask = asks_take_first(&k->held)))
        asks_add(&k->again, ask);
    keeper_put_type(k, SESSION_TIMER);
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
        opening_dismiss(k);
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
        desktop_lock(k->setup.desktop, on_desktop_locked, k);
        break;
    case SESSION_NOTIFY:
        notify(k);
        break;
    case SESSION_OPEN:
        opening_open(k);
        break;
    case SESSION_VERIFY:
        verify(k);
        break;
    case SESSION_PROMPT:
        opening_prompt(k, step->ceremony, fact->ask);
        break;
    case SESSION_GIVE_UP:
        give_up(k, step->given_up);
        break;
    case SESSION_ALLOW:
        allow(k, STEAL(fact->ask));
        break;
    case SESSION_REFUSE:
        refuse(k, STEAL(fact->ask), step->refusal);
        break;
    case SESSION_HOLD:
        hold(k, STEAL(fact->ask));
        break;
    case SESSION_INVITE:
        invite(k);
        break;
    case SESSION_WARN:
        keeper_tell_person(k, OUTCOME_PROVIDER_UNREACHABLE);
        break;
    case SESSION_AUDIT_OPENED:
        keeper_audit(k, AUDIT_SESSION_OPENED, OUTCOME_OK, k->origin);
        break;
    case SESSION_AUDIT_USED: /* prove() does, when the proof is made */
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

/* The smartcard service is the machine's business only while something hangs on a card: somebody
 * with a security key can do without. */
static bool service_matters(const struct keeper *k)
{
    if (!k->setup.key_works)
        return true;
    if (k->machine.state <= SESSION_AUTHENTICATING)
        return k->opener && opener_has_card(k->opener);
    return !key_holder_is(&k->holder);
}

static void tell_of_service(struct keeper *k)
{
    bool down = k->service_down && service_matters(k);
    if (down == k->service_told)
        return;
    k->service_told = down;
    keeper_put_type(k, down ? SESSION_SERVICE_DOWN : SESSION_SERVICE_UP);
}

static struct session_policy policy_of(const struct config *config, const struct seal *seal)
{
    return (struct session_policy){
        .mode = session_mode_first(config->session_modes),
        .grace = (uint64_t)config->session_grace * 1000,
        .absolute = (uint64_t)config->session_limit * 1000,
        .idle = (uint64_t)config->session_idle * 1000,
        .reauthenticate = (uint64_t)config->session_reauthenticate * 1000,
        .lock_desktop = config->desktop_lock,
        .sealing = seal_available(seal),
    };
}

/* A session keeps the policy under which it began. */
static void take_policy(struct keeper *k)
{
    if (!k->policy_changed || k->machine.state != SESSION_NONE)
        return;
    k->policy_changed = false;
    struct session_policy policy = policy_of(k->setup.config, k->setup.seal);
    session_set_policy(&k->machine, &policy);
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
    take_policy(k);
    tell_of_service(k);
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

struct session_event keeper_event_of(const struct ask *ask)
{
    static const enum session_interaction interactions[] = {
        [INTERACTION_SILENT] = SESSION_SILENT,
        [INTERACTION_IF_NEEDED] = SESSION_IF_NEEDED,
        [INTERACTION_FORCE] = SESSION_FORCE,
    };
    if (ask->kind != ASK_PROVE)
        return (struct session_event){.type = SESSION_BEGIN};
    long max_age = ask->prove.max_age;
    return (struct session_event){
        .type = SESSION_USE,
        .use = {.interaction = interactions[ask->prove.interaction],
                .asked = ask->asked,
                .max_age = max_age < 0 ? SESSION_ANY_AGE : (uint64_t)max_age * 1000}};
}

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

static void on_timer(void *context)
{
    keeper_put_type(context, SESSION_TIMER);
}

/* ---- what happens ---- */

static void on_seat(void *context, enum session_event_type type, uint64_t seat,
                    const uint8_t *identity)
{
    struct keeper *k = context;
    if (type == SESSION_SERVICE_DOWN || type == SESSION_SERVICE_UP) {
        k->service_down = type == SESSION_SERVICE_DOWN;
        tell_of_service(k);
        return;
    }
    keeper_put(k, &(struct session_event){.type = type, .card = seat, .identity = identity}, NULL);
}

static void note_key_name(struct keeper *k, uint64_t plugged)
{
    const struct key_found *found = key_watch_find(k->setup.keys, plugged);
    if (found)
        memcpy(k->key_name, found->name, sizeof k->key_name);
}

static void on_key_seat(void *context, enum session_event_type type, uint64_t seat)
{
    struct keeper *k = context;
    if (type == SESSION_CARD_OUT && k->asleep)
        type = SESSION_READER_GONE; /* ports lose their power */
    note_key_name(k, key_seat_key(k->key_seat));
    uint8_t holder[SESSION_IDENTITY_BYTES]; /* the machine may forget it on the way */
    memcpy(holder, k->machine.identity, sizeof holder);
    keeper_put(k, &(struct session_event){.type = type, .card = seat, .identity = holder}, NULL);
}

uint64_t keeper_take_seat(struct keeper *k)
{
    const struct signer *signer = &k->signer;
    if (!key_holder_is(&signer->key)) {
        key_seat_hold(k->key_seat, NULL, 0);
        key_holder_deinit(&k->holder);
        return seats_of_card(k->seats, signer->card);
    }
    if (key_holder_set(&k->holder, signer->key.rp_id, &signer->key.credential) < 0)
        return 0;
    note_key_name(k, signer->plugged);
    uint64_t seat = key_seat_hold(k->key_seat, &k->holder, signer->plugged);
    if (k->about)
        key_seat_trust(k->key_seat, k->about->public_key, k->about->public_key_len);
    return seat;
}

void keeper_take_about(struct keeper *k, struct cis_session **about)
{
    free(k->about);
    k->about = STEAL(*about);
    k->reachable = true;
    key_seat_trust(k->key_seat, k->about->public_key, k->about->public_key_len);
}

uint64_t keeper_key(const struct keeper *k)
{
    return key_seat_key(k->key_seat);
}

void keeper_cards_changed(struct keeper *k)
{
    seats_look(k->seats);
    look_for_card(k);
}

void keeper_keys_changed(struct keeper *k)
{
    key_seat_look(k->key_seat);
    if (k->opener)
        opener_keys_changed(k->opener);
}

void keeper_desktop(struct keeper *k, enum desktop_event event)
{
    static const enum session_event_type types[] = {
        [DESKTOP_LOCKED] = SESSION_DESKTOP_LOCKED,
        [DESKTOP_UNLOCKED] = SESSION_DESKTOP_UNLOCKED,
        [DESKTOP_SLEEP] = SESSION_SLEEP,
        [DESKTOP_RESUMED] = SESSION_RESUMED,
        [DESKTOP_SWITCHED_AWAY] = SESSION_SWITCHED_AWAY,
        [DESKTOP_SWITCHED_BACK] = SESSION_SWITCHED_BACK,
        [DESKTOP_LOGGED_OUT] = SESSION_SIGN_OUT, /* the next person may have this account, too */
    };
    k->asleep = event == DESKTOP_SLEEP || (k->asleep && event != DESKTOP_RESUMED);
    keeper_put_type(k, types[event]);
    if (event == DESKTOP_RESUMED) {
        end_queue_hurry(k->setup.ends);
        upkeep_soon(k, AFTER_SLEEP_MS);
    }
}

void keeper_ends_changed(struct keeper *k)
{
    notify(k);
}

static struct rate *new_rate(const struct config *config)
{
    static const char *const nobody[] = {NULL};
    return rate_new(config->origins.at ? config->origins.at : nobody);
}

static bool may_ask(const struct keeper *k, const struct ask *ask)
{
    return ask->kind == ASK_INSERTION
               ? config_provider_listed(k->setup.config, ask->provider)
               : config_provider_of(k->setup.config, ask_origin(ask)) == ask->provider;
}

/* Those who wait for what they may not ask for any more learn it now; the rest wait on. */
static void turn_away(struct keeper *k)
{
    struct asks waiting = k->held;
    k->held = (struct asks){0};
    struct ask *ask;
    while ((ask = asks_take_first(&waiting)))
        if (may_ask(k, ask))
            asks_add(&k->held, ask);
        else
            ask_fail(&ask, OUTCOME_NOT_ALLOWED);
}

void keeper_config_changed(struct keeper *k)
{
    rate_free(&k->rate);
    k->rate = new_rate(k->setup.config); /* without memory nobody gets a proof */
    if (!k->rate)
        log_fault(ENOMEM, "proofs");
    k->policy_changed = true;
    bool stays = !k->provider || (config_provider_listed(k->setup.config, k->provider) &&
                                  keeper_has_endpoint(k->provider));
    if (!stays) {
        log_warning("provider %s, or its endpoint, is no longer in the configuration: its session "
                    "ends",
                    k->provider->name);
        keeper_put_type(k, SESSION_SIGN_OUT);
    }
    turn_away(k);
    take_policy(k);
}

void keeper_card_token(struct keeper *k, const char *origin, struct ceremony_result *result)
{
    seats_set_invited(k->seats, seats_of_card(k->seats, result->card));
    handovers_add(k->handovers, origin, result);
}

void keeper_assertion(struct keeper *k, const char *origin, struct session_key **key,
                      const char *rp_id, const struct bytes *credential, uint64_t plugged)
{
    handovers_add_assertion(k->handovers, origin, key, rp_id, credential, plugged);
}

/* ---- its life ---- */

static void restore(struct keeper *k)
{
    CLEANUP(secret_free) struct secret *bytes = seal_read(k->setup.seal);
    CLEANUP(sealed_session_deinit) struct sealed_session sealed = {0};
    bool found = bytes && sealed_session_read(secret_peek(bytes), secret_len(bytes), &sealed) == 0;
    const struct config_provider *provider =
        found ? config_provider_named(k->setup.config, sealed.provider) : NULL;
    if (!provider) {
        end_queue_release(k->setup.ends, NULL);
        seal_destroy(k->setup.seal);
        return;
    }
    k->provider = provider;
    k->key = STEAL(sealed.key);
    k->statement = sealed.statement;
    sealed.statement = (struct bytes){0};
    k->restored = sealed.place;
    k->holder = sealed.holder;
    sealed.holder = (struct key_holder){0};
    if (key_holder_is(&k->holder))
        key_seat_hold(k->key_seat, &k->holder, 0);
    keeper_take_about(k, &sealed.about);
    /* Nobody was there to see whether the screen was locked meanwhile. */
    if (k->machine.policy.mode == SESSION_ENHANCED_NORMAL)
        sealed.machine.locked = true;
    end_queue_release(k->setup.ends, k->about->sid);
    keeper_put(k, &(struct session_event){.type = SESSION_RESTORED, .sealed = &sealed.machine},
               NULL);
    upkeep_soon(k, 0);
}

struct keeper *keeper_new(const struct keeper_setup *setup)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (!k) {
        log_fault(ENOMEM, "session");
        return NULL;
    }
    k->setup = *setup;
    struct session_policy policy = policy_of(setup->config, setup->seal);
    session_init(&k->machine, &policy);
    k->cause = k->machine.cause;
    k->rate = new_rate(setup->config);
    k->timer = loop_timer_new(setup->loop, on_timer, k);
    k->handovers = handovers_new(setup->loop);
    k->seats = seats_new(setup->cards, setup->issuers, on_seat, k);
    k->key_seat = key_seat_new(setup->keys, setup->key_works, on_key_seat, k);
    if (!k->rate || !k->timer || !k->handovers || !k->seats || !k->key_seat) {
        keeper_free(&k);
        return NULL;
    }
    restore(k);
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
    give_up(k, OUTCOME_CANCELLED);
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
