/* SPDX-License-Identifier: MIT */
/*
 * One signature: PIN, key, signature, logged out.
 */
#pragma once

#include "ipc/card_message.h"
#include "pkcs11/module.h"

/* Fills the SIGN part of *reply (initialised), its result and module_code. Whatever the end, the
 * session is closed and the card logged out when this returns, and the PIN has been sent to the
 * module once, or twice when the key demands a login of its own and the first was accepted; not at
 * all when the reader says that the card has been out since it was listed.
 * Results: those of struct card_reply. Main thread; blocks in the module, and at a PIN pad for as
 * long as the person takes. */
void sign(struct module *m, const struct card_sign_request *request, struct card_reply *reply);
