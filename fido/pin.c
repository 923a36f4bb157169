/* SPDX-License-Identifier: MIT */
/*
 * libfido2 wants PINs as C strings; they are terminated inside the secret they arrived in, so that
 * there is no other copy of ours. The library wipes its own.
 */
#include "fido/pin.h"

#include "fido/text.h"
#include "fido/verification.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>

struct secret *pin_new(void)
{
    struct secret *pin = secret_new(FIDO_PIN_BYTES_MAX + 1);
    if (!pin)
        log_fault(ENOMEM, "PIN");
    return pin;
}

const char *pin_text(const struct secret *pin)
{
    return (const char *)secret_peek(pin);
}

static int ask(struct key *key, enum fido_ask what, int problem, uint8_t tries, struct secret *pin)
{
    struct fido_news question = {.ask = (uint8_t)what,
                                 .tries_left = tries,
                                 .min_length = key->traits.min_pin_length,
                                 .problem = (uint32_t)problem};
    snprintf(question.key, sizeof question.key, "%s", key->path);
    snprintf(question.product, sizeof question.product, "%s", key->product);
    return link_ask_pin(key->link, &question, pin);
}

int pin_ask(struct key *key, int problem, struct secret *pin)
{
    uint8_t tries = verification_tries(key);
    if (tries == 0)
        return OUTCOME_KEY_BLOCKED;
    if (key->removed)
        return OUTCOME_KEY_REMOVED;
    int r = ask(key, FIDO_ASK_PIN, problem, tries, pin);
    while (r == OUTCOME_OK && text_characters(pin_text(pin)) < 4) /* no key has such a one */
        r = ask(key, FIDO_ASK_PIN, OUTCOME_PIN_FORMAT, tries, pin);
    return r;
}

int pin_ask_new(struct key *key, struct secret *pin)
{
    int r = ask(key, FIDO_ASK_NEW_PIN, OUTCOME_OK, UINT8_MAX, pin);
    while (r == OUTCOME_OK && text_characters(pin_text(pin)) < key->traits.min_pin_length)
        r = ask(key, FIDO_ASK_NEW_PIN, OUTCOME_PIN_FORMAT, UINT8_MAX, pin);
    return r;
}

/* old NULL: there was none. */
static int set(struct key *key, const struct secret *pin, const struct secret *old)
{
    key_begin(key);
    link_say(key->link, FIDO_WAITING_WORK, key->path, key->product);
    int r = key_outcome(key, fido_dev_set_pin(key->dev, pin_text(pin), old ? pin_text(old) : NULL));
    if (r == OUTCOME_OK) {
        key->traits.pin_set = true;
        key->traits.pin_change_owed = false;
    }
    return r;
}

int pin_change(struct key *key, struct secret *pin)
{
    CLEANUP(secret_free) struct secret *old = pin_new();
    if (!old)
        return -ENOMEM;
    int r = pin_ask(key, OUTCOME_OK, old);
    if (r == OUTCOME_OK)
        r = pin_ask_new(key, pin);
    if (r == OUTCOME_OK)
        r = set(key, pin, old);
    while (r == OUTCOME_PIN_WRONG) {
        r = pin_ask(key, OUTCOME_PIN_WRONG, old);
        if (r == OUTCOME_OK)
            r = set(key, pin, old);
    }
    return r;
}

int pin_set(struct key *key)
{
    CLEANUP(secret_free) struct secret *pin = pin_new();
    if (!pin)
        return -ENOMEM;
    int r = pin_ask_new(key, pin);
    return r == OUTCOME_OK ? set(key, pin, NULL) : r;
}
