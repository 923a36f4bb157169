/* SPDX-License-Identifier: MIT */
/*
 * The keeper with the machine, its asks, seats and seals as they are, and everything around it
 * played by the test: cards, ceremonies, the provider, desktop, sealed memory, queue of ends,
 * chooser, callers, timers and the clock.
 */
#pragma once

#include "agent/audit.h"
#include "agent/session/keeper.h"
#include "agent/session/session.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- callers ---- */

struct request {
    struct caller caller;
    bool answered;
    int error;        /* 0: none */
    char proof[2048]; /* JWS */
    char state[32];   /* of a session's view */
    char cause[32];
    char sid[SESSION_ID_MAX + 1];
    char role[ROLE_ID_MAX + 1];
    bool live, done;
    int waiting; /* enum waiting_for; -1: never told */
};

struct request *from_page(const char *origin);
struct request *from_native(void);

#define ORIGIN "https://op.example"
#define ORIGIN_TOO "https://www.op.example"  /* of the same provider */
#define OTHER_ORIGIN "https://other.example" /* a provider without a session endpoint */
#define CHALLENGE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* Each asks, and returns the request. */
struct request *prove(const char *origin, enum interaction interaction, long max_age);
struct request *begin(const char *origin);
struct request *begin_with(const char *origin, const char *sid);
struct request *begin_choosing(void);
struct request *choose_role(const char *role);
struct request *end_session(struct request *request);
struct request *status_of(struct request *request);

/* ---- cards ---- */

enum { ALICE = 1, BOB = 2 };
void card_in(int person);
void card_out(void);
uint64_t card_now(void); /* as agent/cards.h calls it */
void reader_unplugged(void);
/* The module forgets its cards, and knows them again. */
void module_crashes(void);
void module_is_back(void);
void another_card_in_the_same_place(int person);
void service(bool up);

/* ---- security keys ---- */

/* With rig.keys, before rig_start: there can be some. */
#define RP_ID "op.example"
enum { KEY_A = 1, KEY_B = 2, KEYS = 4 };
void key_in(int key); /* one press of a finger: plugged in where it always is */
void key_out(int key);
/* What the work under way (not a probe) comes to. The credential is one byte; flags: enum
 * auth_data_flag. */
void key_says(enum waiting_for what);
void key_signs(int key, uint8_t credential);
void key_signs_so(int key, uint8_t credential, const char *rp_id, uint8_t flags);
void key_gives_up(int outcome);
/* The probe under way: which key is asked, and its answer. */
int probed_key(void);
void probe_says(int outcome); /* OK: and has signed as the key that it is */
/* It says that the credential is on it, too. */
enum probe_lie {
    LIE_GARBAGE,      /* the signature is none */
    LIE_NOTHING,      /* there is none, as of a U2F key */
    LIE_ANOTHERS_KEY, /* right, but by another key */
    LIE_OLD,          /* of an earlier probe */
    LIE_SITE,         /* for another site */
    LIE_CREDENTIAL,   /* and names another credential */
    LIE_CUT,          /* authenticator data that is none */
    PROBE_LIES,
};
void probe_lies(enum probe_lie lie);
/* webauthn.get with session: true for a page. */
void key_hands_over(const char *origin, int key, uint8_t credential);

/* ---- what the keeper has set going ---- */

enum call_kind { CHALLENGE_CALL, OPEN_CALL, LOOK_CALL, ROLE_CALL, AUTHENTICATE_CALL };

struct rig {
    struct keeper *keeper;
    struct config config;
    bool sealing;
    const char *uid; /* whom the provider speaks of */

    bool prompting; /* a ceremony is out */
    struct ceremony_request ceremony;
    uint8_t ceremony_identity[32];
    bool fetching; /* it has asked for its challenge */
    int prompts;   /* begun, ever */

    bool keys;              /* there can be some */
    bool keys_busy;         /* too many wait for them */
    bool takes_keys;        /* the provider */
    bool tells_no_key;      /* by what HERS is known again, the provider does not say */
    const char *rp_id;      /* which it names */
    uint8_t allowed;        /* the one credential that it allows; 0: any */
    bool working;           /* a key has something to sign */
    uint8_t wanted;         /* only that credential; 0: any */
    bool probing;           /* a key is asked silently */
    int works, probes;      /* begun, ever */
    bool assertion;         /* what was sent last */
    char client_data[1024]; /* what the key signs */
    char key_name[64];      /* in the audit entry last written */

    bool choosing;
    int calls[AUTHENTICATE_CALL + 1]; /* under way, by kind */
    int sent[AUTHENTICATE_CALL + 1];  /* ever */
    char sent_sid[SESSION_ID_MAX + 1], sent_role[ROLE_ID_MAX + 1];

    int locks; /* desktop_lock */
    int notices;
    char notice[256];
    int changes; /* session.changed */
    char changed_state[32];
    char armed[SESSION_ID_MAX + 1], due[SESSION_ID_MAX + 1], disarmed[SESSION_ID_MAX + 1];
    int dues;
    char released[SESSION_ID_MAX + 1]; /* the sid kept at end_queue_release; "-": NULL */
    int audits[AUDIT_EVENTS];
    char order[512]; /* "wipe"-less record of what the outside saw: "told locked due " */
};
extern struct rig rig;

/* ---- what the surroundings do ---- */

/* The card signs: asks for the challenge first if that has not come yet (which must then be
 * answered with answer_challenge by the test). */
void fetch(void);
void ceremony_waits(enum waiting_for what);
void sign(int person);
void give_up(int outcome);
/* Answer the call under way. */
void answer_challenge(int result);
void answer_call(enum call_kind kind, int result, unsigned roles, int chosen);
void choose(int result, size_t role);
void pass_time(uint64_t milliseconds); /* and fires what is due */

/* From nothing to signed in: a page asks, one role. Returns the page's answered request. */
struct request *sign_in(void);

/* ---- life ---- */

void rig_start(unsigned modes);
/* The agent's process ends (in order, or killed) and another begins. */
void rig_stop(void);
void rig_kill(void);
void rig_restart(void);
int rig_setup(void **state);
int rig_teardown(void **state);
