/* SPDX-License-Identifier: MIT */
/*
 * A redirected key, as ipc/PROTOCOL.md says how one is offered: a stream socket on which reports of
 * 64 bytes go both ways. The file is there while the key is plugged in; end of file is pulled out.
 */
#include "link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX (LINK_POLLS - 1)

struct client {
    int fd; /* -1: free */
    uint8_t report[HID_REPORT_SIZE];
    size_t size;
};

struct socket_link {
    struct link link;
    int listener;
    struct client clients[CLIENTS_MAX];
};

static void hang_up(struct socket_link *self, struct client *client)
{
    close(client->fd);
    *client = (struct client){.fd = -1};
    self->link.openers--;
}

static bool plug(struct link *link)
{
    struct socket_link *self = (struct socket_link *)link;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, link->path, sizeof address.sun_path);
    unlink(link->path);
    self->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->listener >= 0 &&
        bind(self->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
        listen(self->listener, CLIENTS_MAX) == 0)
        return true;
    if (self->listener >= 0)
        close(self->listener);
    self->listener = -1;
    return false;
}

static void unplug(struct link *link)
{
    struct socket_link *self = (struct socket_link *)link;

    unlink(link->path);
    close(self->listener);
    self->listener = -1;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (self->clients[i].fd >= 0)
            hang_up(self, &self->clients[i]);
}

static void watch(const struct link *link, struct pollfd *fds)
{
    const struct socket_link *self = (const struct socket_link *)link;

    fds[0] =
        (struct pollfd){.fd = link->openers < CLIENTS_MAX ? self->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        fds[1 + i] = (struct pollfd){.fd = self->clients[i].fd, .events = POLLIN};
}

static void receive(struct socket_link *self, struct client *client)
{
    ssize_t size = recv(client->fd, client->report + client->size,
                        sizeof client->report - client->size, MSG_DONTWAIT);

    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
        hang_up(self, client);
    if (size <= 0)
        return;
    client->size += (size_t)size;
    if (client->size < sizeof client->report)
        return;
    client->size = 0;
    self->link.events.report(self->link.events.context, client->report);
}

static void accept_client(struct socket_link *self)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (self->clients[i].fd >= 0)
            continue;
        self->clients[i].fd = accept4(self->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        self->link.openers += self->clients[i].fd >= 0;
        return;
    }
}

static void turn(struct link *link, const struct pollfd *fds)
{
    struct socket_link *self = (struct socket_link *)link;

    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (fds[1 + i].revents && self->clients[i].fd == fds[1 + i].fd)
            receive(self, &self->clients[i]);
    if (fds[0].revents && self->listener >= 0)
        accept_client(self);
}

/* Who does not read is not waited for. */
static void send_report(struct link *link, const uint8_t report[static HID_REPORT_SIZE])
{
    struct socket_link *self = (struct socket_link *)link;

    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &self->clients[i];

        if (client->fd >= 0 && send(client->fd, report, HID_REPORT_SIZE,
                                    MSG_NOSIGNAL | MSG_DONTWAIT) != HID_REPORT_SIZE)
            hang_up(self, client);
    }
}

static void release(struct link *link)
{
    free(link);
}

static const struct link_kind kind = {plug, unplug, watch, turn, send_report, release};

struct link *socket_link_new(const char *path)
{
    struct socket_link *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    self->link.kind = &kind;
    self->listener = -1;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        self->clients[i].fd = -1;
    if (strlen(path) < sizeof self->link.path) {
        memcpy(self->link.path, path, strlen(path) + 1);
        return &self->link;
    }
    free(self);
    return NULL;
}
