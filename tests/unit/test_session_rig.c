/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_session_rig.h"

#include "ipc/base/outcome.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

const uint8_t holder[SESSION_IDENTITY_BYTES] = {1};
const uint8_t stranger[SESSION_IDENTITY_BYTES] = {2};

static_assert(SESSION_WIPE < SESSION_TELL_SERVER && SESSION_WIPE < SESSION_NOTIFY,
              "the key is gone before anybody hears of the end");

static void check(const struct rig *rig, enum session_state from)
{
    const struct session *s = &rig->session;
    uint32_t actions = rig->step.actions;
    bool ended = s->state == SESSION_ENDED && from != SESSION_ENDED;
    bool at_rest = s->state == SESSION_NONE || s->state == SESSION_ENDED;

    if (actions & SESSION_ALLOW)
        assert_true(from == SESSION_ACTIVE && s->state == SESSION_ACTIVE);
    assert_true(ended == ((actions & SESSION_AUDIT_ENDED) != 0));
    if (ended)
        assert_true(actions & SESSION_WIPE && actions & SESSION_SEAL);
    assert_true(((actions & SESSION_TELL_SERVER) != 0) ==
                (ended && s->cause != SESSION_INPUT_SERVER_GONE));
    assert_true(at_rest == (rig->step.deadline == SESSION_NEVER));
    assert_true(rig->step.deadline > rig->now);
    if (actions & SESSION_PROMPT)
        assert_true(s->ceremony != 0 && rig->step.ceremony == s->ceremony);
    if (s->ceremony)
        assert_true(s->state == SESSION_AUTHENTICATING || s->state == SESSION_ACTIVE ||
                    s->state == SESSION_LOCKED);
    assert_true(((actions & SESSION_REFUSE) != 0) == (rig->step.refusal > 0));
    assert_true(((actions & SESSION_GIVE_UP) != 0) == (rig->step.given_up > 0));
    if (s->state != from) {
        assert_true(actions & SESSION_NOTIFY || s->state == SESSION_OPENING);
        assert_string_not_equal(session_cause_name(s->cause), "");
    }
}

void say(struct rig *rig, struct session_event event)
{
    enum session_state from = rig->session.state;
    session_step(&rig->session, &event, rig->now, &rig->step);
    check(rig, from);
}

void say_plain(struct rig *rig, enum session_event_type type)
{
    say(rig, (struct session_event){.type = type});
}

void say_use(struct rig *rig, enum session_interaction interaction, uint64_t max_age)
{
    say(rig, (struct session_event){.type = SESSION_USE,
                                    .use = {interaction, .asked = rig->now, .max_age = max_age}});
}

void say_card(struct rig *rig, enum session_event_type type, const uint8_t *identity, uint64_t card)
{
    say(rig,
        (struct session_event){
            .type = type, .number = rig->session.ceremony, .identity = identity, .card = card});
}

void say_server(struct rig *rig, enum session_event_type type)
{
    say(rig, (struct session_event){
                 .type = type, .number = rig->session.number, .outcome = OUTCOME_NOT_ALLOWED});
}

void sleep_until(struct rig *rig, uint64_t when)
{
    if (when == SESSION_NEVER)
        return;
    rig->now = when;
    say_plain(rig, SESSION_TIMER);
}

void sign_in(struct rig *rig)
{
    say_plain(rig, SESSION_BEGIN);
    say_card(rig, SESSION_SIGNED, holder, CARD);
    say_server(rig, SESSION_OPENED);
    assert_int_equal(rig->session.state, SESSION_ACTIVE);
}

void restore(struct rig *rig, bool locked, bool ended)
{
    struct session_sealed sealed = {.number = 5,
                                    .authenticated = rig->now - MINUTE,
                                    .absolute = rig->now + HOUR,
                                    .idle = rig->now + HOUR,
                                    .idle_period = HOUR,
                                    .locked = locked,
                                    .ended = ended};
    memcpy(sealed.identity, holder, sizeof holder);
    say(rig, (struct session_event){.type = SESSION_RESTORED, .sealed = &sealed});
}
