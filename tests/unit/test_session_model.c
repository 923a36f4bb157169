/* SPDX-License-Identifier: MIT */
/*
 * A million random steps of the session machine against a model written in another style. State,
 * answer, prompt, deadline and what the server is told must agree after every step; and across all
 * steps each session that was opened is told to the server once, unless the server ended it itself.
 */
#include "ipc/base/outcome.h"
#include "tests/unit/test_session_model_rig.h"
#include "tests/unit/test_session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 1000000, PEOPLE = 2, GRACE = 5 * SECOND };

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
    uint64_t next = model_deadline(m);
    if (below(40) == 0 && next != SESSION_NEVER)
        return next - m->now - below(2);
    return below(200) ? below(2 * SECOND) : below(HOUR);
}

static struct session_sealed random_sealed(const struct model *m)
{
    struct session_sealed sealed = {.number = m->numbers + 1 + below(3),
                                    .authenticated = m->now - below(3 * HOUR) + below(100),
                                    .absolute = m->now + below(11 * HOUR),
                                    .idle_period = below(2) ? HOUR : 0,
                                    .idle = below(2) ? SESSION_NEVER : m->now + below(HOUR),
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
    assert_int_equal(s->state, model_state(m));
    assert_int_equal(answer_of(&rig->step), said->answer);
    assert_int_equal((rig->step.actions & SESSION_TELL_SERVER) != 0, said->told);
    assert_int_equal((rig->step.actions & SESSION_TELL_STRAY) != 0, said->stray);
    assert_int_equal(s->ceremony, m->prompt);
    assert_int_equal(s->number, m->number);
    assert_int_equal(s->card, m->card);
    assert_true(rig->step.deadline == model_deadline(m));
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
            model_begin(&model, &policy, rig.now);
        }
        uint8_t identity[SESSION_IDENTITY_BYTES] = {0};
        struct session_sealed sealed;
        rig.now += pause_before(&model);
        model.now = rig.now;
        struct session_event event = random_event(&model, identity, &sealed);
        enum session_state from = rig.session.state;
        say(&rig, event);
        struct said said = model_step(&model, &event);
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
