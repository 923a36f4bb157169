/* SPDX-License-Identifier: MIT */
/*
 * The order of steps is the safety of it:
 *
 *     token there, PIN of a possible length   else nothing is sent to the card
 *     the certificate is the one agreed to    else another card has taken its place
 *     log out, then log in                    so a login that works is proof of this PIN; from
 *                                             here on nobody else reaches the card (hold.h)
 *     the key; C_SignInit; its own login      where CKA_ALWAYS_AUTHENTICATE asks for it
 *     C_Sign, and the length is right         the signature itself is verified by the agent
 *     log out, close, reset, ask the card     it must not remain verified (pin_tries.h)
 *
 * Modules remember a card's certificates, so of a quick exchange the certificate tells nothing.
 * Therefore the reader is asked too (insertion.h), at the beginning and before each PIN: it goes
 * out only while the card is in that was listed. An exchange after that look ends the module's own
 * connection, which belongs to one insertion.
 *
 * No step is tried twice: a second C_Login may be a second wrong try. Where a step fails for want
 * of a card, modules say CKR_GENERAL_ERROR as well as CKR_DEVICE_REMOVED, and look at whatever is
 * in the slot by then; so after any failure that is not about the PIN the reader has the word, then
 * the slot. A wrong third PIN is CKR_PIN_INCORRECT in one module and CKR_PIN_LOCKED in the next, so
 * the token is read again.
 */
#include "pkcs11/sign.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "pkcs11/certificate.h"
#include "pkcs11/hold.h"
#include "pkcs11/insertion.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/pin_tries.h"
#include "pkcs11/session.h"
#include "pkcs11/slots.h"

#include <string.h>

enum { SAME_ID_MAX = 8 }; /* certificates of one key: renewed ones beside old ones */

struct signing {
    struct module *module;
    const struct card_sign_request *request;
    struct card_reply *reply;
    struct card_token token;
    struct insertion agreed; /* the card that the person consented to */
};

/* OK, CARD_REMOVED or CARD_CHANGED: is the card in that was agreed upon? */
static int check_card(const struct signing *g)
{
    struct insertion now = insertion_look(g->token.reader);
    return insertion_since(&g->agreed, &now);
}

static int check_pin(const struct card_token *token, const struct card_sign_request *request)
{
    if (token->flags & CARD_PIN_LOCKED)
        return OUTCOME_PIN_BLOCKED;
    if (request->pin_len == 0) {
        bool possible = (token->flags & CARD_PIN_PAD) || !(token->flags & CARD_LOGIN_REQUIRED);
        return possible ? OUTCOME_OK : OUTCOME_PIN_FORMAT;
    }
    bool too_long = token->pin_max > 0 && request->pin_len > token->pin_max;
    return request->pin_len < token->pin_min || too_long ? OUTCOME_PIN_FORMAT : OUTCOME_OK;
}

/* True if the object is the certificate of the request, whose facts are then filled. */
static bool is_certificate(struct session *s, CK_OBJECT_HANDLE object,
                           const struct card_sign_request *request, struct certificate_facts *facts)
{
    uint8_t der[CARD_CERTIFICATE_BYTES_MAX], hash[sizeof request->certificate_hash];
    size_t len;
    return session_attribute(s, object, CKA_VALUE, der, sizeof der, &len) &&
           certificate_hash(der, len, hash) &&
           memcmp(hash, request->certificate_hash, sizeof hash) == 0 &&
           certificate_inspect(der, len, facts);
}

static int find_certificate(struct session *s, const struct card_sign_request *request,
                            struct certificate_facts *facts)
{
    CK_OBJECT_HANDLE objects[SAME_ID_MAX];
    size_t count;
    int r = session_find(s, CKO_CERTIFICATE, request->id.data, request->id.len, objects,
                         SAME_ID_MAX, &count);
    if (r != 0)
        return r;
    for (size_t i = 0; i < count; i++)
        if (is_certificate(s, objects[i], request, facts))
            return OUTCOME_OK;
    return OUTCOME_CARD_CHANGED;
}

static int send_pin(const struct signing *g, struct session *s, CK_USER_TYPE user)
{
    const struct card_sign_request *request = g->request;
    int r = check_card(g);
    if (r != 0)
        return r;
    /* PKCS#11 takes the PIN as not const; NULL is the PIN pad (2.40 §5.6, C_Login). */
    CK_UTF8CHAR *pin = request->pin_len > 0 ? (CK_UTF8CHAR *)(uintptr_t)request->pin : NULL;
    hold_begin();
    s->login_tried = true;
    return MODULE_CALL(s->module, C_Login, s->handle, user, pin, request->pin_len);
}

static int login(const struct signing *g, struct session *s)
{
    session_logout(s);
    if (g->request->pin_len == 0 && !(g->token.flags & CARD_LOGIN_REQUIRED))
        return OUTCOME_OK;
    return send_pin(g, s, CKU_USER);
}

static int make_signature(const struct signing *g, struct session *s, CK_OBJECT_HANDLE key,
                          struct mechanism_use *use, size_t expected_len)
{
    struct card_reply *reply = g->reply;
    int r = MODULE_CALL(s->module, C_SignInit, s->handle, &use->mechanism, key);
    if (r == 0 && session_flag(s, key, CKA_ALWAYS_AUTHENTICATE, false))
        r = send_pin(g, s, CKU_CONTEXT_SPECIFIC);
    if (r != 0)
        return r;
    CK_ULONG len = sizeof reply->signature;
    r = MODULE_CALL(s->module, C_Sign, s->handle, use->input, use->input_len, reply->signature,
                    &len);
    if (r == 0 && len != expected_len)
        r = module_result(s->module, CKR_GENERAL_ERROR, "C_Sign: not the length of a signature");
    if (r == 0)
        reply->signature_len = (uint16_t)len;
    else
        explicit_bzero(reply->signature, sizeof reply->signature);
    return r;
}

static int sign_in_session(const struct signing *g)
{
    const struct card_sign_request *request = g->request;
    CLEANUP(session_close) struct session s;
    int r = session_open(&s, g->module, request->slot);
    if (r != 0)
        return r;
    struct certificate_facts facts;
    r = find_certificate(&s, request, &facts);
    if (r != 0)
        return r;
    struct mechanism_use use;
    if (!mechanism_prepare(&use, request->algorithm, &facts, request->digest, request->digest_len))
        return OUTCOME_KEY_UNSUITABLE;
    r = login(g, &s);
    if (r != 0)
        return r;
    CK_OBJECT_HANDLE key;
    size_t count;
    r = session_find(&s, CKO_PRIVATE_KEY, request->id.data, request->id.len, &key, 1, &count);
    if (r == 0 && count == 0)
        r = OUTCOME_NO_CERTIFICATE;
    if (r == 0)
        r = make_signature(g, &s, key, &use, facts.signature_len);
    return r;
}

/* Reads flags and tries again for the reply. True if the token is there. */
static bool read_again(struct signing *g)
{
    CK_RV code = g->module->code;
    bool present = slots_token(g->module, (CK_SLOT_ID)g->request->slot, &g->token) == 0;
    g->module->code = code;
    if (present)
        slots_settle_tries(&g->token, pin_tries_left_after_logout(g->token.reader));
    g->reply->flags = g->token.flags;
    g->reply->tries_left = g->token.tries_left;
    return present;
}

/* What else the end may mean, now that reader, token and card can be asked again. */
static int reconsider(struct signing *g, int result)
{
    int since = check_card(g);
    /* Of another card in its place neither is of interest, and it is left alone. */
    bool present = since == OUTCOME_OK && read_again(g);
    if (result == OUTCOME_OK || result == OUTCOME_PIN_BLOCKED || result == OUTCOME_PIN_FORMAT)
        return result;
    if (result == OUTCOME_PIN_WRONG)
        return g->reply->flags & CARD_PIN_LOCKED ? OUTCOME_PIN_BLOCKED : result;
    if (since != OUTCOME_OK)
        return since;
    if (!present && insertion_held(g->token.reader))
        return OUTCOME_CARD_BUSY;
    bool there = present || slots_token_present(g->module, (CK_SLOT_ID)g->request->slot);
    return there ? result : OUTCOME_CARD_REMOVED;
}

void sign(struct module *m, const struct card_sign_request *request, struct card_reply *reply)
{
    CK_SLOT_ID slot = (CK_SLOT_ID)request->slot;
    struct signing g = {.module = m, .request = request, .reply = reply};
    m->code = CKR_OK;
    int r = slots_token(m, slot, &g.token);
    g.agreed = slots_listed(m, slot);
    if (!g.agreed.known)
        g.agreed = insertion_look(g.token.reader);
    if (r == 0)
        r = check_card(&g);
    if (r == 0)
        r = check_pin(&g.token, request);
    if (r == 0)
        r = sign_in_session(&g);
    r = reconsider(&g, r);
    reply->result = (uint32_t)r;
    reply->module_code = m->code;
}
