/* SPDX-License-Identifier: MIT */
/*
 * A million random steps of the session machine against a model written in another style: where the
 * machine has states, inputs and a table, the model has facts about the person and the card, and
 * its state is only a name for a combination of them. State, answer, prompt, deadline and what the
 * server is told must agree after every step; and across all steps each session that was opened is
 * told to the server once, unless the server ended it itself.
 */
#include "ipc/base/outcome.h"
#include "tests/unit/test_session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 1000000, PEOPLE = 2, GRACE = 5 * SECOND };

#define NEVER SESSION_NEVER

/* ---- the model ---- */

struct model {
    struct session_policy policy;
    uint64_t now;
    /* Where a session stands; at most one of the first two, then alive, then over. */
    bool asked_person, asked_server, alive, over;
    /* What is owed before a proof. */
    bool pin, look, grace;
    /* The person: 0 none. The insertion: 0 out. */
    uint64_t who, card, number, numbers, prompt;
    uint64_t pin_time, pin_again, end, idle, idle_period, wait, prompt_end;
    bool asleep, away, no_service, screen_locked;
};

struct said {
    char answer; /* y, n, h or . */
    bool told, stray;
};

static bool hidden(const struct model *m)
{
    return m->asleep || m->away || m->no_service;
}

static bool mobile(const struct model *m)
{
    return m->policy.mode == SESSION_MOBILITY;
}

static enum session_state name_of(const struct model *m)
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

/* ---- the model: one step ---- */

static void asks(struct model *m, const struct session_event *event, struct said *said)
{
    bool begin = event->type == SESSION_BEGIN;
    bool silent = !begin && event->use.interaction == SESSION_SILENT;
    uint64_t age = event->use.interaction == SESSION_FORCE ? 0 : event->use.max_age;
    bool fresh = begin || age == SESSION_ANY_AGE || m->pin_time + age >= event->use.asked;
    enum session_state name = name_of(m);
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
    said->stray = name_of(m) != SESSION_NONE;
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
    enum session_state name = name_of(m);
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

static uint64_t deadline_of(const struct model *m)
{
    const uint64_t all[] = {m->pin_again, m->end, m->idle, m->wait, m->prompt_end};
    uint64_t first = NEVER;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        first = all[i] < first ? all[i] : first;
    return first;
}

/* ---- chance ---- */

static uint64_t seed = 20261122;

/* xorshift64: the same steps in every run. */
static uint32_t below(uint32_t limit_)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % limit_;
}

static uint64_t sometimes(uint64_t value, uint64_t otherwise)
{
    return below(4) ? value : otherwise;
}

/* Mostly moments, at times to just before or after the next deadline. */
static uint64_t pause_before(const struct model *m)
{
    uint64_t next = deadline_of(m);
    if (below(40) == 0 && next != NEVER)
        return next - m->now - below(2);
    return below(200) ? below(2 * SECOND) : below(HOUR);
}

static struct session_sealed random_sealed(const struct model *m)
{
    struct session_sealed sealed = {.number = m->numbers + 1 + below(3),
                                    .authenticated = m->now - below(3 * HOUR) + below(100),
                                    .absolute = m->now + below(11 * HOUR),
                                    .idle_period = below(2) ? HOUR : 0,
                                    .idle = below(2) ? NEVER : m->now + below(HOUR),
                                    .locked = below(3) == 0,
                                    .ended = below(5) == 0};
    sealed.identity[0] = (uint8_t)(1 + below(PEOPLE));
    return sealed;
}

/* Likelier than the rest: what signs a person in and keeps the session. */
static enum session_event_type random_type(void)
{
    static const enum session_event_type often[] = {
        SESSION_BEGIN,   SESSION_USE,           SESSION_SIGNED,  SESSION_SIGNED,
        SESSION_OPENED,  SESSION_OPENED,        SESSION_CARD_IN, SESSION_CARD_OUT,
        SESSION_RESUMED, SESSION_SWITCHED_BACK, SESSION_SETTLED, SESSION_SERVICE_UP};
    return below(3) ? often[below(sizeof often / sizeof *often)]
                    : (enum session_event_type)below(SESSION_EVENTS);
}

static struct session_event random_event(const struct model *m, uint8_t identity[],
                                         struct session_sealed *sealed)
{
    enum session_event_type type = random_type();
    if (type == SESSION_SETTLED && !m->over)
        type = SESSION_TIMER; /* nobody says that unasked */
    bool ceremony = type == SESSION_SIGNED || type == SESSION_FAILED;
    uint64_t number = ceremony ? m->prompt : m->number;
    identity[0] = (uint8_t)(m->who && below(4) ? m->who : 1 + below(PEOPLE));
    *sealed = random_sealed(m);
    uint64_t card = m->card ? sometimes(m->card, 1 + below(9)) : 1 + below(9);
    return (struct session_event){
        .type = type,
        .number = number ? sometimes(number, number + STEPS) : 999999999,
        .identity = identity,
        .card = type == SESSION_SIGNED ? sometimes(card, 0) : card,
        .outcome = OUTCOME_CANCELLED,
        .use = {.interaction = (enum session_interaction)below(3),
                .asked = m->now - below(2 * SECOND),
                .max_age = below(2) ? SESSION_ANY_AGE : below(10 * SECOND)},
        .absolute = below(2) ? 0 : below(12 * HOUR),
        .idle = below(2) ? 0 : below(2 * HOUR),
        .sealed = sealed,
    };
}

static struct session_policy random_policy(void)
{
    return (struct session_policy){
        .mode = (enum session_mode)below(SESSION_MODES),
        .grace = below(2) ? 0 : GRACE,
        .absolute = below(2) ? 0 : HOUR + below(9 * HOUR),
        .idle = below(2) ? 0 : MINUTE + below(HOUR),
        .reauthenticate = below(4) ? MINUTE + below(HOUR) : 0,
        .lock_desktop = below(2),
        .sealing = below(2),
    };
}

/* ---- the comparison ---- */

static char answer_of(const struct session_step *step)
{
    return step->actions & SESSION_ALLOW    ? 'y'
           : step->actions & SESSION_REFUSE ? 'n'
           : step->actions & SESSION_HOLD   ? 'h'
                                            : '.';
}

static void assert_agree(const struct rig *rig, const struct model *m, const struct said *said)
{
    const struct session *s = &rig->session;
    assert_int_equal(s->state, name_of(m));
    assert_int_equal(answer_of(&rig->step), said->answer);
    assert_int_equal((rig->step.actions & SESSION_TELL_SERVER) != 0, said->told);
    assert_int_equal((rig->step.actions & SESSION_TELL_STRAY) != 0, said->stray);
    assert_int_equal(s->ceremony, m->prompt);
    assert_int_equal(s->number, m->number);
    assert_int_equal(s->card, m->card);
    assert_true(rig->step.deadline == deadline_of(m));
}

/* What is open and what was ended must add up, whatever happened in between. */
struct books {
    uint64_t opened, told, server_knew, visits[SESSION_STATES];
};

static bool is_open(enum session_state state)
{
    return state >= SESSION_ACTIVE && state <= SESSION_LOCKED;
}

static void keep_books(struct books *books, enum session_state from, const struct rig *rig)
{
    enum session_state to = rig->session.state;
    bool told = rig->step.actions & SESSION_TELL_SERVER;
    bool knew = is_open(from) && to == SESSION_ENDED && !told;
    books->opened += !is_open(from) && from != SESSION_ENDED && (is_open(to) || told);
    books->told += told;
    books->server_knew += knew;
    books->visits[to]++;
    assert_int_equal(books->opened, books->told + books->server_knew + is_open(to));
}

static void a_million_random_steps(void **state)
{
    (void)state;
    struct books books = {0};
    struct rig rig = {.now = 20 * HOUR};
    struct model model = {0};
    for (uint32_t i = 0; i < STEPS; i++) {
        if (i % 5000 == 0) { /* another policy, once the session before is over */
            if (is_open(rig.session.state))
                say_plain(&rig, SESSION_SIGN_OUT), books.told++;
            struct session_policy policy = random_policy();
            session_init(&rig.session, &policy);
            model = (struct model){.policy = policy, .now = rig.now};
            nobody(&model);
        }
        uint8_t identity[SESSION_IDENTITY_BYTES] = {0};
        struct session_sealed sealed;
        rig.now += pause_before(&model);
        model.now = rig.now;
        struct session_event event = random_event(&model, identity, &sealed);
        struct said said = {.answer = '.'};
        enum session_state from = rig.session.state;
        say(&rig, event);
        time_passes(&model, &said);
        happens(&model, &event, &said);
        time_passes(&model, &said);
        assert_agree(&rig, &model, &said);
        keep_books(&books, from, &rig);
    }
    for (int i = 0; i < SESSION_STATES; i++)
        assert_in_range(books.visits[i], STEPS / 500, STEPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_million_random_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
