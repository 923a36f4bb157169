/* SPDX-License-Identifier: MIT */
/*
 * "Which role are you working in?", "Which account do you want to sign in with?": a lanyard-chooser
 * process with a window of its own (GTK 4), for as long as the question stands. A pinentry has no
 * list that a person could search, so this is the one question that is not asked through it; the
 * agent's side is like a prompt's all the same (prompt_client.h).
 *
 * Loop thread only; nothing blocks. Freeing takes the window away.
 */
#pragma once

#include "agent/cis/cis_session.h"
#include "agent/helper.h"

struct chooser;

/* result: OUTCOME_OK with chosen an index below the count, CANCELLED, TIMED_OUT, or
 * PROMPT_UNAVAILABLE (no display, no lanyard-chooser, a nonsensical answer). Called exactly once
 * from the loop, unless the chooser is freed first; the callback frees the chooser. */
typedef void chooser_fn(void *context, int result, size_t chosen);

/* name: the person's, or the UID; current: the role that is chosen now, -1: none. All borrowed for
 * the call. Returns owned; NULL on fault (logged). */
struct chooser *chooser_ask(struct loop *loop, struct helpers *helpers, const char *name,
                            const struct cis_role *roles, size_t role_count, int current,
                            unsigned timeout_seconds, chooser_fn *fn, void *context);
struct chooser_account {
    const char *name;   /* "": it has none */
    const char *detail; /* "": none */
};

/* site: whom the window names, "": nobody. As above. */
struct chooser *chooser_ask_account(struct loop *loop, struct helpers *helpers, const char *site,
                                    const struct chooser_account *accounts, size_t count,
                                    unsigned timeout_seconds, chooser_fn *fn, void *context);
/* Takes NULL. */
void chooser_free(struct chooser **chooser);
