/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_session_model_rig.h"

#include <stddef.h>

#define NEVER SESSION_NEVER

/* ---- what it believes ---- */

static bool hidden(const struct model *m)
{
    return m->asleep || m->away || m->no_service;
}

static bool mobile(const struct model *m)
{
    return m->policy.mode == SESSION_MOBILITY;
}

enum session_state model_state(const struct model *m)
{
    if (m->over)
        return SESSION_ENDED;
    if (m->asked_person)
        return SESSION_AUTHENTICATING;
    if (m->asked_server)
        return SESSION_OPENING;
    if (!m->alive)
        return SESSION_NONE;
    return m->pin     ? SESSION_LOCKED
           : m->grace ? SESSION_LEAVING
           : m->look  ? SESSION_CHECKING
                      : SESSION_ACTIVE;
}

static void withdraw_prompt(struct model *m)
{
    m->prompt = 0;
    m->prompt_end = NEVER;
}

static void show_prompt(struct model *m)
{
    if (m->prompt)
        return;
    m->prompt = ++m->numbers;
    m->prompt_end = m->now + SESSION_CEREMONY_MAX_MS;
}

static void forget_all(struct model *m)
{
    m->asked_person = m->asked_server = m->alive = m->pin = m->look = m->grace = false;
    m->card = m->pin_time = 0;
    m->pin_again = m->end = m->idle = m->wait = NEVER;
    withdraw_prompt(m);
}

static void nobody(struct model *m)
{
    forget_all(m);
    m->over = false;
    m->who = m->number = 0;
}

static void end(struct model *m, struct said *said, bool tell)
{
    forget_all(m);
    m->over = true;
    said->told = tell;
}

static void used(struct model *m)
{
    if (m->idle_period)
        m->idle = m->now + m->idle_period;
}

static void pin_typed(struct model *m, uint64_t when)
{
    m->pin_time = when;
    m->pin_again = mobile(m) && m->policy.reauthenticate ? when + m->policy.reauthenticate : NEVER;
}

static void owe_pin(struct model *m)
{
    m->pin = true;
    m->look = m->grace = false;
    m->pin_again = NEVER;
    withdraw_prompt(m);
}

/* The way back from whatever was owed. */
static void all_paid(struct model *m)
{
    m->pin = m->look = m->grace = false;
    m->wait = NEVER;
}

static void remind(struct model *m)
{
    if (m->pin && m->card && !hidden(m) && !m->screen_locked)
        show_prompt(m);
}

static void handle_removal(struct model *m, struct said *said)
{
    if (m->asked_server && !mobile(m))
        nobody(m);
    if (!m->alive)
        return;
    if (mobile(m)) {
        if (m->look || m->grace) {
            owe_pin(m);
            m->wait = NEVER;
            remind(m);
        }
    } else if (m->policy.mode == SESSION_LOCK_PERSISTENCE) {
        owe_pin(m);
        m->wait = NEVER;
    } else {
        end(m, said, true);
    }
}

static void look_again(struct model *m)
{
    if (!m->alive || m->pin || m->grace)
        return;
    m->look = true;
    withdraw_prompt(m);
    m->wait = m->asleep || m->away ? NEVER : m->now + SESSION_CHECK_MAX_MS;
}

static void go_out_of_sight(struct model *m)
{
    if (m->asked_person || m->asked_server)
        nobody(m);
    if (m->alive && m->pin)
        withdraw_prompt(m);
    look_again(m);
}

static void screen_is_locked(struct model *m)
{
    m->screen_locked = true;
    if (m->policy.mode != SESSION_ENHANCED_NORMAL)
        return;
    if (m->asked_person || m->asked_server)
        nobody(m);
    if (!m->alive)
        return;
    if (!m->grace && !m->pin)
        m->wait = NEVER;
    owe_pin(m);
}

/* ---- one step ---- */

static void asks(struct model *m, const struct session_event *event, struct said *said)
{
    bool begin = event->type == SESSION_BEGIN;
    bool silent = !begin && event->use.interaction == SESSION_SILENT;
    uint64_t age = event->use.interaction == SESSION_FORCE ? 0 : event->use.max_age;
    bool fresh = begin || age == SESSION_ANY_AGE || m->pin_time + age >= event->use.asked;
    enum session_state name = model_state(m);
    said->answer = 'n';
    if (hidden(m) || (silent && !fresh))
        return;
    if (name == SESSION_ACTIVE && fresh) {
        said->answer = 'y';
        used(m);
        return;
    }
    if (silent) {
        said->answer = name == SESSION_CHECKING ? 'h' : 'n';
        return;
    }
    said->answer = 'h';
    if (name == SESSION_ACTIVE || name == SESSION_LOCKED || name == SESSION_NONE)
        show_prompt(m);
    if (name == SESSION_NONE) {
        m->asked_person = true;
        m->number = m->prompt;
    }
}

static void signs(struct model *m, const struct session_event *event)
{
    if (!m->prompt || event->number != m->prompt)
        return;
    withdraw_prompt(m);
    if (event->card == 0 && !mobile(m)) {
        if (m->asked_person)
            nobody(m);
        return;
    }
    if (m->asked_person) {
        m->asked_person = false;
        m->asked_server = true;
        m->who = event->identity[0];
        m->wait = m->now + SESSION_OPENING_MAX_MS;
    } else if (event->identity[0] != m->who) {
        return;
    } else {
        used(m);
        if (m->pin)
            all_paid(m);
    }
    m->card = event->card;
    pin_typed(m, m->now);
}

static void prompt_failed(struct model *m)
{
    withdraw_prompt(m);
    if (m->asked_person)
        nobody(m);
}

static uint64_t limit(uint64_t mine, uint64_t theirs)
{
    return !mine || (theirs && theirs < mine) ? theirs : mine;
}

static void server_says(struct model *m, const struct session_event *event, struct said *said)
{
    bool ours = event->number == m->number;
    switch (event->type) {
    case SESSION_OPENED:
        said->stray = !ours || m->asked_person;
        if (!ours || !m->asked_server)
            return;
        m->asked_server = false;
        m->alive = true;
        m->wait = NEVER;
        m->end = m->now + limit(m->policy.absolute ? m->policy.absolute : SESSION_ABSOLUTE_MAX_MS,
                                event->absolute);
        m->idle_period = limit(m->policy.idle, event->idle);
        used(m);
        return;
    case SESSION_SERVER_REFUSED:
        if (ours && m->asked_server)
            nobody(m);
        return;
    case SESSION_SERVER_GONE:
        if (ours && m->alive)
            end(m, said, false);
        return;
    case SESSION_ROLE_CHANGED:
        if (ours && m->alive)
            used(m);
        return;
    default:
        return;
    }
}

static void card_comes(struct model *m, const struct session_event *event, struct said *said)
{
    bool same = event->identity[0] == m->who;
    if (!m->alive && !m->asked_server)
        return;
    if (same)
        m->card = event->card;
    if (hidden(m))
        return;
    if (same && m->pin) {
        m->wait = NEVER;
        remind(m);
    } else if (same && m->alive) {
        all_paid(m);
    } else if (!same && m->card == 0 && m->asked_server) {
        nobody(m);
    } else if (!same && m->card == 0 && !m->look) {
        end(m, said, true);
    }
}

static void card_goes(struct model *m, const struct session_event *event, struct said *said)
{
    bool ours = m->card != 0 && event->card == m->card;
    if (!ours || (!m->alive && !m->asked_server))
        return;
    m->card = 0;
    if (m->no_service || (event->type == SESSION_READER_GONE && m->look))
        return;
    if (mobile(m) || m->policy.grace == 0 || m->asked_server) {
        handle_removal(m, said);
        return;
    }
    if (m->grace) /* it came back unseen and left again: no second grace */
        return;
    withdraw_prompt(m);
    m->look = false;
    m->grace = !m->pin;
    m->wait = m->now + m->policy.grace;
}

static void card_is_missing(struct model *m, struct said *said)
{
    bool ends = m->policy.mode == SESSION_NORMAL || m->policy.mode == SESSION_ENHANCED_NORMAL;
    bool known = m->card == 0 && !m->look && (m->wait != NEVER || !ends);
    if (hidden(m) || known || (!m->alive && !m->asked_server))
        return;
    m->card = 0;
    handle_removal(m, said);
}

static void comes_back(struct model *m, bool *reason)
{
    *reason = false;
    if (!hidden(m))
        look_again(m);
}

static void time_passes(struct model *m, struct said *said)
{
    for (;;) {
        if (m->end <= m->now || m->idle <= m->now) {
            end(m, said, true);
        } else if (m->pin_again <= m->now) {
            if (m->asked_server) {
                nobody(m);
            } else {
                owe_pin(m);
                m->wait = NEVER;
                remind(m);
            }
        } else if (m->wait <= m->now) {
            m->wait = NEVER;
            if (m->asked_server)
                nobody(m);
            else
                handle_removal(m, said);
        } else if (m->prompt_end <= m->now) {
            prompt_failed(m);
        } else {
            return;
        }
    }
}

static void restores(struct model *m, const struct session_sealed *sealed, struct said *said)
{
    said->stray = model_state(m) != SESSION_NONE;
    if (said->stray)
        return;
    m->who = sealed->identity[0];
    m->number = sealed->number;
    if (m->numbers < m->number)
        m->numbers = m->number;
    if (sealed->ended || sealed->authenticated > m->now || sealed->absolute <= m->now ||
        sealed->absolute > m->now + SESSION_ABSOLUTE_MAX_MS || sealed->idle <= m->now) {
        end(m, said, true);
        return;
    }
    m->alive = true;
    m->end = sealed->absolute;
    m->idle = sealed->idle;
    m->idle_period = sealed->idle_period;
    pin_typed(m, sealed->authenticated);
    if (sealed->locked)
        owe_pin(m);
    else
        look_again(m);
}

static void stops(struct model *m, struct said *said)
{
    enum session_state name = model_state(m);
    if (name == SESSION_AUTHENTICATING || name == SESSION_OPENING)
        nobody(m);
    else if (m->alive && (!m->policy.sealing || m->grace))
        end(m, said, true);
    else if (m->alive && m->pin)
        withdraw_prompt(m);
    else
        look_again(m);
}

static void desktop_says(struct model *m, enum session_event_type type)
{
    switch (type) {
    case SESSION_SLEEP:
        m->asleep = true;
        go_out_of_sight(m);
        break;
    case SESSION_RESUMED:
        comes_back(m, &m->asleep);
        break;
    case SESSION_SWITCHED_AWAY:
        m->away = true;
        go_out_of_sight(m);
        break;
    case SESSION_SWITCHED_BACK:
        comes_back(m, &m->away);
        break;
    case SESSION_SERVICE_DOWN:
        m->no_service = !mobile(m);
        if (m->no_service)
            go_out_of_sight(m);
        break;
    case SESSION_SERVICE_UP:
        if (!mobile(m))
            comes_back(m, &m->no_service);
        break;
    case SESSION_DESKTOP_LOCKED:
        screen_is_locked(m);
        break;
    default:
        m->screen_locked = false;
        remind(m);
    }
}

static void happens(struct model *m, const struct session_event *event, struct said *said)
{
    switch (event->type) {
    case SESSION_BEGIN:
    case SESSION_USE:
        asks(m, event, said);
        break;
    case SESSION_SIGNED:
        signs(m, event);
        break;
    case SESSION_FAILED:
        if (event->number == m->prompt)
            prompt_failed(m);
        break;
    case SESSION_HELPER_DIED:
        prompt_failed(m);
        break;
    case SESSION_CARD_IN:
        card_comes(m, event, said);
        break;
    case SESSION_CARD_OUT:
    case SESSION_READER_GONE:
        card_goes(m, event, said);
        break;
    case SESSION_CARD_MISSING:
        card_is_missing(m, said);
        break;
    case SESSION_SIGN_OUT:
        if (m->alive)
            end(m, said, true);
        else if (!m->over)
            nobody(m);
        break;
    case SESSION_STOPPING:
        stops(m, said);
        break;
    case SESSION_RESTORED:
        restores(m, event->sealed, said);
        break;
    case SESSION_SETTLED:
        if (m->over)
            nobody(m);
        break;
    case SESSION_TIMER:
        break;
    case SESSION_OPENED:
    case SESSION_SERVER_REFUSED:
    case SESSION_SERVER_GONE:
    case SESSION_SERVER_UNREACHABLE:
    case SESSION_ROLE_CHANGED:
        server_says(m, event, said);
        break;
    default:
        desktop_says(m, event->type);
    }
}

struct said model_step(struct model *m, const struct session_event *event)
{
    struct said said = {.answer = '.'};
    time_passes(m, &said);
    happens(m, event, &said);
    time_passes(m, &said);
    return said;
}

uint64_t model_deadline(const struct model *m)
{
    const uint64_t all[] = {m->pin_again, m->end, m->idle, m->wait, m->prompt_end};
    uint64_t first = NEVER;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        first = all[i] < first ? all[i] : first;
    return first;
}

void model_begin(struct model *m, const struct session_policy *policy, uint64_t now)
{
    *m = (struct model){.policy = *policy, .now = now};
    nobody(m);
}
