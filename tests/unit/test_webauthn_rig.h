/* SPDX-License-Identifier: MIT */
/*
 * webauthn.get and webauthn.create from the message to the answer, without keys: what would be done
 * with one is kept here, and ends as each test has it end. What the key signs is not verified by
 * the agent, so it is not made here either.
 */
#pragma once

#include "agent/webauthn/webauthn.h"
#include "ipc/auth_data.h"
#include "ipc/base/outcome.h"
#include "ipc/door/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CHALLENGE "AAECAwQFBgcICQoLDA0ODw"
#define ORIGIN "https://login.op.example"
#define GET(more)                                                                                  \
    "webauthn.get\",\"params\":{\"publicKey\":{\"challenge\":\"" CHALLENGE "\"" more "}"
#define CREATE_OF(algorithms, more)                                                                \
    "webauthn.create\",\"params\":{\"publicKey\":{\"challenge\":\"" CHALLENGE                      \
    "\",\"rp\":{\"name\":\"Site\"},\"user\":{\"id\":\"dQ\",\"name\":\"n\",\"displayName\":\"N\"}," \
    "\"pubKeyCredParams\":" algorithms more "}"
#define CREATE(more) CREATE_OF("[{\"type\":\"public-key\",\"alg\":-7}]", more)
#define ALLOW_ID ",\"allowCredentials\":[{\"type\":\"public-key\",\"id\":\"aWQ\"}]"

struct key_work {
    struct key_work_request copy;
    struct key_work_events events;
};

struct rig {
    struct loop *loop;
    struct config config;
    struct connections set;
    struct connection page, program;
    struct webauthns *webauthns;

    /* what the caller that asked last has been sent since */
    struct bytes last; /* the last message, terminated */
    unsigned sent;

    /* agent/keys */
    struct key_work *work; /* the last that was begun; NULL: it has ended */
    unsigned begun;
    int refusal; /* of the next one */

    /* the session, which hears of a sign-in with a key of its own */
    bool takes_key;
    unsigned made;
    struct session_key *key;
    char made_origin[64];
    uint64_t made_plug;

    unsigned refusals_written; /* in the journal */
};
extern struct rig rig;

/* ---- callers ---- */

/* call: GET(...), CREATE(...); more: members after publicKey. */
void ask_as(struct connection *connection, const char *call, const char *more);
void ask(const char *call);            /* the page */
void ask_as_program(const char *call); /* for ORIGIN */
/* These words are in what was sent last. */
void expect(const char *words);
bool says_base64url(const char *name, const void *data, size_t len);
/* That error, and nothing is under way any more. */
void expect_error(const char *reason, const char *name);

/* ---- the key ---- */

/* What it is asked for now. */
const struct fido_start *asked(void);

extern const uint8_t aaguid[AUTH_DATA_AAGUID_BYTES];
void set(struct bytes *to, const char *text);
/* AUTH_DATA_*; a credential follows where one has been made. */
void write_auth_data(struct bytes *out, const char *site, uint8_t flags);
void write_credential(struct bytes *out);
/* As a good key answers; owned until it is answered. */
struct fido_done assertion(void);
struct fido_done credential(void);

/* Ends what is under way so. */
void answer(struct fido_done *done);
void fail_with(int result);
/* The page asks, that is answered, and the page reads that error; a lie is a key that failed. */
void answer_wrongly(const char *call, struct fido_done *done, const char *reason, const char *name);
void assert_lie(const char *call, struct fido_done *done);

/* ---- life ---- */

int rig_set_up(void **state);
int rig_tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
