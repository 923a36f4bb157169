/* SPDX-License-Identifier: MIT */
/*
 * The order of steps is the safety of it:
 *
 *     token there, PIN of a possible length   else nothing is sent to the card
 *     the certificate is the one agreed to    else another card has taken its place
 *     log out, then log in                    so a login that works is proof of this PIN
 *     the key; C_SignInit; its own login      where CKA_ALWAYS_AUTHENTICATE asks for it
 *     C_Sign, and the length is right         the signature itself is verified by the agent
 *     log out, close, ask the card            it must not remain verified (pin_tries.h)
 *
 * No step is tried twice: a second C_Login may be a second wrong try. Where a module gives a vague
 * error, the slot is looked into: if the card has gone, that was the reason. A wrong third PIN is
 * CKR_PIN_INCORRECT in one module and CKR_PIN_LOCKED in the next, so the token is read again.
 */
#include "pkcs11/sign.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "pkcs11/certificate.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/pin_tries.h"
#include "pkcs11/session.h"
#include "pkcs11/slots.h"

#include <string.h>

enum { SAME_ID_MAX = 8 }; /* certificates of one key: renewed ones beside old ones */

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

static int send_pin(struct session *s, CK_USER_TYPE user, const struct card_sign_request *request)
{
    /* PKCS#11 takes the PIN as not const; NULL is the PIN pad (2.40 §5.6, C_Login). */
    CK_UTF8CHAR *pin = request->pin_len > 0 ? (CK_UTF8CHAR *)(uintptr_t)request->pin : NULL;
    s->login_tried = true;
    return MODULE_CALL(s->module, C_Login, s->handle, user, pin, request->pin_len);
}

static int login(struct session *s, const struct card_token *token,
                 const struct card_sign_request *request)
{
    session_logout(s);
    if (request->pin_len == 0 && !(token->flags & CARD_LOGIN_REQUIRED))
        return OUTCOME_OK;
    return send_pin(s, CKU_USER, request);
}

static int make_signature(struct session *s, CK_OBJECT_HANDLE key,
                          const struct card_sign_request *request, struct mechanism_use *use,
                          size_t expected_len, struct card_reply *reply)
{
    int r = MODULE_CALL(s->module, C_SignInit, s->handle, &use->mechanism, key);
    if (r == 0 && session_flag(s, key, CKA_ALWAYS_AUTHENTICATE, false))
        r = send_pin(s, CKU_CONTEXT_SPECIFIC, request);
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

static int sign_in_session(struct module *m, const struct card_token *token,
                           const struct card_sign_request *request, struct card_reply *reply)
{
    CLEANUP(session_close) struct session s;
    int r = session_open(&s, m, request->slot);
    if (r != 0)
        return r;
    struct certificate_facts facts;
    r = find_certificate(&s, request, &facts);
    if (r != 0)
        return r;
    struct mechanism_use use;
    if (!mechanism_prepare(&use, request->algorithm, &facts, request->digest, request->digest_len))
        return OUTCOME_KEY_UNSUITABLE;
    r = login(&s, token, request);
    if (r != 0)
        return r;
    CK_OBJECT_HANDLE key;
    size_t count;
    r = session_find(&s, CKO_PRIVATE_KEY, request->id.data, request->id.len, &key, 1, &count);
    if (r == 0 && count == 0)
        r = OUTCOME_NO_CERTIFICATE;
    if (r == 0)
        r = make_signature(&s, key, request, &use, facts.signature_len, reply);
    return r;
}

/* What else the end may mean, now that token and card can be asked again. */
static int reconsider(struct module *m, int result, struct card_token *token,
                      struct card_reply *reply)
{
    CK_RV code = m->code;
    CK_SLOT_ID slot = (CK_SLOT_ID)token->slot;
    bool present = slots_token(m, slot, token) == 0;
    m->code = code;
    if (present)
        slots_settle_tries(token, pin_tries_left_after_logout(token->reader));
    reply->flags = token->flags;
    reply->tries_left = token->tries_left;
    if (result == OUTCOME_OK || result == OUTCOME_PIN_BLOCKED || result == OUTCOME_PIN_FORMAT)
        return result;
    if (result == OUTCOME_PIN_WRONG)
        return token->flags & CARD_PIN_LOCKED ? OUTCOME_PIN_BLOCKED : result;
    return present || slots_token_present(m, slot) ? result : OUTCOME_CARD_REMOVED;
}

void sign(struct module *m, const struct card_sign_request *request, struct card_reply *reply)
{
    struct card_token token = {0};
    m->code = CKR_OK;
    int r = slots_token(m, (CK_SLOT_ID)request->slot, &token);
    if (r == 0)
        r = check_pin(&token, request);
    if (r == 0)
        r = sign_in_session(m, &token, request, reply);
    r = reconsider(m, r, &token, reply);
    reply->result = (uint32_t)r;
    reply->module_code = m->code;
}
