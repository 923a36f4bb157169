/* SPDX-License-Identifier: MIT */
/*
 * The security keys of one desk: plugged in and out, asked for a signature or silently whether they
 * are still there, and answering when the test says so, with the truth or without.
 */
#pragma once

#include "agent/keys/key_work.h"
#include "ipc/door/door.h"

#include <stdbool.h>
#include <stdint.h>

#define RP_ID "op.example"
enum { KEY_A = 1, KEY_B = 2, KEYS = 4 };
enum { HERS = 0x41, ANOTHER = 0x42 }; /* credentials, of one byte */

struct security_keys {
    bool possible;     /* set before rig_start: there can be some */
    bool busy;         /* too many wait for them */
    bool working;      /* a key has something to sign */
    uint8_t wanted;    /* only that credential; 0: any */
    bool probing;      /* a key is asked silently */
    int works, probes; /* begun, ever */
};
extern struct security_keys security_keys;

void key_in(int key); /* one press of a finger: plugged in where it always is */
void key_out(int key);

/* What the work under way (not a probe) comes to. flags: enum auth_data_flag. */
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

void keys_begin(void);
void keys_end(void); /* asserts that none is asked for anything */
