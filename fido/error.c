/* SPDX-License-Identifier: MIT */
/*
 * A key's own status (CTAP 2.1 §8.2) is a positive code, libfido2's own a negative one. What is not
 * in the table is the key's failure, never a success. Codes that mean different things in different
 * operations are looked at there first: FIDO_ERR_NOT_ALLOWED is "too late" for a reset only,
 * FIDO_ERR_RX is a key that was pulled out when device.c says so.
 */
#include "fido/error.h"

#include "ipc/base/outcome.h"

#include <fido.h>

static const struct {
    int code, outcome;
} codes[] = {
#define CODE(code, outcome)                                                                        \
    {                                                                                              \
        FIDO_ERR_##code, OUTCOME_##outcome                                                         \
    }
    CODE(SUCCESS, OK),
    /* the PIN */
    CODE(PIN_INVALID, PIN_WRONG),
    CODE(PIN_AUTH_BLOCKED, KEY_LOCKED),
    CODE(PIN_BLOCKED, KEY_BLOCKED),
    CODE(PIN_NOT_SET, KEY_PIN_NOT_SET),
    CODE(PIN_POLICY_VIOLATION, KEY_PIN_REFUSED),
    /* its own verification */
    CODE(UV_BLOCKED, KEY_UNVERIFIED),
    CODE(UV_INVALID, KEY_UNVERIFIED),
    CODE(PIN_REQUIRED, KEY_UNVERIFIED),
    CODE(OPERATION_DENIED, KEY_UNVERIFIED),
    /* the person */
    CODE(KEEPALIVE_CANCEL, CANCELLED),
    CODE(USER_ACTION_TIMEOUT, TIMED_OUT),
    CODE(ACTION_TIMEOUT, TIMED_OUT),
    /* what is on it */
    CODE(CREDENTIAL_EXCLUDED, KEY_REGISTERED),
    CODE(NO_CREDENTIALS, KEY_NOT_REGISTERED),
    CODE(INVALID_CREDENTIAL, KEY_NOT_REGISTERED),
    CODE(KEY_STORE_FULL, KEY_FULL),
    CODE(LARGEBLOB_STORAGE_FULL, KEY_FULL),
    CODE(FP_DATABASE_FULL, KEY_FULL),
    /* what it can */
    CODE(INVALID_COMMAND, KEY_UNABLE),
    CODE(UNSUPPORTED_ALGORITHM, KEY_UNABLE),
    CODE(UNSUPPORTED_EXTENSION, KEY_UNABLE),
    CODE(UNSUPPORTED_OPTION, KEY_UNABLE),
    CODE(INVALID_OPTION, KEY_UNABLE),
    CODE(LIMIT_EXCEEDED, KEY_UNABLE),
    CODE(REQUEST_TOO_LARGE, KEY_UNABLE),
    CODE(NOT_ALLOWED, KEY_UNABLE),
    CODE(UNAUTHORIZED_PERM, KEY_UNABLE),
    CODE(UP_REQUIRED, KEY_UNABLE),
#undef CODE
};

int error_outcome(int code)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].code == code)
            return codes[i].outcome;
    return OUTCOME_KEY_FAILED;
}
