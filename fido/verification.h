/* SPDX-License-Identifier: MIT */
/*
 * User verification: whether a call to a key needs it, by which way, and the questions to the
 * person that come of it. One thread.
 */
#pragma once

#include "fido/device.h"

enum verification_need {
    VERIFICATION_NONE,     /* unless the key insists */
    VERIFICATION_POSSIBLE, /* where something is set up for it */
    VERIFICATION_MUST,
};

/* A call of libfido2's that can be told apart from its verification: with a PIN (borrowed for the
 * call, never more than once), or with the key's own where own is true, or with neither. Returns a
 * FIDO_ERR_. */
typedef int verified_call(void *context, struct key *key, const char *pin, bool own);

/* Whether the key has anything set up by which it could know its person. */
bool verification_ready(const struct key *key);

/* Makes the call, after the questions it needs: the key's own verification first, where it has one
 * set up, then the PIN. A wrong PIN is asked for again; a PIN that has to be changed is changed.
 * OUTCOME_OK, and the call's own; KEY_PIN_NOT_SET, KEY_UNABLE, KEY_UNVERIFIED, KEY_LOCKED,
 * KEY_BLOCKED, KEY_PIN_REFUSED, CANCELLED (key->yielded: KEYS did it), TIMED_OUT, KEY_REMOVED,
 * KEY_FAILED. */
int verification_call(struct key *key, enum verification_need need, verified_call *call,
                      void *context);

/* As the person sees it: how many tries are left; UINT8_MAX where the key does not say. */
uint8_t verification_tries(struct key *key);
