/* SPDX-License-Identifier: MIT */
/*
 * One table, so that name and meaning of a code stand side by side and a test can walk all of them.
 *
 * Modules do not agree on codes. Three rules keep us honest: what is not in the table is the
 * module's failure, never a success; only codes that say so outright count as a wrong PIN, because
 * the person is asked again for one; and CKR_GENERAL_ERROR, which OpenSC gives for a card pulled
 * while it signs, is judged by sign.c, which can look into the slot.
 *
 * An expired or never-set PIN reads as blocked: the remedy, the Registration Authority, is the
 * same.
 */
#include "pkcs11/rv.h"

#include "ipc/base/outcome.h"

#include <stddef.h>

static const struct {
    CK_RV rv;
    const char *name;
    int outcome;
} codes[] = {
#define CODE(rv, outcome)                                                                          \
    {                                                                                              \
        CKR_##rv, "CKR_" #rv, OUTCOME_##outcome                                                    \
    }
    CODE(OK, OK),
    /* the person, at a PIN pad */
    CODE(CANCEL, CANCELLED),
    CODE(FUNCTION_CANCELED, CANCELLED),
    /* the PIN */
    CODE(PIN_INCORRECT, PIN_WRONG),
    CODE(PIN_LOCKED, PIN_BLOCKED),
    CODE(PIN_EXPIRED, PIN_BLOCKED),
    CODE(USER_PIN_NOT_INITIALIZED, PIN_BLOCKED),
    CODE(PIN_INVALID, PIN_FORMAT),
    CODE(PIN_LEN_RANGE, PIN_FORMAT),
    CODE(PIN_TOO_WEAK, PIN_FORMAT),
    /* the card has gone, and what hung on it */
    CODE(DEVICE_REMOVED, CARD_REMOVED),
    CODE(TOKEN_NOT_PRESENT, CARD_REMOVED),
    CODE(SLOT_ID_INVALID, CARD_REMOVED),
    CODE(SESSION_CLOSED, CARD_REMOVED),
    CODE(SESSION_HANDLE_INVALID, CARD_REMOVED),
    /* the card is there and cannot be talked to */
    CODE(DEVICE_ERROR, CARD_UNREADABLE),
    CODE(DEVICE_MEMORY, CARD_UNREADABLE),
    CODE(TOKEN_NOT_RECOGNIZED, CARD_UNREADABLE),
    /* somebody else has it */
    CODE(SESSION_COUNT, CARD_BUSY),
    CODE(SESSION_READ_WRITE_SO_EXISTS, CARD_BUSY),
    CODE(USER_ANOTHER_ALREADY_LOGGED_IN, CARD_BUSY),
    CODE(USER_TOO_MANY_TYPES, CARD_BUSY),
    /* the key cannot do what was asked */
    CODE(KEY_FUNCTION_NOT_PERMITTED, KEY_UNSUITABLE),
    CODE(KEY_SIZE_RANGE, KEY_UNSUITABLE),
    CODE(KEY_TYPE_INCONSISTENT, KEY_UNSUITABLE),
    CODE(MECHANISM_INVALID, KEY_UNSUITABLE),
    CODE(MECHANISM_PARAM_INVALID, KEY_UNSUITABLE),
    CODE(CURVE_NOT_SUPPORTED, KEY_UNSUITABLE),
    CODE(DOMAIN_PARAMS_INVALID, KEY_UNSUITABLE),
    CODE(ACTION_PROHIBITED, KEY_UNSUITABLE),
    /* known by name only, so that the log can say it */
    CODE(HOST_MEMORY, CARD_MODULE_FAILED),
    CODE(GENERAL_ERROR, CARD_MODULE_FAILED),
    CODE(FUNCTION_FAILED, CARD_MODULE_FAILED),
    CODE(ARGUMENTS_BAD, CARD_MODULE_FAILED),
    CODE(NEED_TO_CREATE_THREADS, CARD_MODULE_FAILED),
    CODE(CANT_LOCK, CARD_MODULE_FAILED),
    CODE(ATTRIBUTE_SENSITIVE, CARD_MODULE_FAILED),
    CODE(ATTRIBUTE_TYPE_INVALID, CARD_MODULE_FAILED),
    CODE(ATTRIBUTE_VALUE_INVALID, CARD_MODULE_FAILED),
    CODE(DATA_INVALID, CARD_MODULE_FAILED),
    CODE(DATA_LEN_RANGE, CARD_MODULE_FAILED),
    CODE(FUNCTION_NOT_SUPPORTED, CARD_MODULE_FAILED),
    CODE(FUNCTION_REJECTED, CARD_MODULE_FAILED),
    CODE(KEY_HANDLE_INVALID, CARD_MODULE_FAILED),
    CODE(OBJECT_HANDLE_INVALID, CARD_MODULE_FAILED),
    CODE(OPERATION_ACTIVE, CARD_MODULE_FAILED),
    CODE(OPERATION_NOT_INITIALIZED, CARD_MODULE_FAILED),
    CODE(USER_ALREADY_LOGGED_IN, CARD_MODULE_FAILED),
    CODE(USER_NOT_LOGGED_IN, CARD_MODULE_FAILED),
    CODE(USER_TYPE_INVALID, CARD_MODULE_FAILED),
    CODE(BUFFER_TOO_SMALL, CARD_MODULE_FAILED),
    CODE(CRYPTOKI_NOT_INITIALIZED, CARD_MODULE_FAILED),
    CODE(CRYPTOKI_ALREADY_INITIALIZED, CARD_MODULE_FAILED),
#undef CODE
};

#define CODE_COUNT (sizeof codes / sizeof *codes)

int rv_outcome(CK_RV rv)
{
    for (size_t i = 0; i < CODE_COUNT; i++)
        if (codes[i].rv == rv)
            return codes[i].outcome;
    return OUTCOME_CARD_MODULE_FAILED;
}

const char *rv_name(CK_RV rv)
{
    for (size_t i = 0; i < CODE_COUNT; i++)
        if (codes[i].rv == rv)
            return codes[i].name;
    return "unknown code";
}
