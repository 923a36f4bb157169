/* SPDX-License-Identifier: MIT */
/* FIDO_GET, and its silent sister FIDO_PROBE. One thread. */
#pragma once

#include "fido/keys.h"

/* Whether the key would do, judged without anybody noticing. OUTCOME_OK, KEY_REMOVED, KEY_FAILED,
 * CANCELLED. */
int assertion_judge(struct candidate *candidate, const struct fido_start *start);
/* Makes it, with all questions. OUTCOME_OK with *done filled; KEY_NOT_REGISTERED; the outcomes of
 * verification_call; KEY_FAILED too for an answer that is not what was asked for. */
int assertion_make(struct candidate *candidate, const struct fido_start *start,
                   struct fido_done *done);
/* Is start->list[0] on it? OUTCOME_OK, KEY_NOT_REGISTERED, KEY_REMOVED, KEY_FAILED. */
int assertion_probe(struct candidate *candidate, const struct fido_start *start,
                    struct fido_done *done);
