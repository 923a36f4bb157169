/* SPDX-License-Identifier: MIT */
/*
 * Which user owns the other end of a TCP connection on this machine: the kernel's answer
 * (sock_diag(7)), not the peer's. Another operating system replaces this file. One thread; nothing
 * blocks: the kernel answers within the call that asks.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* A netlink socket for these questions, owned. -errno (logged). */
int peer_uid_open(void);

/* The user whose socket fd is connected to. 0; -ENOENT: there is no proof (the peer has closed or
 * is closing, or is not a socket of this network namespace); -errno. */
int peer_uid_ask(int netlink, int fd, uid_t *uid);

/* Who listens on that TCP port where pages look for it, 127.0.0.1 or [::1], be it as one of all
 * addresses: the socket's inode and user. 0; -ENOENT: nobody; -errno. */
int peer_uid_listener(int netlink, uint16_t port, uint32_t *inode, uid_t *uid);
