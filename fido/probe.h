/* SPDX-License-Identifier: MIT */
/*
 * Looking for credentials on a key without anybody noticing (up = false, CTAP 2.1 §6.2; for U2F
 * "check only"). What a key shows to its person only is not found so. One thread.
 */
#pragma once

#include "fido/keys.h"
#include "fido/verification.h"

/* Looks for the list's credentials (or with an empty one for any that is discoverable) under rp_id
 * and, unless it is "", appid. Found: candidate->found (empty where the list is) and with_appid.
 * OUTCOME_OK: found; KEY_NOT_REGISTERED; KEY_REMOVED, KEY_FAILED, CANCELLED. */
int probe(struct candidate *candidate, const struct fido_start *start, const char *appid);
/* The same under rp_id, after the person was verified (fido/verification.h). */
int probe_verified(struct candidate *candidate, const struct fido_start *start,
                   enum verification_need need);
