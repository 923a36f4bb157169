/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_keeper_rig.h"

#include "ipc/base/outcome.h"
#include "tests/unit/test_clock_rig.h"
#include "tests/unit/test_keeper_callers_rig.h"
#include "tests/unit/test_keeper_cards_rig.h"
#include "tests/unit/test_keeper_kept_rig.h"
#include "tests/unit/test_keeper_keys_rig.h"
#include "tests/unit/test_keeper_prompt_rig.h"
#include "tests/unit/test_keeper_screen_rig.h"
#include "tests/unit/test_keeper_server_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct rig rig;

void rig_note(const char *what)
{
    size_t len = strlen(rig.order);
    snprintf(rig.order + len, sizeof rig.order - len, "%s ", what);
}

static void changed(void *context, const struct session_view *view, const char *const *to)
{
    (void)context;
    (void)to;
    rig.changes++;
    if (strcmp(view->state, "ended") == 0)
        rig_note("told");
}

/* ---- life ---- */

void rig_restart(void)
{
    static char nothing;
    struct keeper_setup setup = {.config = &rig.config, .changed = changed};
    if (security_keys.possible)
        setup.key_works = (struct key_works *)&nothing; /* never looked into */
    rig.keeper = keeper_new(&setup);
    assert_non_null(rig.keeper);
}

void rig_start(unsigned modes)
{
    rig.config.session_modes = modes;
    rig_restart();
    say_cards_changed();
}

void rig_stop(void)
{
    keeper_free(&rig.keeper);
}

/* What a killed process leaves is its sealed memory as it was, and nobody who answers. */
void rig_kill(void)
{
    kept_through(rig_stop);
}

int rig_setup(void **state)
{
    (void)state;
    static const char *origins[] = {ORIGIN, ORIGIN_TOO, OTHER_ORIGIN, NULL};
    rig = (struct rig){.config = {.origins = {.count = 3, .at = origins},
                                  .session_limit = 36000,
                                  .session_at_insertion = false,
                                  .desktop_lock = true,
                                  .pin_timeout = 120}};
    clock_begin();
    cards_begin();
    prompt_begin();
    keys_begin();
    server_begin();
    screen_begin();
    kept_begin();
    return 0;
}

int rig_teardown(void **state)
{
    (void)state;
    rig_stop();
    clock_end();
    prompt_end();
    keys_end();
    server_end();
    screen_end();
    callers_end();
    return 0;
}

/* ---- ways into a session ---- */

void card_signs(int person)
{
    fetch();
    answer_challenge(OUTCOME_OK);
    sign(person);
}

struct request *sign_in(void)
{
    if (card_person() == 0)
        card_in(ALICE);
    struct request *page = ask(ORIGIN);
    assert_true(prompt.out);
    card_signs(card_person());
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(page);
    return page;
}

struct request *start_signed_in(unsigned modes)
{
    rig_start(modes);
    return sign_in();
}

void start_with_keys(unsigned modes)
{
    security_keys.possible = server.takes_keys = true;
    rig_start(modes);
}

struct request *ask_without_card(void)
{
    struct request *page = ask(ORIGIN);
    assert_true(prompt.out);
    ceremony_waits(WAITING_CARD);
    answer_challenge(OUTCOME_OK);
    return page;
}

struct request *sign_in_with_key(void)
{
    key_in(KEY_A);
    struct request *page = ask_without_card();
    key_signs(KEY_A, HERS);
    assert_false(prompt.out);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    proved(page);
    return page;
}

struct request *start_signed_in_with_key(unsigned modes)
{
    start_with_keys(modes);
    return sign_in_with_key();
}

void resume_with_key(void)
{
    assert_false(prompt.out);
    assert_int_equal(server.calls[CHALLENGE_CALL], 1);
    answer_challenge(OUTCOME_OK);
    assert_int_equal(security_keys.wanted, HERS);
    key_signs(KEY_A, HERS);
    assert_true(server.assertion);
    answer_call(AUTHENTICATE_CALL, OUTCOME_OK, 1, 0);
}

void sleep_and_wake(void)
{
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
}
