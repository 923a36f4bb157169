/* SPDX-License-Identifier: MIT */
/* A key's upkeep (ipc/PROTOCOL.md 2.16). One thread. */
#pragma once

#include "fido/keys.h"

/* Each: OUTCOME_OK with *done filled where there is something to fill in, KEY_UNABLE, KEY_REMOVED,
 * KEY_FAILED, CANCELLED, and beside that: */
int manage_info(struct candidate *candidate, const struct fido_start *start,
                struct fido_done *done);
/* KEY_PIN_SET, KEY_PIN_REFUSED. */
int manage_set_pin(struct candidate *candidate, const struct fido_start *start,
                   struct fido_done *done);
/* KEY_PIN_NOT_SET, KEY_PIN_REFUSED, KEY_LOCKED, KEY_BLOCKED. */
int manage_change_pin(struct candidate *candidate, const struct fido_start *start,
                      struct fido_done *done);
/* The outcomes of verification_call; with more than FIDO_CREDENTIALS_MAX the first are listed. */
int manage_list(struct candidate *candidate, const struct fido_start *start,
                struct fido_done *done);
/* And CREDENTIAL_UNKNOWN. */
int manage_delete(struct candidate *candidate, const struct fido_start *start,
                  struct fido_done *done);
int manage_rename(struct candidate *candidate, const struct fido_start *start,
                  struct fido_done *done);
/* KEY_RESET_LATE, TIMED_OUT. Waits for a touch. */
int manage_reset(struct candidate *candidate, const struct fido_start *start,
                 struct fido_done *done);
