/* SPDX-License-Identifier: MIT */
/*
 * The session's keeper: tells the machine (session.h) what happens, and does what it says. It holds
 * what the machine does not: the key, the provider's session object, the requests that wait, the
 * prompt that is out, the timer.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/ceremony.h"
#include "agent/cis/cis.h"
#include "agent/config.h"
#include "agent/desktop/desktop.h"
#include "agent/keys/key_work.h"
#include "agent/session/end_queue.h"
#include "agent/session/seal.h"
#include "ipc/door/door.h"

struct keeper;

/* All borrowed for its life, but for prompt_role. */
struct keeper_setup {
    struct loop *loop;
    struct helpers *helpers;
    const struct config *config;
    const struct issuers *issuers; /* NULL: any */
    struct cards *cards;
    struct ceremonies *ceremonies;
    const struct key_watch *keys; /* both NULL: there are no security keys */
    struct key_works *key_works;
    struct cis *cis;
    struct desktop *desktop;
    struct seal *seal;
    struct end_queue *ends;
    /* session.changed, for pages of these origins. Called from the loop. */
    void (*changed)(void *context, const struct session_view *view, const char *const *origins);
    void *context;
};

/* Takes up what an earlier process has sealed. NULL on fault (logged). */
struct keeper *keeper_new(const struct keeper_setup *setup);
/* Says STOPPING: answers everything that waits, and ends or seals the session. */
void keeper_free(struct keeper **keeper);

/* ---- requests; each is answered, now or later ---- */

void keeper_prove(struct keeper *keeper, struct request *request,
                  const struct session_prove_params *params);
void keeper_begin(struct keeper *keeper, struct request *request,
                  const struct session_begin_params *params);
void keeper_role(struct keeper *keeper, struct request *request,
                 const struct session_role_params *params);
/* What a native caller would be told of the session now; the view is borrowed for the call. */
void keeper_view(struct keeper *keeper, void (*fn)(void *context, const struct session_view *view),
                 void *context);
void keeper_status(struct keeper *keeper, struct request *request);
void keeper_end(struct keeper *keeper, struct request *request);
/* If it is one that waits here: answers it with OUTCOME_CANCELLED, and is true. */
bool keeper_cancel(struct keeper *keeper, struct request *request);

/* ---- what happens ---- */

void keeper_cards_changed(struct keeper *keeper);
void keeper_keys_changed(struct keeper *keeper);
void keeper_desktop(struct keeper *keeper, enum desktop_event event);
void keeper_ends_changed(struct keeper *keeper);
/* The configuration is another one (config_replace). A session at a provider that is no longer
 * listed, or has no endpoint any more, ends; any other goes on as it began. */
void keeper_config_changed(struct keeper *keeper);

/* A card token was made for a page (card.signIn), which may come back with session.begin: the key
 * is taken (set to NULL). */
void keeper_card_token(struct keeper *keeper, const char *origin, struct ceremony_result *result);
/* The same of a security key's assertion (webauthn.get with session); plugged: the key's plugging
 * in (fido/key_watch.h). */
void keeper_assertion(struct keeper *keeper, const char *origin, struct session_key **key,
                      const char *rp_id, const struct bytes *credential, uint64_t plugged);

/* The plugging in of the security key that the session is bound to; 0: there is none. */
uint64_t keeper_key(const struct keeper *keeper);
size_t keeper_waiting_count(const struct keeper *keeper);
