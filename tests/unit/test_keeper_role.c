/* SPDX-License-Identifier: MIT */
/* The role in which a person works: which, who chooses it, and that its lack is no obstacle. */
#include "ipc/base/outcome.h"
#include "tests/unit/test_clock_rig.h"
#include "tests/unit/test_keeper_callers_rig.h"
#include "tests/unit/test_keeper_cards_rig.h"
#include "tests/unit/test_keeper_kept_rig.h"
#include "tests/unit/test_keeper_prompt_rig.h"
#include "tests/unit/test_keeper_rig.h"
#include "tests/unit/test_keeper_screen_rig.h"
#include "tests/unit/test_keeper_server_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct request *sign_in_to_roles(unsigned roles)
{
    card_in(ALICE);
    struct request *page = ask(ORIGIN);
    card_signs(ALICE);
    answer_call(OPEN_CALL, OUTCOME_OK, roles, -1);
    return page;
}

static void one_role_is_chosen_by_itself(void **state)
{
    (void)state;
    rig_start(NORMAL);
    struct request *page = sign_in_to_roles(1);
    assert_false(screen.choosing);
    assert_false(page->answered);
    assert_string_equal(server.sent_role, "role-0");
    answer_call(ROLE_CALL, OUTCOME_OK, 1, 0);
    proved(page);
    assert_string_equal(status_of(from_native())->role, "role-0");
}

static void several_are_asked_for(void **state)
{
    (void)state;
    rig_start(NORMAL);
    struct request *page = sign_in_to_roles(3);
    assert_true(screen.choosing);
    assert_int_equal(page->waiting, WAITING_ROLE);
    struct request *late = ask(ORIGIN);
    proved(ask_silently(ORIGIN)); /* does not wait for a person */
    assert_false(late->answered);
    assert_int_equal(late->waiting, WAITING_ROLE);
    choose(OUTCOME_OK, 2);
    assert_string_equal(server.sent_role, "role-2");
    answer_call(ROLE_CALL, OUTCOME_OK, 3, 2);
    proved(page);
    proved(late);
    assert_int_equal(kept.audits[AUDIT_SESSION_ROLE], 1);
}

static void no_role_is_no_obstacle(void **state)
{
    (void)state;
    static const int ends[] = {OUTCOME_CANCELLED, OUTCOME_TIMED_OUT, OUTCOME_PROMPT_UNAVAILABLE};
    rig_start(NORMAL);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct request *page = sign_in_to_roles(2);
        choose(ends[i], 0);
        proved(page);
        card_out();
    }
}

static void the_caller_chooses(void **state)
{
    (void)state;
    rig_start(NORMAL);
    card_in(ALICE);
    struct request *terminal = begin_choosing();
    card_signs(ALICE);
    answer_call(OPEN_CALL, OUTCOME_OK, 3, -1);
    assert_false(screen.choosing);
    assert_string_equal(terminal->sid, "sid-1");
    assert_string_equal(terminal->role, "");
    refused(choose_role("role-9"), OUTCOME_ROLE_UNKNOWN);
    struct request *role = choose_role("role-1");
    refused(choose_role("role-2"), OUTCOME_BUSY);
    answer_call(ROLE_CALL, OUTCOME_OK, 3, 1);
    assert_string_equal(role->role, "role-1");
    struct request *window = choose_role("");
    choose(OUTCOME_OK, 0);
    answer_call(ROLE_CALL, OUTCOME_PROVIDER_UNREACHABLE, 0, -1);
    refused(window, OUTCOME_PROVIDER_UNREACHABLE);
    assert_string_equal(status_of(from_native())->role, "role-1");
}

static void pulled_while_the_role_is_asked_for(void **state)
{
    (void)state;
    rig_start(NORMAL);
    struct request *page = sign_in_to_roles(2);
    card_out();
    refused(page, OUTCOME_CARD_REMOVED);
    assert_false(screen.choosing);
    assert_false(prompt.out); /* nor does it begin again by itself */
    refused(choose_role("role-0"), OUTCOME_NO_SESSION);

    page = sign_in_to_roles(2);
    choose(OUTCOME_OK, 1);
    card_out();
    refused(page, OUTCOME_CARD_REMOVED);
    state_is("none");
}

static void the_provider_changes_the_role(void **state)
{
    (void)state;
    start_signed_in(NORMAL);
    int before = rig.changes;
    pass_time(0);
    answer_call(LOOK_CALL, OUTCOME_OK, 2, 1);
    assert_true(rig.changes > before);
    assert_string_equal(status_of(from_native())->role, "role-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(one_role_is_chosen_by_itself),
        KEEPER_TEST(several_are_asked_for),
        KEEPER_TEST(no_role_is_no_obstacle),
        KEEPER_TEST(the_caller_chooses),
        KEEPER_TEST(pulled_while_the_role_is_asked_for),
        KEEPER_TEST(the_provider_changes_the_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
