/* SPDX-License-Identifier: MIT */
/* Agents and their broker: they find each other again, and each lets in its own users only. */
#include "test_folder_rig.h"
#include "test_portd_rig.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void the_broker_may_die_and_come_back(void **state)
{
    struct fixture *f = *state;
    char text[512];
    struct program agent = start_agent(f, geteuid(), "one");
    CLEANUP(close_fd) int fd = open_page(f, "one");
    kill(f->broker.pid, SIGKILL);
    read_until(agent.err, "cannot reach", text, sizeof text);
    say_hello(fd); /* a page that is in does not need the broker */
    program_end(&f->broker);
    start_broker(f, f->port);
    read_until(agent.err, "pages reach", text, sizeof text);
    CLEANUP(close_fd) int again = open_page(f, "one");
    say_hello(again);
    program_end(&agent);
}

static void an_agent_that_died_makes_room(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        struct program agent = start_agent(f, geteuid(), "one");
        kill(agent.pid, SIGKILL);
        program_end(&agent);
    }
}

static void a_second_agent_is_told(void **state)
{
    struct fixture *f = *state;
    char text[512];
    struct program first = start_agent(f, geteuid(), "one");
    struct program second = launch_agent(f, geteuid(), "two", NULL, NULL);
    read_until(second.err, "another agent", text, sizeof text);
    CLEANUP(close_fd) int fd = open_page(f, "one");
    say_hello(fd);
    program_end(&second);
    program_end(&first);
}

static void each_user_reaches_their_own(void **state)
{
    struct fixture *f = *state;
    skip_unless_root();
    struct program mine = start_agent(f, 0, "mine");
    struct program theirs = start_agent(f, SECOND_USER, "theirs");
    expect_answer(f, "mine", "HTTP/1.1 101 ");
    expect_answer(f, "theirs", "HTTP/1.1 403 ");
    assert_int_equal(seteuid(SECOND_USER), 0);
    expect_answer(f, "theirs", "HTTP/1.1 101 ");
    expect_answer(f, "mine", "HTTP/1.1 403 ");
    assert_int_equal(seteuid(0), 0);
    program_end(&theirs);
    assert_int_equal(seteuid(SECOND_USER), 0);
    expect_answer(f, "mine", "HTTP/1.1 503 ");
    assert_int_equal(seteuid(0), 0);
    program_end(&mine);
}

static void an_agent_without_a_broker_says_so_once(void **state)
{
    struct fixture *f = *state;
    char expected[256], text[1024];
    snprintf(expected, sizeof expected, "nothing answers at %s (is lanyard-portd running?)",
             f->socket);
    program_end(&f->broker);
    struct program agent = launch_agent(f, geteuid(), "three", NULL, NULL);
    read_until(agent.err, expected, text, sizeof text);
    start_broker(f, 0);
    read_until(agent.err, "pages reach", text, sizeof text); /* after several tries */
    assert_null(strstr(text, "nothing answers"));
    assert_int_equal(program_end(&agent), 0);
}

static void another_user_is_no_broker(void **state)
{
    struct fixture *f = *state;
    char text[512];
    skip_unless_root();
    restart_broker_in(f, f->folder, 0);
    struct program agent = launch_agent(f, 0, "mine", NULL, NULL);
    read_until(agent.err, "not the broker", text, sizeof text);
    /* Until the broker has seen that the agent hung up, a page is passed to it and lost. */
    ssize_t got = 0;
    while (got == 0) {
        CLEANUP(close_fd) int page = dial_as(f, 0);
        struct pollfd ready = {.fd = page, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
        got = read(page, text, sizeof text);
    }
    assert_true(got > 13);
    assert_memory_equal(text, "HTTP/1.1 503 ", 13);
    program_end(&agent);
}

static void a_user_whom_root_has_given_the_place_is(void **state)
{
    struct fixture *f = *state;
    char place[] = "/run/test_portd.XXXXXX";
    skip_unless_root();
    if (!folder_make(place)) {
        print_message("skipped: /run is not writable\n");
        skip();
    }
    assert_int_equal(chmod(place, 0755), 0);
    restart_broker_in(f, place, 0);
    struct program agent = start_agent(f, SECOND_USER, "theirs");
    program_end(&agent);
    program_end(&f->broker);
    folder_remove(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_broker_may_die_and_come_back),
        TEST(an_agent_that_died_makes_room),
        TEST(a_second_agent_is_told),
        TEST(each_user_reaches_their_own),
        TEST(another_user_is_no_broker),
        TEST(a_user_whom_root_has_given_the_place_is),
        TEST(an_agent_without_a_broker_says_so_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
