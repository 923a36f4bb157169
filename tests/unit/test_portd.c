/* SPDX-License-Identifier: MIT */
/*
 * lanyard-portd and the agent's side of its link, as processes: the broker on a port that the
 * kernel chose, agents of one and (as root) of two users behind it, and pages in front of it.
 */
#include "ipc/base/cleanup.h"
#include "test_folder_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    WAIT_MS = 20000,
    SECOND_USER = 65534,
    BROKER_USER = 60001,
    FIRST_OF_MANY = 60100,
    CROWD = 200,
    FEW_DESCRIPTORS = 320, /* for a broker: 160 in flight, so 80 agents with two each */
    STUCK_MS = 5000,       /* of broker.c */
    WAKING_EACH = 6,       /* of waking.h */
    WAKING_ALL = 96,       /* likewise */
};

struct program {
    pid_t pid;
    int in;  /* its standard input; closing it ends a door_server */
    int out; /* what it writes on descriptor 1 */
    int err; /* its log */
};

struct fixture {
    char folder[64];
    char socket[96];
    char wake[96]; /* where the broker asks for agents; "": nowhere */
    uint16_t port;
    struct program broker;
};

/* ---- programs ---- */

static void become(uid_t uid)
{
    if (uid != geteuid() && (setgid(uid) < 0 || setuid(uid) < 0))
        _exit(126);
}

/* descriptors: as many at most; 0: as many as this process may have. */
static struct program start_limited(uid_t uid, rlim_t descriptors, const char *const *argv)
{
    int in[2], out[2], err[2];
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        const struct rlimit limit = {descriptors / 2, descriptors}; /* half of it at first */
        if (descriptors > 0 && setrlimit(RLIMIT_NOFILE, &limit) < 0)
            _exit(126);
        become(uid);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    return (struct program){.pid = pid, .in = in[1], .out = out[0], .err = err[0]};
}

static struct program start(uid_t uid, const char *const *argv)
{
    return start_limited(uid, 0, argv);
}

/* Reads from fd until the words have come. */
static void read_until(int fd, const char *words, char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    while (!memmem(text, len, words, strlen(words))) { /* frames have zeros in their heads */
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
        ssize_t got = read(fd, text + len, size - 1 - len);
        if (got <= 0)
            fail_msg("\"%s\" did not come, but: %s", words, text);
        len += (size_t)got;
        text[len] = '\0';
    }
}

/* The exit status of a program that ends by itself. */
static int wait_for(struct program *program)
{
    int status = 0;
    waitpid(program->pid, &status, 0);
    close_fd(&program->in);
    close_fd(&program->out);
    close_fd(&program->err);
    program->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int end(struct program *program)
{
    if (program->pid <= 0)
        return 0;
    kill(program->pid, SIGTERM);
    return wait_for(program);
}

static struct program start_broker_as(struct fixture *f, uid_t uid, rlim_t descriptors,
                                      uint16_t port)
{
    char listen_on[32], line[64];
    snprintf(listen_on, sizeof listen_on, "127.0.0.1:%u", (unsigned)port);
    const char *argv[] = {LANYARD_BUILD "/bin/lanyard-portd",
                          "--listen",
                          listen_on,
                          "--socket",
                          f->socket,
                          "--ready-fd",
                          "1",
                          f->wake[0] ? "--wake" : NULL,
                          f->wake,
                          NULL};
    struct program broker = start_limited(uid, descriptors, argv);
    read_until(broker.out, "\n", line, sizeof line);
    f->port = (uint16_t)atoi(line);
    return broker;
}

static struct program start_broker(struct fixture *f, uint16_t port)
{
    return start_broker_as(f, geteuid(), 0, port);
}

/* An agent of that user, registered. name makes its folder and the origin it lets in. */
static struct program start_agent(const struct fixture *f, uid_t uid, const char *name)
{
    char folder[128], path[160], origin[64], text[512];
    snprintf(folder, sizeof folder, "%s/%s", f->folder, name);
    mkdir(folder, 0700);
    assert_int_equal(chown(folder, uid, uid), 0);
    snprintf(path, sizeof path, "%s/agent", folder);
    snprintf(origin, sizeof origin, "https://%s.example", name);
    const char *argv[] = {LANYARD_BUILD "/tests/integration/door_server", path, f->socket, origin,
                          NULL};
    struct program agent = start(uid, argv);
    read_until(agent.err, "pages reach", text, sizeof text);
    return agent;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    strcpy(f->folder, "/tmp/test_portd.XXXXXX");
    if (!folder_make(f->folder) || chmod(f->folder, 0755) < 0)
        return -1;
    snprintf(f->socket, sizeof f->socket, "%s/portd", f->folder);
    f->broker = start_broker(f, 0);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    end(&f->broker);
    folder_remove(f->folder);
    free(f);
    return 0;
}

/* ---- pages ---- */

static int dial(const struct fixture *f)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_head(const struct fixture *f, int fd, const char *name, const char *path)
{
    char head[512];
    int len = snprintf(head, sizeof head,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: https://%s.example\r\n"
                       "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Protocol: lanyard.v1\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                       path, (unsigned)f->port, name);
    assert_int_equal(send(fd, head, (size_t)len, MSG_NOSIGNAL), len);
}

/* Everything until the other end closes. */
static void read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t got = 1;
    while (got > 0 && len < size - 1) {
        assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
        got = recv(fd, text + len, size - 1 - len, 0);
        len += got > 0 ? (size_t)got : 0;
    }
    text[len] = '\0';
}

/* The answer's first line is this. */
static void expect_answer(const struct fixture *f, const char *name, const char *answer)
{
    char text[1024];
    CLEANUP(close_fd) int fd = dial(f);
    send_head(f, fd, name, "/v1");
    read_until(fd, "\r\n\r\n", text, sizeof text);
    if (strncmp(text, answer, strlen(answer)) != 0)
        fail_msg("expected %s, got %s", answer, text);
}

/* A masked frame (the mask is zero), and what comes back. */
static void send_frame(int fd, uint8_t first, const char *text, size_t len)
{
    uint8_t frame[1024] = {first};
    size_t at = 2;
    if (len < 126) {
        frame[1] = (uint8_t)(0x80 | len);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(len >> 8);
        frame[3] = (uint8_t)len;
        at = 4;
    }
    at += 4;
    memcpy(frame + at, text, len);
    assert_int_equal(send(fd, frame, at + len, MSG_NOSIGNAL), at + len);
}

static int open_page(const struct fixture *f, const char *name)
{
    char text[1024];
    int fd = dial(f);
    send_head(f, fd, name, "/v1");
    read_until(fd, "\r\n\r\n", text, sizeof text);
    if (strncmp(text, "HTTP/1.1 101 ", 13) != 0)
        fail_msg("expected 101, got %s", text);
    return fd;
}

static const char hello[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"agent.hello\",\"params\":{\"protocol\":[1]}}";

static void say_hello(int fd)
{
    char text[1024];
    send_frame(fd, 0x81, hello, sizeof hello - 1);
    read_until(fd, "\"protocol\":1", text, sizeof text);
}

/* ---- tests ---- */

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
    assert_int_equal(end(&agent), 0);
    char text[1024];
    read_all(fd, text, sizeof text); /* the end of the agent is the end of the page */
    expect_answer(f, "one", "HTTP/1.1 503 ");
}

/* The stub's process is gone right after it has told of the session's end: what the page reads was
 * on its way by then. The page of another provider is told nothing. */
static void the_end_of_a_session_is_written_at_once(void **state)
{
    struct fixture *f = *state;
    char folder[128], path[160], text[1024];
    snprintf(folder, sizeof folder, "%s/one", f->folder);
    mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/agent", folder);
    const char *argv[] = {LANYARD_BUILD "/tests/integration/door_server",
                          path,
                          f->socket,
                          "https://one.example",
                          "https://two.example",
                          NULL};
    struct program agent = start(geteuid(), argv);
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
    assert_int_equal(wait_for(&agent), 0);
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
    send_head(f, path, "one", "/v2");
    read_all(origin, text, sizeof text);
    assert_string_equal(text, refusal);
    read_until(agent.err, "refused page \"https://evil.example\" not-allowed", text, sizeof text);
    read_all(path, text, sizeof text);
    assert_string_equal(text, refusal);
    read_all(slow, text, sizeof text); /* after the deadline */
    assert_string_equal(text, refusal);
    end(&agent);
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
    assert_int_equal(end(&agent), 0);
}

static void slow_and_fragmented_frames_are_read(void **state)
{
    struct fixture *f = *state;
    struct program agent = start_agent(f, geteuid(), "one");
    char frame[6 + sizeof hello] = "\x81", text[1024];
    CLEANUP(close_fd) int fd = open_page(f, "one");
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    frame[1] = (char)(0x80 | (sizeof hello - 1));
    memcpy(frame + 6, hello, sizeof hello - 1);
    for (size_t i = 0; i < 6 + sizeof hello - 1; i++) {
        assert_int_equal(send(fd, frame + i, 1, MSG_NOSIGNAL), 1);
        poll(NULL, 0, 1);
    }
    read_until(fd, "\"protocol\":1", text, sizeof text);

    send_frame(fd, 0x01, hello, 10);
    send_frame(fd, 0x89, "are you there", 13);
    read_until(fd,
               "\x8a\x0d"
               "are you there",
               text, sizeof text);
    send_frame(fd, 0x80, hello + 10, sizeof hello - 11);
    read_until(fd, "\"protocol\":1", text, sizeof text);
    assert_int_equal(end(&agent), 0);
}

/* How many descriptors a program holds. */
static int descriptors(pid_t pid)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void pages_leave_no_descriptor_behind(void **state)
{
    struct fixture *f = *state;
    struct program agent = start_agent(f, geteuid(), "one");
    int before = descriptors(agent.pid);
    for (int i = 0; i < CROWD; i++) {
        CLEANUP(close_fd) int fd = open_page(f, "one");
        if (i % 4 == 1) /* it leaves in the middle of a frame */
            assert_int_equal(send(fd, "\x81\x82", 2, MSG_NOSIGNAL), 2);
        if (i % 4 == 2) /* after a bad one */
            assert_int_equal(send(fd, "\x81\x02{}", 4, MSG_NOSIGNAL), 4);
        if (i % 4 == 3) /* with a close frame */
            send_frame(fd, 0x88, "\x03\xe8", 2);
    }
    for (int waited = 0; descriptors(agent.pid) > before && waited < WAIT_MS; waited += 10)
        poll(NULL, 0, 10);
    assert_int_equal(descriptors(agent.pid), before);
    assert_int_equal(end(&agent), 0);
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
    assert_int_equal(end(&agent), 0);
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
    end(&agent);
}

static void the_broker_may_die_and_come_back(void **state)
{
    struct fixture *f = *state;
    char text[512];
    struct program agent = start_agent(f, geteuid(), "one");
    CLEANUP(close_fd) int fd = open_page(f, "one");
    kill(f->broker.pid, SIGKILL);
    read_until(agent.err, "cannot reach", text, sizeof text);
    say_hello(fd); /* a page that is in does not need the broker */
    end(&f->broker);
    f->broker = start_broker(f, f->port);
    read_until(agent.err, "pages reach", text, sizeof text);
    CLEANUP(close_fd) int again = open_page(f, "one");
    say_hello(again);
    end(&agent);
}

static void an_agent_that_died_makes_room(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        struct program agent = start_agent(f, geteuid(), "one");
        kill(agent.pid, SIGKILL);
        end(&agent);
    }
}

static void a_second_agent_is_told(void **state)
{
    struct fixture *f = *state;
    char text[512], path[160];
    struct program first = start_agent(f, geteuid(), "one");
    snprintf(path, sizeof path, "%s/two/agent", f->folder);
    const char *argv[] = {LANYARD_BUILD "/tests/integration/door_server", path, f->socket, NULL};
    snprintf(text, sizeof text, "%s/two", f->folder);
    mkdir(text, 0700);
    struct program second = start(geteuid(), argv);
    read_until(second.err, "another agent", text, sizeof text);
    CLEANUP(close_fd) int fd = open_page(f, "one");
    say_hello(fd);
    end(&second);
    end(&first);
}

static void each_user_reaches_their_own(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0) {
        print_message("skipped: only root can be two users\n");
        skip();
    }
    struct program mine = start_agent(f, 0, "mine");
    struct program theirs = start_agent(f, SECOND_USER, "theirs");
    expect_answer(f, "mine", "HTTP/1.1 101 ");
    expect_answer(f, "theirs", "HTTP/1.1 403 ");
    assert_int_equal(seteuid(SECOND_USER), 0);
    expect_answer(f, "theirs", "HTTP/1.1 101 ");
    expect_answer(f, "mine", "HTTP/1.1 403 ");
    assert_int_equal(seteuid(0), 0);
    end(&theirs);
    assert_int_equal(seteuid(SECOND_USER), 0);
    expect_answer(f, "mine", "HTTP/1.1 503 ");
    assert_int_equal(seteuid(0), 0);
    end(&mine);
}

static void an_agent_without_a_broker_says_so_once(void **state)
{
    struct fixture *f = *state;
    char path[160], expected[256], text[1024];
    snprintf(path, sizeof path, "%s/three/agent", f->folder);
    snprintf(expected, sizeof expected, "nothing answers at %s (is lanyard-portd running?)",
             f->socket);
    end(&f->broker);
    const char *argv[] = {LANYARD_BUILD "/tests/integration/door_server", path, f->socket, NULL};
    struct program agent = start(geteuid(), argv);
    read_until(agent.err, expected, text, sizeof text);
    f->broker = start_broker(f, 0);
    read_until(agent.err, "pages reach", text, sizeof text); /* after several tries */
    assert_null(strstr(text, "nothing answers"));
    assert_int_equal(end(&agent), 0);
}

/* A program that cannot start, and what it says: these words, and of which path. */
static void expect_failure(const char *const *argv, const char *words, const char *path)
{
    char expected[256], text[1024];
    snprintf(expected, sizeof expected, "%s %s ", words, path);
    struct program program = start(geteuid(), argv);
    read_until(program.err, expected, text, sizeof text);
    assert_int_equal(wait_for(&program), 1);
}

static void a_second_of_a_kind_is_named(void **state)
{
    struct fixture *f = *state;
    char path[160], folder[128], missing[192];
    snprintf(folder, sizeof folder, "%s/missing", f->folder);
    snprintf(missing, sizeof missing, "%s/portd", folder);
    snprintf(path, sizeof path, "%s/one/agent", f->folder);
    const char *broker[] = {
        LANYARD_BUILD "/bin/lanyard-portd", "--listen", "127.0.0.1:0", "--socket", f->socket, NULL};
    const char *agent[] = {LANYARD_BUILD "/tests/integration/door_server", path, "", NULL};
    struct program first = start_agent(f, geteuid(), "one");
    expect_failure(broker, "another lanyard-portd serves", f->socket);
    expect_failure(agent, "another lanyardd of this user serves", path);
    end(&first);
    broker[4] = missing;
    expect_failure(broker, "the folder", folder);
    snprintf(path, sizeof path, "%s/missing/lanyard/agent", f->folder);
    expect_failure(agent, "the folder", folder);
}

static void skip_unless_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: only root can be several users\n");
    skip();
}

static int dial_as(const struct fixture *f, uid_t uid)
{
    assert_int_equal(seteuid(uid), 0);
    int fd = dial(f);
    assert_int_equal(seteuid(0), 0);
    return fd;
}

/* ---- agents on demand ---- */

static void restart_waking(struct fixture *f)
{
    end(&f->broker);
    snprintf(f->wake, sizeof f->wake, "%s/wake", f->folder);
    assert_int_equal(mkdir(f->wake, 0755), 0);
    f->broker = start_broker(f, 0);
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
    char text[1024];
    restart_waking(f);
    CLEANUP(close_fd) int first = dial(f);
    CLEANUP(close_fd) int second = dial(f);
    send_head(f, first, "one", "/v1");
    send_head(f, second, "one", "/v1");
    expect_wish(f, geteuid(), true);
    struct program agent = start_agent(f, geteuid(), "one");
    read_until(first, "\r\n\r\n", text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 101 ", 13);
    say_hello(first);
    read_until(second, "\r\n\r\n", text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 101 ", 13);
    expect_wish(f, geteuid(), false);
    end(&agent);
}

static void who_waits_in_vain_is_turned_away(void **state)
{
    struct fixture *f = *state;
    char text[256];
    restart_waking(f);
    CLEANUP(close_fd) int fd = dial(f);
    send_head(f, fd, "one", "/v1");
    read_until(fd, "\r\n\r\n", text, sizeof text); /* after ten seconds */
    assert_memory_equal(text, "HTTP/1.1 503 ", 13);
    expect_wish(f, geteuid(), false); /* /run does not fill with those of nobody */
}

static void few_wait_and_who_leaves_makes_room(void **state)
{
    struct fixture *f = *state;
    char text[256];
    int waiting[WAKING_EACH];
    restart_waking(f);
    int before = descriptors(f->broker.pid);
    for (int i = 0; i < WAKING_EACH; i++)
        waiting[i] = dial(f);
    expect_answer(f, "one", "HTTP/1.1 503 ");
    close(waiting[0]);
    int left = before + WAKING_EACH - 1;
    for (int waited = 0; descriptors(f->broker.pid) > left && waited < WAIT_MS; waited += 10)
        poll(NULL, 0, 10);
    CLEANUP(close_fd) int next = dial(f);
    struct program agent = start_agent(f, geteuid(), "one");
    send_head(f, next, "one", "/v1");
    read_until(next, "\r\n\r\n", text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 101 ", 13);
    for (int i = 1; i < WAKING_EACH; i++)
        close(waiting[i]);
    end(&agent);
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
    char text[1024];
    read_until(another, "\r\n\r\n", text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 101 ", 13);
    for (int i = 0; i < CROWD_OF_ONE; i++)
        close(waiting[i]);
    end(&theirs);
    end(&agent);
}

/* A user has as many uids as their containers, and so might fill every place. The page that has
 * waited longest makes room. */
static void those_who_wait_do_not_keep_the_places(void **state)
{
    struct fixture *f = *state;
    int waiting[WAKING_ALL];
    char text[1024];
    skip_unless_root();
    restart_waking(f);
    for (int i = 0; i < WAKING_ALL; i++)
        waiting[i] = dial_as(f, FIRST_OF_MANY + (uid_t)(i / WAKING_EACH));
    expect_wish(f, FIRST_OF_MANY + (WAKING_ALL - 1) / WAKING_EACH, true);
    CLEANUP(close_fd) int newcomer = dial_as(f, SECOND_USER);
    send_head(f, newcomer, "theirs", "/v1");
    read_until(waiting[0], "\r\n\r\n", text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 503 ", 13);
    expect_wish(f, SECOND_USER, true);
    expect_wish(f, FIRST_OF_MANY, true); /* its manager may not have seen it yet */
    struct program theirs = start_agent(f, SECOND_USER, "theirs");
    read_until(newcomer, "\r\n\r\n", text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 101 ", 13);
    for (int i = 0; i < WAKING_ALL; i++)
        close(waiting[i]);
    expect_wish(f, FIRST_OF_MANY, false); /* in the end, though its pages have left by themselves */
    end(&theirs);
}

/* ---- users who use up what all share ---- */

/* Only a broker without privileges is held to the limit of descriptors in flight. */
static void restart_with_few_descriptors(struct fixture *f)
{
    end(&f->broker);
    snprintf(f->socket, sizeof f->socket, "%s/few", f->folder);
    assert_int_equal(chown(f->folder, BROKER_USER, BROKER_USER), 0);
    f->broker = start_broker_as(f, BROKER_USER, FEW_DESCRIPTORS, 0);
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
    char text[256];
    CLEANUP(close_fd) int page = dial_as(f, uid);
    read_until(page, "\r\n\r\n", text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 503 ", 13);
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

/* ---- who may be the broker ---- */

static void another_user_is_no_broker(void **state)
{
    struct fixture *f = *state;
    char text[512], path[160];
    skip_unless_root();
    end(&f->broker);
    snprintf(f->socket, sizeof f->socket, "%s/theirs", f->folder);
    assert_int_equal(chown(f->folder, BROKER_USER, BROKER_USER), 0);
    f->broker = start_broker_as(f, BROKER_USER, 0, 0);
    snprintf(path, sizeof path, "%s/mine", f->folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/mine/agent", f->folder);
    const char *argv[] = {LANYARD_BUILD "/tests/integration/door_server", path, f->socket, NULL};
    struct program agent = start(0, argv);
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
    end(&agent);
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
    end(&f->broker);
    snprintf(f->socket, sizeof f->socket, "%s/portd", place);
    assert_int_equal(chown(place, BROKER_USER, BROKER_USER) | chmod(place, 0755), 0);
    f->broker = start_broker_as(f, BROKER_USER, 0, 0);
    struct program agent = start_agent(f, SECOND_USER, "theirs");
    end(&agent);
    end(&f->broker);
    folder_remove(place);
}

static void a_taken_port_names_its_holder(void **state)
{
    struct fixture *f = *state;
    char listen_on[32], text[1024], expected[64];
    snprintf(listen_on, sizeof listen_on, "127.0.0.1:%u", (unsigned)f->port);
    const char *argv[] = {LANYARD_BUILD "/bin/lanyard-portd",
                          "--listen",
                          listen_on,
                          "--socket",
                          "/nonexistent",
                          NULL};
    struct program second = start(geteuid(), argv);
    snprintf(expected, sizeof expected, "process %d (lanyard-portd)", (int)f->broker.pid);
    read_until(second.err, "taken by", text, sizeof text);
    if (geteuid() == 0 && !strstr(text, expected))
        fail_msg("%s is not in %s", expected, text);
    assert_int_equal(wait_for(&second), 1);
}

static void only_loopback_is_listened_on(void **state)
{
    struct fixture *f = *state;
    static const char *const addresses[] = {"0.0.0.0:0",       "[::]:0",    "192.0.2.1:0",
                                            "localhost:0",     "127.0.0.1", "127.0.0.1:x",
                                            "127.0.0.1:65536", "[::1:0",    ":0"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        char text[256];
        const char *argv[] = {LANYARD_BUILD "/bin/lanyard-portd",
                              "--listen",
                              addresses[i],
                              "--socket",
                              f->socket,
                              NULL};
        struct program program = start(geteuid(), argv);
        read_until(program.err, "not a loopback", text, sizeof text);
        assert_int_equal(wait_for(&program), 2);
    }
}

/* What a broker with nothing to serve says on that standard error. */
static void complain_on(int err, int out, char *text, size_t size)
{
    const char *argv[] = {LANYARD_BUILD "/bin/lanyard-portd", NULL};
    pid_t pid = fork();
    if (pid == 0) {
        dup2(err, STDERR_FILENO);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    read_until(out, "\n", text, size);
    waitpid(pid, NULL, 0);
}

static void only_the_journal_is_told_priorities(void **state)
{
    (void)state;
    char text[512];
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    complain_on(ends[1], ends[0], text, sizeof text);
    assert_ptr_equal(strstr(text, "<3>lanyard-portd: nothing to serve"), text);
    close(ends[0]);
    close(ends[1]);

    CLEANUP(close_fd) int screen = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(grantpt(screen) | unlockpt(screen), 0);
    CLEANUP(close_fd) int terminal = open(ptsname(screen), O_RDWR | O_NOCTTY | O_CLOEXEC);
    complain_on(terminal, screen, text, sizeof text);
    assert_ptr_equal(strstr(text, "lanyard-portd: nothing to serve"), text);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        T(without_an_agent_the_answer_is_fixed),
        T(a_page_reaches_its_agent),
        T(the_end_of_a_session_is_written_at_once),
        T(every_refusal_has_the_same_bytes),
        T(a_bad_frame_closes_with_its_code),
        T(slow_and_fragmented_frames_are_read),
        T(pages_leave_no_descriptor_behind),
        T(a_page_that_does_not_read_disturbs_nobody),
        T(a_crowd_keeps_nobody_out),
        T(the_broker_may_die_and_come_back),
        T(an_agent_that_died_makes_room),
        T(a_second_agent_is_told),
        T(each_user_reaches_their_own),
        T(a_page_waits_for_an_agent_that_is_started),
        T(who_waits_in_vain_is_turned_away),
        T(few_wait_and_who_leaves_makes_room),
        T(those_who_wait_take_nothing_from_others),
        T(those_who_wait_do_not_keep_the_places),
        T(agents_that_do_not_read_disturb_nobody),
        T(agents_without_end_leave_room_for_pages),
        T(another_user_is_no_broker),
        T(a_user_whom_root_has_given_the_place_is),
        T(an_agent_without_a_broker_says_so_once),
        T(a_second_of_a_kind_is_named),
        T(a_taken_port_names_its_holder),
        T(only_loopback_is_listened_on),
        cmocka_unit_test(only_the_journal_is_told_priorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
