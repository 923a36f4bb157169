/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells in /proc (proc(5)), read as text: for the port, the broker's socket and the
 * hardening of processes. Texts are borrowed; nothing blocks. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_listener {
    bool loopback; /* only on this computer */
    uid_t uid;
    unsigned long inode;
};

/* Finds who listens on the port in the text of /proc/net/tcp, or tcp6. False: nobody. */
bool proc_net_tcp_listener(const char *text, uint16_t port, struct proc_listener *out);

/* True if somebody listens to that path, by the text of /proc/net/unix. */
bool proc_net_unix_listens(const char *text, const char *path);

/* The number behind that name ("Seccomp", "PPid") in the text of /proc/PID/status; -1: none. */
long proc_status_number(const char *text, const char *name);
/* The program's name in it ("Name"), copied; "" when there is none. */
void proc_status_name(const char *text, char *out, size_t size);
