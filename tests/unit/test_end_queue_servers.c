/* SPDX-License-Identifier: MIT */
/* Servers that do not answer well: what each answer comes to, when it is tried again, and that none
 * holds up another's ends. */
#include "ipc/base/outcome.h"
#include "tests/unit/test_end_queue_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_server_that_is_silent_is_tried_at_longer_and_longer_intervals(void **state)
{
    (void)state;
    static const uint64_t expected[] = {5000,   10000,  20000,  40000,  80000,
                                        160000, 320000, 600000, 600000, 600000};
    enum { TRIES = sizeof expected / sizeof *expected };
    begin();
    rig.timers_fire = true;
    one_is_unreachable();
    arm_and_due("one", "s1");
    arm_and_due("one", "s2");
    let_time_pass(TRIES);
    for (size_t i = 0; i < TRIES; i++)
        assert_in_range(rig.waits[i], expected[i] - expected[i] / 4, expected[i]);
    assert_string_equal(rig.audited, "delayed:s1:provider-unreachable ");
    assert_int_equal(files(".end"), 2);
    one_is_back();
    let_time_pass(2);
    assert_string_equal(rig.delivered, "one:s1 one:s2 ");
    assert_string_equal(rig.audited,
                        "delayed:s1:provider-unreachable delivered:s1:ok delivered:s2:ok ");
}

static void every_answer_has_its_consequence(void **state)
{
    (void)state;
    static const struct {
        int result;
        bool gone;
        const char *said;
    } rows[] = {
        {OUTCOME_OK, true, "delivered:s1:ok "},
        {OUTCOME_NO_SESSION, true, "delivered:s1:ok "},
        {OUTCOME_PROVIDER_REFUSED, true, "delivered:s1:provider-refused "},
        {OUTCOME_PERSON_UNKNOWN, true, "delivered:s1:person-unknown "},
        {OUTCOME_CERTIFICATE_REVOKED, true, "delivered:s1:certificate-revoked "},
        {OUTCOME_PROVIDER_UNREACHABLE, false, "delayed:s1:provider-unreachable "},
        {OUTCOME_PROVIDER_BUSY, false, "delayed:s1:provider-busy "},
        {OUTCOME_PROVIDER_UNTRUSTED, false, "delayed:s1:provider-untrusted "},
        {OUTCOME_CLOCK_WRONG, false, "delayed:s1:clock-wrong "},
        {-ENOMEM, false, "delayed:s1:internal "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin();
        rig.audited[0] = rig.delivered[0] = '\0';
        answers("one", rows[i].result, 0);
        arm_and_due("one", "s1");
        settle();
        assert_string_equal(rig.audited, rows[i].said);
        assert_int_equal(end_queue_count(rig.queue), rows[i].gone ? 0 : 1);
        assert_int_equal(files(".end"), rows[i].gone ? 0 : 1);
        one_is_back();
        end_queue_hurry(rig.queue);
        settle();
        assert_int_equal(end_queue_count(rig.queue), 0);
    }
}

static void what_is_refused_does_not_hold_up_the_next(void **state)
{
    (void)state;
    begin();
    answers("one", OUTCOME_PROVIDER_REFUSED, 0);
    arm_and_due("one", "s1");
    arm_and_due("one", "s2");
    settle();
    assert_int_equal(rig.tries, 2);
    assert_int_equal(rig.wait_count, 0);
    assert_int_equal(files(""), 0);
}

static void a_server_s_own_pause_is_kept(void **state)
{
    (void)state;
    begin();
    answers("one", OUTCOME_PROVIDER_BUSY, 3600);
    arm_and_due("one", "s1");
    settle();
    assert_int_equal(rig.wait_count, 1);
    assert_in_range(rig.waits[0], 3600000, 3600000 + END_QUEUE_WAIT_MIN_MS);
    assert_int_equal(rig.tries, 1);
}

static void when_it_is_told_to_hurry_it_tries_now(void **state)
{
    (void)state;
    begin();
    one_is_unreachable();
    arm_and_due("one", "s1");
    settle();
    for (int i = 0; i < 3; i++) {
        end_queue_hurry(rig.queue);
        settle();
    }
    assert_int_equal(rig.tries, 4);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(rig.waits[i], END_QUEUE_WAIT_MIN_MS / 2, END_QUEUE_WAIT_MIN_MS);
    one_is_back();
    end_queue_hurry(rig.queue);
    settle();
    assert_string_equal(rig.delivered, "one:s1 ");
}

static void one_provider_s_silence_does_not_hold_up_another(void **state)
{
    (void)state;
    begin();
    one_is_unreachable();
    arm_and_due("one", "s1");
    arm_and_due("two", "s2");
    arm_and_due("one", "s3");
    arm_and_due("two", "s4");
    settle();
    assert_string_equal(rig.delivered, "two:s2 two:s4 ");
    assert_int_equal(end_queue_count(rig.queue), 2);
}

static void a_request_that_cannot_be_made_is_tried_again(void **state)
{
    (void)state;
    begin();
    rig.no_call = true;
    arm_and_due("one", "s1");
    settle();
    assert_int_equal(rig.wait_count, 1);
    assert_int_equal(files(".end"), 1);
    rig.no_call = false;
    end_queue_hurry(rig.queue);
    settle();
    assert_string_equal(rig.delivered, "one:s1 ");
}

static void what_is_for_no_server_that_is_known_is_kept(void **state)
{
    (void)state;
    begin();
    arm_and_due("gone", "s1");
    arm_and_due("bare", "s2");
    arm_and_due("one", "s3");
    settle();
    assert_string_equal(rig.delivered, "one:s3 ");
    assert_int_equal(end_queue_count(rig.queue), 2);
    begin();
    settle();
    assert_int_equal(end_queue_count(rig.queue), 2);
    assert_int_equal(files(".end"), 2);
    assert_int_equal(rig.tries, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDS_TEST(a_server_that_is_silent_is_tried_at_longer_and_longer_intervals),
        ENDS_TEST(every_answer_has_its_consequence),
        ENDS_TEST(what_is_refused_does_not_hold_up_the_next),
        ENDS_TEST(a_server_s_own_pause_is_kept),
        ENDS_TEST(when_it_is_told_to_hurry_it_tries_now),
        ENDS_TEST(one_provider_s_silence_does_not_hold_up_another),
        ENDS_TEST(a_request_that_cannot_be_made_is_tried_again),
        ENDS_TEST(what_is_for_no_server_that_is_known_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
