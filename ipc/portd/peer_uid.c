/* SPDX-License-Identifier: MIT */
/*
 * For each accepted connection there is a second socket on this machine: the client's, with the
 * same addresses the other way round. The kernel knows it by them and says who made it.
 *
 * Three things would make that answer a lie, and each is checked. A socket whose owner has closed
 * it has no inode, and the kernel then says user 0: so without an inode there is no proof. The
 * lookup falls back to listening sockets: so the state must be ESTABLISHED and both addresses those
 * we asked for. And after a reset the client's port may belong to somebody else while our socket is
 * still at hand: so our own end must still be ESTABLISHED after the answer, which means that nobody
 * else can have had the same pair of addresses meanwhile.
 *
 * The lookup sees this process's network namespace, and only sockets of that one can connect to
 * its loopback addresses. The user is the one who made the socket; what root makes is root's.
 */
#include "ipc/portd/peer_uid.h"

#include "ipc/base/log.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_BYTES = 16 * 1024 };

struct endpoints {
    sa_family_t family;
    struct inet_diag_sockid id;
};

struct query {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
};

int peer_uid_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    return fd < 0 ? log_fault(errno, "NETLINK_SOCK_DIAG") : fd;
}

/* ---- addresses ---- */

static void copy_address(const struct sockaddr_storage *from, __be32 to[4], __be16 *port)
{
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        to[0] = in->sin_addr.s_addr;
        *port = in->sin_port;
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        memcpy(to, &in6->sin6_addr, sizeof in6->sin6_addr);
        *port = in6->sin6_port;
    }
}

/* The client's socket: its source is our peer. */
static int client_endpoints(int fd, struct endpoints *out)
{
    struct sockaddr_storage ours, theirs;
    socklen_t our_len = sizeof ours, their_len = sizeof theirs;
    if (getsockname(fd, (struct sockaddr *)&ours, &our_len) < 0 ||
        getpeername(fd, (struct sockaddr *)&theirs, &their_len) < 0)
        return -ENOENT;
    if (ours.ss_family != theirs.ss_family ||
        (ours.ss_family != AF_INET && ours.ss_family != AF_INET6))
        return -ENOENT;
    *out = (struct endpoints){.family = ours.ss_family};
    copy_address(&theirs, out->id.idiag_src, &out->id.idiag_sport);
    copy_address(&ours, out->id.idiag_dst, &out->id.idiag_dport);
    out->id.idiag_cookie[0] = out->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return 0;
}

/* A client may reach an IPv4 address through an IPv6 socket: as ::ffff:a.b.c.d. */
static void to_ipv6(int family, const __be32 from[4], struct in6_addr *to)
{
    *to = (struct in6_addr){0};
    if (family == AF_INET6) {
        memcpy(to, from, sizeof *to);
        return;
    }
    to->s6_addr[10] = to->s6_addr[11] = 0xff;
    memcpy(to->s6_addr + 12, from, sizeof *from);
}

static bool same_address(int a_family, const __be32 a[4], int b_family, const __be32 b[4])
{
    struct in6_addr x, y;
    to_ipv6(a_family, a, &x);
    to_ipv6(b_family, b, &y);
    return memcmp(&x, &y, sizeof x) == 0;
}

static bool is_the_client(const struct inet_diag_msg *socket, const struct endpoints *asked)
{
    return socket->idiag_state == TCP_ESTABLISHED && socket->idiag_inode != 0 &&
           socket->id.idiag_sport == asked->id.idiag_sport &&
           socket->id.idiag_dport == asked->id.idiag_dport &&
           same_address(socket->idiag_family, socket->id.idiag_src, asked->family,
                        asked->id.idiag_src) &&
           same_address(socket->idiag_family, socket->id.idiag_dst, asked->family,
                        asked->id.idiag_dst);
}

static bool still_established(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           info.tcpi_state == TCP_ESTABLISHED;
}

/* ---- questions and answers ---- */

/* One datagram of answers. Its length, or -errno. Only the kernel is believed. */
static ssize_t receive(int netlink, void *reply, size_t size)
{
    struct sockaddr_nl from = {0};
    struct iovec piece = {reply, size};
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &piece, .msg_iovlen = 1};
    ssize_t got;
    do
        got = recvmsg(netlink, &message, MSG_DONTWAIT);
    while (got >= 0 && from.nl_pid != 0);
    if (got < 0)
        return -errno;
    return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : got;
}

/* Answers of a question that was given up must not be taken for those of the next. */
static void drain(int netlink)
{
    char rest[REPLY_BYTES];
    while (recv(netlink, rest, sizeof rest, MSG_DONTWAIT) > 0)
        ;
}

static int ask(int netlink, struct query *query, uint16_t flags)
{
    drain(netlink);
    query->header = (struct nlmsghdr){.nlmsg_len = sizeof *query,
                                      .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                                      .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)};
    query->request.sdiag_protocol = IPPROTO_TCP;
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    return sendto(netlink, query, sizeof *query, MSG_DONTWAIT, (const struct sockaddr *)&kernel,
                  sizeof kernel) < 0
               ? -errno
               : 0;
}

/* The socket a message describes; NULL: it is another kind of message. */
static const struct inet_diag_msg *described(const struct nlmsghdr *header)
{
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        header->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
        return NULL;
    return NLMSG_DATA(header);
}

int peer_uid_ask(int netlink, int fd, uid_t *uid)
{
    struct endpoints asked;
    int r = client_endpoints(fd, &asked);
    if (r < 0)
        return r;
    struct query query = {.request = {.sdiag_family = (uint8_t)asked.family,
                                      .idiag_states = 1u << TCP_ESTABLISHED,
                                      .id = asked.id}};
    r = ask(netlink, &query, 0);
    if (r < 0)
        return r;
    char reply[REPLY_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    ssize_t got = receive(netlink, reply, sizeof reply);
    if (got < 0)
        return (int)got;
    const struct nlmsghdr *header = (const struct nlmsghdr *)reply;
    if (!NLMSG_OK(header, (size_t)got))
        return -EPROTO;
    const struct inet_diag_msg *socket = described(header);
    if (!socket || !is_the_client(socket, &asked) || !still_established(fd))
        return -ENOENT;
    *uid = socket->idiag_uid;
    return 0;
}

/* Pages connect to this computer's usual address: who listens on another one is in nobody's way. */
static bool pages_reach(const struct inet_diag_msg *socket)
{
    struct in6_addr address;
    struct in_addr four;
    to_ipv6(socket->idiag_family, socket->id.idiag_src, &address);
    memcpy(&four, address.s6_addr + 12, sizeof four);
    if (IN6_IS_ADDR_V4MAPPED(&address))
        return four.s_addr == htonl(INADDR_LOOPBACK) || four.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address);
}

/* Looks through one datagram of a dump. 1: found; 0: more may come; -ENOENT: that was all. */
static int find_listener(const char *reply, size_t len, uint16_t port, uint32_t *inode, uid_t *uid)
{
    for (const struct nlmsghdr *header = (const struct nlmsghdr *)reply; NLMSG_OK(header, len);
         header = NLMSG_NEXT(header, len)) {
        if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
            return -ENOENT;
        const struct inet_diag_msg *socket = described(header);
        if (socket && ntohs(socket->id.idiag_sport) == port && pages_reach(socket)) {
            *inode = socket->idiag_inode;
            *uid = socket->idiag_uid;
            return 1;
        }
    }
    return 0;
}

static int listener_of_family(int netlink, int family, uint16_t port, uint32_t *inode, uid_t *uid)
{
    struct query query = {
        .request = {.sdiag_family = (uint8_t)family, .idiag_states = 1u << TCP_LISTEN}};
    int r = ask(netlink, &query, NLM_F_DUMP);
    while (r == 0) {
        char reply[REPLY_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
        ssize_t got = receive(netlink, reply, sizeof reply);
        r = got < 0 ? (int)got : find_listener(reply, (size_t)got, port, inode, uid);
    }
    return r == 1 ? 0 : r;
}

int peer_uid_listener(int netlink, uint16_t port, uint32_t *inode, uid_t *uid)
{
    int r = listener_of_family(netlink, AF_INET, port, inode, uid);
    return r == -ENOENT ? listener_of_family(netlink, AF_INET6, port, inode, uid) : r;
}
