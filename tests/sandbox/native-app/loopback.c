/* SPDX-License-Identifier: MIT */
/*
 * Any program of this computer can connect here, and browsers connect to more than they ask for. So
 * every connection has a second to say what it wants, and only the one with our state counts.
 */
#define _GNU_SOURCE 1 /* accept4 */
#include "loopback.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char come_back[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Cache-Control: no-store\r\n"
    "Connection: close\r\n"
    "\r\n"
    "<!doctype html><html lang=\"en\"><title>Go back to the program</title>\n"
    "<link rel=\"icon\" href=\"data:,\">\n"
    "<body style=\"font: 1.25rem sans-serif; margin: 4rem auto; max-width: 32rem\">\n"
    "<h1 style=\"font-size: 1.75rem\">Go back to the program</h1>\n"
    "<p>It goes on there. You can close this page.</p>\n";
static const char not_here[] = "HTTP/1.1 404 Not Found\r\n"
                               "Content-Length: 0\r\n"
                               "Connection: close\r\n"
                               "\r\n";

int loopback_open(char *uri, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) < 0 ||
        listen(listener, 4) < 0 || getsockname(listener, (struct sockaddr *)&address, &len) < 0) {
        perror("127.0.0.1");
        if (listener >= 0)
            close(listener);
        return -1;
    }
    snprintf(uri, size, "http://127.0.0.1:%d/callback", ntohs(address.sin_port));
    return listener;
}

/* The target of "GET TARGET HTTP/1.1" as it was sent; false: it was something else, or nothing. */
static bool read_target(int connection, char *target, size_t size)
{
    struct timeval second = {.tv_sec = 1};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    char head[4096];
    size_t len = 0;
    while (len < sizeof head - 1) {
        ssize_t got = recv(connection, head + len, sizeof head - 1 - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        head[len] = '\0';
        if (strstr(head, "\r\n\r\n"))
            break;
    }
    char *end = strncmp(head, "GET /", 5) == 0 ? strchr(head + 4, ' ') : NULL;
    if (!end)
        return false;
    *end = '\0';
    return (size_t)snprintf(target, size, "%s", head + 4) < size;
}

/* The value of that name in the target's query, unescaped. */
static bool find_value(const char *target, const char *name, char *value, size_t size)
{
    size_t name_len = strlen(name);
    const char *at = strchr(target, '?');
    while (at && !(strncmp(at + 1, name, name_len) == 0 && at[1 + name_len] == '='))
        at = strchr(at + 1, '&');
    if (!at)
        return false;
    at += 1 + name_len + 1;
    int len = 0;
    char *text = curl_easy_unescape(NULL, at, (int)strcspn(at, "&"), &len);
    bool fits =
        text && strlen(text) == (size_t)len && (size_t)snprintf(value, size, "%s", text) < size;
    curl_free(text);
    return fits;
}

static int take(int connection, const char *state, char *code, size_t size)
{
    char target[2048], text[512];
    bool ours = read_target(connection, target, sizeof target) &&
                strncmp(target, "/callback?", 10) == 0 &&
                find_value(target, "state", text, sizeof text) && strcmp(text, state) == 0;
    const char *page = ours ? come_back : not_here;
    send(connection, page, strlen(page), MSG_NOSIGNAL);
    if (!ours)
        return 0;
    if (find_value(target, "code", code, size))
        return 1;
    bool named = find_value(target, "error", text, sizeof text);
    fprintf(stderr, "The provider signed nobody in: %s\n", named ? text : "no code");
    return -1;
}

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int loopback_wait(int listener, const char *state, int timeout_ms, char *code, size_t size)
{
    long long until = now_ms() + timeout_ms;
    for (long long left; (left = until - now_ms()) > 0;) {
        struct pollfd ready = {.fd = listener, .events = POLLIN};
        if (poll(&ready, 1, (int)left) <= 0)
            continue;
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
            continue;
        int taken = take(connection, state, code, size);
        close(connection);
        if (taken != 0)
            return taken > 0 ? 0 : -1;
    }
    fprintf(stderr, "Nobody signed in\n");
    return -1;
}
