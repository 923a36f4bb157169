/* SPDX-License-Identifier: MIT */
/*
 * Asking for PINs, setting and changing them. A PIN is sent to the key in one request only, but for
 * one that has proved right, which serves what else belongs to the same operation. One thread.
 */
#pragma once

#include "fido/device.h"

/* Asks for the PIN as it is into *pin (terminated). problem: what was wrong with the last one,
 * OUTCOME_OK for the first. Never more tries than the key has. OUTCOME_OK, CANCELLED, KEY_LOCKED,
 * KEY_BLOCKED, and what the key fails with. */
int pin_ask(struct key *key, int problem, struct secret *pin);
/* Asks for a PIN to be set, until it is long enough. OUTCOME_OK, CANCELLED. */
int pin_ask_new(struct key *key, struct secret *pin);

/* Both questions, and the change; *pin is the new one afterwards. OUTCOME_OK, CANCELLED,
 * KEY_PIN_REFUSED, KEY_LOCKED, KEY_BLOCKED, KEY_REMOVED, KEY_FAILED. */
int pin_change(struct key *key, struct secret *pin);
/* The first PIN. The same outcomes. */
int pin_set(struct key *key);
/* An empty one with room for a PIN; NULL without memory (logged). */
struct secret *pin_new(void);
/* As the C string that libfido2 wants: borrowed, in the secret itself. */
const char *pin_text(const struct secret *pin);
