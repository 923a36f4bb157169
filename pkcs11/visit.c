/* SPDX-License-Identifier: MIT */
/*
 * Modules remember a card's certificates, so of a quick exchange the certificate tells nothing.
 * Therefore the reader is asked too (insertion.h), at the beginning and before each PIN: it goes
 * out only while the card is in that was listed. An exchange after that look ends the module's own
 * connection, which belongs to one insertion.
 *
 * Where a step fails for want of a card, modules say CKR_GENERAL_ERROR as well as
 * CKR_DEVICE_REMOVED, and look at whatever is in the slot by then; so after any failure that is not
 * about the PIN the reader has the word, then the slot. A wrong third PIN is CKR_PIN_INCORRECT in
 * one module and CKR_PIN_LOCKED in the next, so the token is read again.
 */
#include "pkcs11/visit.h"

#include "ipc/base/outcome.h"
#include "pkcs11/hold.h"
#include "pkcs11/insertion.h"
#include "pkcs11/pin_tries.h"
#include "pkcs11/slots.h"

#include <string.h>

enum { SAME_ID_MAX = 8 }; /* certificates of one key: renewed ones beside old ones */

int visit_check_card(const struct visit *visit)
{
    struct insertion now = insertion_look(visit->token.reader);
    return insertion_since(&visit->agreed, &now);
}

int visit_begin(struct visit *visit, struct module *m, CK_SLOT_ID slot)
{
    *visit = (struct visit){.module = m, .slot = slot};
    m->code = CKR_OK;
    int r = slots_token(m, slot, &visit->token);
    visit->agreed = slots_listed(m, slot);
    if (!visit->agreed.known)
        visit->agreed = insertion_look(visit->token.reader);
    return r == 0 ? visit_check_card(visit) : r;
}

/* True if the object is the certificate of that hash, whose facts are then filled. */
static bool is_certificate(struct session *s, CK_OBJECT_HANDLE object, const uint8_t wanted[32],
                           struct certificate_facts *facts)
{
    uint8_t der[CARD_CERTIFICATE_BYTES_MAX], hash[32];
    size_t len;
    return session_attribute(s, object, CKA_VALUE, der, sizeof der, &len) &&
           certificate_hash(der, len, hash) && memcmp(hash, wanted, sizeof hash) == 0 &&
           certificate_inspect(der, len, facts);
}

int visit_find_certificate(struct session *s, const struct bytes *id, const uint8_t hash[32],
                           struct certificate_facts *facts)
{
    CK_OBJECT_HANDLE objects[SAME_ID_MAX];
    size_t count;
    int r = session_find(s, CKO_CERTIFICATE, id->data, id->len, objects, SAME_ID_MAX, &count);
    if (r != 0)
        return r;
    for (size_t i = 0; i < count; i++)
        if (is_certificate(s, objects[i], hash, facts))
            return OUTCOME_OK;
    return OUTCOME_CARD_CHANGED;
}

int visit_login(const struct visit *visit, struct session *s, CK_USER_TYPE user, const uint8_t *pin,
                size_t len)
{
    int r = visit_check_card(visit);
    if (r != 0)
        return r;
    hold_begin();
    s->login_tried = true;
    /* PKCS#11 takes the PIN as not const; NULL is the PIN pad (2.40 §5.6, C_Login). */
    return MODULE_CALL(s->module, C_Login, s->handle, user,
                       len > 0 ? (CK_UTF8CHAR *)(uintptr_t)pin : NULL, len);
}

/* Reads flags and tries again for the reply. True if the token is there. */
static bool read_again(struct visit *visit, struct card_reply *reply)
{
    bool present = slots_token(visit->module, visit->slot, &visit->token) == 0;
    if (present)
        slots_settle_tries(&visit->token, pin_tries_left_after_logout(visit->token.reader));
    reply->flags = visit->token.flags;
    reply->tries_left = visit->token.tries_left;
    return present;
}

static bool about_secret(int result)
{
    return result == OUTCOME_PIN_BLOCKED || result == OUTCOME_PIN_FORMAT ||
           result == OUTCOME_PIN_REFUSED || result == OUTCOME_PUK_WRONG ||
           result == OUTCOME_PUK_BLOCKED;
}

static int reconsider(struct visit *visit, int result, struct card_reply *reply)
{
    int since = visit_check_card(visit);
    /* Of another card in its place neither is of interest, and it is left alone. */
    bool present = since == OUTCOME_OK && read_again(visit, reply);
    if (result == OUTCOME_OK || about_secret(result))
        return result;
    if (result == OUTCOME_PIN_WRONG)
        return reply->flags & CARD_PIN_LOCKED ? OUTCOME_PIN_BLOCKED : result;
    if (since != OUTCOME_OK)
        return since;
    if (!present && insertion_held(visit->token.reader))
        return OUTCOME_CARD_BUSY;
    bool there = present || slots_token_present(visit->module, visit->slot);
    return there ? result : OUTCOME_CARD_REMOVED;
}

void visit_end(struct visit *visit, int result, struct card_reply *reply)
{
    CK_RV code = visit->module->code;
    reply->result = (uint32_t)reconsider(visit, result, reply);
    visit->module->code = code;
    reply->module_code = code;
}
