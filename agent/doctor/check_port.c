/* SPDX-License-Identifier: MIT */
/*
 * How pages reach the agent. The broker is not connected to: whoever does that is taken for the
 * user's agent. That somebody listens stands in /proc.
 */
#include "agent/doctor/probe.h"
#include "agent/doctor/proc.h"

#include "ipc/base/cleanup.h"
#include "ipc/portd/peer_uid.h"
#include "ipc/portd/squatter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libgen.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { PORT_DEFAULT = 24290, NET_TEXT_MAX = 4 * 1024 * 1024, SAYS_MAX = 200 };

static bool listens(const struct probe *probe, uint16_t port, struct proc_listener *out)
{
    CLEANUP(free_text) char *four = probe_read(probe, NET_TEXT_MAX, "/proc/net/tcp");
    if (four && proc_net_tcp_listener(four, port, out))
        return true;
    CLEANUP(free_text) char *six = probe_read(probe, NET_TEXT_MAX, "/proc/net/tcp6");
    return six && proc_net_tcp_listener(six, port, out);
}

/* Who is on the port, by number, since another user's name is not for an archive; only he is told
 * of who is not root, since root's port is systemd's or the broker's own. */
static bool say_squatter(struct probe *probe, uint16_t port)
{
    struct proc_listener listener;
    char says[SAYS_MAX], subject[32];
    if (!listens(probe, port, &listener))
        return false;
    squatter_describe(port, false, says, sizeof says);
    snprintf(subject, sizeof subject, "port %u", (unsigned)port);
    report_find(probe->report, DOCTOR_PORT_TAKEN, subject, "it is %s", says);
    return true;
}

/* The agent would not believe what is in a folder that others may write. */
static bool folder_is_unsafe(const char *socket, char unsafe[PATH_MAX])
{
    char path[PATH_MAX];
    struct stat is;
    snprintf(path, sizeof path, "%s", socket);
    for (char *folder = dirname(path);; folder = dirname(folder)) {
        if (stat(folder, &is) == 0 && (is.st_mode & (S_IWGRP | S_IWOTH)) &&
            !((is.st_mode & S_ISVTX) && is.st_uid == 0)) {
            snprintf(unsafe, PATH_MAX, "%s", folder);
            return true;
        }
        if (strcmp(folder, "/") == 0 || strcmp(folder, ".") == 0)
            return false;
    }
}

static void look_for_broker(struct probe *probe, uint16_t port)
{
    const char *socket = probe->config.broker_socket;
    struct report *report = probe->report;
    struct stat is;
    char unsafe[PATH_MAX];
    CLEANUP(free_text) char *sockets = probe_read(probe, NET_TEXT_MAX, "/proc/net/unix");
    if (lstat(socket, &is) < 0) {
        int error = errno;
        if (say_squatter(probe, port))
            return;
        if (probe_masked(probe, false, "lanyard-portd.socket") ||
            probe_masked(probe, false, "lanyard-portd.service"))
            report_find(report, DOCTOR_BROKER_MASKED, socket, NULL);
        else
            report_find(report, DOCTOR_BROKER_NOT_RUNNING, socket, "%s", strerror(error));
    } else if (!S_ISSOCK(is.st_mode)) {
        report_find(report, DOCTOR_BROKER_NOT_RUNNING, socket, "it is no socket");
    } else if (sockets && !proc_net_unix_listens(sockets, socket)) {
        if (!say_squatter(probe, port))
            report_find(report, DOCTOR_BROKER_DIED, socket, "nobody listens to it");
    } else if (probe->status && folder_is_unsafe(socket, unsafe)) {
        report_find(report, DOCTOR_BROKER_UNTRUSTED, unsafe, "others may write this folder");
    } else if (probe->status) {
        report_find(report, DOCTOR_BROKER_APART, socket, "the agent is not registered there");
    } else {
        report_saw(report, "lanyard-portd listens at %s", socket);
    }
}

static void check_open_port(struct probe *probe, uint16_t port)
{
    struct proc_listener listener;
    char subject[32];
    snprintf(subject, sizeof subject, "port %u", (unsigned)port);
    if (!listens(probe, port, &listener))
        report_find(probe->report, DOCTOR_PORT_CLOSED, subject, "nobody listens on it");
    else
        report_saw(probe->report, "%u, served for user %u", (unsigned)port, (unsigned)listener.uid);
}

void check_port(struct probe *probe)
{
    const json_t *door = json_object_get(probe->status, "door");
    const char *state = json_string_value(json_object_get(door, "state"));
    json_int_t told = json_integer_value(json_object_get(door, "port"));
    uint16_t port = probe->setup->port               ? probe->setup->port
                    : told > 0 && told <= UINT16_MAX ? (uint16_t)told
                                                     : PORT_DEFAULT;
    if (state && strcmp(state, "open") == 0)
        check_open_port(probe, port);
    else if (state && strcmp(state, "taken") == 0)
        report_find(probe->report, DOCTOR_AGENT_TWICE, "", NULL);
    else
        look_for_broker(probe, port);
}

/* ---- whose a connection is ---- */

static int listen_here(struct sockaddr_in *address)
{
    CLEANUP(close_fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof *address;
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)address, len) < 0 || listen(fd, 1) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) < 0)
        return -1;
    return steal_fd(&fd);
}

/* A connection of our own to ourselves, on a port that the kernel chooses. */
void check_peer_uid(struct probe *probe)
{
    struct sockaddr_in address;
    uid_t uid;
    CLEANUP(close_fd) int netlink = peer_uid_open();
    CLEANUP(close_fd) int listener = listen_here(&address);
    CLEANUP(close_fd) int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (netlink < 0) {
        report_find(probe->report, DOCTOR_PEER_UID, "", "sock_diag: %s", strerror(-netlink));
        return;
    }
    if (listener < 0 || client < 0 ||
        connect(client, (struct sockaddr *)&address, sizeof address) < 0) {
        report_find(probe->report, DOCTOR_CHECK_FAILED, "127.0.0.1",
                    "this computer does not reach itself: %s", strerror(errno));
        return;
    }
    CLEANUP(close_fd) int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int r = accepted < 0 ? -errno : peer_uid_ask(netlink, accepted, &uid);
    if (r < 0)
        report_find(probe->report, DOCTOR_PEER_UID, "", "sock_diag: %s", strerror(-r));
    else if (uid != geteuid())
        report_find(probe->report, DOCTOR_PEER_UID, "",
                    "a connection of user %u was said to be user %u's", (unsigned)geteuid(),
                    (unsigned)uid);
}
