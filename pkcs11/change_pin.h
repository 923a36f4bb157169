/* SPDX-License-Identifier: MIT */
/*
 * Another PIN for a card: in the place of the one there is (C_SetPIN), or of one that is blocked or
 * forgotten, by the PUK.
 *
 * PKCS#11 knows no PUK. Most modules take it for the SO's PIN: C_Login(CKU_SO), C_InitPIN. OpenSC
 * takes it in C_SetPIN of a session without a login, where its setting user_pin_unblock_style says
 * so (hold.c does); the SO's login of a PIV card would ask the card what it cannot answer.
 */
#pragma once

#include "ipc/card_message.h"
#include "pkcs11/module.h"

/* Fills the reply's flags and tries, its result and module_code. Whatever the end, the session is
 * closed and the card logged out when this returns. A secret goes to the module once; the PIN that
 * is changed twice, if the first time it was right. Main thread; blocks in the module, and at a PIN
 * pad for as long as the person takes. */
void change_pin(struct module *m, const struct card_pin_request *request, struct card_reply *reply);
void unblock_pin(struct module *m, const struct card_pin_request *request,
                 struct card_reply *reply);
