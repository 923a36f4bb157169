/* SPDX-License-Identifier: MIT */
/*
 * Looking for credentials on a key without anybody noticing (up = false, CTAP 2.1 §6.2; for U2F
 * "check only"). What a key shows to its person only (credProtect 3), and what is on a key that
 * does nothing without a touch, is not found so. A key with alwaysUv asks for nobody here: that is
 * about what somebody has to be there for. One thread.
 */
#pragma once

#include "fido/keys.h"
#include "fido/verification.h"

/* Looks for the list's credentials (or with an empty one for any that is discoverable) under rp_id
 * and, unless it is "", appid. Found: candidate->found (empty where the list is) and with_appid.
 * OUTCOME_OK: found; KEY_NOT_REGISTERED; KEY_REMOVED, KEY_FAILED, CANCELLED. */
int probe(struct candidate *candidate, const struct fido_start *start, const char *appid);
/* Whether list[0] is there under rp_id, with what the key has signed to show for it: done gets
 * credential_id, auth_data and signature, over start->client_data_hash. A U2F key signs nothing
 * without a touch: of it auth_data and signature are empty. Otherwise as probe. */
int probe_signed(struct candidate *candidate, const struct fido_start *start,
                 struct fido_done *done);
/* The same under rp_id, after the person was verified (fido/verification.h). */
int probe_verified(struct candidate *candidate, const struct fido_start *start,
                   enum verification_need need);
