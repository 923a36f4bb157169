/* SPDX-License-Identifier: MIT */
/*
 * How pages reach the agent. The broker is not connected to: whoever does that is taken for the
 * user's agent. Whether somebody has its socket, and who listens on the port, the kernel says to
 * whoever asks it for just that. Its lists in /proc are not read: what users name their sockets
 * stands in them, and as many lines as users have sockets.
 */
#include "agent/doctor/child.h"
#include "agent/doctor/probe.h"

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
#include <sys/un.h>

enum { PORT_DEFAULT = 24290, SAYS_MAX = 200, CHILD_MS = 5000 };

static const uid_t NOBODY_THERE = (uid_t)-1;

/* 0, -ENOENT: nobody; -errno: it cannot be told (LY-2109 says so). */
static int listener_of(uint16_t port, uid_t *uid)
{
    uint32_t inode;
    CLEANUP(close_fd) int netlink = peer_uid_open();
    return netlink < 0 ? netlink : peer_uid_listener(netlink, port, &inode, uid);
}

/* Whether any process has the socket at that path. A datagram socket cannot be connected to one of
 * another type: the kernel finds the one at the path, if there is one, and says just that
 * (EPROTOTYPE). Whoever has the socket learns nothing. */
static bool has_owner(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path) + 1);
    CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ||
           errno != ECONNREFUSED;
}

static bool systemd_has(const char *unit)
{
    const char *arguments[] = {"systemctl", "is-active", unit, NULL};
    CLEANUP(bytes_deinit) struct bytes said = {0};
    return child_output(arguments, SAYS_MAX, CHILD_MS, &said) == 0;
}

/* Whether the broker itself listens there: systemd for it, or whoever has the agents' socket. Whose
 * that is: agents (NOBODY_THERE: nobody has it). */
static bool is_ours(uid_t listener, uid_t agents)
{
    if (listener == 0 && systemd_has("lanyard-portd.socket"))
        return true;
    return agents != NOBODY_THERE && listener == agents &&
           !(listener == 0 && systemd_has("lanyard-portd-agents.socket"));
}

/* Who is on the port, by number, since another user's name is not for an archive. */
static bool say_squatter(struct probe *probe, uint16_t port, uid_t agents)
{
    uid_t uid;
    char says[SAYS_MAX], subject[32];
    if (listener_of(port, &uid) < 0 || is_ours(uid, agents))
        return false;
    squatter_describe(port, false, says, sizeof says);
    snprintf(subject, sizeof subject, "port %u", (unsigned)port);
    report_find(probe->report, DOCTOR_PORT_TAKEN, subject, "it is %s", says);
    return true;
}

static bool is_masked(const struct probe *probe)
{
    return probe_masked(probe, false, "lanyard-portd.socket") ||
           probe_masked(probe, false, "lanyard-portd-agents.socket") ||
           probe_masked(probe, false, "lanyard-portd.service");
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

/* The first cause of there being no broker; else that code. */
static void say_absent(struct probe *probe, uint16_t port, enum doctor_code code, const char *says)
{
    if (say_squatter(probe, port, NOBODY_THERE))
        return;
    if (is_masked(probe))
        report_find(probe->report, DOCTOR_BROKER_MASKED, probe->config.broker_socket, NULL);
    else
        report_find(probe->report, code, probe->config.broker_socket, "%s", says);
}

static void look_for_broker(struct probe *probe, uint16_t port)
{
    const char *socket = probe->config.broker_socket;
    struct report *report = probe->report;
    struct stat is;
    char unsafe[PATH_MAX];
    if (lstat(socket, &is) < 0) {
        say_absent(probe, port, DOCTOR_BROKER_NOT_RUNNING, strerror(errno));
    } else if (!S_ISSOCK(is.st_mode)) {
        report_find(report, DOCTOR_BROKER_NOT_RUNNING, socket, "it is no socket");
    } else if (!has_owner(socket)) {
        say_absent(probe, port, DOCTOR_BROKER_DIED, "nobody listens to it");
    } else if (say_squatter(probe, port, is.st_uid)) {
        return;
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
    uid_t uid;
    char subject[32];
    int r = listener_of(port, &uid);
    snprintf(subject, sizeof subject, "port %u", (unsigned)port);
    if (r == -ENOENT)
        report_find(probe->report, DOCTOR_PORT_CLOSED, subject, "nobody listens on it");
    else if (r == 0)
        report_saw(probe->report, "%u, served for user %u", (unsigned)port, (unsigned)uid);
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
