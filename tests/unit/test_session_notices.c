/* SPDX-License-Identifier: MIT */
/* Which changes of the session a person is told of; the desktop is played (desktop_tell). */
#include "agent/session_notices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char told[512];

void __wrap_desktop_tell(struct desktop *desktop, enum notice_kind kind, const char *summary,
                         const char *body);

void __wrap_desktop_tell(struct desktop *desktop, enum notice_kind kind, const char *summary,
                         const char *body)
{
    (void)desktop;
    snprintf(told, sizeof told, "%d %s %s", (int)kind, summary, body);
}

static struct session_notices notices;

static void expect(const char *state, const char *cause, bool live, bool reachable,
                   const char *expected)
{
    struct session_view view = {.state = state,
                                .cause = cause,
                                .live = live,
                                .provider = "care-identity",
                                .reachable = reachable};
    told[0] = '\0';
    session_notices_tell(&notices, (struct desktop *)&notices, &view);
    if (expected)
        assert_non_null(strstr(told, expected));
    else
        assert_string_equal(told, "");
}

static int start(void **state)
{
    (void)state;
    notices = (struct session_notices){0};
    return 0;
}

static void what_a_person_did_not_do_is_told(void **state)
{
    (void)state;
    expect("authenticating", "sign-in", false, true, NULL);
    expect("active", "signed-in", true, true, "1 You are signed in. At care-identity.");
    expect("active", "signed-in", true, true, NULL);
    expect("active", "signed-in", true, false, "4 The sign-in service cannot be reached.");
    expect("active", "signed-in", true, false, NULL);
    expect("active", "signed-in", true, true, "4 The sign-in service can be reached again.");
    expect("locked", "card-removed", true, true, "2 Your session is locked.");
    expect("locked", "card-back", true, true, NULL);
    expect("active", "pin", true, true, NULL);
    expect("ended", "card-removed", false, true, "2 You are signed out. Your card or key");
    expect("none", "card-removed", false, true, NULL);
}

static void each_end_has_its_reason_and_ones_own_none(void **state)
{
    (void)state;
    static const struct {
        const char *cause, *told;
    } ends[] = {
        {"sign-out", NULL}, {"agent-stopped", NULL}, {"idle", "2 You"},
        {"limit", "2 You"}, {"other-card", "2 You"}, {"server-ended", "4 You are signed out."},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        start(NULL);
        expect("active", "agent-restarted", true, true, NULL); /* taken up again */
        expect("ended", ends[i].cause, false, true, ends[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_a_person_did_not_do_is_told, start),
        cmocka_unit_test_setup(each_end_has_its_reason_and_ones_own_none, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
