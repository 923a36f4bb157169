/* SPDX-License-Identifier: MIT */
/* Files in the queue's folder that are not its own, or not any more, and ends that are none: they
 * are let alone and do no harm. */
#include "agent/session/end_file.h"
#include "tests/unit/test_end_queue_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder that an earlier process has made. */
static void begin_and_end(void)
{
    begin();
    end_queue_free(&rig.queue);
}

/* How many lines the log has of a process's start. */
static size_t lines_of_a_start(void)
{
    FILE *log = tmpfile();
    assert_non_null(log);
    fflush(stderr);
    int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
    begin();
    assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
    close(before);
    rewind(log);
    size_t lines = 0;
    for (int c; (c = fgetc(log)) != EOF;)
        lines += c == '\n';
    fclose(log);
    return lines;
}

#define GOOD "lanyard-end 1\nprovider one\nsid s1\nstatement a.b.c\n"

static void files_that_are_none_are_left_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        size_t len; /* 0: that of the text */
        mode_t mode;
    } rows[] = {
        {"notes.txt", GOOD, 0, 0600},
        {"1-00000000.end", GOOD, 0, 0600},
        {"0000000000000001-0000000g.end", GOOD, 0, 0600},
        {"0000000000000001-00000000.end.bak", GOOD, 0, 0600},
        {"0000000000000001-00000001.end", "", 0, 0600},
        {"0000000000000001-00000002.end", GOOD, 0, 0644},
        {"0000000000000001-00000003.end", GOOD "x", 0, 0600},
        {"0000000000000001-00000004.end", GOOD "\n", 0, 0600},
        {"0000000000000001-00000005.end", GOOD, sizeof GOOD - 2, 0600},
        {"0000000000000001-00000006.end", GOOD, sizeof GOOD, 0600},
        {"0000000000000001-00000007.end", "lanyard-end 2" GOOD, 0, 0600},
        {"0000000000000001-00000008.armed", "provider one\nsid s1\nstatement a.b.c\n", 0, 0600},
        {"0000000000000001-00000009.end", "lanyard-end 1\nsid s1\nprovider one\nstatement a.b.c\n",
         0, 0600},
        {"0000000000000001-0000000a.end", "lanyard-end 1\nprovider ONE\nsid s\nstatement a.b.c\n",
         0, 0600},
        {"0000000000000001-0000000b.end", "lanyard-end 1\nprovider one\nsid \nstatement a.b.c\n", 0,
         0600},
        {"0000000000000001-0000000c.end", "lanyard-end 1\nprovider one\nsid s/1\nstatement a.b.c\n",
         0, 0600},
        {"0000000000000001-0000000d.end", "lanyard-end 1\nprovider one\nsid s1\nstatement a.b\n", 0,
         0600},
        {"0000000000000001-0000000e.end", "lanyard-end 1\nprovider one\nsid s1\nstatement a..c\n",
         0, 0600},
        {"0000000000000001-0000000f.end",
         "lanyard-end 1\nprovider one\nsid s1\nstatement a.b.c.d\n", 0, 0600},
        {"0000000000000001-00000010.end", "lanyard-end 1\nprovider one\nsid s1\nstatement a.b.c=\n",
         0, 0600},
        {"0000000000000001-00000011.end", "lanyard-end 1\r\nprovider one\nsid s\nstatement a.b.c\n",
         0, 0600},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    static char large[65536];
    begin_and_end();
    for (size_t i = 0; i < ROWS; i++)
        put_file(rows[i].name, rows[i].text, rows[i].len ? rows[i].len : strlen(rows[i].text),
                 rows[i].mode);
    memset(large, 'a', sizeof large);
    memcpy(large, GOOD, sizeof GOOD - 2);
    put_file("0000000000000002-00000000.end", large, sizeof large, 0600);
    assert_int_equal(mkdir(path_of("0000000000000002-00000001.end"), 0700), 0);
    assert_int_equal(mkfifo(path_of("0000000000000002-00000002.end"), 0600), 0);
    assert_int_equal(symlink("../elsewhere", path_of("0000000000000002-00000003.end")), 0);
    static const char good[] = "lanyard-end 1\nprovider one\nsid good\nstatement good.b.c\n";
    put_file("0000000000000003-00000000.end", good, sizeof good - 1, 0600);
    size_t before = files("");
    begin();
    assert_int_equal(end_queue_count(rig.queue), 1);
    end_queue_release(rig.queue, NULL);
    settle();
    assert_string_equal(rig.delivered, "one:good ");
    assert_int_equal(files(""), before - 1);
}

/* Whoever fills the folder gets a start that is over soon, and a few lines. */
static void of_more_files_than_there_can_be_the_newest_are_taken(void **state)
{
    (void)state;
    enum { MANY = END_QUEUE_MAX + 200 };
    begin_and_end();
    for (int i = 1; i <= MANY; i++) {
        char name[64], text[128];
        snprintf(name, sizeof name, "%016d-00000000.end", i);
        int len = snprintf(text, sizeof text,
                           "lanyard-end 1\nprovider one\nsid s%d\nstatement s%d.b.c\n", i, i);
        put_file(name, text, (size_t)len, 0600);
    }
    one_is_unreachable();
    size_t lines = lines_of_a_start();
    assert_int_equal(lines, 1);
    assert_int_equal(end_queue_count(rig.queue), END_QUEUE_MAX);
    assert_int_equal(files(""), MANY);
    one_is_back();
    begin();
    while (end_queue_count(rig.queue) > 0)
        settle();
    assert_memory_equal(rig.delivered, "one:s201 one:s202 ", 18);
    assert_int_equal(files(""), 200);
    begin(); /* the rest has its turn */
    assert_int_equal(end_queue_count(rig.queue), 200);
}

static void of_a_folder_without_end_a_part_is_looked_at(void **state)
{
    (void)state;
    begin_and_end();
    for (int i = 0; i < END_QUEUE_FILES_MAX + 100; i++) {
        char name[64];
        snprintf(name, sizeof name, "odd-%d", i);
        put_file(name, "", 0, 0600);
    }
    assert_int_equal(lines_of_a_start(), 7); /* five odd ones, how many more, and that it is full */
    assert_int_equal(files(""), END_QUEUE_FILES_MAX + 100);
    arm_and_due("one", "s1"); /* and it works */
    settle();
    assert_string_equal(rig.delivered, "one:s1 ");
}

static void another_user_s_file_is_left_alone(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    begin_and_end();
    put_file("0000000000000001-00000000.end", GOOD, sizeof GOOD - 1, 0600);
    assert_int_equal(chown(path_of("0000000000000001-00000000.end"), 65534, 65534), 0);
    begin();
    assert_int_equal(end_queue_count(rig.queue), 0);
    assert_int_equal(files(""), 1);
}

/* The greatest number that a name can have is no end of the numbers. */
static void a_name_from_the_far_future_does_no_harm(void **state)
{
    (void)state;
    begin_and_end();
    static const char text[] = "lanyard-end 1\nprovider two\nsid s0\nstatement s0.b.c\n";
    put_file("9999999999999999-00000000.end", text, sizeof text - 1, 0600);
    begin();
    one_is_unreachable();
    arm_and_due("one", "s1");
    arm_and_due("one", "s2");
    settle();
    assert_string_equal(rig.delivered, "two:s0 ");
    begin();
    assert_int_equal(end_queue_count(rig.queue), 2);
}

/* Any byte of a file may be any other: it is read as a whole end or not at all. */
static void a_file_with_any_byte_changed_is_read_or_left_alone(void **state)
{
    (void)state;
    begin();
    int at = open(rig.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const unsigned char bytes[] = {0, '\n', ' ', '.', 'a', 'Z', '=', 0x7f, 0xff};
    static const char name[] = "0000000000000001-00000000.end";
    for (size_t i = 0; i < sizeof GOOD - 1; i++) {
        for (size_t b = 0; b < sizeof bytes; b++) {
            char text[sizeof GOOD] = GOOD;
            struct end_record record;
            text[i] = (char)bytes[b];
            put_file(name, text, sizeof GOOD - 1, 0600);
            int r = end_file_read(at, name, &record);
            assert_true(r == 0 || r == -EINVAL);
            if (r == 0) {
                char again[4096];
                snprintf(again, sizeof again, "lanyard-end 1\nprovider %s\nsid %s\nstatement %s\n",
                         record.provider, record.sid, record.statement);
                assert_string_equal(again, text);
            }
        }
    }
    close(at);
}

static void what_is_no_end_is_not_armed(void **state)
{
    (void)state;
    begin();
    char sid[SESSION_ID_MAX + 2], statement[END_STATEMENT_MAX + 8] = "a.b.";
    memset(sid, 's', sizeof sid - 1);
    sid[sizeof sid - 1] = '\0';
    memset(statement + 4, 'c', sizeof statement - 5);
    assert_int_equal(end_queue_arm(rig.queue, "one", sid, "a.b.c"), -EINVAL);
    assert_int_equal(end_queue_arm(rig.queue, "one", "s1", statement), -EINVAL);
    assert_int_equal(end_queue_arm(rig.queue, "one", "s1\nsid s2", "a.b.c"), -EINVAL);
    assert_int_equal(end_queue_arm(rig.queue, "one", "s1", "a.b.c\n"), -EINVAL);
    assert_int_equal(end_queue_arm(rig.queue, "One", "s1", "a.b.c"), -EINVAL);
    assert_int_equal(end_queue_arm(rig.queue, "", "s1", "a.b.c"), -EINVAL);
    assert_int_equal(files(""), 0);
    sid[SESSION_ID_MAX] = '\0';
    statement[END_STATEMENT_MAX] = '\0';
    assert_int_equal(end_queue_arm(rig.queue, "one", sid, statement), 0);
    begin();
    end_queue_release(rig.queue, NULL);
    assert_int_equal(end_queue_count(rig.queue), 1);
}

static void another_agent_s_folder_is_let_alone(void **state)
{
    (void)state;
    begin();
    rig.no_answer = true;
    arm_and_due("one", "s1");
    struct end_queue *other = new_queue(rig.folder);
    assert_non_null(other);
    assert_int_equal(end_queue_count(other), 0);
    assert_int_equal(end_queue_arm(other, "one", "s2", statement_of("s2")), 0);
    assert_int_equal(files(""), 1);
    end_queue_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDS_TEST(another_agent_s_folder_is_let_alone),
        ENDS_TEST(files_that_are_none_are_left_alone),
        ENDS_TEST(of_more_files_than_there_can_be_the_newest_are_taken),
        ENDS_TEST(of_a_folder_without_end_a_part_is_looked_at),
        ENDS_TEST(another_user_s_file_is_left_alone),
        ENDS_TEST(a_name_from_the_far_future_does_no_harm),
        ENDS_TEST(a_file_with_any_byte_changed_is_read_or_left_alone),
        ENDS_TEST(what_is_no_end_is_not_armed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
