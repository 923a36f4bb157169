/* SPDX-License-Identifier: MIT */
/*
 * The socket for native programs, where the service manager listens on it and starts the agent when
 * somebody comes (sd_listen_fds(3), FileDescriptorName=native). Any thread; nothing blocks.
 */
#pragma once

/* Its name among the descriptors that are passed. What else is passed is agent/session/seal.h's. */
#define PASSED_NATIVE "native"

/* The listening socket, owned, non-blocking and close-on-exec; 0: none was passed, or not such a
 * one (logged). Before seal_new, which takes LISTEN_FDS out of the environment. */
int passed_native(void);
