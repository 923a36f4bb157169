/* SPDX-License-Identifier: MIT */
/*
 * What a session machine does over more than one step: resume, swap, grace, step-up, two pages at
 * once, sleep, fast user switching, restart, and ten hours of a working day with a fake clock.
 */
#include "ipc/base/outcome.h"
#include "tests/unit/test_session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig_with(struct session_policy policy)
{
    struct rig rig = {.now = HOUR};
    session_init(&rig.session, &policy);
    return rig;
}

static bool did(const struct rig *rig, uint32_t actions)
{
    return (rig->step.actions & actions) == actions;
}

#define assert_state(rig, wanted) assert_int_equal((rig).session.state, SESSION_##wanted)
#define assert_did(rig, wanted) assert_true(did(&(rig), wanted))
#define assert_did_not(rig, unwanted) assert_int_equal((rig).step.actions &(unwanted), 0)

static void the_same_card_and_pin_resume(void **state)
{
    (void)state;
    struct rig rig =
        rig_with((struct session_policy){.mode = SESSION_LOCK_PERSISTENCE, .lock_desktop = true});
    sign_in(&rig);
    uint64_t number = rig.session.number;
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
    assert_state(rig, LOCKED);
    assert_did(rig, SESSION_LOCK_DESKTOP | SESSION_NOTIFY | SESSION_SEAL | SESSION_AUDIT_LOCKED);
    assert_did_not(rig, SESSION_WIPE | SESSION_TELL_SERVER);

    /* Behind the locked screen nobody is asked; once it is unlocked, at once. */
    say_plain(&rig, SESSION_DESKTOP_LOCKED);
    say_card(&rig, SESSION_CARD_IN, holder, CARD + 5);
    assert_did_not(rig, SESSION_PROMPT);
    say_plain(&rig, SESSION_DESKTOP_UNLOCKED);
    assert_did(rig, SESSION_PROMPT);
    say_card(&rig, SESSION_SIGNED, holder, CARD + 5);
    assert_state(rig, ACTIVE);
    assert_did(rig, SESSION_RETRY | SESSION_AUDIT_RESUMED);
    assert_int_equal(rig.session.number, number);
}

static void another_card_neither_resumes_nor_steps_up(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){.mode = SESSION_LOCK_PERSISTENCE});
    sign_in(&rig);
    rig.now += SECOND;
    say_use(&rig, SESSION_FORCE, 0);
    assert_did(rig, SESSION_PROMPT | SESSION_HOLD);
    say_card(&rig, SESSION_SIGNED, stranger, OTHER);
    assert_did(rig, SESSION_GIVE_UP | SESSION_AUDIT_REFUSED);
    assert_int_equal(rig.step.given_up, OUTCOME_CARD_CHANGED);
    assert_state(rig, ACTIVE);
    assert_memory_equal(rig.session.identity, holder, sizeof holder);

    say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
    say_use(&rig, SESSION_IF_NEEDED, SESSION_ANY_AGE);
    assert_did(rig, SESSION_PROMPT | SESSION_HOLD);
    say_card(&rig, SESSION_SIGNED, stranger, OTHER);
    assert_state(rig, LOCKED);
    assert_memory_equal(rig.session.identity, holder, sizeof holder);
}

static void another_card_ends_the_old_session_first(void **state)
{
    (void)state;
    struct rig rig =
        rig_with((struct session_policy){.mode = SESSION_LOCK_PERSISTENCE, .lock_desktop = true});
    sign_in(&rig);
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
    say_card(&rig, SESSION_CARD_IN, stranger, OTHER);
    assert_state(rig, ENDED);
    assert_did(rig, SESSION_WIPE | SESSION_TELL_SERVER | SESSION_LOCK_DESKTOP);
    assert_string_equal(session_cause_name(rig.session.cause), "other-card");
    say_plain(&rig, SESSION_BEGIN);
    assert_did(rig, SESSION_HOLD);
    say_plain(&rig, SESSION_SETTLED);
    assert_state(rig, NONE);
    assert_did(rig, SESSION_RETRY | SESSION_INVITE);
    say_plain(&rig, SESSION_BEGIN);
    say_card(&rig, SESSION_SIGNED, stranger, OTHER);
    say_server(&rig, SESSION_OPENED);
    assert_state(rig, ACTIVE);
    assert_memory_equal(rig.session.identity, stranger, sizeof stranger);
}

static void a_second_card_beside_the_first_changes_nothing(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){0});
    sign_in(&rig);
    say_card(&rig, SESSION_CARD_IN, stranger, OTHER);
    say_card(&rig, SESSION_CARD_OUT, NULL, OTHER);
    assert_state(rig, ACTIVE);
    assert_int_equal(rig.step.actions, 0);

    struct rig mobile = rig_with((struct session_policy){.mode = SESSION_MOBILITY});
    sign_in(&mobile);
    say_card(&mobile, SESSION_CARD_OUT, NULL, CARD);
    assert_state(mobile, ACTIVE);
    say_card(&mobile, SESSION_CARD_IN, stranger, OTHER); /* in its place */
    assert_state(mobile, ENDED);
}

static void a_grace_period_forgives_the_same_card_only(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){.grace = 5 * SECOND});
    sign_in(&rig);
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
    assert_state(rig, LEAVING);
    assert_int_equal(rig.step.deadline, rig.now + 5 * SECOND);
    say_use(&rig, SESSION_SILENT, SESSION_ANY_AGE);
    assert_did(rig, SESSION_REFUSE);
    rig.now += 5 * SECOND - 1;
    say_card(&rig, SESSION_CARD_IN, holder, CARD + 1);
    assert_state(rig, ACTIVE);
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD); /* the insertion before: old news */
    assert_state(rig, ACTIVE);

    /* The timer is late, a card comes too late: too late it is. */
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD + 1);
    rig.now += 5 * SECOND;
    say_card(&rig, SESSION_CARD_IN, holder, CARD + 2);
    assert_state(rig, ENDED);
}

static void a_signature_that_comes_after_its_card_left_is_void(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){.mode = SESSION_LOCK_PERSISTENCE});
    sign_in(&rig);
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
    say_card(&rig, SESSION_CARD_IN, holder, CARD + 1);
    uint64_t prompt = rig.session.ceremony;
    assert_true(prompt != 0);
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD + 1);
    assert_did(rig, SESSION_DISMISS);
    say(&rig, (struct session_event){
                  .type = SESSION_SIGNED, .number = prompt, .identity = holder, .card = CARD + 1});
    assert_state(rig, LOCKED);
}

static void a_session_opened_for_nobody_is_ended_at_the_server(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){0});
    say_plain(&rig, SESSION_BEGIN);
    say_card(&rig, SESSION_SIGNED, holder, CARD);
    uint64_t number = rig.session.number;
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
    assert_state(rig, NONE);
    assert_did(rig, SESSION_DISOWN | SESSION_GIVE_UP);
    assert_int_equal(rig.step.given_up, OUTCOME_CARD_REMOVED);

    /* Meanwhile the next person signs in; the late answer is not theirs. */
    sign_in(&rig);
    say(&rig, (struct session_event){.type = SESSION_OPENED, .number = number});
    assert_did(rig, SESSION_TELL_STRAY);
    assert_state(rig, ACTIVE);
}

static void two_pages_share_one_prompt(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){0});
    uint64_t asked = rig.now;
    say_use(&rig, SESSION_FORCE, 0);
    assert_did(rig, SESSION_PROMPT | SESSION_HOLD);
    rig.now += SECOND;
    say_use(&rig, SESSION_IF_NEEDED, SESSION_ANY_AGE);
    assert_did(rig, SESSION_HOLD);
    assert_did_not(rig, SESSION_PROMPT);
    rig.now += SECOND;
    say_card(&rig, SESSION_SIGNED, holder, CARD);
    assert_did(rig, SESSION_OPEN);
    rig.now += SECOND;
    say_server(&rig, SESSION_OPENED);
    assert_did(rig, SESSION_RETRY);
    /* Put again, even the forced one is content: the PIN was typed after it had asked. */
    say(&rig, (struct session_event){.type = SESSION_USE, .use = {SESSION_FORCE, asked, 0}});
    assert_did(rig, SESSION_ALLOW | SESSION_AUDIT_USED);
    say_use(&rig, SESSION_FORCE, 0);
    assert_did(rig, SESSION_PROMPT);
}

static void max_age_asks_when_the_pin_is_too_old(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){0});
    sign_in(&rig);
    rig.now += 5 * MINUTE;
    say_use(&rig, SESSION_SILENT, 5 * MINUTE);
    assert_did(rig, SESSION_ALLOW);
    rig.now += 1;
    say_use(&rig, SESSION_SILENT, 5 * MINUTE);
    assert_did(rig, SESSION_REFUSE);
    assert_int_equal(rig.step.refusal, OUTCOME_INTERACTION_REQUIRED);
    say_use(&rig, SESSION_IF_NEEDED, 5 * MINUTE);
    assert_did(rig, SESSION_PROMPT | SESSION_HOLD);
    say_use(&rig, SESSION_SILENT, SESSION_ANY_AGE); /* the others go on */
    assert_did(rig, SESSION_ALLOW);
    say_card(&rig, SESSION_SIGNED, holder, CARD);
    assert_did(rig, SESSION_RETRY | SESSION_AUDIT_STEPPED_UP);
    say_use(&rig, SESSION_SILENT, 5 * MINUTE);
    assert_did(rig, SESSION_ALLOW);
}

static void after_sleep_the_card_is_looked_at_first(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){.mode = SESSION_LOCK_PERSISTENCE});
    sign_in(&rig);
    say_plain(&rig, SESSION_SLEEP);
    say_use(&rig, SESSION_IF_NEEDED, SESSION_ANY_AGE);
    assert_did(rig, SESSION_REFUSE);
    rig.now += HOUR;
    say_plain(&rig, SESSION_RESUMED);
    assert_did(rig, SESSION_VERIFY);
    assert_int_equal(rig.step.deadline, rig.now + SESSION_CHECK_MAX_MS);
    say_use(&rig, SESSION_SILENT, SESSION_ANY_AGE);
    assert_did(rig, SESSION_HOLD);
    say_card(&rig, SESSION_READER_GONE, NULL, CARD); /* USB comes back by and by */
    assert_state(rig, CHECKING);
    say_card(&rig, SESSION_CARD_IN, holder, CARD + 1);
    assert_state(rig, ACTIVE);
    assert_did(rig, SESSION_RETRY);

    rig.now += 10 * HOUR; /* asleep beyond the limit, nobody told us */
    say_use(&rig, SESSION_SILENT, SESSION_ANY_AGE);
    assert_state(rig, ENDED);
    assert_did(rig, SESSION_WIPE | SESSION_REFUSE);
    assert_did_not(rig, SESSION_ALLOW);
}

static void several_reasons_not_to_look_must_all_go(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){0});
    sign_in(&rig);
    say_plain(&rig, SESSION_SWITCHED_AWAY);
    say_plain(&rig, SESSION_SLEEP);
    say_plain(&rig, SESSION_RESUMED);
    assert_did_not(rig, SESSION_VERIFY);
    say_card(&rig, SESSION_CARD_IN, holder, CARD);
    say_card(&rig, SESSION_CARD_IN, stranger, OTHER); /* the other user's, at the same reader */
    assert_state(rig, CHECKING);
    say_plain(&rig, SESSION_SERVICE_DOWN);
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
    say_plain(&rig, SESSION_SWITCHED_BACK);
    assert_state(rig, CHECKING);
    say_use(&rig, SESSION_IF_NEEDED, SESSION_ANY_AGE);
    assert_int_equal(rig.step.refusal, OUTCOME_READER_SERVICE_DOWN);
    say_plain(&rig, SESSION_SERVICE_UP);
    assert_did(rig, SESSION_VERIFY);
    say_card(&rig, SESSION_CARD_IN, holder, CARD + 1);
    assert_state(rig, ACTIVE);
}

static void enhanced_normal_wants_the_pin_after_a_locked_desktop(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){.mode = SESSION_ENHANCED_NORMAL});
    sign_in(&rig);
    say_plain(&rig, SESSION_DESKTOP_LOCKED);
    assert_state(rig, LOCKED);
    assert_did_not(rig, SESSION_PROMPT | SESSION_LOCK_DESKTOP);
    say_plain(&rig, SESSION_DESKTOP_UNLOCKED);
    assert_state(rig, LOCKED);
    assert_did(rig, SESSION_PROMPT);
    say_plain(&rig, SESSION_DESKTOP_LOCKED); /* again, before the PIN */
    assert_did(rig, SESSION_DISMISS);
    say_plain(&rig, SESSION_DESKTOP_UNLOCKED);
    say_card(&rig, SESSION_SIGNED, holder, CARD);
    assert_state(rig, ACTIVE);
    say_plain(&rig, SESSION_DESKTOP_LOCKED);
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
    assert_state(rig, ENDED);
}

static void mobility_asks_again_by_timer(void **state)
{
    (void)state;
    struct rig rig =
        rig_with((struct session_policy){.mode = SESSION_MOBILITY, .reauthenticate = 2 * HOUR});
    sign_in(&rig);
    say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
    say_plain(&rig, SESSION_SERVICE_DOWN);
    rig.now += HOUR;
    say_use(&rig, SESSION_SILENT, SESSION_ANY_AGE);
    assert_did(rig, SESSION_ALLOW);
    sleep_until(&rig, rig.step.deadline);
    assert_state(rig, LOCKED);
    assert_did_not(rig, SESSION_PROMPT); /* no card is in */
    say_card(&rig, SESSION_CARD_IN, holder, CARD);
    assert_did(rig, SESSION_PROMPT);
    say_card(&rig, SESSION_SIGNED, holder, 0); /* and gone with it at once, as it may */
    assert_state(rig, ACTIVE);
    assert_int_equal(rig.step.deadline, rig.now + 2 * HOUR);

    say_plain(&rig, SESSION_SLEEP);
    say_plain(&rig, SESSION_RESUMED);
    say_plain(&rig, SESSION_CARD_MISSING); /* after sleep even mobility wants to see it */
    assert_state(rig, LOCKED);
}

/* The agent is replaced by a new process, which has what the old one sealed. */
static struct rig restart(const struct rig *old)
{
    struct session_sealed sealed;
    session_seal(&old->session, &sealed);
    struct rig rig = rig_with(old->session.policy);
    rig.now = old->now + SECOND;
    say(&rig, (struct session_event){.type = SESSION_RESTORED, .sealed = &sealed});
    return rig;
}

static void a_restart_keeps_the_session_while_the_card_stays(void **state)
{
    (void)state;
    struct rig old = rig_with((struct session_policy){.idle = 30 * MINUTE, .sealing = true});
    sign_in(&old);
    uint64_t absolute = old.session.deadline.absolute;
    old.now += MINUTE;
    say_plain(&old, SESSION_STOPPING);
    assert_did_not(old, SESSION_WIPE | SESSION_TELL_SERVER);

    struct rig kept = restart(&old);
    assert_state(kept, CHECKING);
    assert_did(kept, SESSION_VERIFY);
    say_card(&kept, SESSION_CARD_IN, holder, 1);
    assert_state(kept, ACTIVE);
    assert_int_equal(kept.session.deadline.absolute, absolute);
    assert_int_equal(kept.session.number, old.session.number);
    say_use(&kept, SESSION_FORCE, 0);
    assert_true(kept.step.ceremony > old.session.number); /* no number twice */

    struct rig lost = restart(&old);
    say_card(&lost, SESSION_CARD_IN, stranger, 1);
    assert_state(lost, CHECKING);
    say_plain(&lost, SESSION_CARD_MISSING);
    assert_state(lost, ENDED);
    assert_did(lost, SESSION_TELL_SERVER);

    /* Killed between the end and the queue: what had ended stays ended, and the server hears it. */
    say_plain(&old, SESSION_SIGN_OUT);
    struct rig ended = restart(&old);
    assert_state(ended, ENDED);
    assert_did(ended, SESSION_TELL_SERVER);
}

static void what_was_sealed_must_be_plausible(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){0});
    struct session_sealed good = {.number = 3,
                                  .authenticated = rig.now - MINUTE,
                                  .absolute = rig.now + HOUR,
                                  .idle = SESSION_NEVER};
    struct session_sealed bad[4] = {good, good, good, good};
    bad[0].authenticated = rig.now + 1;
    bad[1].absolute = rig.now;
    bad[2].absolute = rig.now + SESSION_ABSOLUTE_MAX_MS + 1;
    bad[3].idle = rig.now;
    for (size_t i = 0; i < 4; i++) {
        rig = rig_with(rig.session.policy);
        say(&rig, (struct session_event){.type = SESSION_RESTORED, .sealed = &bad[i]});
        assert_state(rig, ENDED);
        assert_did(rig, SESSION_TELL_SERVER);
    }
    rig = rig_with(rig.session.policy);
    say(&rig, (struct session_event){.type = SESSION_RESTORED, .sealed = &good});
    assert_state(rig, CHECKING);
}

static void the_shorter_limit_counts(void **state)
{
    (void)state;
    static const struct {
        uint64_t absolute, idle, server_absolute, server_idle, first, last;
    } rows[] = {
        {0, 0, 0, 0, 10 * HOUR, 10 * HOUR},
        {20 * HOUR, 0, 30 * HOUR, 0, 10 * HOUR, 10 * HOUR},
        {8 * HOUR, 0, 9 * HOUR, 0, 8 * HOUR, 8 * HOUR},
        {8 * HOUR, HOUR, 7 * HOUR, 0, HOUR, 7 * HOUR},
        {8 * HOUR, HOUR, 0, 30 * MINUTE, 30 * MINUTE, 8 * HOUR},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig rig =
            rig_with((struct session_policy){.absolute = rows[i].absolute, .idle = rows[i].idle});
        say_plain(&rig, SESSION_BEGIN);
        say_card(&rig, SESSION_SIGNED, holder, CARD);
        say(&rig, (struct session_event){.type = SESSION_OPENED,
                                         .number = rig.session.number,
                                         .absolute = rows[i].server_absolute,
                                         .idle = rows[i].server_idle});
        assert_int_equal(rig.step.deadline, rig.now + rows[i].first);
        assert_int_equal(rig.session.deadline.absolute, rig.now + rows[i].last);
    }
}

/* A use each minute, a moment's removal each half hour, lunch asleep; at ten hours it is over. */
static void ten_hours(void **state)
{
    (void)state;
    struct rig rig = rig_with((struct session_policy){
        .mode = SESSION_LOCK_PERSISTENCE, .grace = 3 * SECOND, .idle = HOUR});
    uint64_t start = rig.now;
    uint64_t card = CARD;
    unsigned allowed = 0;
    sign_in(&rig);
    for (unsigned minute = 1; minute < 600; minute++) {
        rig.now = start + (uint64_t)minute * MINUTE;
        if (minute == 240)
            say_plain(&rig, SESSION_SLEEP);
        if (minute == 290) {
            say_plain(&rig, SESSION_RESUMED);
            rig.now += 2 * SECOND;
            say_card(&rig, SESSION_CARD_IN, holder, card);
        }
        if (minute % 30 == 0 && rig.session.state == SESSION_ACTIVE) {
            say_card(&rig, SESSION_CARD_OUT, NULL, card);
            rig.now += SECOND;
            say_card(&rig, SESSION_CARD_IN, holder, ++card);
        }
        if (rig.step.deadline <= rig.now)
            say_plain(&rig, SESSION_TIMER);
        say_use(&rig, SESSION_SILENT, SESSION_ANY_AGE);
        allowed += did(&rig, SESSION_ALLOW);
    }
    assert_int_equal(allowed, 599 - 50); /* but the 50 minutes of lunch */
    rig.now = start + 10 * HOUR - 1;
    say_use(&rig, SESSION_SILENT, SESSION_ANY_AGE);
    assert_did(rig, SESSION_ALLOW);
    assert_int_equal(rig.step.deadline, start + 10 * HOUR);
    rig.now++;
    say_use(&rig, SESSION_SILENT, SESSION_ANY_AGE);
    assert_did(rig, SESSION_REFUSE | SESSION_WIPE | SESSION_TELL_SERVER);
    assert_string_equal(session_cause_name(rig.session.cause), "limit");
}

static void the_desktop_is_locked_where_the_policy_says(void **state)
{
    (void)state;
    for (int policy = 0; policy < 2; policy++) {
        struct rig rig = rig_with((struct session_policy){.lock_desktop = policy == 1});
        sign_in(&rig);
        say_card(&rig, SESSION_CARD_OUT, NULL, CARD);
        assert_int_equal(did(&rig, SESSION_LOCK_DESKTOP), policy);
    }
}

static void modes_have_their_precedence(void **state)
{
    (void)state;
    const unsigned enhanced = 1 << SESSION_ENHANCED_NORMAL, lock = 1 << SESSION_LOCK_PERSISTENCE,
                   mobility = 1 << SESSION_MOBILITY;
    assert_int_equal(session_mode_first(0), SESSION_NORMAL);
    assert_int_equal(session_mode_first(1 << SESSION_NORMAL), SESSION_NORMAL);
    assert_int_equal(session_mode_first(enhanced), SESSION_ENHANCED_NORMAL);
    assert_int_equal(session_mode_first(enhanced | lock), SESSION_LOCK_PERSISTENCE);
    assert_int_equal(session_mode_first(enhanced | lock | mobility), SESSION_MOBILITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_card_and_pin_resume),
        cmocka_unit_test(another_card_neither_resumes_nor_steps_up),
        cmocka_unit_test(another_card_ends_the_old_session_first),
        cmocka_unit_test(a_second_card_beside_the_first_changes_nothing),
        cmocka_unit_test(a_grace_period_forgives_the_same_card_only),
        cmocka_unit_test(a_signature_that_comes_after_its_card_left_is_void),
        cmocka_unit_test(a_session_opened_for_nobody_is_ended_at_the_server),
        cmocka_unit_test(two_pages_share_one_prompt),
        cmocka_unit_test(max_age_asks_when_the_pin_is_too_old),
        cmocka_unit_test(after_sleep_the_card_is_looked_at_first),
        cmocka_unit_test(several_reasons_not_to_look_must_all_go),
        cmocka_unit_test(enhanced_normal_wants_the_pin_after_a_locked_desktop),
        cmocka_unit_test(mobility_asks_again_by_timer),
        cmocka_unit_test(a_restart_keeps_the_session_while_the_card_stays),
        cmocka_unit_test(what_was_sealed_must_be_plausible),
        cmocka_unit_test(the_shorter_limit_counts),
        cmocka_unit_test(ten_hours),
        cmocka_unit_test(the_desktop_is_locked_where_the_policy_says),
        cmocka_unit_test(modes_have_their_precedence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
