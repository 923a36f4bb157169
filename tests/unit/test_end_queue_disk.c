/* SPDX-License-Identifier: MIT */
/* Processes that die at every step, disks that are full, broken or not there: an end that was armed
 * is delivered. */
#include "tests/unit/test_end_queue_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- crashes ---- */

static void in_a_process_that_dies(void (*does)(void), int when)
{
    end_queue_free(&rig.queue); /* its lock would be in the way of the child's */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        rig.queue = new_queue(rig.folder);
        if (!rig.queue)
            _exit(1);
        rig.rename_does = when;
        does();
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void arm_s1(void)
{
    arm("one", "s1");
}

static void end_s1(void)
{
    end_queue_due(rig.queue, "s1");
}

static void killed_while_arming_it_is_armed_or_not(void **state)
{
    (void)state;
    in_a_process_that_dies(arm_s1, DIE_BEFORE);
    assert_int_equal(files(".tmp"), 1);
    begin();
    assert_int_equal(files(""), 0);
    in_a_process_that_dies(arm_s1, DIE_AFTER);
    assert_int_equal(files(".armed"), 1);
    begin();
    end_queue_release(rig.queue, NULL);
    settle();
    assert_string_equal(rig.delivered, "one:s1 ");
}

static void killed_while_a_session_ends_it_is_delivered(void **state)
{
    (void)state;
    for (int when = DIE_BEFORE; when <= DIE_AFTER; when++) {
        rig.delivered[0] = '\0';
        begin();
        assert_int_equal(arm("one", "s1"), 0);
        in_a_process_that_dies(end_s1, when);
        assert_int_equal(files(when == DIE_BEFORE ? ".armed" : ".end"), 1);
        begin();
        end_queue_release(rig.queue, NULL);
        settle();
        assert_string_equal(rig.delivered, "one:s1 ");
        assert_int_equal(files(""), 0);
    }
}

/* ---- disks ---- */

static void without_a_folder_it_is_in_memory(void **state)
{
    (void)state;
    char none[160];
    snprintf(none, sizeof none, "%s/file", rig.home);
    FILE *file = fopen(none, "w");
    assert_non_null(file);
    fclose(file);
    snprintf(none, sizeof none, "%s/file/ends", rig.home);
    const char *const folders[] = {NULL, "", none};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        rig.delivered[0] = '\0';
        end_queue_free(&rig.queue);
        rig.queue = new_queue(folders[i]);
        assert_non_null(rig.queue);
        arm_and_due("one", "s1");
        assert_int_equal(end_queue_count(rig.queue), 1);
        settle();
        assert_string_equal(rig.delivered, "one:s1 ");
    }
}

static void what_a_full_disk_did_not_take_is_written_later(void **state)
{
    (void)state;
    begin();
    one_is_unreachable();
    rig.disk_full = true;
    assert_int_equal(arm("one", "s1"), -ENOSPC);
    assert_int_equal(files(""), 0);
    end_queue_due(rig.queue, "s1");
    settle();
    assert_int_equal(end_queue_count(rig.queue), 1);
    rig.disk_full = false;
    assert_int_equal(arm("one", "s2"), 0);
    assert_int_equal(files(".end"), 1);
    assert_int_equal(files(".armed"), 1);
    one_is_back();
    begin();
    settle();
    assert_string_equal(rig.delivered, "one:s1 ");
}

static void a_disk_that_takes_nothing_loses_nothing(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    rig.rename_does = FAIL;
    assert_int_equal(arm("one", "s2"), -EROFS);
    end_queue_due(rig.queue, "s1");
    end_queue_due(rig.queue, "s2");
    settle();
    assert_string_equal(rig.delivered, "one:s1 one:s2 ");
    assert_int_equal(files(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDS_TEST(killed_while_arming_it_is_armed_or_not),
        ENDS_TEST(killed_while_a_session_ends_it_is_delivered),
        ENDS_TEST(without_a_folder_it_is_in_memory),
        ENDS_TEST(what_a_full_disk_did_not_take_is_written_later),
        ENDS_TEST(a_disk_that_takes_nothing_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
