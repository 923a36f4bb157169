/* SPDX-License-Identifier: MIT */
/*
 * The keeper with the machine, its asks, seats and seals as they are, and everything around it
 * played by the test, each part by a rig of its own:
 *
 *   test_clock_rig           the time, and the loop's timers
 *   test_keeper_callers_rig  who asks, and what each is answered
 *   test_keeper_cards_rig    the reader and its cards
 *   test_keeper_prompt_rig   the ceremony, and the person who types the PIN
 *   test_keeper_keys_rig     the security keys (test_key_pair_rig: what is in them)
 *   test_keeper_server_rig   the provider, and its place in the configuration
 *   test_keeper_screen_rig   the desktop's lock, notices, the choice of a role
 *   test_keeper_kept_rig     sealed memory, the queue of ends, the audit trail
 */
#pragma once

#include "agent/session/keeper.h"
#include "agent/session/session.h"

enum {
    NORMAL = 1 << SESSION_NORMAL,
    ENHANCED = 1 << SESSION_ENHANCED_NORMAL,
    PERSISTENT = 1 << SESSION_LOCK_PERSISTENCE,
    MOBILE = 1 << SESSION_MOBILITY,
};

struct rig {
    struct keeper *keeper;
    struct config config;
    int changes;     /* session.changed */
    char order[512]; /* what the outside saw of an end: "due lock told " */
};
extern struct rig rig;

void rig_note(const char *what); /* into rig.order */

/* ---- ways into a session ---- */

/* The whole ceremony with a provider that is there, up to the signature. */
void card_signs(int person);
/* From nothing to signed in: a page asks, one role. Returns the page's answered request. */
struct request *sign_in(void);
struct request *start_signed_in(unsigned modes);

/* The same with security keys: there can be some, and the provider takes them. */
void start_with_keys(unsigned modes);
/* No card is in, and the provider is asked what else will do. */
struct request *ask_without_card(void);
struct request *sign_in_with_key(void); /* KEY_A, by the credential HERS */
struct request *start_signed_in_with_key(unsigned modes);
/* With PIN and touch again, by that credential and no other. */
void resume_with_key(void);

void sleep_and_wake(void); /* the desktop, with nothing in between */

/* ---- life ---- */

void rig_start(unsigned modes);
/* The agent's process ends (in order, or killed) and another begins. */
void rig_stop(void);
void rig_kill(void);
void rig_restart(void);
int rig_setup(void **state);
int rig_teardown(void **state);
#define KEEPER_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
