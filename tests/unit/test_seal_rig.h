/* SPDX-License-Identifier: MIT */
/*
 * The service manager of a process with sealed memory, played by the test: it receives the
 * descriptor and passes it to the next struct seal as systemd would.
 */
#pragma once

#include "agent/session/seal.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PASSED = 3,            /* the first of the descriptors that are passed */
    CLEAR_OF_PASSED = 100, /* where the test keeps its own */
    WAIT_MS = 20000,
};

struct manager {
    char said[1024]; /* the last message to it */
    int received;    /* the last descriptor; -1: none */
};
extern struct manager manager;

/* The next message. False when there is none. */
bool hear(void);
/* As it would be passed to this process; names with ':' between them. */
void pass_all(const int *fds, int count, const char *names);
/* What was received is passed to another, which takes it up. */
struct seal *next_process(void);

void assert_sealed(struct seal *seal, const char *expected);
void assert_nothing_sealed(struct seal *seal);

/* Skips the test where the kernel has no such memory. */
void needs_memfd_secret(void);
int secret_fd(void); /* empty; -1 where there is none */
/* The same descriptor from CLEAR_OF_PASSED on; that one is closed. */
int clear_of_passed(int fd);
uint8_t *map_received(void); /* SEAL_FILE_BYTES */

int rig_setup(void **state);
int rig_teardown(void **state);
#define SEAL_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
