/* SPDX-License-Identifier: MIT */
/*
 * key.info to key.reset (PROTOCOL.md 2.16): each is one thing done with a security key, for a
 * native caller. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/keys/key_work.h"
#include "ipc/door/keys.h"

struct key_upkeep;

/* Borrowed for its life; watch NULL: there are no keys. NULL on fault (logged). */
struct key_upkeep *key_upkeep_new(struct key_works *works, const struct key_watch *watch);
/* What is under way is answered with OUTCOME_CANCELLED. Takes NULL. */
void key_upkeep_free(struct key_upkeep **upkeep);

/* Answers the request, now or later. */
void key_upkeep_add(struct key_upkeep *upkeep, struct request *request,
                    const struct key_params *params);
/* If it is one of these: answers it with OUTCOME_CANCELLED, and is true. */
bool key_upkeep_cancel(struct key_upkeep *upkeep, struct request *request);
/* Answers everything under way with OUTCOME_CANCELLED. */
void key_upkeep_cancel_all(struct key_upkeep *upkeep);
size_t key_upkeep_count(const struct key_upkeep *upkeep);
