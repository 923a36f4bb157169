/* SPDX-License-Identifier: MIT */
/* Users who use up what all share: agents that do not read, and agents without end. */
#include "test_portd_rig.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    FEW_DESCRIPTORS = 320, /* for a broker: 160 in flight, so 80 agents with two each */
    STUCK_MS = 5000,       /* of broker.c */
};

/* Only a broker without privileges is held to the limit of descriptors in flight. */
static void restart_with_few_descriptors(struct fixture *f)
{
    restart_broker_in(f, f->folder, FEW_DESCRIPTORS);
}

/* A link of that user's that reads nothing but the answer: 0, 1, or -1 without one. */
static int register_as(const struct fixture *f, uid_t uid, int *result)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, f->socket, strlen(f->socket) + 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(seteuid(uid), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(seteuid(0), 0);
    uint8_t answer[4];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
    *result = recv(fd, answer, sizeof answer, 0) == sizeof answer ? answer[1] : -1;
    return fd;
}

/* A page of that user's reaches the link. */
static void expect_passed(const struct fixture *f, uid_t uid, int link)
{
    char byte = 0;
    CLEANUP(close_fd) int page = dial_as(f, uid);
    struct pollfd ready = {.fd = link, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
    assert_int_equal(recv(link, &byte, 1, 0), 1); /* closes what came with it */
    assert_int_equal(byte, 1);
}

static void expect_unavailable(const struct fixture *f, uid_t uid)
{
    CLEANUP(close_fd) int page = dial_as(f, uid);
    expect_head(page, "HTTP/1.1 503 ");
}

static void agents_that_do_not_read_disturb_nobody(void **state)
{
    struct fixture *f = *state;
    enum { HOARDERS = 6, PAGES = 60 };
    int result, links[HOARDERS], pages[HOARDERS][PAGES];
    skip_unless_root();
    restart_with_few_descriptors(f);
    CLEANUP(close_fd) int victim = register_as(f, FIRST_OF_MANY, &result);
    assert_int_equal(result, 0);
    for (uid_t i = 0; i < HOARDERS; i++) {
        links[i] = register_as(f, FIRST_OF_MANY + 1 + i, &result);
        assert_int_equal(result, 0);
        for (int j = 0; j < PAGES; j++)
            pages[i][j] = dial_as(f, FIRST_OF_MANY + 1 + i);
        expect_passed(f, FIRST_OF_MANY, victim);
    }

    /* No way round it: what a link has left in flight counts until it is read or gone. */
    assert_int_equal(send(links[0], "", 1, MSG_NOSIGNAL), 1);
    CLEANUP(close_fd) int again = register_as(f, FIRST_OF_MANY + 1, &result);
    assert_int_equal(result, 1);
    expect_unavailable(f, FIRST_OF_MANY + 1);
    close(links[0]);
    CLEANUP(close_fd) int at_last = register_as(f, FIRST_OF_MANY + 1, &result);
    assert_int_equal(result, 0);
    expect_passed(f, FIRST_OF_MANY + 1, at_last);

    /* A queue that stays full is the end of a registration: when the next page comes. */
    expect_unavailable(f, FIRST_OF_MANY + 2);
    poll(NULL, 0, STUCK_MS + 100);
    expect_unavailable(f, FIRST_OF_MANY + 2);
    char byte;
    ssize_t got;
    while ((got = recv(links[1], &byte, 1, 0)) > 0)
        ;
    assert_int_equal(got, 0);
    CLEANUP(close_fd) int awake = register_as(f, FIRST_OF_MANY + 2, &result);
    assert_int_equal(result, 0);
    expect_passed(f, FIRST_OF_MANY + 2, awake);

    expect_passed(f, FIRST_OF_MANY, victim);
    for (int i = 0; i < HOARDERS; i++) {
        for (int j = 0; j < PAGES; j++)
            close(pages[i][j]);
        if (i > 0)
            close(links[i]);
    }
}

static void agents_without_end_leave_room_for_pages(void **state)
{
    struct fixture *f = *state;
    int links[FEW_DESCRIPTORS], registered = 0;
    skip_unless_root();
    restart_with_few_descriptors(f);
    for (uid_t i = 0; i < FEW_DESCRIPTORS; i++) {
        int result;
        links[i] = register_as(f, FIRST_OF_MANY + i, &result);
        registered += result == 0;
    }
    assert_int_equal(registered, FEW_DESCRIPTORS / 4);
    expect_passed(f, FIRST_OF_MANY, links[0]);
    expect_unavailable(f, FIRST_OF_MANY + FEW_DESCRIPTORS - 1);
    close(links[0]);
    CLEANUP(close_fd) int next = -1;
    int result = -1;
    for (int waited = 0; result != 0 && waited < WAIT_MS; waited += 10) {
        close_fd(&next);
        next = register_as(f, SECOND_USER, &result);
        poll(NULL, 0, 10);
    }
    assert_int_equal(result, 0);
    expect_passed(f, SECOND_USER, next);
    for (int i = 1; i < FEW_DESCRIPTORS; i++)
        close(links[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(agents_that_do_not_read_disturb_nobody),
        TEST(agents_without_end_leave_room_for_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
