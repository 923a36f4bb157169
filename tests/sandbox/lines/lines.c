/* SPDX-License-Identifier: MIT */
/* Lines are carried out one after the other, whoever sends them, each before its answer leaves. */
#include "lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
    int fd; /* -1: free */
    size_t size;
    char line[LINES_LINE_MAX];
};

struct lines {
    lines_fn *command;
    void *context;
    int listener;
    struct sockaddr_un address;
    struct client clients[LINES_CLIENTS_MAX];
};

int lines_split(char *line, char *words[static LINES_WORDS_MAX])
{
    int count = 0;
    char *rest;

    for (char *word = strtok_r(line, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest)) {
        if (count == LINES_WORDS_MAX)
            return -1;
        words[count++] = word;
    }
    return count;
}

struct lines *lines_new(const char *path, lines_fn *command, void *context)
{
    struct lines *lines = calloc(1, sizeof *lines);

    if (!lines)
        return NULL;
    lines->command = command;
    lines->context = context;
    lines->address.sun_family = AF_UNIX;
    for (size_t i = 0; i < LINES_CLIENTS_MAX; i++)
        lines->clients[i].fd = -1;
    lines->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (lines->listener < 0 || strlen(path) >= sizeof lines->address.sun_path)
        goto fail;
    memcpy(lines->address.sun_path, path, strlen(path) + 1);
    unlink(path);
    if (bind(lines->listener, (struct sockaddr *)&lines->address, sizeof lines->address) < 0 ||
        listen(lines->listener, LINES_CLIENTS_MAX) < 0)
        goto fail;
    return lines;

fail:
    if (lines->listener >= 0)
        close(lines->listener);
    free(lines);
    return NULL;
}

static void hang_up(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    *client = (struct client){.fd = -1};
}

void lines_free(struct lines *lines)
{
    if (!lines)
        return;
    for (size_t i = 0; i < LINES_CLIENTS_MAX; i++)
        hang_up(&lines->clients[i]);
    close(lines->listener);
    unlink(lines->address.sun_path);
    free(lines);
}

/* False: not yet. */
static bool answer_line(struct lines *lines, struct client *client, const char *text)
{
    static char answer[LINES_ANSWER_MAX + 1];
    char line[LINES_LINE_MAX];
    size_t size;

    memcpy(line, text, strlen(text) + 1);
    if (!lines->command(lines->context, line, answer))
        return false;
    size = strlen(answer);
    answer[size] = '\n';
    if (send(client->fd, answer, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)(size + 1))
        hang_up(client);
    return true;
}

static void take_lines(struct lines *lines, struct client *client)
{
    char *start = client->line;
    char *newline;

    while (client->fd >= 0 &&
           (newline = memchr(start, '\n', client->size - (size_t)(start - client->line)))) {
        *newline = '\0';
        if (!answer_line(lines, client, start)) {
            *newline = '\n';
            break;
        }
        start = newline + 1;
    }
    if (client->fd < 0)
        return;
    client->size -= (size_t)(start - client->line);
    memmove(client->line, start, client->size);
    if (client->size == sizeof client->line)
        hang_up(client); /* no command is that long */
}

static void receive(struct client *client)
{
    ssize_t size = recv(client->fd, client->line + client->size, sizeof client->line - client->size,
                        MSG_DONTWAIT);

    if (size > 0)
        client->size += (size_t)size;
    else if (size == 0 || (errno != EAGAIN && errno != EINTR))
        hang_up(client);
}

static void accept_client(struct lines *lines)
{
    for (size_t i = 0; i < LINES_CLIENTS_MAX; i++) {
        if (lines->clients[i].fd < 0) {
            lines->clients[i].fd =
                accept4(lines->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            return;
        }
    }
}

static bool has_room(const struct lines *lines)
{
    for (size_t i = 0; i < LINES_CLIENTS_MAX; i++)
        if (lines->clients[i].fd < 0)
            return true;
    return false;
}

void lines_watch(const struct lines *lines, struct pollfd fds[static LINES_POLLS])
{
    fds[0] = (struct pollfd){.fd = has_room(lines) ? lines->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < LINES_CLIENTS_MAX; i++)
        fds[1 + i] = (struct pollfd){.fd = lines->clients[i].fd, .events = POLLIN};
}

void lines_turn(struct lines *lines, const struct pollfd fds[static LINES_POLLS])
{
    for (size_t i = 0; i < LINES_CLIENTS_MAX; i++)
        if (fds[1 + i].revents && lines->clients[i].fd >= 0)
            receive(&lines->clients[i]);
    for (size_t i = 0; i < LINES_CLIENTS_MAX; i++)
        if (lines->clients[i].fd >= 0)
            take_lines(lines, &lines->clients[i]);
    if (fds[0].revents)
        accept_client(lines);
}
