/* SPDX-License-Identifier: MIT */
/*
 * A client of either door, as thin as can be, so that what is measured is the agent:
 *
 *     bench_client web PORT ORIGIN relay          bench_client native PATH relay
 *     bench_client web PORT ORIGIN rtt COUNT      bench_client native PATH rtt COUNT
 *     bench_client proofs PORT COUNT ORIGIN...
 *
 * relay sends each line of its standard input as one message, and prints each message that arrives
 * behind the nanoseconds of CLOCK_MONOTONIC at which it did. rtt asks agent.hello COUNT times, one
 * after the other, and prints each round trip in microseconds. proofs asks session.prove, silently,
 * COUNT times and likewise, over one connection for each origin.
 *
 * It trusts the agent: a message that is not whole, or longer than the buffer, ends it.
 */
#include "ipc/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE_MAX = 65535, /* also what a 16-bit WebSocket length can say */
    BURST = 40,          /* the door's rate limit: 80 at once, 40 a second on average */
    ORIGINS_MAX = 64,
    WS_TEXT = 0x81, /* final frame, text (RFC 6455 §5.2) */
    WS_LENGTH_16 = 126,
};

static const char hello[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"agent.hello\",\"params\":{\"protocol\":[1]}}";

/* Nobody redeems it, so it need not be random. */
static const char prove[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.prove\",\"params\":"
                            "{\"interaction\":\"silent\","
                            "\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}}";

static bool web;
static int door = -1;

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "bench_client: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void write_all(const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t sent = send(door, at, len, MSG_NOSIGNAL);
        if (sent <= 0)
            give_up("send");
        at += sent;
        len -= (size_t)sent;
    }
}

static void read_all(void *data, size_t len)
{
    uint8_t *at = data;
    while (len > 0) {
        ssize_t got = read(door, at, len);
        if (got == 0)
            errno = ECONNRESET;
        if (got <= 0)
            give_up("read");
        at += got;
        len -= (size_t)got;
    }
}

/* ---- the doors ---- */

static void connect_to(const struct sockaddr *address, socklen_t len)
{
    door = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (door < 0 || connect(door, address, len) < 0)
        give_up("connect");
}

static void open_native(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    connect_to((const struct sockaddr *)&address, sizeof address);
}

static void open_web(const char *port, const char *origin)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connect_to((const struct sockaddr *)&address, sizeof address);
    char head[1024];
    int len = snprintf(head, sizeof head,
                       "GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nOrigin: %s\r\n"
                       "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: lanyard.v1\r\n"
                       "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n",
                       port, origin);
    write_all(head, (size_t)len);
    size_t have = 0;
    do
        read_all(head + have, 1);
    while (++have < sizeof head - 1 && (have < 4 || memcmp(head + have - 4, "\r\n\r\n", 4) != 0));
    if (strncmp(head, "HTTP/1.1 101", 12) != 0) {
        errno = EACCES;
        give_up("the door");
    }
    web = true;
}

/* A mask of zeros is a mask: the bytes stay as they are. */
static void send_message(const char *text, size_t len)
{
    uint8_t whole[MESSAGE_MAX + 8];
    struct writer w = WRITER(whole, sizeof whole);
    if (!web) {
        write_u32(&w, (uint32_t)len);
    } else {
        write_u8(&w, WS_TEXT);
        /* The shortest form of the length is the only one allowed. */
        write_u8(&w, (uint8_t)(0x80 | (len < WS_LENGTH_16 ? len : WS_LENGTH_16)));
        if (len >= WS_LENGTH_16)
            write_u16(&w, (uint16_t)len);
        write_u32(&w, 0);
    }
    write_raw(&w, text, len);
    if (w.failed) {
        errno = EMSGSIZE;
        give_up("message");
    }
    write_all(whole, w.len);
}

static size_t message_len(void)
{
    uint8_t head[4];
    struct reader r = READER(head, sizeof head);
    if (!web) {
        read_all(head, 4);
        return read_u32(&r);
    }
    read_all(head, 2);
    if (head[0] != WS_TEXT || head[1] > WS_LENGTH_16)
        return 0;
    if (head[1] < WS_LENGTH_16)
        return head[1];
    read_all(head, 2);
    return read_u16(&r);
}

/* One message into text, which is terminated. */
static void receive_message(char text[MESSAGE_MAX + 1])
{
    size_t len = message_len();
    if (len == 0 || len > MESSAGE_MAX) {
        errno = EPROTO;
        give_up("message");
    }
    read_all(text, len);
    text[len] = '\0';
}

/* ---- what is measured ---- */

static void rest(long seconds)
{
    nanosleep(&(struct timespec){.tv_sec = seconds, .tv_nsec = 50 * 1000 * 1000}, NULL);
}

/* The microseconds until the answer, which has that in it. */
static double round_trip(const char *request, size_t len, const char *has)
{
    char answer[MESSAGE_MAX + 1];
    uint64_t asked = now();
    send_message(request, len);
    receive_message(answer);
    uint64_t answered = now();
    if (!strstr(answer, has)) {
        fprintf(stderr, "bench_client: %s\n", answer);
        exit(EXIT_FAILURE);
    }
    return (double)(answered - asked) / 1000;
}

static void measure_round_trips(long count)
{
    /* The first burst warms up and is not counted. */
    for (long i = -BURST; i < count; i++) {
        if (i % BURST == 0)
            rest(1);
        double us = round_trip(hello, sizeof hello - 1, "\"result\"");
        if (i >= 0)
            printf("%.1f\n", us);
    }
}

/* Of one origin no more than 60 at once and 20 a second: a burst, then the other origins' turn, and
 * a rest of two seconds when all have had theirs. */
static void measure_proofs(const char *port, long count, char **origins, int origin_count)
{
    int doors[ORIGINS_MAX];
    if (origin_count > ORIGINS_MAX)
        origin_count = ORIGINS_MAX;
    for (int i = 0; i < origin_count; i++) {
        open_web(port, origins[i]);
        doors[i] = door;
    }
    /* The first burst warms up and is not counted. */
    for (long i = -BURST, burst = 0; i < count; i++) {
        if (i % BURST == 0) {
            if (burst > 0 && burst % origin_count == 0)
                rest(2);
            door = doors[burst++ % origin_count];
        }
        double us = round_trip(prove, sizeof prove - 1, "\"proof\"");
        if (i >= 0)
            printf("%.1f\n", us);
    }
}

static void relay(void)
{
    char *line = NULL;
    size_t size = 0;
    char text[MESSAGE_MAX + 1];
    setvbuf(stdin, NULL, _IONBF, 0);
    for (;;) {
        struct pollfd fds[] = {{.fd = door, .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            give_up("poll");
        if (fds[0].revents) {
            uint64_t arrived = now();
            receive_message(text);
            printf("%llu %s\n", (unsigned long long)arrived, text);
            fflush(stdout);
        }
        if (fds[1].revents) {
            ssize_t len = getline(&line, &size, stdin);
            if (len <= 0)
                break;
            send_message(line, (size_t)len - 1);
        }
    }
    free(line);
}

int main(int argc, char **argv)
{
    char **what;
    if (argc >= 5 && strcmp(argv[1], "proofs") == 0) {
        measure_proofs(argv[2], strtol(argv[3], NULL, 10), argv + 4, argc - 4);
        return EXIT_SUCCESS;
    }
    if (argc >= 5 && strcmp(argv[1], "web") == 0) {
        open_web(argv[2], argv[3]);
        what = argv + 4;
    } else if (argc >= 4 && strcmp(argv[1], "native") == 0) {
        open_native(argv[2]);
        what = argv + 3;
    } else {
        fprintf(stderr, "usage: bench_client web PORT ORIGIN | native PATH, relay | rtt COUNT;\n"
                        "       bench_client proofs PORT COUNT ORIGIN...\n");
        return 2;
    }
    if (strcmp(what[0], "relay") == 0)
        relay();
    else if (strcmp(what[0], "rtt") == 0 && what[1])
        measure_round_trips(strtol(what[1], NULL, 10));
    return EXIT_SUCCESS;
}
