/* SPDX-License-Identifier: MIT */
/*
 * A unit file is an administrator's text like any other: what systemd passes is checked, not
 * trusted, so that no mistake in a unit can make this program reachable from the network.
 */
#include "ipc/portd/listener.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/portd/squatter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum {
    WEB_BACKLOG = 128,    /* a burst of pages; each is taken within a fraction of a millisecond */
    AGENTS_BACKLOG = 128, /* every agent of a host registers at once after a restart */
    AGENTS_MODE = 0666,   /* any user may register: the broker asks the kernel who it is */
};

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->web_count; i++)
        close_fd(&listeners->web[i]);
    if (listeners->file.fd < 0)
        close_fd(&listeners->agents);
    socket_file_close(&listeners->file);
}

/* ---- addresses ---- */

static bool loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
    return ntohs(address->ss_family == AF_INET ? ((const struct sockaddr_in *)address)->sin_port
                                               : ((const struct sockaddr_in6 *)address)->sin6_port);
}

static int parse_port(const char *text, in_port_t *port)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value > UINT16_MAX)
        return -EINVAL;
    *port = htons((uint16_t)value);
    return 0;
}

int listener_parse(const char *text, struct sockaddr_storage *address)
{
    char host[INET6_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    bool v6 = text[0] == '[';
    if (!colon || (v6 && (colon < text + 2 || colon[-1] != ']')))
        return -EINVAL;
    size_t len = (size_t)(colon - text) - (v6 ? 2 : 0);
    if (len >= sizeof host)
        return -EINVAL;
    memcpy(host, text + v6, len);
    host[len] = '\0';

    *address = (struct sockaddr_storage){.ss_family = v6 ? AF_INET6 : AF_INET};
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
    void *binary = v6 ? (void *)&in6->sin6_addr : (void *)&in->sin_addr;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, host, binary) != 1 || !loopback(address))
        return -EINVAL;
    return parse_port(colon + 1, v6 ? &in6->sin6_port : &in->sin_port);
}

/* ---- the web ---- */

/* Takes fd, if it is a socket that may be listened on beside those that are there. */
static int keep_web(struct listeners *listeners, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    int listening = 0;
    socklen_t listening_len = sizeof listening;
    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_len) < 0)
        return log_fault(errno, "web socket");
    uint16_t port = loopback(&address) ? port_of(&address) : 0;
    if (!listening || port == 0 || listeners->web_count == BROKER_WEB_MAX ||
        (listeners->port != 0 && listeners->port != port)) {
        log_error("web sockets must listen on loopback addresses, at most %d, of one port",
                  BROKER_WEB_MAX);
        return -EINVAL;
    }
    listeners->web[listeners->web_count++] = fd;
    listeners->port = port;
    return 0;
}

static int log_taken(const struct sockaddr_storage *address, int error)
{
    if (error != EADDRINUSE)
        return log_fault(error, "listen");
    char who[256];
    squatter_describe(port_of(address), true, who, sizeof who);
    log_error("port %u is taken by %s (LY-2104)", (unsigned)port_of(address), who);
    return -error;
}

int listeners_add_web(struct listeners *listeners, const struct sockaddr_storage *address)
{
    struct sockaddr_storage wanted = *address;
    if (port_of(&wanted) == 0 && listeners->port != 0) { /* "any" means the first one's */
        if (wanted.ss_family == AF_INET)
            ((struct sockaddr_in *)&wanted)->sin_port = htons(listeners->port);
        else
            ((struct sockaddr_in6 *)&wanted)->sin6_port = htons(listeners->port);
    }
    CLEANUP(close_fd)
    int fd = socket(wanted.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return log_fault(errno, "socket");
    /* A restart must not wait for connections that linger in TIME_WAIT. It lets nobody else in: on
     * Linux a port that is listened on cannot be taken with it. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0)
        return log_fault(errno, "SO_REUSEADDR");
    if (bind(fd, (const struct sockaddr *)&wanted, sizeof wanted) < 0 ||
        listen(fd, WEB_BACKLOG) < 0)
        return log_taken(&wanted, errno);
    int r = keep_web(listeners, fd);
    if (r == 0)
        steal_fd(&fd);
    return r;
}

/* ---- the agents ---- */

int listeners_open_agents(struct listeners *listeners, const char *path)
{
    int r = socket_file_open(&listeners->file, path, SOCK_SEQPACKET, AGENTS_MODE, AGENTS_BACKLOG);
    if (r == -EADDRINUSE)
        log_error("another lanyard-portd serves %s already", path);
    listeners->agents = listeners->file.fd;
    return r;
}

/* ---- inherited ---- */

static int keep_inherited(struct listeners *listeners, int fd, const char *name)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return log_fault(errno, "F_SETFL");
    if (strcmp(name, "web") == 0)
        return keep_web(listeners, fd);
    if (strcmp(name, "agents") == 0 && listeners->agents < 0 &&
        sd_is_socket(fd, AF_UNIX, SOCK_SEQPACKET, 1) > 0) {
        listeners->agents = fd;
        return 0;
    }
    log_error("a socket named \"%s\" was passed; \"web\" and one \"agents\" are expected", name);
    return -EINVAL;
}

int listeners_inherit(struct listeners *listeners)
{
    CLEANUP(free_texts) char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);
    if (count < 0)
        return log_fault(-count, "sd_listen_fds_with_names");
    for (int i = 0; i < count; i++) {
        int r = keep_inherited(listeners, SD_LISTEN_FDS_START + i, names[i]);
        if (r < 0)
            return r;
    }
    return 0;
}
