/* SPDX-License-Identifier: MIT */
/*
 * The keys that are plugged in now, opened, and what each is worth to the operation.
 *
 * They are found in the kernel's list (fido/plugged.h) and at the redirected key's socket. One
 * thread; may block as fido/device.h says.
 */
#pragma once

#include "fido/device.h"

enum key_fit {
    KEY_BROKEN, /* it does not work */
    KEY_UNFIT,  /* it cannot do it, or holds none of the credentials */
    KEY_UNSURE, /* it would show its credentials to nobody but its person */
    KEY_FIT,
};

struct candidate {
    struct key key;
    enum key_fit fit;
    int refusal;        /* what it ends with when it is the one: OUTCOME_KEY_PIN_NOT_SET */
    struct bytes found; /* GET: the credential on it, CREATE: the excluded one; empty: not known */
    bool with_appid;    /* found under the appid */
};

struct keys {
    struct agent_link *link; /* borrowed */
    const char *redirect;    /* borrowed; "": none */
    size_t count;
    struct candidate at[FIDO_KEYS_MAX];
    int failure; /* of one that could not be opened: KEY_FAILED or KEY_REMOVED */
    /* what turned out not to hold any, though it was unsure; forgotten when it is pulled out */
    size_t aside_count;
    char aside[FIDO_KEYS_MAX][FIDO_PATH_MAX + 1];
};

/* Opens the key at only, or with "" all there are. What cannot be opened is left out. OUTCOME_OK,
 * also with none; CANCELLED. keys_close follows. */
int keys_open(struct keys *keys, const char *only);
/* Closes all but that one, which may be NULL. */
void keys_close_others(struct keys *keys, const struct candidate *chosen);
void keys_close(struct keys *keys);

void keys_lay_aside(struct keys *keys, const struct candidate *candidate);
bool keys_is_aside(const struct keys *keys, const struct candidate *candidate);
