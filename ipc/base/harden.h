/* SPDX-License-Identifier: MIT */
/*
 * What every program of ours does before it does anything else, and the few operating-system
 * questions about who is on the other end. Another operating system replaces this file.
 */
#pragma once

#include <sys/types.h>

/* No core file, no ptrace by other processes of the user (PR_SET_DUMPABLE 0), no new privileges,
 * umask 077, SIGPIPE ignored, standard descriptors open, SSLKEYLOGFILE not in the environment (nor
 * in that of children). Main thread, first thing, before others are started. 0 or -errno. */
int harden_process(void);

/* A helper must not outlive its agent: the kernel sends it SIGKILL when the spawning thread ends
 * (PR_SET_PDEATHSIG); if expected_parent is gone already it exits at once. 0 or -errno. */
int harden_die_with_parent(pid_t expected_parent);

/* What a helper does before anything else: all of harden_process, and the agent's socket, with
 * which it was started as descriptor 0, moves to one above 2, close-on-exec, while descriptors 0
 * and 1 become /dev/null, so that whoever prints, or closes what he did not open, harms nobody. It
 * ends with the process of that id (decimal), which has started it. Returns the socket; -EINVAL
 * when the text is no process id (nothing is done then), or another -errno. */
int harden_helper(const char *parent);

/* The peer of a connected Unix socket (SO_PEERCRED). 0 or -errno. */
int harden_peer(int fd, uid_t *uid, pid_t *pid);
