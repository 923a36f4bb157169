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
 * No step is tried twice: a second C_Login may be a second wrong try. The first and the last line
 * are those of every visit (visit.h).
 */
#include "pkcs11/sign.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "pkcs11/certificate.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/session.h"
#include "pkcs11/visit.h"

#include <string.h>

struct signing {
    struct visit visit;
    const struct card_sign_request *request;
    struct card_reply *reply;
};

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

static int send_pin(const struct signing *g, struct session *s, CK_USER_TYPE user)
{
    return visit_login(&g->visit, s, user, g->request->pin, g->request->pin_len);
}

static int login(const struct signing *g, struct session *s)
{
    session_logout(s);
    if (g->request->pin_len == 0 && !(g->visit.token.flags & CARD_LOGIN_REQUIRED))
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
    int r = session_open(&s, g->visit.module, request->slot, SESSION_READS);
    if (r != 0)
        return r;
    struct certificate_facts facts;
    r = visit_find_certificate(&s, &request->id, request->certificate_hash, &facts);
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

void sign(struct module *m, const struct card_sign_request *request, struct card_reply *reply)
{
    struct signing g = {.request = request, .reply = reply};
    int r = visit_begin(&g.visit, m, (CK_SLOT_ID)request->slot);
    if (r == 0)
        r = check_pin(&g.visit.token, request);
    if (r == 0)
        r = sign_in_session(&g);
    visit_end(&g.visit, r, reply);
}
