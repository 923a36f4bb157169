/* SPDX-License-Identifier: MIT */
/*
 * The queue of ends and what is around it. The servers are cis_end of this rig, the audit trail its
 * audit_write; the time between two tries is noted, not waited for; and the disk does as it is
 * told. Linked with --wrap for loop_timer_set, renameat and fsync.
 */
#pragma once

#include "agent/session/end_queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rig {
    struct loop *loop;
    struct config config; /* providers one and two; bare has no session endpoint */
    char home[64], folder[96];
    struct end_queue *queue;
    size_t told; /* how often the count changed */

    char delivered[16384]; /* "one:s1 two:s2 ", what the servers have heard of */
    size_t tries;          /* of all */
    bool no_call;          /* cis_end has no memory */
    bool no_answer;        /* it never comes */
    char audited[4096];    /* "delivered:s1:ok " */

    uint64_t waits[64]; /* what the timers were set to */
    size_t wait_count;
    bool timers_fire; /* at once */

    enum { GO_ON, DIE_BEFORE, DIE_AFTER, FAIL } rename_does;
    bool disk_full; /* says fsync */
};
extern struct rig rig;

/* What that provider's server says from now on; others say that it is well. */
void answers(const char *provider, int result, unsigned retry_after);
void one_is_unreachable(void);
void one_is_back(void);

/* As a new process would begin, with nothing taken over. */
void begin(void);
struct end_queue *new_queue(const char *folder); /* one more, told to nobody; NULL on fault */
/* Until everything that is deferred has been done. */
void settle(void);
/* Until the timers that are set have been called, and what comes of it is done. */
void let_time_pass(size_t timers);

/* "SID.c3RhdGVtZW50.c2ln": the sid is what the server calls it by. */
const char *statement_of(const char *sid);
int arm(const char *provider, const char *sid);
void arm_and_due(const char *provider, const char *sid);

/* How many names in the folder end so; "" all of them. */
size_t files(const char *end);
const char *path_of(const char *name);
void put_file(const char *name, const char *text, size_t len, mode_t mode);

int rig_setup(void **state);
int rig_teardown(void **state);
#define ENDS_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
