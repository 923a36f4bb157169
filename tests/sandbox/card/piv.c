/* SPDX-License-Identifier: MIT */
/*
 * The commands of the PIV card application that sign-in software uses: SELECT, GET DATA, VERIFY,
 * CHANGE REFERENCE DATA, RESET RETRY COUNTER and GENERAL AUTHENTICATE, with command chaining and
 * GET RESPONSE. A card is personalised from a folder, so there is nothing to write to it and no
 * secure messaging.
 *
 * Two rules matter most to those who test against it:
 *   - a wrong PIN costs a try, and the third blocks the PIN until the PUK clears it;
 *   - the signature key (9C) works only when the command before was a successful VERIFY, so each
 *     signature needs a PIN of its own, even though the authentication key (9A) stays open.
 *
 * Longer answers than the reader asked for wait in `outgoing` for GET RESPONSE; any other command
 * drops them, as it drops an unfinished chain of another instruction.
 */
#include "piv.h"

#include <stdlib.h>
#include <string.h>

#include "apdu.h"
#include "tlv.h"

#define CHAIN_MAX 4096 /* the longest command is 7C..81 with an RSA-4096 block */
#define OUTGOING_MAX (PIV_RESPONSE_MAX - 2) /* the status word follows */
#define AID_SHORTEST 9                      /* SELECT may leave out the version */

#define PIN_REFERENCE 0x80
#define PUK_REFERENCE 0x81
#define VERIFY_LOG_OUT 0xff

#define TAG_DYNAMIC_AUTHENTICATION 0x7c
#define TAG_RESPONSE 0x82
#define TAG_CHALLENGE 0x81
#define TAG_EXPONENTIATION 0x85

static const uint8_t aid[] = {0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00};

enum pin_rule { PIN_NEVER, PIN_ONCE, PIN_ALWAYS };

static const struct {
    uint8_t reference;
    unsigned object;
    enum pin_rule rule;
} slot_rules[PIV_SLOTS] = {
    [PIV_AUTHENTICATION] = {0x9a, 0x5fc105, PIN_ONCE},
    [PIV_SIGNATURE] = {0x9c, 0x5fc10a, PIN_ALWAYS},
    [PIV_KEY_MANAGEMENT] = {0x9d, 0x5fc10b, PIN_ONCE},
    [PIV_CARD_AUTHENTICATION] = {0x9e, 0x5fc101, PIN_NEVER},
};

#define OBJECT_CHUID 0x5fc102
#define OBJECT_CAPABILITIES 0x5fc107
#define OBJECT_DISCOVERY 0x7e

struct secret_code {
    uint8_t value[PIV_PIN_MAX]; /* padded with FF */
    unsigned tries;
};

struct piv {
    struct secret_code pin;
    struct secret_code puk;
    uint8_t guid[PIV_GUID_SIZE];
    struct piv_slot slots[PIV_SLOTS];

    bool selected;
    bool verified;      /* the PIN, since the last reset */
    bool just_verified; /* by the command before this one */
    uint8_t chain[CHAIN_MAX];
    size_t chain_size;
    uint8_t chain_ins; /* 0: no chain is open */
    uint8_t outgoing[OUTGOING_MAX];
    size_t outgoing_size;
    size_t outgoing_sent;
};

static bool pad_code(const char *text, uint8_t padded[static PIV_PIN_MAX])
{
    size_t size = strlen(text);

    if (size < PIV_PIN_MIN || size > PIV_PIN_MAX)
        return false;
    for (size_t i = 0; i < PIV_PIN_MAX; i++)
        padded[i] = i < size ? (uint8_t)text[i] : 0xff;
    return true;
}

struct piv *piv_new(const char *pin, const char *puk, const uint8_t guid[static PIV_GUID_SIZE],
                    struct piv_slot slots[static PIV_SLOTS])
{
    struct piv *piv = calloc(1, sizeof *piv);
    bool fits = piv && pad_code(pin, piv->pin.value) && pad_code(puk, piv->puk.value);

    for (size_t i = 0; i < PIV_SLOTS; i++)
        fits = fits && slots[i].certificate_size <= PIV_CERTIFICATE_MAX;
    if (!fits) {
        free(piv);
        return NULL;
    }
    piv->pin.tries = PIV_TRIES_MAX;
    piv->puk.tries = PIV_TRIES_MAX;
    memcpy(piv->guid, guid, PIV_GUID_SIZE);
    memcpy(piv->slots, slots, sizeof piv->slots);
    memset(slots, 0, sizeof piv->slots);
    return piv;
}

void piv_free(struct piv *piv)
{
    if (!piv)
        return;
    for (size_t i = 0; i < PIV_SLOTS; i++) {
        key_free(piv->slots[i].key);
        free(piv->slots[i].certificate);
    }
    free(piv);
}

void piv_reset(struct piv *piv)
{
    piv->selected = false;
    piv->verified = false;
    piv->just_verified = false;
    piv->chain_ins = 0;
    piv->chain_size = 0;
    piv->outgoing_size = 0;
    piv->outgoing_sent = 0;
}

bool piv_set_pin(struct piv *piv, const char *pin)
{
    if (!pad_code(pin, piv->pin.value))
        return false;
    piv_set_tries(piv, PIV_TRIES_MAX);
    return true;
}

void piv_set_tries(struct piv *piv, unsigned tries)
{
    piv->pin.tries = tries;
    if (tries == 0)
        piv->verified = false;
}

unsigned piv_tries(const struct piv *piv)
{
    return piv->pin.tries;
}

bool piv_fill_pin(uint8_t *command, size_t size, const char *pin)
{
    struct apdu apdu;
    uint8_t padded[PIV_PIN_MAX];

    if (!apdu_parse(command, size, &apdu) || apdu.data_size != PIV_PIN_MAX ||
        !pad_code(pin, padded))
        return false;
    memcpy(command + (apdu.data - command), padded, PIV_PIN_MAX);
    return true;
}

enum piv_command piv_classify(const uint8_t *command, size_t size)
{
    struct apdu apdu;

    if (!apdu_parse(command, size, &apdu) || apdu.cla & APDU_CLA_CHAINED)
        return PIV_OTHER;
    switch (apdu.ins) {
    case INS_SELECT:
        return PIV_SELECT;
    case INS_GET_DATA:
    case INS_GET_RESPONSE:
        return PIV_READ;
    case INS_VERIFY:
        return apdu.data_size ? PIV_VERIFY : PIV_VERIFY_QUERY;
    case INS_GENERAL_AUTHENTICATE:
        return PIV_SIGN;
    default:
        return PIV_OTHER;
    }
}

/* --- codes ----------------------------------------------------------------------------------- */

/* 4 to 8 characters, then nothing but padding. */
static bool well_formed(const uint8_t code[static PIV_PIN_MAX])
{
    size_t size = 0;

    while (size < PIV_PIN_MAX && code[size] != 0xff)
        size++;
    for (size_t i = size; i < PIV_PIN_MAX; i++)
        if (code[i] != 0xff)
            return false;
    return size >= PIV_PIN_MIN;
}

static unsigned check_code(struct secret_code *code, const uint8_t given[static PIV_PIN_MAX])
{
    if (code->tries == 0)
        return SW_BLOCKED;
    if (memcmp(code->value, given, PIV_PIN_MAX) != 0)
        return SW_WRONG + --code->tries;
    code->tries = PIV_TRIES_MAX;
    return SW_OK;
}

static unsigned verify(struct piv *piv, const struct apdu *apdu)
{
    unsigned status;

    if (apdu->p2 != PIN_REFERENCE)
        return SW_NO_SUCH_REFERENCE;
    if (apdu->p1 == VERIFY_LOG_OUT && apdu->data_size == 0) {
        piv->verified = false;
        return SW_OK;
    }
    if (apdu->p1 != 0)
        return SW_WRONG_PARAMETERS;
    if (apdu->data_size == 0) {
        if (piv->verified)
            return SW_OK;
        return piv->pin.tries ? SW_WRONG + piv->pin.tries : SW_BLOCKED;
    }
    if (apdu->data_size != PIV_PIN_MAX || !well_formed(apdu->data))
        return SW_WRONG_DATA;
    status = check_code(&piv->pin, apdu->data);
    piv->verified = status == SW_OK;
    piv->just_verified = piv->verified;
    return status;
}

static unsigned replace_code(struct secret_code *checked, struct secret_code *replaced,
                             const struct apdu *apdu)
{
    const uint8_t *fresh;
    unsigned status;

    if (apdu->p1 != 0)
        return SW_WRONG_PARAMETERS;
    if (apdu->data_size != PIV_PIN_MAX + PIV_PIN_MAX)
        return SW_WRONG_LENGTH;
    fresh = apdu->data + PIV_PIN_MAX;
    if (!well_formed(fresh))
        return SW_WRONG_DATA;
    status = check_code(checked, apdu->data);
    if (status == SW_OK) {
        memcpy(replaced->value, fresh, PIV_PIN_MAX);
        replaced->tries = PIV_TRIES_MAX;
    }
    return status;
}

static unsigned change_code(struct piv *piv, const struct apdu *apdu)
{
    unsigned status;

    if (apdu->p2 == PUK_REFERENCE)
        return replace_code(&piv->puk, &piv->puk, apdu);
    if (apdu->p2 != PIN_REFERENCE)
        return SW_NO_SUCH_REFERENCE;
    status = replace_code(&piv->pin, &piv->pin, apdu);
    if (status == SW_OK || (status & ~0xfu) == SW_WRONG)
        piv->verified = status == SW_OK;
    return status;
}

static unsigned unblock_pin(struct piv *piv, const struct apdu *apdu)
{
    if (apdu->p2 != PIN_REFERENCE)
        return SW_NO_SUCH_REFERENCE;
    return replace_code(&piv->puk, &piv->pin, apdu);
}

/* --- data objects ---------------------------------------------------------------------------- */

static void put_chuid(const struct piv *piv, struct tlv_writer *out)
{
    /* A FASC-N of a body that is no federal agency: agency code 9999, all else from the standard.
     */
    static const uint8_t fascn[] = {0xd4, 0xe7, 0x39, 0xda, 0x73, 0x9c, 0xed, 0x39, 0xce,
                                    0x73, 0x9d, 0x83, 0x68, 0x58, 0x21, 0x08, 0x42, 0x10,
                                    0x84, 0x21, 0xc8, 0x42, 0x10, 0xc3, 0xeb};

    tlv_put(out, 0x30, fascn, sizeof fascn);
    tlv_put(out, 0x34, piv->guid, PIV_GUID_SIZE);
    tlv_put(out, 0x35, "20491231", 8);
    tlv_put(out, 0x3e, NULL, 0);
    tlv_put(out, 0xfe, NULL, 0);
}

static void put_capabilities(const struct piv *piv, struct tlv_writer *out)
{
    static const uint8_t empty_tags[] = {0xf3, 0xf4, 0xf6, 0xf7, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe};
    uint8_t card_identifier[21] = {0xa0, 0x00, 0x00, 0x01, 0x16, 0xff};

    memcpy(card_identifier + 6, piv->guid, sizeof card_identifier - 6);
    tlv_put(out, 0xf0, card_identifier, sizeof card_identifier);
    tlv_put(out, 0xf1, "\x21", 1);
    tlv_put(out, 0xf2, "\x21", 1);
    tlv_put(out, 0xf5, "\x10", 1); /* data model */
    for (size_t i = 0; i < sizeof empty_tags; i++)
        tlv_put(out, empty_tags[i], NULL, 0);
}

static void put_discovery(struct tlv_writer *out)
{
    static const uint8_t policy[] = {0x40, 0x00}; /* the card's own PIN, no global one */

    tlv_put(out, 0x4f, aid, sizeof aid);
    tlv_put(out, 0x5f2f, policy, sizeof policy);
}

static bool put_certificate(const struct piv *piv, unsigned object, struct tlv_writer *out)
{
    for (size_t i = 0; i < PIV_SLOTS; i++) {
        const struct piv_slot *slot = &piv->slots[i];

        if (slot_rules[i].object == object && slot->certificate) {
            tlv_put(out, 0x70, slot->certificate, slot->certificate_size);
            tlv_put(out, 0x71, "", 1); /* not compressed */
            tlv_put(out, 0xfe, NULL, 0);
            return true;
        }
    }
    return false;
}

static unsigned requested_object(const struct apdu *apdu)
{
    const uint8_t *at = apdu->data;
    size_t size = apdu->data_size;
    struct tlv list;
    unsigned object = 0;

    if (!tlv_next(&at, &size, &list) || size > 0 || list.tag != 0x5c || list.size > 3)
        return 0;
    for (size_t i = 0; i < list.size; i++)
        object = object << 8 | list.value[i];
    return object;
}

static unsigned get_data(struct piv *piv, const struct apdu *apdu)
{
    uint8_t bytes[OUTGOING_MAX];
    struct tlv_writer content = {.bytes = bytes, .room = sizeof bytes};
    struct tlv_writer out = {.bytes = piv->outgoing, .room = sizeof piv->outgoing};
    unsigned object = requested_object(apdu);

    if (apdu->p1 != 0x3f || apdu->p2 != 0xff)
        return SW_WRONG_PARAMETERS;
    if (object == 0)
        return SW_WRONG_DATA;
    if (object == OBJECT_CHUID)
        put_chuid(piv, &content);
    else if (object == OBJECT_CAPABILITIES)
        put_capabilities(piv, &content);
    else if (object == OBJECT_DISCOVERY)
        put_discovery(&content);
    else if (!put_certificate(piv, object, &content))
        return SW_NOT_FOUND;
    tlv_put(&out, object == OBJECT_DISCOVERY ? OBJECT_DISCOVERY : 0x53, bytes, content.size);
    if (content.overflow || out.overflow)
        return SW_FAILURE;
    piv->outgoing_size = out.size;
    return SW_OK;
}

static unsigned select_application(struct piv *piv, const struct apdu *apdu)
{
    static const uint8_t version[] = {0x4f, 0x06, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00};
    static const uint8_t authority[] = {0x4f, 0x05, 0xa0, 0x00, 0x00, 0x03, 0x08};
    uint8_t bytes[64];
    struct tlv_writer content = {.bytes = bytes, .room = sizeof bytes};
    struct tlv_writer out = {.bytes = piv->outgoing, .room = sizeof piv->outgoing};

    if (apdu->p1 != 0x04)
        return SW_WRONG_PARAMETERS;
    if (apdu->data_size < AID_SHORTEST || apdu->data_size > sizeof aid ||
        memcmp(apdu->data, aid, apdu->data_size) != 0)
        return SW_NOT_FOUND; /* and whatever was selected stays so */
    tlv_put(&content, 0x4f, version + 2, sizeof version - 2);
    tlv_put(&content, 0x79, authority, sizeof authority);
    tlv_put(&out, 0x61, bytes, content.size);
    piv->outgoing_size = out.size;
    piv->selected = true;
    return SW_OK;
}

/* --- keys ------------------------------------------------------------------------------------ */

struct authentication_request {
    const uint8_t *input;
    size_t size;
    bool agree;
};

static bool parse_request(const struct apdu *apdu, struct authentication_request *request)
{
    const uint8_t *at = apdu->data;
    size_t size = apdu->data_size;
    struct tlv template, element;
    bool response_wanted = false;

    *request = (struct authentication_request){0};
    if (!tlv_next(&at, &size, &template) || size > 0 || template.tag != TAG_DYNAMIC_AUTHENTICATION)
        return false;
    at = template.value;
    size = template.size;
    while (tlv_next(&at, &size, &element)) {
        if (element.tag == TAG_RESPONSE && element.size == 0) {
            response_wanted = true;
        } else if (element.tag == TAG_CHALLENGE || element.tag == TAG_EXPONENTIATION) {
            request->input = element.value;
            request->size = element.size;
            request->agree = element.tag == TAG_EXPONENTIATION;
        } else {
            return false;
        }
    }
    return size == 0 && response_wanted && request->input;
}

static unsigned general_authenticate(struct piv *piv, const struct apdu *apdu, bool just_verified)
{
    struct tlv_writer out = {.bytes = piv->outgoing, .room = sizeof piv->outgoing};
    uint8_t result[KEY_RESULT_MAX], wrapped[KEY_RESULT_MAX + 8];
    struct tlv_writer inner = {.bytes = wrapped, .room = sizeof wrapped};
    struct authentication_request request;
    const struct key *key;
    size_t slot = 0, size;
    bool done;

    while (slot < PIV_SLOTS && slot_rules[slot].reference != apdu->p2)
        slot++;
    key = slot < PIV_SLOTS ? piv->slots[slot].key : NULL;
    if (!key || apdu->p1 != key_algorithm(key))
        return SW_WRONG_PARAMETERS;
    if (slot_rules[slot].rule == PIN_ONCE && !piv->verified)
        return SW_NOT_AUTHORISED;
    if (slot_rules[slot].rule == PIN_ALWAYS && !just_verified)
        return SW_NOT_AUTHORISED;
    if (!parse_request(apdu, &request))
        return SW_WRONG_DATA;
    done = request.agree ? key_agree(key, request.input, request.size, result, &size)
                         : key_sign(key, request.input, request.size, result, &size);
    if (!done)
        return SW_WRONG_DATA;
    tlv_put(&inner, TAG_RESPONSE, result, size);
    tlv_put(&out, TAG_DYNAMIC_AUTHENTICATION, wrapped, inner.size);
    if (inner.overflow || out.overflow)
        return SW_FAILURE;
    piv->outgoing_size = out.size;
    return SW_OK;
}

/* --- the exchange ---------------------------------------------------------------------------- */

static unsigned run(struct piv *piv, const struct apdu *apdu)
{
    bool just_verified = piv->just_verified;

    piv->just_verified = false;
    if (apdu->ins == INS_SELECT)
        return select_application(piv, apdu);
    if (!piv->selected)
        return SW_WRONG_INSTRUCTION;
    switch (apdu->ins) {
    case INS_GET_DATA:
        return get_data(piv, apdu);
    case INS_VERIFY:
        return verify(piv, apdu);
    case INS_CHANGE_REFERENCE_DATA:
        return change_code(piv, apdu);
    case INS_RESET_RETRY_COUNTER:
        return unblock_pin(piv, apdu);
    case INS_GENERAL_AUTHENTICATE:
        return general_authenticate(piv, apdu, just_verified);
    default:
        return SW_WRONG_INSTRUCTION;
    }
}

/* Adds the command to the chain that is open. SW_MORE: it is complete and *apdu describes all of
 * it. */
static unsigned chain(struct piv *piv, struct apdu *apdu)
{
    bool more = apdu->cla & APDU_CLA_CHAINED;

    if (piv->chain_ins && piv->chain_ins != apdu->ins) {
        piv->chain_ins = 0;
        if (!more)
            return SW_MORE; /* an unfinished chain is forgotten */
    }
    if (!piv->chain_ins && !more)
        return SW_MORE;
    if (!piv->chain_ins)
        piv->chain_size = 0;
    if (apdu->data_size > CHAIN_MAX - piv->chain_size) {
        piv->chain_ins = 0;
        return SW_WRONG_LENGTH;
    }
    if (apdu->data_size > 0)
        memcpy(piv->chain + piv->chain_size, apdu->data, apdu->data_size);
    piv->chain_size += apdu->data_size;
    piv->chain_ins = more ? apdu->ins : 0;
    if (more)
        return SW_OK;
    apdu->data = piv->chain;
    apdu->data_size = piv->chain_size;
    return SW_MORE;
}

static size_t answer(uint8_t *response, size_t size, unsigned status)
{
    response[size] = (uint8_t)(status >> 8);
    response[size + 1] = (uint8_t)status;
    return size + 2;
}

/* The next part of `outgoing`, as much as the reader asked for. */
static size_t send_outgoing(struct piv *piv, size_t expected, uint8_t *response)
{
    size_t left = piv->outgoing_size - piv->outgoing_sent;
    size_t part = left < expected ? left : expected;

    memcpy(response, piv->outgoing + piv->outgoing_sent, part);
    piv->outgoing_sent += part;
    left -= part;
    if (left > 0)
        return answer(response, part, SW_MORE + (left < 256 ? (unsigned)left : 0));
    return answer(response, part, SW_OK);
}

size_t piv_exchange(struct piv *piv, const uint8_t *command, size_t size,
                    uint8_t response[static PIV_RESPONSE_MAX])
{
    struct apdu apdu;
    unsigned status;

    if (!apdu_parse(command, size, &apdu))
        return answer(response, 0, SW_WRONG_LENGTH);
    if (apdu.cla & ~APDU_CLA_CHAINED)
        return answer(response, 0, SW_WRONG_CLASS);
    if (apdu.ins == INS_GET_RESPONSE && piv->outgoing_sent < piv->outgoing_size)
        return send_outgoing(piv, apdu.expected ? apdu.expected : 256, response);

    status = chain(piv, &apdu);
    if (status != SW_MORE)
        return answer(response, 0, status);
    piv->outgoing_size = 0;
    piv->outgoing_sent = 0;
    status = run(piv, &apdu);
    if (status != SW_OK)
        piv->outgoing_size = 0;
    if (piv->outgoing_size == 0)
        return answer(response, 0, status);
    return send_outgoing(piv, apdu.expected, response);
}
