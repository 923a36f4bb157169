/* SPDX-License-Identifier: MIT */
/*
 * The login before C_SetPIN is what tells a wrong old PIN from a new one that is refused; OpenSC
 * wants it besides. What can be known to fail is not begun: a PIN that is blocked, a new one of an
 * impossible length.
 *
 * Modules that cannot do it say so by CKR_FUNCTION_NOT_SUPPORTED, or that there is no such user;
 * OpenSC says the former also of a PIN pad that cannot take a new PIN.
 */
#include "pkcs11/change_pin.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "pkcs11/hold.h"
#include "pkcs11/puk_tries.h"
#include "pkcs11/slots.h"
#include "pkcs11/visit.h"

/* PKCS#11 takes PINs as not const; NULL is the PIN pad. */
static CK_UTF8CHAR *text(const uint8_t *pin, size_t len)
{
    return len > 0 ? (CK_UTF8CHAR *)(uintptr_t)pin : NULL;
}

/* What can be said before anything is sent. */
static int check(const struct card_token *token, const struct card_pin_request *request)
{
    if (request->new_pin_len == 0)
        return token->flags & CARD_PIN_PAD ? OUTCOME_OK : OUTCOME_PIN_FORMAT;
    bool too_long = token->pin_max > 0 && request->new_pin_len > token->pin_max;
    return request->new_pin_len < token->pin_min || too_long ? OUTCOME_PIN_REFUSED : OUTCOME_OK;
}

/* Opens the session, in which the card has turned out to be the one that is meant. */
static int open_session(const struct visit *visit, const struct card_pin_request *request,
                        struct session *s)
{
    struct certificate_facts facts;
    int r = session_open(s, visit->module, visit->slot, SESSION_WRITES);
    if (r == 0 && request->id.len > 0)
        r = visit_find_certificate(s, &request->id, request->certificate_hash, &facts);
    if (r == 0)
        session_logout(s); /* a login that was found there would prove nothing */
    return r;
}

/* The module has no such thing. That a text is too short is no answer to none (OpenSC 0.23, where a
 * PIV card's new PIN would be typed at the pad). */
static int unable(const struct visit *visit, const struct card_pin_request *request, int result)
{
    CK_RV code = visit->module->code;
    bool is = code == CKR_FUNCTION_NOT_SUPPORTED || code == CKR_USER_TYPE_INVALID ||
              (code == CKR_PIN_LEN_RANGE && request->new_pin_len == 0);
    return result != OUTCOME_OK && is ? OUTCOME_CARD_UNABLE : result;
}

/* Of what sets the new PIN. */
static int of_new_pin(int result)
{
    return result == OUTCOME_PIN_FORMAT ? OUTCOME_PIN_REFUSED : result;
}

/* Of what takes the PUK. */
static int of_puk(int result)
{
    return result == OUTCOME_PIN_WRONG     ? OUTCOME_PUK_WRONG
           : result == OUTCOME_PIN_BLOCKED ? OUTCOME_PUK_BLOCKED
                                           : result;
}

static int change(const struct visit *visit, const struct card_pin_request *request)
{
    CLEANUP(session_close) struct session s;
    int r = open_session(visit, request, &s);
    if (r == 0)
        r = visit_login(visit, &s, CKU_USER, request->secret, request->secret_len);
    if (r != 0)
        return unable(visit, request, r);
    r = MODULE_CALL(visit->module, C_SetPIN, s.handle, text(request->secret, request->secret_len),
                    request->secret_len, text(request->new_pin, request->new_pin_len),
                    request->new_pin_len);
    return unable(visit, request, of_new_pin(r));
}

void change_pin(struct module *m, const struct card_pin_request *request, struct card_reply *reply)
{
    struct visit visit;
    reply->puk_tries_left = CARD_TRIES_UNKNOWN;
    int r = visit_begin(&visit, m, (CK_SLOT_ID)request->slot);
    if (r == 0)
        r = visit.token.flags & CARD_PIN_LOCKED ? OUTCOME_PIN_BLOCKED
                                                : check(&visit.token, request);
    if (r == 0)
        r = change(&visit, request);
    visit_end(&visit, r, reply);
}

/* ---- by the PUK ---- */

/* OpenSC's way. The new PIN's length is possible, so one that is wrong is the PUK's. */
static int set_by_puk(const struct visit *visit, struct session *s,
                      const struct card_pin_request *request)
{
    int r = visit_check_card(visit);
    if (r != 0)
        return r;
    hold_begin();
    s->login_tried = true;
    r = MODULE_CALL(visit->module, C_SetPIN, s->handle, text(request->secret, request->secret_len),
                    request->secret_len, text(request->new_pin, request->new_pin_len),
                    request->new_pin_len);
    return visit->module->code == CKR_PIN_LEN_RANGE ? r : of_puk(of_new_pin(r));
}

static int unblock(const struct visit *visit, const struct card_pin_request *request)
{
    CLEANUP(session_close) struct session s;
    int r = open_session(visit, request, &s);
    if (r == 0 && visit->module->puk_sets_pin)
        return unable(visit, request, set_by_puk(visit, &s, request));
    if (r == 0)
        r = of_puk(visit_login(visit, &s, CKU_SO, request->secret, request->secret_len));
    if (r != 0)
        return unable(visit, request, r);
    r = MODULE_CALL(visit->module, C_InitPIN, s.handle,
                    text(request->new_pin, request->new_pin_len), request->new_pin_len);
    return unable(visit, request, of_new_pin(r));
}

void unblock_pin(struct module *m, const struct card_pin_request *request, struct card_reply *reply)
{
    struct visit visit;
    int r = visit_begin(&visit, m, (CK_SLOT_ID)request->slot);
    if (r == 0)
        r = check(&visit.token, request);
    puk_tries_forget();
    if (r == 0)
        r = unblock(&visit, request);
    reply->puk_tries_left = puk_tries_left();
    visit_end(&visit, r, reply);
    if (reply->puk_tries_left == CARD_TRIES_UNKNOWN && !(reply->flags & CARD_UNREADABLE))
        reply->puk_tries_left = slots_puk_tries(m, visit.slot);
    if (reply->result == OUTCOME_PUK_WRONG && reply->puk_tries_left == 0)
        reply->result = OUTCOME_PUK_BLOCKED;
}
