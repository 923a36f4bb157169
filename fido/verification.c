/* SPDX-License-Identifier: MIT */
/*
 * The order is that of convenience and of the standard (CTAP 2.1 §6.5.5): nothing where nothing is
 * needed; the key's own verification, a finger, as long as it has tries; the PIN. Only a request
 * without a PIN is ever made again: when the key has given its person up too early, or insists on
 * being told who it is.
 *
 * While such a request waits, a key that is plugged in ends it (key->yields): it may be the one
 * that is meant. After somebody has typed a PIN the choice has been made.
 */
#include "fido/verification.h"

#include "fido/pin.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>

enum {
    OWN_TRIES_MAX = 8, /* a key has at most 25 (CTAP 2.1 §6.4), nobody has the patience */
    ROUNDS_MAX = 64,   /* of thirty seconds each */
};

bool verification_ready(const struct key *key)
{
    return key->traits.verification_set || key->traits.pin_set;
}

uint8_t verification_tries(struct key *key)
{
    int tries = 0;
    key_begin(key);
    if (fido_dev_get_retry_count(key->dev, &tries) != FIDO_OK || tries < 0 || tries >= UINT8_MAX)
        return UINT8_MAX;
    return (uint8_t)tries;
}

/* Again and again where the key gives its person up sooner than the agent does. */
static int without_pin(struct key *key, verified_call *call, void *context, bool own)
{
    int code = FIDO_ERR_USER_ACTION_TIMEOUT;
    key->verifies = own;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        key_begin(key);
        key->yields = !key->settled;
        code = call(context, key, NULL, own);
        key->yields = false;
        if (key->cancelled || own ||
            (code != FIDO_ERR_USER_ACTION_TIMEOUT && code != FIDO_ERR_ACTION_TIMEOUT))
            break;
    }
    key->verifies = false;
    return code;
}

/* True: *code is what came of it. False: the PIN is next. */
static bool with_own(struct key *key, verified_call *call, void *context, int *code)
{
    for (int i = 0; i < OWN_TRIES_MAX; i++) {
        *code = without_pin(key, call, context, true);
        if (*code == FIDO_ERR_UV_INVALID && !key->cancelled)
            continue;
        bool gave_up = *code == FIDO_ERR_UV_BLOCKED || *code == FIDO_ERR_OPERATION_DENIED ||
                       *code == FIDO_ERR_USER_ACTION_TIMEOUT || *code == FIDO_ERR_ACTION_TIMEOUT ||
                       *code == FIDO_ERR_PIN_REQUIRED;
        return !gave_up || !key->traits.pin_set || key->cancelled;
    }
    return !key->traits.pin_set;
}

static int call_once(struct key *key, verified_call *call, void *context, const struct secret *pin)
{
    key_begin(key);
    link_say(key->link, FIDO_WAITING_WORK, key->path, key->product);
    return key_outcome(key, call(context, key, pin_text(pin), false));
}

static int with_pin(struct key *key, verified_call *call, void *context)
{
    if (key->pin) /* it has proved right */
        return call_once(key, call, context, key->pin);
    if (!key->traits.pin_set)
        return key->traits.pin_possible ? OUTCOME_KEY_PIN_NOT_SET : OUTCOME_KEY_UNABLE;
    struct secret *pin = key->pin = pin_new();
    if (!pin)
        return -ENOMEM;
    int r = key->traits.pin_change_owed ? pin_change(key, pin) : pin_ask(key, OUTCOME_OK, pin);
    while (r == OUTCOME_OK) {
        key->settled = true;
        r = call_once(key, call, context, pin);
        if (r != OUTCOME_PIN_WRONG)
            break;
        r = pin_ask(key, OUTCOME_PIN_WRONG, pin);
    }
    if (r != OUTCOME_OK && r != OUTCOME_KEY_NOT_REGISTERED)
        secret_free(&key->pin);
    return r;
}

int verification_call(struct key *key, enum verification_need need, verified_call *call,
                      void *context)
{
    bool ready = verification_ready(key);
    if (key->pin)
        return with_pin(key, call, context);
    if (key->traits.verification_always && ready)
        need = VERIFICATION_MUST;
    int code;
    if (need == VERIFICATION_NONE || (need == VERIFICATION_POSSIBLE && !ready)) {
        code = without_pin(key, call, context, false);
        if (code != FIDO_ERR_PIN_REQUIRED || key->cancelled)
            return key_outcome(key, code);
    }
    if (key->traits.verification_set && with_own(key, call, context, &code))
        return key_outcome(key, code);
    return with_pin(key, call, context);
}
