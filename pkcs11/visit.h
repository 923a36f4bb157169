/* SPDX-License-Identifier: MIT */
/*
 * One visit to the card that a person has agreed to, whatever it is for (sign.h, change_pin.h): no
 * secret goes to another card, and what the end means is asked of reader and card afterwards.
 * Main thread; blocks in the module.
 */
#pragma once

#include "ipc/card_message.h"
#include "pkcs11/certificate.h"
#include "pkcs11/module.h"
#include "pkcs11/session.h"

struct visit {
    struct module *module; /* borrowed */
    CK_SLOT_ID slot;
    struct card_token token; /* as it was found */
    struct insertion agreed; /* the card that the person consented to */
};

/* Looks at the card in that slot. OK, or CARD_REMOVED, CARD_CHANGED, CARD_UNREADABLE,
 * CARD_MODULE_FAILED. *visit is initialised in any case, and visit_end must follow. */
int visit_begin(struct visit *visit, struct module *m, CK_SLOT_ID slot);

/* OK, CARD_REMOVED or CARD_CHANGED: is the card in that was agreed upon? */
int visit_check_card(const struct visit *visit);

/* Finds the certificate of that CKA_ID and SHA-256: OK with *facts, CARD_CHANGED, or an outcome of
 * the module. */
int visit_find_certificate(struct session *s, const struct bytes *id, const uint8_t hash[32],
                           struct certificate_facts *facts);

/* C_Login, once, if the card is still the one; from here on nobody else reaches it (hold.h). len 0:
 * the PIN is typed at the reader. */
int visit_login(const struct visit *visit, struct session *s, CK_USER_TYPE user, const uint8_t *pin,
                size_t len);

/* When the session is closed: what the result means, now that reader, token and card can be asked
 * again. Fills the reply's result, module code, flags and tries. */
void visit_end(struct visit *visit, int result, struct card_reply *reply);
