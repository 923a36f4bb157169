/* SPDX-License-Identifier: MIT */
/*
 * Works with security keys, played move by move: the clock, the helper's socket, prompt and
 * chooser, and the keys that are in stand here in the place of the agent's own. What the helper
 * says goes through the real codec, so it may say anything.
 */
#pragma once

#include "agent/chooser_client.h"
#include "agent/keys/key_work.h"
#include "agent/prompt_client.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_clock_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PATH_A "/dev/hidraw0" /* where a key is in from the beginning: 1, "Example Key 1" */
#define PATH_B "/dev/hidraw1"
#define SITE "https://op.example"
#define SITE_RP_ID "op.example"
#define SESSION_RP_ID "session.example"

enum { PIN_TIMEOUT = 120, ENDED_MAX = 16 };

struct rig {
    struct key_works *works;
    struct config config;
    struct fido_start start; /* of the works that page and program begin */

    /* the helper's process */
    struct helper *running; /* NULL: none */
    unsigned started;
    struct fido_start told; /* the last START */
    struct fido_word words[8];
    unsigned word_count;                /* since it was started */
    char typed[FIDO_PIN_BYTES_MAX + 1]; /* the PIN of the last PIN word */
    bool deaf;

    /* windows */
    struct prompt *prompt; /* NULL: none is out */
    struct prompt_question question;
    struct chooser *chooser;
    size_t account_count;
    char chooser_site[64];
    bool no_display;

    /* the keys that are in: change them, then say keys_changed */
    struct key_found in[2];
    size_t in_count;

    /* what the works' owners have heard */
    struct {
        uint32_t result;
        uint64_t key;
        void *context;
    } ended[ENDED_MAX];
    unsigned ended_count;
    char heard[256]; /* "key touch[Example Key 1] ..." */
};
extern struct rig rig;
extern const struct caller page, program;

/* ---- the helper: each is read by the agent at once ---- */

void say(const struct fido_news *news);
void say_framed(const void *body, size_t len);
void say_bytes(const void *bytes, size_t len); /* without a head */
void wait_for(enum fido_waiting what, const char *key);
/* Of the key at PATH_A. */
void ask_pin(uint8_t tries, enum outcome problem);
void ask_new_pin(enum outcome problem);
void end_at(enum outcome result, const char *key);
void hang_up(void);
bool was_told(enum fido_message_type type);

/* ---- windows ---- */

void answer(int result, const char *pin);
void type_pin(const char *pin);
void choose_account(int result, size_t account);
bool shows(const char *text);

/* ---- keys ---- */

void keys_changed(void);
/* mark: as in struct key_found. */
void plug_in(uint64_t id, const char *path, const char *name, const char *mark);
void put_in(uint64_t id, const char *path); /* "Example Key ID" */
void pull_out(void);                        /* all */
/* rig.start is for the key there, and no other. */
void mean_key(const char *path);

/* ---- works ---- */

/* rig.start, before the loop runs. NULL: refused. */
struct key_work *try_begin(const struct caller *caller, void *context, int *refusal);
/* The same, which must be taken. */
struct key_work *line_up(const struct caller *caller, void *context);
void assert_turned_away(const struct caller *caller, int outcome);
/* Lines one up with that operation, and lets the loop run. */
struct key_work *begin(enum fido_operation operation); /* the program's */
struct key_work *begin_by(const struct caller *caller, enum fido_operation operation);
/* The session's, for SESSION_RP_ID: whether its key is in, and its own sign-in. */
void look_for_session(void *context);
void sign_in_for_session(void *context);
void assert_ended(enum outcome result); /* that one, and no other */

/* ---- life ---- */

int rig_set_up(void **state);
int rig_tear_down(void **state);
#define TEST(function) cmocka_unit_test_setup_teardown(function, rig_set_up, rig_tear_down)
