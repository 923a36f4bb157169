/* SPDX-License-Identifier: MIT */
/*
 * lanyard-card with OpenSC, a private pcscd and virtual PIV cards: everything of the real path but
 * the plastic. Skipped where OpenSC is not installed.
 *
 * CKA_ID 1 is the authentication key (9A), 2 the signature key (9C), which wants its PIN for each
 * use. Alice has RSA-2048, Bob P-256, Carol P-384. A test begins with a helper and empty readers.
 */
#pragma once

#include "ipc/base/outcome.h"
#include "test_pkcs11_rig.h"
#include "test_pkcs11_sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <winscard.h>

#include <cmocka.h>

enum { AUTHENTICATION = 1, SIGNATURE = 2 };

#define READER_1 "Lanyard Virtual Reader 1"  /* "reader-1" */
#define PINPAD_1 "Lanyard Virtual PIN Pad 1" /* "pinpad-1" */
#define RIGHT_PIN "123456"
#define WRONG_PIN "654321"

extern struct sandbox sandbox;
extern const char *module; /* OpenSC's; NULL: there is none */
extern struct helper helper;

/* ---- cards; what a token points to is good until the next look ---- */

/* The token in the reader of that name, by a fresh list; NULL when there is none. Where the module
 * has missed an exchange, another helper is asked, as the agent does. */
const struct card_token *look(const char *name);
/* Looks until there is one that can be read (pcscd needs a moment), or any. */
const struct card_token *see(const char *name);
const struct card_token *see_any(const char *name);
/* Puts a card in and sees it; takes it out until it is seen no more. */
const struct card_token *insert(const char *where, const char *card, const char *name);
void take_out(const char *where, const char *name);
void restart_pcscd(void);
/* The number after what ("verify=") in the count of the APDUs that reader-1 has had. */
unsigned count_of(const char *what);

/* ---- signatures ---- */

struct wish wish_for(const struct card_token *token, uint8_t id, unsigned algorithm,
                     const char *pin);
void expect_signature(const struct wish *wish);
void expect_refusal(const struct wish *wish, int outcome, uint8_t tries);
/* The result says that the card has been taken out, or exchanged. */
void expect_not_that_card(int result);

/* ---- another program, which is this process ---- */

struct other_program {
    SCARDCONTEXT context;
    SCARDHANDLE card;
};

/* Connects to the card in reader-1. */
bool other_connects(struct other_program *other, DWORD share);
void other_leaves(struct other_program *other);
/* Waits until pcscd has seen that there is a card in reader-1, or that there is none. */
void other_sees(bool card);

/* ---- life ---- */

/* Of a test that needs no card at once: insert does it, too. */
void skip_without_opensc(void);
int piv_set_up(void **state);
int piv_tear_down(void **state);
int piv_start(void **state);
int piv_stop(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, piv_start, piv_stop)
