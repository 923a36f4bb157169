/* SPDX-License-Identifier: MIT */
/*
 * The ends that servers have yet to hear of: what is armed, due, delivered and kept, in which
 * order, by one process and the next.
 */
#include "tests/unit/test_end_queue_rig.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

static void what_is_armed_waits_for_its_end(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    settle();
    assert_int_equal(files(".armed"), 1);
    assert_int_equal(end_queue_count(rig.queue), 0);
    assert_string_equal(rig.delivered, "");
    end_queue_due(rig.queue, "s1");
    assert_int_equal(files(".armed"), 0);
    assert_int_equal(files(".end"), 1);
    assert_int_equal(end_queue_count(rig.queue), 1);
    assert_string_equal(rig.delivered, "");
    settle();
    assert_string_equal(rig.delivered, "one:s1 ");
    assert_string_equal(rig.audited, "delivered:s1:ok ");
    assert_int_equal(end_queue_count(rig.queue), 0);
    assert_int_equal(files(""), 0);
    assert_int_equal(rig.tries, 1);
}

static void changes_of_the_count_are_told(void **state)
{
    (void)state;
    begin();
    one_is_unreachable();
    arm_and_due("one", "s1");
    assert_int_equal(rig.told, 0);
    settle();
    assert_int_equal(rig.told, 1);
    one_is_back();
    end_queue_hurry(rig.queue);
    settle();
    assert_int_equal(rig.told, 2);
}

static void a_session_whose_server_knows_is_disarmed(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    assert_int_equal(arm("one", "s2"), 0);
    end_queue_disarm(rig.queue, "s1");
    assert_int_equal(files(""), 1);
    end_queue_due(rig.queue, "s1");
    end_queue_disarm(rig.queue, "nobody");
    end_queue_due(rig.queue, "s2");
    settle();
    assert_string_equal(rig.delivered, "one:s2 ");
}

static void arming_twice_is_arming_once(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    assert_int_equal(arm("one", "s1"), 0);
    assert_int_equal(files(""), 1);
    assert_int_equal(end_queue_arm(rig.queue, "one", "s1", "other.c3Q.c2ln"), 0);
    assert_int_equal(files(""), 1);
    end_queue_due(rig.queue, "s1");
    settle();
    assert_string_equal(rig.delivered, "one:other ");
}

static void ends_are_delivered_in_the_order_in_which_they_became_due(void **state)
{
    (void)state;
    begin();
    rig.no_answer = true;
    assert_int_equal(arm("one", "a"), 0);
    assert_int_equal(arm("one", "b"), 0);
    assert_int_equal(arm("one", "c"), 0);
    end_queue_due(rig.queue, "b");
    end_queue_due(rig.queue, "c");
    end_queue_due(rig.queue, "a");
    settle();
    assert_int_equal(rig.tries, 1); /* one at a time */
    begin();
    rig.no_answer = false;
    settle();
    assert_string_equal(rig.delivered, "one:b one:c one:a ");
}

static void a_new_process_goes_on_behind_what_is_there(void **state)
{
    (void)state;
    one_is_unreachable();
    for (char sid[] = "a"; sid[0] <= 'f'; sid[0]++) {
        begin();
        arm_and_due("one", sid);
        settle();
    }
    one_is_back();
    begin();
    assert_int_equal(end_queue_count(rig.queue), 6);
    settle();
    assert_string_equal(rig.delivered, "one:a one:b one:c one:d one:e one:f ");
}

static void what_an_earlier_process_left_armed_becomes_due(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "a"), 0);
    assert_int_equal(arm("two", "b"), 0);
    assert_int_equal(arm("one", "c"), 0);
    begin();
    settle();
    assert_string_equal(rig.delivered, "");
    end_queue_release(rig.queue, "b");
    assert_int_equal(end_queue_count(rig.queue), 2);
    settle();
    assert_string_equal(rig.delivered, "one:a one:c ");
    assert_int_equal(files(".armed"), 1);
    begin();
    end_queue_release(rig.queue, NULL);
    settle();
    assert_string_equal(rig.delivered, "one:a one:c two:b ");
    assert_int_equal(files(""), 0);
}

static void a_file_says_no_more_than_it_must(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    struct stat is;
    assert_int_equal(stat(rig.folder, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0700);
    DIR *dir = opendir(rig.folder);
    struct dirent *entry;
    while ((entry = readdir(dir)) && entry->d_name[0] == '.')
        continue;
    assert_non_null(entry);
    char text[256] = "";
    FILE *file = fopen(path_of(entry->d_name), "r");
    assert_int_equal(stat(path_of(entry->d_name), &is), 0);
    assert_int_equal(is.st_mode & 07777, 0600);
    closedir(dir);
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, "lanyard-end 1\nprovider one\nsid s1\n"
                              "statement s1.c3RhdGVtZW50.c2ln\n");
}

static void the_oldest_goes_when_there_are_too_many(void **state)
{
    (void)state;
    begin();
    one_is_unreachable();
    assert_int_equal(arm("one", "alive"), 0);
    for (int i = 0; i < END_QUEUE_MAX; i++) {
        char sid[32];
        snprintf(sid, sizeof sid, "s%d", i);
        arm_and_due("one", sid);
    }
    settle();
    assert_int_equal(end_queue_count(rig.queue), END_QUEUE_MAX - 1);
    assert_int_equal(files(""), END_QUEUE_MAX);
    assert_int_equal(files(".armed"), 1);
    one_is_back();
    begin();
    while (end_queue_count(rig.queue) > 0)
        settle();
    assert_memory_equal(rig.delivered, "one:s1 one:s2 ", 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDS_TEST(what_is_armed_waits_for_its_end),
        ENDS_TEST(changes_of_the_count_are_told),
        ENDS_TEST(a_session_whose_server_knows_is_disarmed),
        ENDS_TEST(arming_twice_is_arming_once),
        ENDS_TEST(ends_are_delivered_in_the_order_in_which_they_became_due),
        ENDS_TEST(a_new_process_goes_on_behind_what_is_there),
        ENDS_TEST(what_an_earlier_process_left_armed_becomes_due),
        ENDS_TEST(a_file_says_no_more_than_it_must),
        ENDS_TEST(the_oldest_goes_when_there_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
