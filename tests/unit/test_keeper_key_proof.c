/* SPDX-License-Identifier: MIT */
/* The proof by which a session's key is known again: keys that are not what they say, and providers
 * that do not say by what the key is known. */
#include "ipc/base/outcome.h"
#include "tests/unit/test_clock_rig.h"
#include "tests/unit/test_keeper_callers_rig.h"
#include "tests/unit/test_keeper_kept_rig.h"
#include "tests/unit/test_keeper_keys_rig.h"
#include "tests/unit/test_keeper_prompt_rig.h"
#include "tests/unit/test_keeper_rig.h"
#include "tests/unit/test_keeper_server_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- keys that are not what they say ---- */

static void a_made_up_key_is_another_key(void **state)
{
    (void)state;
    rig.config.session_grace = 10;
    start_signed_in_with_key(NORMAL);
    key_out(KEY_A);
    struct request *page = ask(ORIGIN);
    for (int lie = 0; lie < PROBE_LIES; lie++) {
        key_in(KEY_B);
        assert_int_equal(probed_key(), KEY_B);
        probe_lies((enum probe_lie)lie);
        state_is("leaving");
        assert_false(page->answered || security_keys.probing); /* it is asked once */
        key_out(KEY_B);
    }
    key_in(KEY_B); /* and it hinders nobody */
    key_in(KEY_A);
    probe_lies(LIE_ANOTHERS_KEY);
    assert_int_equal(probed_key(), KEY_A);
    probe_says(OUTCOME_OK);
    proved(page);
    state_is("active");
    assert_string_equal(kept.key_name, "Key A");
    key_out(KEY_A);
    assert_false(security_keys.probing);
    pass_time(10000);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

static void a_made_up_key_is_asked_for_no_pin(void **state)
{
    (void)state;
    start_signed_in_with_key(PERSISTENT);
    key_out(KEY_A);
    for (int lie = 0; lie < PROBE_LIES; lie++) {
        key_in(KEY_B);
        probe_lies((enum probe_lie)lie);
        state_is("locked");
        assert_int_equal(server.calls[CHALLENGE_CALL], 0);
        assert_false(security_keys.working);
        key_out(KEY_B);
    }
}

static void a_made_up_key_survives_no_sleep(void **state)
{
    (void)state;
    for (int lie = 0; lie < PROBE_LIES; lie++) {
        kept.sealing = true;
        start_signed_in_with_key(NORMAL);
        sleep_and_wake();
        probe_lies((enum probe_lie)lie); /* what is in the same place says so */
        state_is("checking");
        if (lie % 2 == 0) { /* and to the next agent */
            rig_kill();
            rig_restart();
            probe_lies((enum probe_lie)lie);
            state_is("checking");
        }
        pass_time(SESSION_CHECK_MAX_MS);
        state_is("none");
        assert_string_equal(kept.due, "sid-1");
        rig_stop();
    }
}

/* ---- a provider that does not say by what the key is known ---- */

static void start_untold(unsigned modes)
{
    server.tells_no_key = kept.sealing = true;
    start_signed_in_with_key(modes);
    proved(ask_silently(ORIGIN));
}

static void an_unknown_key_does_not_come_back(void **state)
{
    (void)state;
    rig.config.session_grace = 10;
    start_untold(NORMAL);
    key_out(KEY_A);
    key_in(KEY_A);
    assert_false(security_keys.probing);
    state_is("leaving");
    pass_time(10000);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
}

static void with_an_unknown_key_sleep_is_the_end(void **state)
{
    (void)state;
    start_untold(NORMAL);
    keeper_desktop(rig.keeper, DESKTOP_SLEEP);
    state_is("checking");
    keeper_desktop(rig.keeper, DESKTOP_RESUMED);
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
    assert_int_equal(security_keys.probes, 0);
}

static void with_an_unknown_key_a_restart_is_the_end(void **state)
{
    (void)state;
    start_untold(NORMAL);
    rig_kill();
    rig_restart();
    state_is("none");
    assert_string_equal(kept.due, "sid-1");
    assert_int_equal(security_keys.probes, 0);
    pass_time(0);
}

static void a_session_locked_on_an_unknown_key_is_resumed_on_demand(void **state)
{
    (void)state;
    start_untold(PERSISTENT);
    key_out(KEY_A);
    state_is("locked");
    key_in(KEY_A);
    assert_false(security_keys.probing || prompt.out);
    struct request *page = ask(ORIGIN);
    resume_with_key();
    proved(page);
    state_is("active");
    sleep_and_wake();
    state_is("locked");
}

static void the_provider_may_say_it_later(void **state)
{
    (void)state;
    start_untold(NORMAL);
    server.tells_no_key = false;
    pass_time(0);
    answer_call(LOOK_CALL, OUTCOME_OK, 1, 0);
    sleep_and_wake();
    probe_lies(LIE_GARBAGE);
    state_is("checking");
    sleep_and_wake();
    probe_says(OUTCOME_OK);
    state_is("active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(a_made_up_key_is_another_key),
        KEEPER_TEST(a_made_up_key_is_asked_for_no_pin),
        KEEPER_TEST(a_made_up_key_survives_no_sleep),
        KEEPER_TEST(an_unknown_key_does_not_come_back),
        KEEPER_TEST(with_an_unknown_key_sleep_is_the_end),
        KEEPER_TEST(with_an_unknown_key_a_restart_is_the_end),
        KEEPER_TEST(a_session_locked_on_an_unknown_key_is_resumed_on_demand),
        KEEPER_TEST(the_provider_may_say_it_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
