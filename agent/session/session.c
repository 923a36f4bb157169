/* SPDX-License-Identifier: MIT */
/*
 * Three steps for every event: note what it says about the world (is the session's card in, can we
 * see it, is the desktop locked), read it as an input of the table, make the move that stands in
 * the table's cell. All that depends on mode, policy and identity is in the reading; the table is
 * the same for every mode.
 *
 * What must hold whatever comes: only ACTIVE allows; ACTIVE is left the moment the card is out of
 * sight, and entered only with the session's own identity; every move into ENDED wipes the key and
 * tells the server, unless the server said so first; every state but ENDED has a deadline or an
 * event that anybody can cause, and ENDED has the caller's promise of SETTLED.
 *
 * Limits are looked at before the event, so the order in which a timer and a request arrive does
 * not matter.
 */
#include "agent/session/session.h"

#include "ipc/base/outcome.h"

#include <string.h>

/* Why the card is out of sight. */
enum hidden {
    HIDDEN_ASLEEP = 1 << 0,
    HIDDEN_AWAY = 1 << 1,
    HIDDEN_SERVICE = 1 << 2,
};

/* ---- the tables ---- */

enum wait { WAIT_KEEP, WAIT_NO, WAIT_OPENING, WAIT_CHECK, WAIT_GRACE };

enum { SESSION_STAY = SESSION_STATES };

/* The actions' short names, as the table of moves has them. */
#define SHORT_NAME(name) name = SESSION_##name,
enum {
    SESSION_ACTION_TABLE(SHORT_NAME) OFFER = 1 << SESSION_ACTIONS,
    LOCKING = SEAL | DISMISS | NOTIFY | GIVE_UP | AUDIT_LOCKED,
    ENDING = WIPE | SEAL | DISMISS | NOTIFY | GIVE_UP | AUDIT_ENDED,
    ACTIVITY = ALLOW | AUDIT_OPENED | AUDIT_STEPPED_UP | AUDIT_RESUMED | AUDIT_ROLE,
};

#define MOVE_ENUMERATOR(word, ...) MOVE_##word,
enum move_word { SESSION_MOVE_TABLE(MOVE_ENUMERATOR) MOVES };

struct move {
    uint8_t to; /* enum session_state; SESSION_STAY: no other */
    enum wait wait;
    uint32_t actions;
};

#define MOVE_ROW(word, to, wait, actions) [MOVE_##word] = {SESSION_##to, WAIT_##wait, actions},
static const struct move moves[MOVES] = {SESSION_MOVE_TABLE(MOVE_ROW)};

#define MOVE(word) MOVE_##word
#define INPUT(name) SESSION_INPUT_##name
#define TABLE_ROW(input, a, b, c, d, e, f, g, h)                                                   \
    [INPUT(input)] = {MOVE(a), MOVE(b), MOVE(c), MOVE(d), MOVE(e), MOVE(f), MOVE(g), MOVE(h)},
static const uint8_t table[SESSION_INPUTS][SESSION_STATES] = {SESSION_TABLE(TABLE_ROW)};

/* ---- time ---- */

static uint64_t later(uint64_t time, uint64_t period)
{
    return time > SESSION_NEVER - period ? SESSION_NEVER : time + period;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The shorter of two limits of which 0 means none. */
static uint64_t shorter(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return earliest(a, b);
}

static void clear_deadlines(struct session *s)
{
    s->deadline.ceremony = s->deadline.wait = SESSION_NEVER;
    s->deadline.idle = s->deadline.absolute = s->deadline.reauthenticate = SESSION_NEVER;
}

static uint64_t next_deadline(const struct session *s)
{
    uint64_t next = earliest(s->deadline.ceremony, s->deadline.wait);
    next = earliest(next, earliest(s->deadline.idle, s->deadline.absolute));
    return earliest(next, s->deadline.reauthenticate);
}

static void note_authenticated(struct session *s, uint64_t when)
{
    bool mobile = s->policy.mode == SESSION_MOBILITY && s->policy.reauthenticate > 0;
    s->authenticated = when;
    s->deadline.reauthenticate = mobile ? later(when, s->policy.reauthenticate) : SESSION_NEVER;
}

static uint64_t wait_until(const struct session *s, enum wait wait)
{
    switch (wait) {
    case WAIT_KEEP:
        return s->deadline.wait;
    case WAIT_OPENING:
        return later(s->now, SESSION_OPENING_MAX_MS);
    case WAIT_GRACE:
        return later(s->now, s->policy.grace);
    case WAIT_CHECK: /* nobody can look while asleep or away; the limits go on */
        if (s->hidden & (HIDDEN_ASLEEP | HIDDEN_AWAY))
            return SESSION_NEVER;
        return later(s->now, SESSION_CHECK_MAX_MS);
    case WAIT_NO:
        break;
    }
    return SESSION_NEVER;
}

/* ---- making a move ---- */

static void prompt(struct session *s, struct session_step *step)
{
    s->ceremony = ++s->last_number;
    s->deadline.ceremony = later(s->now, SESSION_CEREMONY_MAX_MS);
    step->ceremony = s->ceremony;
    step->actions |= SESSION_PROMPT;
    if (s->state == SESSION_AUTHENTICATING)
        s->number = s->ceremony;
}

static void end_ceremony(struct session *s)
{
    s->ceremony = 0;
    s->deadline.ceremony = SESSION_NEVER;
}

static void enter_state(struct session *s, enum session_state to, enum session_input cause)
{
    s->state = to;
    s->cause = cause;
    if (to == SESSION_LOCKED)
        s->deadline.reauthenticate = SESSION_NEVER; /* it is owed already */
    if (to != SESSION_NONE && to != SESSION_ENDED)
        return;
    clear_deadlines(s);
    s->card = 0;
    s->authenticated = 0;
    if (to == SESSION_NONE) {
        s->number = 0;
        memset(s->identity, 0, sizeof s->identity);
    }
}

/* What may be seen now? A prompt behind a locked screen times out unseen. */
static bool visible(const struct session *s)
{
    return s->hidden == 0 && !s->desktop_locked;
}

static void make_move(struct session *s, enum session_input input, int outcome,
                      struct session_step *step)
{
    const struct move *move = &moves[table[input][s->state]];
    uint32_t actions = move->actions;

    if (!s->ceremony)
        actions &= ~(uint32_t)DISMISS;
    if (!s->policy.lock_desktop)
        actions &= ~(uint32_t)LOCK_DESKTOP;
    if (!visible(s))
        actions &= ~(uint32_t)(INVITE | OFFER);
    if (!s->card)
        actions &= ~(uint32_t)OFFER;
    if (actions & DISMISS) {
        end_ceremony(s);
        if (step->actions & PROMPT) /* of this very step: it need not even begin */
            actions &= ~(uint32_t)DISMISS;
        step->actions &= ~(uint32_t)PROMPT;
    }
    s->deadline.wait = wait_until(s, move->wait);
    if (move->to != SESSION_STAY)
        enter_state(s, (enum session_state)move->to, input);
    if (actions & ACTIVITY && s->idle_period > 0)
        s->deadline.idle = later(s->now, s->idle_period);

    step->actions |= actions & ~(uint32_t)(OFFER | PROMPT);
    if (actions & (OFFER | PROMPT) && !s->ceremony)
        prompt(s, step);
    if (actions & REFUSE)
        step->refusal = outcome;
    if (actions & GIVE_UP)
        step->given_up = outcome;
}

/* ---- reading an event; SESSION_INPUTS: it means nothing here ---- */

static bool signed_in(const struct session *s)
{
    return s->state >= SESSION_ACTIVE && s->state <= SESSION_LOCKED;
}

static bool has_identity(const struct session *s)
{
    return s->state == SESSION_OPENING || signed_in(s);
}

static bool is_holder(const struct session *s, const uint8_t *identity)
{
    return memcmp(s->identity, identity, sizeof s->identity) == 0;
}

static enum session_input read_begin(const struct session *s)
{
    return s->hidden ? SESSION_INPUT_USE_IN_VAIN : SESSION_INPUT_BEGIN;
}

static enum session_input read_use(const struct session *s, const struct session_use *use)
{
    uint64_t max_age = use->interaction == SESSION_FORCE ? 0 : use->max_age;
    bool fresh = later(s->authenticated, max_age) >= use->asked;
    if (s->hidden || (!fresh && use->interaction == SESSION_SILENT))
        return SESSION_INPUT_USE_IN_VAIN;
    if (!fresh)
        return SESSION_INPUT_USE_FRESH;
    return use->interaction == SESSION_SILENT ? SESSION_INPUT_USE_SILENT
                                              : SESSION_INPUT_USE_IF_NEEDED;
}

static enum session_input read_signed(struct session *s, const struct session_event *event,
                                      int *outcome)
{
    if (!s->ceremony || event->number != s->ceremony)
        return SESSION_INPUTS;
    end_ceremony(s);
    if (event->card == 0 && s->policy.mode != SESSION_MOBILITY) {
        *outcome = OUTCOME_CARD_REMOVED;
        return SESSION_INPUT_FAILED;
    }
    if (s->state == SESSION_AUTHENTICATING)
        memcpy(s->identity, event->identity, sizeof s->identity);
    else if (!is_holder(s, event->identity))
        return SESSION_INPUT_SIGNED_BY_OTHER;
    s->card = event->card;
    note_authenticated(s, s->now);
    return SESSION_INPUT_SIGNED;
}

static enum session_input read_failed(struct session *s, const struct session_event *event,
                                      int *outcome)
{
    bool helper = event->type == SESSION_HELPER_DIED;
    if (!s->ceremony || (!helper && event->number != s->ceremony))
        return SESSION_INPUTS;
    *outcome = helper ? OUTCOME_CARD_MODULE_FAILED : event->outcome;
    if (!helper)
        end_ceremony(s);
    return SESSION_INPUT_FAILED;
}

static enum session_input read_opened(struct session *s, const struct session_event *event)
{
    if (event->number != s->number)
        return SESSION_INPUT_OPENED_FOR_NOBODY;
    if (s->state == SESSION_OPENING) {
        s->idle_period = shorter(s->policy.idle, event->idle);
        s->deadline.absolute = later(s->now, shorter(s->policy.absolute, event->absolute));
    }
    return SESSION_INPUT_OPENED;
}

static enum session_input read_server(struct session *s, const struct session_event *event,
                                      int *outcome)
{
    if (event->type == SESSION_OPENED)
        return read_opened(s, event);
    if (event->number != s->number)
        return SESSION_INPUTS;
    switch (event->type) {
    case SESSION_SERVER_REFUSED:
        *outcome = event->outcome;
        return SESSION_INPUT_SERVER_REFUSED;
    case SESSION_SERVER_GONE:
        return SESSION_INPUT_SERVER_GONE;
    case SESSION_SERVER_UNREACHABLE:
        return SESSION_INPUT_SERVER_UNREACHABLE;
    default:
        return SESSION_INPUT_ROLE_CHANGED;
    }
}

/* The end of a removal's grace, or a removal that has none. */
static enum session_input removal(const struct session *s)
{
    switch (s->policy.mode) {
    case SESSION_MOBILITY:
        return SESSION_INPUT_REMOVED_STAYS;
    case SESSION_LOCK_PERSISTENCE:
        return SESSION_INPUT_REMOVED_LOCKS;
    default:
        return SESSION_INPUT_REMOVED_ENDS;
    }
}

static enum session_input read_card_in(struct session *s, const struct session_event *event)
{
    if (!has_identity(s)) {
        bool waiting = s->state == SESSION_NONE && s->hidden == 0;
        return waiting ? SESSION_INPUT_CARD_OTHER : SESSION_INPUTS;
    }
    bool holder = is_holder(s, event->identity);
    if (holder)
        s->card = event->card;
    if (s->hidden) /* whoever is in front now; what is in when we are back, VERIFY will say */
        return SESSION_INPUTS;
    if (holder)
        return SESSION_INPUT_CARD_BACK;
    return s->card == 0 ? SESSION_INPUT_CARD_OTHER : SESSION_INPUTS;
}

static enum session_input read_card_out(struct session *s, const struct session_event *event)
{
    if (!has_identity(s) || s->card == 0 || event->card != s->card)
        return SESSION_INPUTS;
    s->card = 0;
    /* What happens to readers while nobody can see cards is no removal: the check will tell. */
    if (s->hidden & HIDDEN_SERVICE ||
        (event->type == SESSION_READER_GONE && s->state == SESSION_CHECKING))
        return SESSION_INPUTS;
    if (s->policy.mode != SESSION_MOBILITY && s->policy.grace > 0)
        return SESSION_INPUT_REMOVED_WAITS;
    return removal(s);
}

static enum session_input read_card_missing(struct session *s)
{
    enum session_input handling = removal(s);
    bool handled = s->card == 0 && s->state != SESSION_CHECKING &&
                   (s->deadline.wait != SESSION_NEVER || handling != SESSION_INPUT_REMOVED_ENDS);
    if (!has_identity(s) || handled || s->hidden)
        return SESSION_INPUTS;
    s->card = 0;
    return handling;
}

static enum session_input hide(struct session *s, enum hidden why, int *outcome)
{
    s->hidden |= why;
    *outcome = why == HIDDEN_SERVICE ? OUTCOME_READER_SERVICE_DOWN : OUTCOME_CANCELLED;
    return SESSION_INPUT_OUT_OF_SIGHT;
}

static enum session_input show(struct session *s, enum hidden why)
{
    s->hidden &= ~(unsigned)why;
    return s->hidden ? SESSION_INPUTS : SESSION_INPUT_IN_SIGHT;
}

static enum session_input read_surroundings(struct session *s, const struct session_event *event,
                                            int *outcome)
{
    switch (event->type) {
    case SESSION_SLEEP:
        return hide(s, HIDDEN_ASLEEP, outcome);
    case SESSION_RESUMED:
        return show(s, HIDDEN_ASLEEP);
    case SESSION_SWITCHED_AWAY:
        return hide(s, HIDDEN_AWAY, outcome);
    case SESSION_SWITCHED_BACK:
        return show(s, HIDDEN_AWAY);
    case SESSION_SERVICE_DOWN: /* mobility lives without readers */
        return s->policy.mode == SESSION_MOBILITY ? SESSION_INPUTS
                                                  : hide(s, HIDDEN_SERVICE, outcome);
    case SESSION_SERVICE_UP:
        return s->policy.mode == SESSION_MOBILITY ? SESSION_INPUTS : show(s, HIDDEN_SERVICE);
    case SESSION_DESKTOP_LOCKED:
        s->desktop_locked = true;
        return s->policy.mode == SESSION_ENHANCED_NORMAL ? SESSION_INPUT_PIN_OWED : SESSION_INPUTS;
    default:
        s->desktop_locked = false;
        return SESSION_INPUT_UNLOCKED;
    }
}

static enum session_input read_restored(struct session *s, const struct session_sealed *sealed)
{
    if (s->state != SESSION_NONE)
        return SESSION_INPUT_RESTORED;
    bool sound = sealed->authenticated <= s->now && sealed->absolute > s->now &&
                 sealed->absolute - s->now <= SESSION_ABSOLUTE_MAX_MS && sealed->idle > s->now;
    memcpy(s->identity, sealed->identity, sizeof s->identity);
    s->number = sealed->number;
    if (s->last_number < s->number)
        s->last_number = s->number;
    if (sealed->ended || !sound)
        return SESSION_INPUT_RESTORED_ENDED;
    s->deadline.absolute = sealed->absolute;
    s->deadline.idle = sealed->idle;
    s->idle_period = sealed->idle_period;
    note_authenticated(s, sealed->authenticated);
    return sealed->locked ? SESSION_INPUT_RESTORED_LOCKED : SESSION_INPUT_RESTORED;
}

/* ---- the whole ---- */

static enum session_input read_event(struct session *s, const struct session_event *event,
                                     int *outcome)
{
    switch (event->type) {
    case SESSION_BEGIN:
        return read_begin(s);
    case SESSION_USE:
        return read_use(s, &event->use);
    case SESSION_SIGNED:
        return read_signed(s, event, outcome);
    case SESSION_FAILED:
    case SESSION_HELPER_DIED:
        return read_failed(s, event, outcome);
    case SESSION_OPENED:
    case SESSION_SERVER_REFUSED:
    case SESSION_SERVER_GONE:
    case SESSION_SERVER_UNREACHABLE:
    case SESSION_ROLE_CHANGED:
        return read_server(s, event, outcome);
    case SESSION_CARD_IN:
        return read_card_in(s, event);
    case SESSION_CARD_OUT:
    case SESSION_READER_GONE:
        return read_card_out(s, event);
    case SESSION_CARD_MISSING:
        return read_card_missing(s);
    case SESSION_SIGN_OUT:
        return SESSION_INPUT_SIGN_OUT;
    case SESSION_STOPPING:
        return s->policy.sealing ? SESSION_INPUT_STOPPING_SEALED : SESSION_INPUT_STOPPING;
    case SESSION_RESTORED:
        return read_restored(s, event->sealed);
    case SESSION_SETTLED:
        return SESSION_INPUT_SETTLED;
    case SESSION_TIMER:
    case SESSION_EVENTS:
        return SESSION_INPUTS;
    default:
        return read_surroundings(s, event, outcome);
    }
}

/* One deadline that has passed, cleared; the end comes before what is less. */
static enum session_input read_deadline(struct session *s)
{
    uint64_t *const deadlines[] = {&s->deadline.absolute, &s->deadline.idle,
                                   &s->deadline.reauthenticate, &s->deadline.wait,
                                   &s->deadline.ceremony};
    const enum session_input inputs[] = {
        SESSION_INPUT_TOO_OLD, SESSION_INPUT_IDLE, SESSION_INPUT_PIN_OWED,
        s->state == SESSION_OPENING ? SESSION_INPUT_TIMED_OUT : removal(s),
        SESSION_INPUT_TIMED_OUT};
    for (unsigned i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (*deadlines[i] <= s->now) {
            *deadlines[i] = SESSION_NEVER;
            return inputs[i];
        }
    }
    return SESSION_INPUTS;
}

/* What everybody who waits is told when that input ends their waiting, unless the event says. */
static int outcome_of_input(enum session_input input)
{
    switch (input) {
    case SESSION_INPUT_TIMED_OUT:
    case SESSION_INPUT_IDLE:
    case SESSION_INPUT_TOO_OLD:
        return OUTCOME_TIMED_OUT;
    case SESSION_INPUT_SIGNED_BY_OTHER:
    case SESSION_INPUT_CARD_OTHER:
        return OUTCOME_CARD_CHANGED;
    case SESSION_INPUT_REMOVED_ENDS:
    case SESSION_INPUT_REMOVED_LOCKS:
    case SESSION_INPUT_REMOVED_WAITS:
    case SESSION_INPUT_REMOVED_STAYS:
        return OUTCOME_CARD_REMOVED;
    case SESSION_INPUT_SIGN_OUT:
    case SESSION_INPUT_STOPPING:
    case SESSION_INPUT_STOPPING_SEALED:
        return OUTCOME_CANCELLED;
    case SESSION_INPUT_FAILED:
    case SESSION_INPUT_SERVER_REFUSED:
        return OUTCOME_INTERNAL;
    default:
        return OUTCOME_INTERACTION_REQUIRED;
    }
}

static void take(struct session *s, enum session_input input, int outcome,
                 struct session_step *step)
{
    if (input == SESSION_INPUTS)
        return;
    if (input == SESSION_INPUT_USE_IN_VAIN && s->hidden & HIDDEN_SERVICE)
        outcome = OUTCOME_READER_SERVICE_DOWN;
    make_move(s, input, outcome > 0 ? outcome : outcome_of_input(input), step);
}

static void take_overdue(struct session *s, struct session_step *step)
{
    while (next_deadline(s) <= s->now)
        take(s, read_deadline(s), OUTCOME_OK, step);
}

void session_step(struct session *session, const struct session_event *event, uint64_t now,
                  struct session_step *step)
{
    struct session *s = session;
    *step = (struct session_step){0};
    if (s->now < now)
        s->now = now;
    take_overdue(s, step);
    int outcome = OUTCOME_OK;
    enum session_input input = read_event(s, event, &outcome);
    take(s, input, outcome, step);
    take_overdue(s, step); /* what was restored may be */
    step->deadline = next_deadline(s);
}

void session_set_policy(struct session *session, const struct session_policy *policy)
{
    session->policy = *policy; /* which may be its own */
    uint64_t *absolute = &session->policy.absolute;
    if (*absolute == 0 || *absolute > SESSION_ABSOLUTE_MAX_MS)
        *absolute = SESSION_ABSOLUTE_MAX_MS;
}

void session_init(struct session *session, const struct session_policy *policy)
{
    *session = (struct session){.policy = *policy, .cause = SESSION_INPUTS};
    session_set_policy(session, &session->policy);
    clear_deadlines(session);
}

void session_seal(const struct session *session, struct session_sealed *sealed)
{
    *sealed = (struct session_sealed){.number = session->number,
                                      .authenticated = session->authenticated,
                                      .absolute = session->deadline.absolute,
                                      .idle_period = session->idle_period,
                                      .idle = session->deadline.idle,
                                      .locked = session->state == SESSION_LOCKED,
                                      .ended = session->state == SESSION_ENDED};
    memcpy(sealed->identity, session->identity, sizeof sealed->identity);
}

enum session_mode session_mode_first(unsigned modes)
{
    static const enum session_mode order[] = {SESSION_MOBILITY, SESSION_LOCK_PERSISTENCE,
                                              SESSION_ENHANCED_NORMAL};
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++)
        if (modes & 1U << order[i])
            return order[i];
    return SESSION_NORMAL;
}

#define STATE_NAME(name, text) [SESSION_##name] = text,
const char *session_state_name(enum session_state state)
{
    static const char *const names[SESSION_STATES] = {SESSION_STATE_TABLE(STATE_NAME)};
    return (unsigned)state < SESSION_STATES ? names[state] : "";
}

const char *session_cause_name(enum session_input cause)
{
    static const char *const names[SESSION_INPUTS] = {
        [SESSION_INPUT_BEGIN] = "sign-in",
        [SESSION_INPUT_USE_IF_NEEDED] = "sign-in",
        [SESSION_INPUT_USE_FRESH] = "sign-in",
        [SESSION_INPUT_SIGNED] = "pin",
        [SESSION_INPUT_FAILED] = "failed",
        [SESSION_INPUT_TIMED_OUT] = "timed-out",
        [SESSION_INPUT_OPENED] = "signed-in",
        [SESSION_INPUT_SERVER_REFUSED] = "server-refused",
        [SESSION_INPUT_SERVER_GONE] = "server-ended",
        [SESSION_INPUT_CARD_BACK] = "card-back",
        [SESSION_INPUT_CARD_OTHER] = "other-card",
        [SESSION_INPUT_REMOVED_ENDS] = "card-removed",
        [SESSION_INPUT_REMOVED_LOCKS] = "card-removed",
        [SESSION_INPUT_REMOVED_WAITS] = "card-removed",
        [SESSION_INPUT_REMOVED_STAYS] = "card-removed",
        [SESSION_INPUT_OUT_OF_SIGHT] = "out-of-sight",
        [SESSION_INPUT_IN_SIGHT] = "in-sight",
        [SESSION_INPUT_PIN_OWED] = "pin-owed",
        [SESSION_INPUT_IDLE] = "idle",
        [SESSION_INPUT_TOO_OLD] = "limit",
        [SESSION_INPUT_SIGN_OUT] = "sign-out",
        [SESSION_INPUT_STOPPING] = "agent-stopped",
        [SESSION_INPUT_STOPPING_SEALED] = "agent-stopped",
        [SESSION_INPUT_RESTORED] = "agent-restarted",
        [SESSION_INPUT_RESTORED_LOCKED] = "agent-restarted",
        [SESSION_INPUT_RESTORED_ENDED] = "agent-restarted",
        [SESSION_INPUT_SETTLED] = "settled",
    };
    return (unsigned)cause < SESSION_INPUTS && names[cause] ? names[cause] : "";
}
