/* SPDX-License-Identifier: MIT */
/* Pages through the broker: what they are answered, and what a bad or an idle one gets. */
#include "test_portd_rig.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD = 200 };

static const char refusal[] =
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

static void without_an_agent_the_answer_is_fixed(void **state)
{
    struct fixture *f = *state;
    char text[256];
    CLEANUP(close_fd) int fd = dial(f);
    send_head(f, fd, "one", "/v1");
    read_until(fd, "\r\n\r\n", text, sizeof text);
    assert_string_equal(text, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                              "Connection: close\r\n\r\n");
}

static void a_page_reaches_its_agent(void **state)
{
    struct fixture *f = *state;
    struct program agent = start_agent(f, geteuid(), "one");
    CLEANUP(close_fd) int fd = open_page(f, "one");
    say_hello(fd);
    assert_int_equal(program_end(&agent), 0);
    char text[1024];
    read_all(fd, text, sizeof text); /* the end of the agent is the end of the page */
    expect_answer(f, "one", "HTTP/1.1 503 ");
}

/* The stub's process is gone right after it has told of the session's end: what the page reads was
 * on its way by then. The page of another provider is told nothing. */
static void the_end_of_a_session_is_written_at_once(void **state)
{
    struct fixture *f = *state;
    char text[1024];
    struct program agent =
        launch_agent(f, geteuid(), "one", "https://one.example", "https://two.example");
    read_until(agent.err, "pages reach", text, sizeof text);
    CLEANUP(close_fd) int page = open_page(f, "one");
    CLEANUP(close_fd) int idle = open_page(f, "one");
    CLEANUP(close_fd) int other = open_page(f, "two");
    say_hello(page);
    say_hello(other);
    kill(agent.pid, SIGUSR2);
    read_until(page, "\"params\":{\"state\":\"none\",\"cause\":\"card-removed\"}}", text,
               sizeof text);
    read_until(idle, "\"cause\":\"card-removed\"", text, sizeof text);
    read_all(other, text, sizeof text);
    assert_string_equal(text, "");
    assert_int_equal(program_wait(&agent), 0);
}

static void every_refusal_has_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    struct program agent = start_agent(f, geteuid(), "one");
    static const char *const heads[] = {
        "GET /v1 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n",
        "POST /v1 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "\x16\x03\x01\x02\r\n\r\n"};
    char text[1024];
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        CLEANUP(close_fd) int fd = dial(f);
        assert_true(send(fd, heads[i], strlen(heads[i]), MSG_NOSIGNAL) > 0);
        read_all(fd, text, sizeof text);
        assert_string_equal(text, refusal);
    }
    CLEANUP(close_fd) int origin = dial(f), path = dial(f), slow = dial(f);
    assert_int_equal(send(slow, "GET", 3, MSG_NOSIGNAL), 3);
    send_head(f, origin, "evil", "/v1");
    read_all(origin, text, sizeof text);
    assert_string_equal(text, refusal);
    read_until(agent.err, "refused page \"https://evil.example\" not-allowed", text, sizeof text);
    send_head(f, path, "one", "/v2");
    read_all(path, text, sizeof text);
    assert_string_equal(text, refusal);
    read_until(agent.err, "refused page \"https://one.example\" invalid-request", text,
               sizeof text);
    read_all(slow, text, sizeof text); /* after the deadline */
    assert_string_equal(text, refusal);
    program_end(&agent);
}

/* Sends the bytes as they are, and expects the whole answer to be a close frame with that code, and
 * the end. The page's own close frame is not waited for. */
static void expect_close(const struct fixture *f, const char *bytes, size_t len, unsigned code)
{
    char text[64];
    CLEANUP(close_fd) int fd = open_page(f, "one");
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
    read_all(fd, text, sizeof text);
    if ((uint8_t)text[0] != 0x88 || ((uint8_t)text[2] << 8 | (uint8_t)text[3]) != (int)code)
        fail_msg("expected %u, got %02x %u", code, (uint8_t)text[0],
                 (unsigned)((uint8_t)text[2] << 8 | (uint8_t)text[3]));
}

#define MASK "\0\0\0\0"
#define FRAME(text, code)                                                                          \
    {                                                                                              \
        text, sizeof(text) - 1, code                                                               \
    }

static void a_bad_frame_closes_with_its_code(void **state)
{
    struct fixture *f = *state;
    struct program agent = start_agent(f, geteuid(), "one");
    static const struct {
        const char *bytes;
        size_t len;
        unsigned code;
    } rows[] = {
        FRAME("\x82\x86" MASK "binary", 1003),
        FRAME("\x81\x81" MASK "\xff", 1007),
        FRAME("\x81\x89" MASK "[[[[[[[[[", 1009),
        FRAME("\xc1\x82" MASK "{}", 1002),
        FRAME("\x83\x82" MASK "{}", 1002),
        FRAME("\x8b\x80" MASK, 1002),
        FRAME("\x80\x82" MASK "{}", 1002),
        FRAME("\x09\x80" MASK, 1002),
        FRAME("\x89\xfe\x00\x7e" MASK, 1002),
        FRAME("\x81\x02{}", 1002), /* not masked */
        FRAME("\x89\x00", 1002),
        FRAME("\x81\xff\0\0\0\0\0\1\0\1" MASK, 1009),
    };
    CLEANUP(close_fd) int witness = open_page(f, "one");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_close(f, rows[i].bytes, rows[i].len, rows[i].code);

    static char large[4 + 4 + UINT16_MAX + 8] = "\x01\xfe\xff\xff";
    memcpy(large + sizeof large - 8, "\x80\x82" MASK "{}", 8);
    expect_close(f, large, sizeof large, 1009);

    static char many[300 * 6];
    for (size_t i = 0; i < sizeof many; i += 6)
        memcpy(many + i, i ? "\x00\x80" MASK : "\x01\x80" MASK, 6);
    expect_close(f, many, sizeof many, 1009);

    say_hello(witness);
    assert_int_equal(program_end(&agent), 0);
}

static void slow_and_fragmented_frames_are_read(void **state)
{
    struct fixture *f = *state;
    struct program agent = start_agent(f, geteuid(), "one");
    char frame[6 + sizeof HELLO] = "\x81", text[1024];
    CLEANUP(close_fd) int fd = open_page(f, "one");
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    frame[1] = (char)(0x80 | (sizeof HELLO - 1));
    memcpy(frame + 6, HELLO, sizeof HELLO - 1);
    for (size_t i = 0; i < 6 + sizeof HELLO - 1; i++) {
        assert_int_equal(send(fd, frame + i, 1, MSG_NOSIGNAL), 1);
        poll(NULL, 0, 1);
    }
    read_until(fd, "\"protocol\":1", text, sizeof text);

    send_frame(fd, 0x01, HELLO, 10);
    send_frame(fd, 0x89, "are you there", 13);
    read_until(fd,
               "\x8a\x0d"
               "are you there",
               text, sizeof text);
    send_frame(fd, 0x80, HELLO + 10, sizeof HELLO - 11);
    read_until(fd, "\"protocol\":1", text, sizeof text);
    assert_int_equal(program_end(&agent), 0);
}

static void pages_leave_no_descriptor_behind(void **state)
{
    struct fixture *f = *state;
    struct program agent = start_agent(f, geteuid(), "one");
    int before = descriptors_of(agent.pid);
    for (int i = 0; i < CROWD; i++) {
        CLEANUP(close_fd) int fd = open_page(f, "one");
        if (i % 4 == 1) /* it leaves in the middle of a frame */
            assert_int_equal(send(fd, "\x81\x82", 2, MSG_NOSIGNAL), 2);
        if (i % 4 == 2) /* after a bad one */
            assert_int_equal(send(fd, "\x81\x02{}", 4, MSG_NOSIGNAL), 4);
        if (i % 4 == 3) /* with a close frame */
            send_frame(fd, 0x88, "\x03\xe8", 2);
    }
    await_descriptors(agent.pid, before);
    assert_int_equal(descriptors_of(agent.pid), before);
    assert_int_equal(program_end(&agent), 0);
}

/* Its bytes and their answers fill the buffers in between, and nothing else. */
static void a_page_that_does_not_read_disturbs_nobody(void **state)
{
    struct fixture *f = *state;
    struct program agent = start_agent(f, geteuid(), "one");
    CLEANUP(close_fd) int witness = open_page(f, "one");
    CLEANUP(close_fd) int deaf = open_page(f, "one");
    char ping[6 + 125] = "\x89\xfd";
    ssize_t put = 1;
    for (int i = 0; i < 100000 && put > 0; i++)
        put = send(deaf, ping, sizeof ping, MSG_NOSIGNAL | MSG_DONTWAIT);
    say_hello(witness);
    assert_int_equal(program_end(&agent), 0);
}

static void a_crowd_keeps_nobody_out(void **state)
{
    struct fixture *f = *state;
    struct program agent = start_agent(f, geteuid(), "one");
    int half_open[CROWD], idle[CROWD];
    for (int i = 0; i < CROWD; i++) {
        half_open[i] = dial(f);
        assert_int_equal(send(half_open[i], "GET /v1", 7, MSG_NOSIGNAL), 7);
        idle[i] = open_page(f, "one");
    }
    for (int i = 0; i < CROWD; i++) {
        CLEANUP(close_fd) int fd = open_page(f, "one");
        say_hello(fd);
    }
    for (int i = 0; i < CROWD; i++) {
        close(half_open[i]);
        close(idle[i]);
    }
    program_end(&agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_an_agent_the_answer_is_fixed),
        TEST(a_page_reaches_its_agent),
        TEST(the_end_of_a_session_is_written_at_once),
        TEST(every_refusal_has_the_same_bytes),
        TEST(a_bad_frame_closes_with_its_code),
        TEST(slow_and_fragmented_frames_are_read),
        TEST(pages_leave_no_descriptor_behind),
        TEST(a_page_that_does_not_read_disturbs_nobody),
        TEST(a_crowd_keeps_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
