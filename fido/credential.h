/* SPDX-License-Identifier: MIT */
/* FIDO_CREATE. One thread. */
#pragma once

#include "fido/keys.h"

/* Whether the key would do, judged without anybody noticing. OUTCOME_OK, KEY_REMOVED, KEY_FAILED,
 * CANCELLED. */
int credential_judge(struct candidate *candidate, const struct fido_start *start);
/* Makes it, with all questions. OUTCOME_OK with *done filled; KEY_REGISTERED (the caller lets the
 * key be touched first when candidate->found says so); KEY_FULL; the outcomes of verification_call;
 * KEY_FAILED too for an answer that is not what was asked for, or whose signature is wrong. */
int credential_make(struct candidate *candidate, const struct fido_start *start,
                    struct fido_done *done);
