/* SPDX-License-Identifier: MIT */
/*
 * Finding the key that is meant: among those that are in, or by waiting for one that comes.
 * One thread.
 */
#pragma once

#include "fido/keys.h"

typedef int judge_fn(struct candidate *candidate, const struct fido_start *start);
typedef int make_fn(struct candidate *candidate, const struct fido_start *start,
                    struct fido_done *done);

/* For GET and CREATE: each key is judged, the person chooses among those that would do, and one
 * makes it. Where there is none, or none that would do, the person is told and one that comes is
 * waited for; but a key that start->key names is the only one: NO_KEY, and KEY_NOT_REGISTERED (GET)
 * or KEY_UNABLE (CREATE). Otherwise what make ends with; KEY_FAILED or KEY_REMOVED when there are
 * none but keys that do not work. done->key, product and device_code are filled too. */
int ceremony_with_person(struct keys *keys, const struct fido_start *start, judge_fn *judge,
                         make_fn *make, struct fido_done *done);

/* For the others: the one key that is in, or the one that start->key names. NO_KEY, KEY_AMBIGUOUS,
 * KEY_FAILED, KEY_REMOVED, CANCELLED, or what make ends with. */
int ceremony_with_key(struct keys *keys, const struct fido_start *start, make_fn *make,
                      struct fido_done *done);
