/* SPDX-License-Identifier: MIT */
/*
 * The session machine, every event in every state under every mode, against tables that know
 * nothing of the machine's own inputs and moves.
 *
 * test_session_story.c tells what needs more than one step, test_session_model.c runs a million
 * random steps, tests/model every order of events.
 */
#include "tests/unit/test_session_rig.h"

#include "ipc/base/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { GRACE = 5 * SECOND, START = 7 * HOUR };

/* ---- variants ---- */

/* A lower-case letter is a mode, an upper-case one that mode with a grace period. */
static const char variants[] = "nelmNEL";

static struct session_policy policy_of(char variant)
{
    static const char *const letters = "nelm";
    char lower = (char)(variant | 0x20);
    return (struct session_policy){
        .mode = (enum session_mode)(strchr(letters, lower) - letters),
        .grace = variant == lower ? 0 : GRACE,
        .idle = 3 * HOUR,
        .reauthenticate = 2 * HOUR,
        .lock_desktop = true,
        .sealing = true,
    };
}

static void go_locked(struct rig *rig)
{
    switch (rig->session.policy.mode) {
    case SESSION_ENHANCED_NORMAL:
        say_plain(rig, SESSION_DESKTOP_LOCKED);
        break;
    case SESSION_LOCK_PERSISTENCE:
        say_card(rig, SESSION_CARD_OUT, NULL, CARD);
        sleep_until(rig, rig->session.deadline.wait);
        break;
    case SESSION_MOBILITY:
        sleep_until(rig, rig->session.deadline.reauthenticate);
        break;
    default: /* normal mode locks nothing; what was locked under another policy stays so */
        session_init(&rig->session, &rig->session.policy);
        restore(rig, true, false);
    }
}

/* False when that variant has no such state. */
static bool go(struct rig *rig, char variant, enum session_state state)
{
    struct session_policy policy = policy_of(variant);
    *rig = (struct rig){.now = START};
    session_init(&rig->session, &policy);
    if (state == SESSION_LEAVING && policy.grace == 0)
        return false;
    if (state >= SESSION_ACTIVE)
        sign_in(rig);
    else if (state >= SESSION_AUTHENTICATING)
        say_plain(rig, SESSION_BEGIN);
    if (state == SESSION_OPENING)
        say_card(rig, SESSION_SIGNED, holder, CARD);
    if (state == SESSION_CHECKING) {
        say_plain(rig, SESSION_SLEEP);
        say_plain(rig, SESSION_RESUMED);
    }
    if (state == SESSION_LEAVING)
        say_card(rig, SESSION_CARD_OUT, NULL, CARD);
    if (state == SESSION_LOCKED)
        go_locked(rig);
    if (state == SESSION_ENDED)
        say_plain(rig, SESSION_SIGN_OUT);
    assert_int_equal(rig->session.state, state);
    return true;
}

/* ---- events ---- */

static void begin(struct rig *rig)
{
    say_plain(rig, SESSION_BEGIN);
}

static void use_silent(struct rig *rig)
{
    say_use(rig, SESSION_SILENT, SESSION_ANY_AGE);
}

static void use_if_needed(struct rig *rig)
{
    say_use(rig, SESSION_IF_NEEDED, SESSION_ANY_AGE);
}

static void use_force(struct rig *rig)
{
    rig->now++;
    say_use(rig, SESSION_FORCE, SESSION_ANY_AGE);
}

static void use_silent_too_old(struct rig *rig)
{
    rig->now += SECOND;
    say_use(rig, SESSION_SILENT, SECOND - 1);
}

/* A prompt is out, where one can be. */
static void ask(struct rig *rig)
{
    if (rig->session.state == SESSION_ACTIVE || rig->session.state == SESSION_LOCKED)
        use_force(rig);
}

static void signed_by_holder(struct rig *rig)
{
    ask(rig);
    say_card(rig, SESSION_SIGNED, holder, CARD);
}

static void signed_by_stranger(struct rig *rig)
{
    ask(rig);
    say_card(rig, SESSION_SIGNED, stranger, OTHER);
}

static void signed_and_left(struct rig *rig)
{
    ask(rig);
    say_card(rig, SESSION_SIGNED, holder, 0);
}

static void signed_too_late(struct rig *rig)
{
    ask(rig);
    say(rig, (struct session_event){
                 .type = SESSION_SIGNED, .number = 999, .identity = holder, .card = CARD});
}

static void failed(struct rig *rig)
{
    ask(rig);
    say(rig, (struct session_event){.type = SESSION_FAILED,
                                    .number = rig->session.ceremony,
                                    .outcome = OUTCOME_PIN_BLOCKED});
}

static void failed_too_late(struct rig *rig)
{
    ask(rig);
    say(rig, (struct session_event){.type = SESSION_FAILED, .number = 999, .outcome = 1001});
}

static void helper_died(struct rig *rig)
{
    ask(rig);
    say_plain(rig, SESSION_HELPER_DIED);
}

static void ceremony_over(struct rig *rig)
{
    uint64_t when = rig->session.deadline.ceremony;
    sleep_until(rig, when);
}

static void opened(struct rig *rig)
{
    say_server(rig, SESSION_OPENED);
}

static void opened_for_nobody(struct rig *rig)
{
    say(rig, (struct session_event){.type = SESSION_OPENED, .number = 999});
    assert_true(rig->step.actions & SESSION_TELL_STRAY);
}

static void refused(struct rig *rig)
{
    say_server(rig, SESSION_SERVER_REFUSED);
}

static void gone(struct rig *rig)
{
    say_server(rig, SESSION_SERVER_GONE);
}

static void gone_for_another(struct rig *rig)
{
    say(rig, (struct session_event){.type = SESSION_SERVER_GONE, .number = 999});
}

static void unreachable(struct rig *rig)
{
    say_server(rig, SESSION_SERVER_UNREACHABLE);
}

static void role_changed(struct rig *rig)
{
    say_server(rig, SESSION_ROLE_CHANGED);
}

static void card_in(struct rig *rig)
{
    say_card(rig, SESSION_CARD_IN, holder, CARD);
}

static void other_card_in(struct rig *rig)
{
    say_card(rig, SESSION_CARD_IN, stranger, OTHER);
}

static void card_out(struct rig *rig)
{
    say_card(rig, SESSION_CARD_OUT, NULL, CARD);
}

static void other_card_out(struct rig *rig)
{
    say_card(rig, SESSION_CARD_OUT, NULL, OTHER);
}

static void reader_gone(struct rig *rig)
{
    say_card(rig, SESSION_READER_GONE, NULL, CARD);
}

#define PLAIN(name, type)                                                                          \
    static void name(struct rig *rig)                                                              \
    {                                                                                              \
        say_plain(rig, type);                                                                      \
    }
PLAIN(card_missing, SESSION_CARD_MISSING)
PLAIN(service_down, SESSION_SERVICE_DOWN)
PLAIN(service_up, SESSION_SERVICE_UP)
PLAIN(desktop_locked, SESSION_DESKTOP_LOCKED)
PLAIN(desktop_unlocked, SESSION_DESKTOP_UNLOCKED)
PLAIN(sleeps, SESSION_SLEEP)
PLAIN(resumes, SESSION_RESUMED)
PLAIN(switched_away, SESSION_SWITCHED_AWAY)
PLAIN(switched_back, SESSION_SWITCHED_BACK)
PLAIN(timer_early, SESSION_TIMER)
PLAIN(sign_out, SESSION_SIGN_OUT)
PLAIN(stopping, SESSION_STOPPING)
PLAIN(settled, SESSION_SETTLED)

static void stopping_unsealed(struct rig *rig)
{
    rig->session.policy.sealing = false;
    say_plain(rig, SESSION_STOPPING);
}

static void restored(struct rig *rig)
{
    restore(rig, false, false);
}

static void restored_locked(struct rig *rig)
{
    restore(rig, true, false);
}

static void restored_ended(struct rig *rig)
{
    restore(rig, false, true);
}

static void wait_over(struct rig *rig)
{
    sleep_until(rig, rig->session.deadline.wait);
}

static void idle(struct rig *rig)
{
    sleep_until(rig, rig->session.deadline.idle);
}

static void too_old(struct rig *rig)
{
    sleep_until(rig, rig->session.deadline.absolute);
}

static void reauthenticate(struct rig *rig)
{
    sleep_until(rig, rig->session.deadline.reauthenticate);
}

/* ---- the table ---- */

/*
 * For each event and set of variants the states that follow, one letter for each of
 *     none signing Opening Active Checking leaVing Locked Ended  =  N S O A C V L E
 * and the answers to the asker: yes, no, hold. Locked is reached in lock persistence by removal
 * (no card is in), in enhanced normal by a locked desktop, in mobility by the timer, in normal mode
 * by a restart.
 */
static const struct row {
    void (*event)(struct rig *rig);
    const char *name, *variants, *next, *answers;
} rows[] = {
#define ALL "nelmNEL"
#define SAME "NSOACVLE"
#define ROW(event, ...)                                                                            \
    {                                                                                              \
        event, #event, __VA_ARGS__                                                                 \
    }
    /* somebody asks */
    ROW(begin, ALL, "SSOACVLE", "hhhyhhhh"),
    ROW(use_silent, ALL, SAME, "nnnyhnnn"),
    ROW(use_if_needed, ALL, "SSOACVLE", "hhhyhhhh"),
    ROW(use_force, ALL, "SSOACVLE", "hhhhhhhh"),
    ROW(use_silent_too_old, ALL, SAME, "nnnnnnnn"),
    /* the ceremony */
    ROW(signed_by_holder, ALL, "NOOACVAE", NULL),
    ROW(signed_by_stranger, ALL, "NOOACVLE", NULL),
    ROW(signed_and_left, "nelNEL", "NNOACVLE", NULL),
    ROW(signed_and_left, "m", "NOOACVAE", NULL),
    ROW(signed_too_late, ALL, SAME, NULL),
    ROW(failed, ALL, "NNOACVLE", NULL),
    ROW(failed_too_late, ALL, SAME, NULL),
    ROW(helper_died, ALL, "NNOACVLE", NULL),
    ROW(ceremony_over, ALL, "NNOACVLE", NULL),
    /* the server */
    ROW(opened, ALL, "NSAACVLE", NULL),
    ROW(opened_for_nobody, ALL, SAME, NULL),
    ROW(refused, ALL, "NSNACVLE", NULL),
    ROW(gone, ALL, "NSOEEEEE", NULL),
    ROW(gone_for_another, ALL, SAME, NULL),
    ROW(unreachable, ALL, SAME, NULL),
    ROW(role_changed, ALL, SAME, NULL),
    /* cards */
    ROW(card_in, ALL, "NSOAAALE", NULL),
    ROW(other_card_in, "nlNL", "NSOACEEE", NULL),
    ROW(other_card_in, "emE", "NSOACELE", NULL),
    ROW(card_out, "n", "NSNEEVLE", NULL),
    ROW(card_out, "e", "NSNEEVEE", NULL),
    ROW(card_out, "l", "NSNLLVLE", NULL),
    ROW(card_out, "m", "NSOALVLE", NULL),
    ROW(card_out, "NEL", "NSNVVVLE", NULL),
    ROW(other_card_out, ALL, SAME, NULL),
    ROW(reader_gone, "n", "NSNECVLE", NULL),
    ROW(reader_gone, "e", "NSNECVEE", NULL),
    ROW(reader_gone, "l", "NSNLCVLE", NULL),
    ROW(reader_gone, "m", "NSOACVLE", NULL),
    ROW(reader_gone, "NEL", "NSNVCVLE", NULL),
    ROW(card_missing, "neNE", "NSNEEVEE", NULL),
    ROW(card_missing, "lL", "NSNLLVLE", NULL),
    ROW(card_missing, "m", "NSOALVLE", NULL),
    ROW(service_down, "nelNEL", "NNNCCVLE", NULL),
    ROW(service_down, "m", SAME, NULL),
    ROW(service_up, "nelNEL", "NSOCCVLE", NULL),
    ROW(service_up, "m", SAME, NULL),
    /* the desktop */
    ROW(desktop_locked, "eE", "NNNLLLLE", NULL),
    ROW(desktop_locked, "nlmNL", SAME, NULL),
    ROW(desktop_unlocked, ALL, SAME, NULL),
    ROW(sleeps, ALL, "NNNCCVLE", NULL),
    ROW(resumes, ALL, "NSOCCVLE", NULL),
    ROW(switched_away, ALL, "NNNCCVLE", NULL),
    ROW(switched_back, ALL, "NSOCCVLE", NULL),
    /* time */
    ROW(timer_early, ALL, SAME, NULL),
    ROW(wait_over, "neNE", "NSNAEELE", NULL),
    ROW(wait_over, "lL", "NSNALLLE", NULL),
    ROW(wait_over, "m", "NSNALVLE", NULL),
    ROW(idle, ALL, "NSOEEEEE", NULL),
    ROW(too_old, ALL, "NSOEEEEE", NULL),
    ROW(reauthenticate, "m", "NSNLLVLE", NULL),
    ROW(reauthenticate, "nelNEL", SAME, NULL),
    /* the end, and the agent's own life */
    ROW(sign_out, ALL, "NNNEEEEE", NULL),
    ROW(stopping, ALL, "NNNCCELE", NULL),
    ROW(stopping_unsealed, ALL, "NNNEEEEE", NULL),
    ROW(restored, ALL, "CSOACVLE", NULL),
    ROW(restored_locked, ALL, "LSOACVLE", NULL),
    ROW(restored_ended, ALL, "ESOACVLE", NULL),
    ROW(settled, ALL, "NSOACVLN", NULL),
};

static char answer_of(const struct session_step *step)
{
    uint32_t answers = step->actions & (SESSION_ALLOW | SESSION_REFUSE | SESSION_HOLD);
    return answers == SESSION_ALLOW    ? 'y'
           : answers == SESSION_REFUSE ? 'n'
           : answers == SESSION_HOLD   ? 'h'
           : answers == 0              ? '.'
                                       : '?';
}

static void every_event_in_every_state_of_every_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (const char *variant = rows[i].variants; *variant; variant++) {
            for (enum session_state from = 0; from < SESSION_STATES; from++) {
                struct rig rig;
                if (!go(&rig, *variant, from))
                    continue;
                rig.step = (struct session_step){0};
                rows[i].event(&rig);
                char next = SAME[rig.session.state];
                char answer = answer_of(&rig.step);
                char wanted = rows[i].answers ? rows[i].answers[from] : '.';
                if (next != rows[i].next[from] || answer != wanted)
                    fail_msg("%s in %s, variant %c: %c%c, not %c%c", rows[i].name,
                             session_state_name(from), *variant, next, answer, rows[i].next[from],
                             wanted);
            }
        }
    }
}

/* Each event stands in the table once for each variant. */
static void the_table_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (const char *variant = variants; *variant; variant++) {
            int found = 0;
            for (size_t j = 0; j < sizeof rows / sizeof *rows; j++)
                found += rows[j].event == rows[i].event && strchr(rows[j].variants, *variant);
            assert_int_equal(found, 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_complete),
        cmocka_unit_test(every_event_in_every_state_of_every_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
