/* SPDX-License-Identifier: MIT */
/*
 * One PKCS#11 module, as the agent knows it: a long-lived lanyard-card process that is asked one
 * thing at a time, in order, each with a deadline.
 *
 * If the process dies, hangs past a deadline or answers what cannot be, it is killed, everything
 * asked of it ends with OUTCOME_CARD_MODULE_FAILED, and a new process starts after a pause that
 * grows with each failure in a row. One that does not come back from a card that has left is no
 * failure: it is killed after a second, and a new process takes over at once. Nothing is ever sent
 * twice. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/helper.h"
#include "ipc/card_message.h"

struct card_module;

/* result: OUTCOME_OK or what card_reply.result may hold, or CARD_MODULE_FAILED; reply: borrowed for
 * the call (its tokens may be moved out), NULL when the helper gave none. */
typedef void card_module_fn(void *context, int result, struct card_reply *reply);

/* path: the module (borrowed for its life). restarted: called when a new process has replaced one
 * that was killed, so that its cards are looked at again. NULL on fault (logged). */
struct card_module *card_module_new(struct loop *loop, struct helpers *helpers, const char *path,
                                    loop_fn *restarted, void *context);
/* Whatever was asked is dropped without its callback. */
void card_module_free(struct card_module **module);

const char *card_module_path(const struct card_module *module);
/* "starting", "ready", "failed". */
const char *card_module_state(const struct card_module *module);
/* How it failed last, static; NULL: it did not. */
const char *card_module_detail(const struct card_module *module);
/* The outcome that a sign-in with it would have now: OUTCOME_OK, CARD_MODULE_FAILED or
 * CARD_MODULE_MISSING. */
int card_module_problem(const struct card_module *module);

/* Asks for the cards that are in. The callback comes later, never from within this call; with
 * CARD_CHANGED it is to be asked again, of a new process that takes over then. 0; -EAGAIN when too
 * much is asked already; -ENOMEM. */
int card_module_list(struct card_module *module, card_module_fn *fn, void *context);
/* Asks for a signature. The request (its PIN included) is encoded at once and wiped when sent. */
int card_module_sign(struct card_module *module, const struct card_sign_request *sign,
                     card_module_fn *fn, void *context);
/* Asks for another PIN: type is CARD_REQUEST_PIN_CHANGE or CARD_REQUEST_PIN_UNBLOCK; as
 * card_module_sign. */
int card_module_pin(struct card_module *module, enum card_request_type type,
                    const struct card_pin_request *pin, card_module_fn *fn, void *context);
/* A new process takes over, as soon as this one has answered what it works on: the module has
 * missed that a card was exchanged (OpenSC does, when nothing was seen between the two), and its
 * own picture cannot be trusted. `restarted` is not called. */
void card_module_renew(struct card_module *module);
/* PC/SC says that a card has left, that in this slot (NULL: one that the module has not told of). A
 * list that the process works on, or what it does with that card, is not waited for much longer:
 * the process is ended, the list is answered with CARD_CHANGED and the other with CARD_REMOVED,
 * without a reply, and what else was asked goes to a new process. (A reader that is unplugged in
 * mid-command has OpenSC 0.23 call itself until its stack is used up.) */
void card_module_card_left(struct card_module *module, const uint64_t *slot);
/* Forgets what was asked with this context: no callback comes. A card that works on it already is
 * left to finish, but a PIN pad that waits for keys is stopped by ending the process, for nothing
 * else stops it; a new one takes over at once. */
void card_module_forget(struct card_module *module, void *context);
