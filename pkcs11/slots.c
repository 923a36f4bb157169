/* SPDX-License-Identifier: MIT */
/*
 * Readers and cards come and go while the helper lives, so the list is asked for afresh each time:
 * C_GetSlotList without a buffer is the call upon which modules look for new readers (PKCS#11 2.40
 * §5.5). Between that call and the next a card may leave; a token that is not there any more when
 * it could not be read is left out, and one that is still there is reported as unreadable.
 *
 * A module that was not asked between a card's removal and the next one's insertion, even of the
 * same card, may not know. OpenSC answers from what it remembers: another person's certificates,
 * and a connection that ended with the earlier insertion, on which the first login fails. (It asks
 * pcsc-lite what has changed since the count it knew, and pcsc-lite takes the count 0, that of a
 * card that was in when pcscd started, for none.) So the readers are looked at before the module is
 * asked and after it, and where it can have missed something, its word counts for nothing and this
 * process has to be replaced.
 */
#include "pkcs11/slots.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "pkcs11/certificate.h"
#include "pkcs11/insertion.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/pin_tries.h"
#include "pkcs11/session.h"
#include "pkcs11/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS_MAX = 64,              /* 16 readers of pcsc-lite with four slots each in OpenSC */
    CERTIFICATE_OBJECTS_MAX = 32 /* 24 retired key slots of PIV and a few more */
};

bool slots_token_present(struct module *m, CK_SLOT_ID slot)
{
    CK_SLOT_INFO info = {0};
    return m->functions->C_GetSlotInfo(slot, &info) == CKR_OK && (info.flags & CKF_TOKEN_PRESENT);
}

static uint8_t length_of(CK_ULONG length)
{
    return length <= UINT8_MAX ? (uint8_t)length : 0;
}

static uint8_t flags_of(CK_FLAGS flags)
{
    static const struct {
        CK_FLAGS theirs;
        uint8_t ours;
    } pairs[] = {
        {CKF_PROTECTED_AUTHENTICATION_PATH, CARD_PIN_PAD},
        {CKF_USER_PIN_COUNT_LOW, CARD_PIN_COUNT_LOW},
        {CKF_USER_PIN_FINAL_TRY, CARD_PIN_FINAL_TRY},
        {CKF_USER_PIN_LOCKED, CARD_PIN_LOCKED},
        {CKF_LOGIN_REQUIRED, CARD_LOGIN_REQUIRED},
    };
    uint8_t ours = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (flags & pairs[i].theirs)
            ours |= pairs[i].ours;
    return ours;
}

uint8_t slots_puk_tries(struct module *m, CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info = {0};
    if (m->functions->C_GetTokenInfo(slot, &info) != CKR_OK)
        return CARD_TRIES_UNKNOWN;
    return info.flags & CKF_SO_PIN_LOCKED      ? 0
           : info.flags & CKF_SO_PIN_FINAL_TRY ? 1
                                               : CARD_TRIES_UNKNOWN;
}

void slots_settle_tries(struct card_token *token, uint8_t tries)
{
    if (tries == CARD_TRIES_UNKNOWN && (token->flags & CARD_PIN_LOCKED))
        tries = 0;
    else if (tries == CARD_TRIES_UNKNOWN && (token->flags & CARD_PIN_FINAL_TRY))
        tries = 1;
    token->tries_left = tries;
    if (tries == CARD_TRIES_UNKNOWN)
        return;
    token->flags &= (uint8_t) ~(CARD_PIN_LOCKED | CARD_PIN_FINAL_TRY);
    if (tries == 0)
        token->flags |= CARD_PIN_LOCKED;
    else if (tries == 1)
        token->flags |= CARD_PIN_FINAL_TRY;
}

int slots_token(struct module *m, CK_SLOT_ID slot, struct card_token *token)
{
    token->slot = slot;
    token->events = CARD_EVENTS_UNKNOWN;
    token->tries_left = CARD_TRIES_UNKNOWN;
    CK_SLOT_INFO info = {0};
    int r = MODULE_CALL(m, C_GetSlotInfo, slot, &info);
    if (r != 0)
        return r;
    text_from_padded(token->reader, sizeof token->reader, info.slotDescription,
                     sizeof info.slotDescription);
    if (!(info.flags & CKF_TOKEN_PRESENT))
        return module_result(m, CKR_TOKEN_NOT_PRESENT, "C_GetSlotInfo");
    CK_TOKEN_INFO about = {0};
    r = MODULE_CALL(m, C_GetTokenInfo, slot, &about);
    if (r != 0)
        return r;
    text_from_padded(token->label, sizeof token->label, about.label, sizeof about.label);
    text_from_padded(token->serial, sizeof token->serial, about.serialNumber,
                     sizeof about.serialNumber);
    token->flags = flags_of(about.flags);
    token->pin_min = length_of(about.ulMinPinLen);
    token->pin_max = length_of(about.ulMaxPinLen);
    slots_settle_tries(token, CARD_TRIES_UNKNOWN);
    return 0;
}

/* The rule of the header. */
static void pair_with_key(struct session *s, const struct card_token *token,
                          struct card_certificate *certificate)
{
    struct certificate_facts facts;
    if (!certificate_inspect(certificate->der.data, certificate->der.len, &facts) ||
        facts.authority)
        return;
    CK_OBJECT_HANDLE key;
    size_t count;
    if (session_find(s, CKO_PRIVATE_KEY, certificate->id.data, certificate->id.len, &key, 1,
                     &count) != 0)
        return;
    if (count == 0 && !(token->flags & CARD_LOGIN_REQUIRED))
        return;
    if (count == 1 && !session_flag(s, key, CKA_SIGN, true))
        return;
    certificate->pin_for_each_use =
        count == 1 && session_flag(s, key, CKA_ALWAYS_AUTHENTICATE, false);
    certificate->algorithms = (uint8_t)mechanism_algorithms(s->module, s->slot, &facts);
}

/* Reads one certificate into the token's next place. 1: read; 0: left out; -ENOMEM. */
static int read_certificate(struct session *s, CK_OBJECT_HANDLE object, struct card_token *token)
{
    uint8_t id[CARD_ID_BYTES_MAX], der[CARD_CERTIFICATE_BYTES_MAX];
    size_t id_len, der_len;
    if (!session_attribute(s, object, CKA_ID, id, sizeof id, &id_len) || id_len == 0 ||
        !session_attribute(s, object, CKA_VALUE, der, sizeof der, &der_len) || der_len == 0) {
        log_info("%s: a certificate without id, too large or unreadable is left out",
                 token->reader);
        return 0;
    }
    if (token->certificate_count == CARD_CERTIFICATES_MAX) {
        log_warning("%s: more than %d certificates, the rest is left out", token->reader,
                    CARD_CERTIFICATES_MAX);
        return 0;
    }
    struct card_certificate *certificate = &token->certificates[token->certificate_count++];
    if (bytes_set(&certificate->id, id, id_len) < 0 ||
        bytes_set(&certificate->der, der, der_len) < 0)
        return log_fault(ENOMEM, "certificate");
    pair_with_key(s, token, certificate);
    return 1;
}

/* 0, an outcome when the token cannot be read, or -ENOMEM. */
static int read_certificates(struct module *m, struct card_token *token)
{
    CLEANUP(session_close) struct session s;
    int r = session_open(&s, m, token->slot, SESSION_READS);
    if (r != 0)
        return r;
    CK_OBJECT_HANDLE objects[CERTIFICATE_OBJECTS_MAX];
    size_t count;
    r = session_find(&s, CKO_CERTIFICATE, NULL, 0, objects, CERTIFICATE_OBJECTS_MAX, &count);
    int read = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        int one = read_certificate(&s, objects[i], token);
        if (one < 0)
            return one;
        read += one;
    }
    /* Objects, and none of them readable: the card was pulled meanwhile, or is broken. */
    return r == 0 && count > 0 && read == 0 ? OUTCOME_CARD_UNREADABLE : r;
}

/* A token that was never set up cannot be opened, but nothing is wrong with it: it holds nothing.
 */
static bool token_blank(struct module *m, CK_SLOT_ID slot)
{
    CK_TOKEN_INFO about = {0};
    return m->functions->C_GetTokenInfo(slot, &about) == CKR_OK &&
           !(about.flags & CKF_TOKEN_INITIALIZED);
}

struct insertion slots_listed(const struct module *m, CK_SLOT_ID slot)
{
    for (size_t i = 0; i < m->listed_count; i++)
        if (m->listed[i].slot == slot)
            return m->listed[i].insertion;
    return (struct insertion){0};
}

/* 1: *token is filled; 0: there is none; -ENOMEM. */
static int list_token(struct module *m, CK_SLOT_ID slot, struct card_token *token)
{
    int r = slots_token(m, slot, token);
    if (r == 0) {
        slots_settle_tries(token, pin_tries_left(token->reader));
        r = read_certificates(m, token);
    }
    if (r == 0)
        return 1;
    if (r < 0 || !slots_token_present(m, slot)) {
        card_token_deinit(token);
        return r < 0 ? r : 0;
    }
    if (!token_blank(m, slot))
        token->flags |=
            insertion_held(token->reader) ? CARD_UNREADABLE | CARD_HELD : CARD_UNREADABLE;
    return 1;
}

/* A slot that the module calls empty or broken, while PC/SC has a card there that another program
 * holds: so does OpenSC. Its first answer is an error without the reader's name, the second comes
 * from its memory and has it. 1: *token is filled; 0: there is none. */
static int list_held(struct module *m, CK_SLOT_ID slot, struct card_token *token)
{
    CK_SLOT_INFO info = {0};
    if (m->functions->C_GetSlotInfo(slot, &info) != CKR_OK &&
        m->functions->C_GetSlotInfo(slot, &info) != CKR_OK)
        return 0;
    struct card_token held = {
        .slot = slot, .flags = CARD_UNREADABLE | CARD_HELD, .tries_left = CARD_TRIES_UNKNOWN};
    text_from_padded(held.reader, sizeof held.reader, info.slotDescription,
                     sizeof info.slotDescription);
    struct insertion now = insertion_look(held.reader);
    if (!now.present || !insertion_held(held.reader))
        return 0;
    *token = held;
    return 1;
}

/* 0 with *count slots, or an outcome. Empty ones too: of a card that it does not know, OpenSC says
 * that it is present only once C_GetSlotInfo has asked. */
static int all_slots(struct module *m, CK_SLOT_ID slots[SLOTS_MAX], CK_ULONG *count)
{
    CK_ULONG all = 0;
    int r = MODULE_CALL(m, C_GetSlotList, CK_FALSE, NULL, &all);
    if (r != 0)
        return r;
    *count = SLOTS_MAX;
    r = MODULE_CALL(m, C_GetSlotList, CK_FALSE, slots, count);
    if (r == 0 && *count > SLOTS_MAX)
        r = module_result(m, CKR_GENERAL_ERROR, "C_GetSlotList: its count is a lie");
    return r;
}

/* Fills the list as the module sees it. 0 or -ENOMEM. */
static int ask_module(struct module *m, struct card_reply *reply)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = 0;
    if (all_slots(m, slots, &count) != 0) {
        reply->result = OUTCOME_CARD_MODULE_FAILED;
        return 0;
    }
    reply->tokens = calloc(CARD_TOKENS_MAX, sizeof *reply->tokens);
    if (!reply->tokens)
        return log_fault(ENOMEM, "tokens");
    for (CK_ULONG i = 0; i < count; i++) {
        bool present = slots_token_present(m, slots[i]);
        if (reply->token_count == CARD_TOKENS_MAX) {
            if (!present)
                continue;
            log_warning("more than %d cards, the rest is left out", CARD_TOKENS_MAX);
            break;
        }
        struct card_token *token = &reply->tokens[reply->token_count];
        int r = present ? list_token(m, slots[i], token) : list_held(m, slots[i], token);
        if (r < 0)
            return r;
        reply->token_count += (uint8_t)r;
    }
    return 0;
}

/* Each token is the one that the module has in mind. */
static void note_insertions(struct module *m, struct card_reply *reply)
{
    m->listed_count = reply->token_count;
    for (size_t i = 0; i < reply->token_count; i++) {
        struct card_token *token = &reply->tokens[i];
        struct insertion held = insertions_in(&m->held, token->reader);
        if (held.known)
            token->events = held.events;
        m->listed[i] = (struct listed_card){token->slot, held};
    }
}

int slots_list(struct module *m, struct card_reply *reply)
{
    struct insertions before, after, held = m->held;
    insertions_look(&before);
    bool sure = insertions_follow(&held, &before, &before);
    if (sure) {
        int r = ask_module(m, reply);
        if (r < 0)
            return r;
        insertions_look(&after);
        sure = insertions_follow(&m->held, &before, &after);
    }
    if (sure) {
        note_insertions(m, reply);
        return 0;
    }
    while (reply->token_count > 0)
        card_token_deinit(&reply->tokens[--reply->token_count]);
    reply->result = OUTCOME_CARD_CHANGED;
    return 0;
}
