/* SPDX-License-Identifier: MIT */
/*
 * lanyard-fido as the agent runs it, with virtual keys (tests/sandbox/key): a process on one end of
 * a socket pair, the test on the other. Each wait ends after a minute and fails the test.
 */
#pragma once

#include "ipc/base/outcome.h"
#include "ipc/fido_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- the keys: "usb" and "other" are under a made-up /dev, "far" is a redirected one ---- */

/* For a group of tests. */
int rig_start_keys(void **state);
int rig_stop_keys(void **state);
/* For each: all keys as they left the factory and unplugged. */
int rig_reset(void **state);
/* A control socket's line and its answer, without "ok"; static until the next. Anything else than
 * ok fails. */
const char *rig_ctl(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The number after "name=" in what `state` says of the key. */
unsigned rig_state(const char *key, const char *name);
/* Waits until the key has had so many messages since it was plugged in. */
void rig_await_messages(const char *key, unsigned count);
const char *rig_far_path(void);

/* ---- a helper ---- */

struct helper_run {
    int fd, pid;
    enum fido_message_type type; /* of what it said last */
    struct fido_news news;
    struct fido_done done;
};

/* Where the next helpers' log goes; -1: standard error. */
extern int rig_log;
/* The next helpers are the product's, on the machine that is there, without a redirected key. */
extern bool rig_as_installed;

/* Starts lanyard-fido and sends START. redirect: the keys' socket is named. */
void rig_begin(struct helper_run *run, const struct fido_start *start, bool redirect);
void rig_say(struct helper_run *run, uint8_t type); /* KEYS, CANCEL */
void rig_say_pin(struct helper_run *run, const char *pin);
void rig_say_choice(struct helper_run *run, uint8_t choice);
/* The next thing it says. False: it has ended without a word. */
bool rig_hear(struct helper_run *run);
/* Passes over WAITING_WORK, and expects that then. */
void rig_expect_waiting(struct helper_run *run, enum fido_waiting waiting);
void rig_expect_ask(struct helper_run *run, enum fido_ask ask, uint32_t problem);
/* Passes over all that is waited for; a question is a failure. Returns the result. */
uint32_t rig_finish(struct helper_run *run);
/* The same, where the helper may also have died: then OUTCOME_INTERNAL. */
uint32_t rig_finish_or_die(struct helper_run *run);
/* Reaps the process and forgets what it said. */
void rig_end(struct helper_run *run);
/* rig_finish, whose result is to be that, and rig_end. */
void rig_expect_end(struct helper_run *run, uint32_t result);

/* ---- requests ---- */

#define RIG_SITE "example.org"

/* GET with an allow list of those ids (until the first that is empty), CREATE of user "nurse". */
struct fido_start rig_get(const struct bytes *first, const struct bytes *second);
struct fido_start rig_create(void);
/* A credential for the site, made at once by the one key that is in. Owned. */
void rig_register(struct bytes *id, bool resident, const char *pin);
/* GET with that list; the result. */
uint32_t rig_get_once(const struct bytes *id);
