/* SPDX-License-Identifier: MIT */
/* Agents on demand: a page that has none behind it has one started, and waits for it. */
#include "test_portd_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WAKING_EACH = 6, /* of waking.h */
    WAKING_ALL = 96, /* likewise */
};

static void restart_waking(struct fixture *f)
{
    program_end(&f->broker);
    snprintf(f->wake, sizeof f->wake, "%s/wake", f->folder);
    assert_int_equal(mkdir(f->wake, 0755), 0);
    start_broker(f, 0);
}

/* Who watches it must be able to read it. */
static bool wish_is_there(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && (status.st_mode & 0777) == 0644;
}

/* The file that has a user's agent started is there, or has gone. */
static void expect_wish(const struct fixture *f, uid_t uid, bool there)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%u", f->wake, (unsigned)uid);
    for (int waited = 0; wish_is_there(path) != there && waited < WAIT_MS; waited += 10)
        poll(NULL, 0, 10);
    assert_int_equal(wish_is_there(path), there);
    assert_int_equal(access(path, F_OK) == 0, there);
}

static void a_page_waits_for_an_agent_that_is_started(void **state)
{
    struct fixture *f = *state;
    restart_waking(f);
    CLEANUP(close_fd) int first = dial(f);
    CLEANUP(close_fd) int second = dial(f);
    send_head(f, first, "one", "/v1");
    send_head(f, second, "one", "/v1");
    expect_wish(f, geteuid(), true);
    struct program agent = start_agent(f, geteuid(), "one");
    expect_head(first, "HTTP/1.1 101 ");
    say_hello(first);
    expect_head(second, "HTTP/1.1 101 ");
    expect_wish(f, geteuid(), false);
    program_end(&agent);
}

static void who_waits_in_vain_is_turned_away(void **state)
{
    struct fixture *f = *state;
    restart_waking(f);
    CLEANUP(close_fd) int fd = dial(f);
    send_head(f, fd, "one", "/v1");
    expect_head(fd, "HTTP/1.1 503 "); /* after ten seconds */
    expect_wish(f, geteuid(), false); /* /run does not fill with those of nobody */
}

static void few_wait_and_who_leaves_makes_room(void **state)
{
    struct fixture *f = *state;
    int waiting[WAKING_EACH];
    restart_waking(f);
    int before = descriptors_of(f->broker.pid);
    for (int i = 0; i < WAKING_EACH; i++)
        waiting[i] = dial(f);
    expect_answer(f, "one", "HTTP/1.1 503 ");
    close(waiting[0]);
    int left = before + WAKING_EACH - 1;
    await_descriptors(f->broker.pid, left);
    CLEANUP(close_fd) int next = dial(f);
    struct program agent = start_agent(f, geteuid(), "one");
    send_head(f, next, "one", "/v1");
    expect_head(next, "HTTP/1.1 101 ");
    for (int i = 1; i < WAKING_EACH; i++)
        close(waiting[i]);
    program_end(&agent);
}

static void those_who_wait_take_nothing_from_others(void **state)
{
    struct fixture *f = *state;
    enum { CROWD_OF_ONE = 100 };
    int waiting[CROWD_OF_ONE];
    skip_unless_root();
    restart_waking(f);
    struct program agent = start_agent(f, 0, "mine");
    for (int i = 0; i < CROWD_OF_ONE; i++)
        waiting[i] = dial_as(f, FIRST_OF_MANY);
    expect_wish(f, FIRST_OF_MANY, true);
    CLEANUP(close_fd) int another = dial_as(f, SECOND_USER); /* has a place all the same */
    send_head(f, another, "theirs", "/v1");
    expect_wish(f, SECOND_USER, true);
    expect_answer(f, "mine", "HTTP/1.1 101 ");
    struct program theirs = start_agent(f, SECOND_USER, "theirs");
    expect_head(another, "HTTP/1.1 101 ");
    for (int i = 0; i < CROWD_OF_ONE; i++)
        close(waiting[i]);
    program_end(&theirs);
    program_end(&agent);
}

/* A user has as many uids as their containers, and so might fill every place. The page that has
 * waited longest makes room. */
static void those_who_wait_do_not_keep_the_places(void **state)
{
    struct fixture *f = *state;
    int waiting[WAKING_ALL];
    skip_unless_root();
    restart_waking(f);
    for (int i = 0; i < WAKING_ALL; i++)
        waiting[i] = dial_as(f, FIRST_OF_MANY + (uid_t)(i / WAKING_EACH));
    expect_wish(f, FIRST_OF_MANY + (WAKING_ALL - 1) / WAKING_EACH, true);
    CLEANUP(close_fd) int newcomer = dial_as(f, SECOND_USER);
    send_head(f, newcomer, "theirs", "/v1");
    expect_head(waiting[0], "HTTP/1.1 503 ");
    expect_wish(f, SECOND_USER, true);
    expect_wish(f, FIRST_OF_MANY, true); /* its manager may not have seen it yet */
    struct program theirs = start_agent(f, SECOND_USER, "theirs");
    expect_head(newcomer, "HTTP/1.1 101 ");
    for (int i = 0; i < WAKING_ALL; i++)
        close(waiting[i]);
    expect_wish(f, FIRST_OF_MANY, false); /* in the end, though its pages have left by themselves */
    program_end(&theirs);
}

static void who_is_not_logged_in_is_not_served(void **state)
{
    struct fixture *f = *state;
    char text[512], file[128];
    snprintf(f->users, sizeof f->users, "%s/users", f->folder);
    assert_int_equal(mkdir(f->users, 0755), 0);
    restart_waking(f);
    expect_answer(f, "one", "HTTP/1.1 503 ");
    expect_wish(f, geteuid(), false);
    struct program agent = launch_agent(f, geteuid(), "one", "https://one.example", NULL);
    read_until(f->broker.err, "is not logged in", text, sizeof text);
    expect_answer(f, "one", "HTTP/1.1 503 ");
    program_end(&agent);

    snprintf(file, sizeof file, "%s/%u", f->users, (unsigned)geteuid());
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    CLEANUP(close_fd) int fd = dial(f);
    send_head(f, fd, "one", "/v1");
    expect_wish(f, geteuid(), true);
    agent = start_agent(f, geteuid(), "one");
    expect_head(fd, "HTTP/1.1 101 ");
    program_end(&agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_page_waits_for_an_agent_that_is_started),
        TEST(who_waits_in_vain_is_turned_away),
        TEST(few_wait_and_who_leaves_makes_room),
        TEST(those_who_wait_take_nothing_from_others),
        TEST(those_who_wait_do_not_keep_the_places),
        TEST(who_is_not_logged_in_is_not_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
