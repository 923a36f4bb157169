/* SPDX-License-Identifier: MIT */
/*
 * card.signIn, from the request to its answer: one ceremony (agent/ceremony.h) for each request,
 * with the challenge that the page brought, and one audit entry for its end, whatever that is.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/ceremony.h"
#include "agent/config.h"
#include "ipc/door/door.h"

struct sign_ins;

/* made: a card token (TOKEN_JWS) has just been handed out to that origin (both borrowed for the
 * call); whoever wants the key of its cnf takes it now (result->key), or it is wiped. NULL: nobody
 * does. */
typedef void sign_in_made_fn(void *context, const char *origin, struct ceremony_result *result);

/* ceremonies and config are borrowed for its life. NULL on fault (logged). */
struct sign_ins *sign_ins_new(struct ceremonies *ceremonies, const struct config *config,
                              sign_in_made_fn *made, void *context);
/* Answers everything under way with OUTCOME_CANCELLED. */
void sign_ins_free(struct sign_ins **sign_ins);

/* Takes the request; params are copied. */
void sign_ins_add(struct sign_ins *sign_ins, struct request *request,
                  const struct sign_in_params *params);
/* The list of origins is another one: what was asked for one that is not in it is cancelled. */
void sign_ins_config_changed(struct sign_ins *sign_ins);
/* If it is one of these: answers it with OUTCOME_CANCELLED, and is true. */
bool sign_ins_cancel(struct sign_ins *sign_ins, struct request *request);

/* Answers everything under way with OUTCOME_CANCELLED. */
void sign_ins_cancel_all(struct sign_ins *sign_ins);
size_t sign_ins_count(const struct sign_ins *sign_ins);
