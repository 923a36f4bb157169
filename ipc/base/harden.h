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

/* Moves descriptor from to one above 2, close-on-exec, puts /dev/null at from, and returns the new
 * number: a vendor's module that writes to standard output or closes it then harms nobody.
 * -errno. */
int harden_move_fd(int from);

/* The peer of a connected Unix socket (SO_PEERCRED). 0 or -errno. */
int harden_peer(int fd, uid_t *uid, pid_t *pid);
