/* SPDX-License-Identifier: MIT */
/*
 * The slots of the module and the tokens in them: what a LIST request asks for.
 *
 * A certificate is reported with algorithms when a private key goes with it. Before a login most
 * modules hide private keys (CKA_PRIVATE), so the rule is:
 *
 *     the certificate is an authority's                      -> none
 *     a private key with the same CKA_ID is visible          -> what key and slot can do, unless
 *                                                               the key says it cannot sign
 *     none is visible, and the token wants a login first     -> the same: the key is assumed
 *     none is visible, and the token needs no login          -> none
 *
 * A certificate without CKA_ID has no key that could be named and is left out. Seen: OpenSC (PIV)
 * and SoftHSM 2 hide private keys; a key that turns out to be absent ends the signing with
 * NO_CERTIFICATE. CKA_ALWAYS_AUTHENTICATE of a hidden key reads as 0 here; sign.c asks the key
 * itself.
 *
 * Main thread; all may block in the module.
 */
#pragma once

#include "ipc/card_message.h"
#include "pkcs11/module.h"

/* Fills the token list of *reply (initialised) and its result: OK, CARD_MODULE_FAILED, or
 * CARD_CHANGED: the module may have missed that cards were exchanged, and only a new process can
 * tell what is in; m->listed is then as it was. Cards that cannot be read are reported with
 * CARD_UNREADABLE, and with CARD_HELD when another program is the reason. What is beyond the bounds
 * of ipc/card_message.h is left out and logged. Which insertion each of them is stands in
 * m->listed. 0 or -ENOMEM. */
int slots_list(struct module *m, struct card_reply *reply);

/* The insertion that was listed in this slot; not known when none was. */
struct insertion slots_listed(const struct module *m, CK_SLOT_ID slot);

/* True if a token is in the slot now. */
bool slots_token_present(struct module *m, CK_SLOT_ID slot);

/* What the module says about a token and its PIN; the number of tries as far as the flags tell it.
 * Certificates are not read. 0 or an outcome: CARD_REMOVED, CARD_UNREADABLE, CARD_MODULE_FAILED. */
int slots_token(struct module *m, CK_SLOT_ID slot, struct card_token *token);

/* Enters a number of tries that the card itself gave (pin_tries.h) and makes the flags agree with
 * it; with CARD_TRIES_UNKNOWN the flags have the word. */
void slots_settle_tries(struct card_token *token, uint8_t tries);

/* What the module's flags say of the PUK (the SO's PIN): 0, 1, or CARD_TRIES_UNKNOWN. */
uint8_t slots_puk_tries(struct module *m, CK_SLOT_ID slot);
