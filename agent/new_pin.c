/* SPDX-License-Identifier: MIT */
#include "agent/new_pin.h"

#include "ipc/base/outcome.h"

#include <openssl/crypto.h>
#include <stdio.h>

int new_pin_take(const struct prompt_answer *answer, unsigned min, unsigned max,
                 struct secret **typed)
{
    if (answer->result != OUTCOME_OK || answer->pin_len > max)
        return WRONG_PIN_LONG;
    if (answer->pin_len < min)
        return WRONG_PIN_SHORT;
    *typed = secret_new(answer->pin_len);
    if (*typed && secret_append(*typed, answer->pin, answer->pin_len) == 0)
        return 0;
    secret_free(typed);
    return WRONG_PIN_FAULT;
}

bool new_pin_same(const struct prompt_answer *answer, const struct secret *typed)
{
    return answer->result == OUTCOME_OK && answer->pin_len == secret_len(typed) &&
           CRYPTO_memcmp(answer->pin, secret_peek(typed), answer->pin_len) == 0;
}

bool new_pin_put_error(int wrong, unsigned min, unsigned max, struct prompt_question *question)
{
    switch (wrong) {
    case WRONG_PIN_SHORT:
        snprintf(question->error, sizeof question->error,
                 "That PIN is too short. It has at least %u characters.", min);
        return true;
    case WRONG_PIN_LONG:
        snprintf(question->error, sizeof question->error,
                 "That cannot be a PIN: it has at most %u letters, digits and signs.", max);
        return true;
    case WRONG_PIN_DIFFERENT:
        snprintf(question->error, sizeof question->error,
                 "The two PINs were not the same. Choose one again.");
        return true;
    case WRONG_PIN_SAME:
        snprintf(question->error, sizeof question->error,
                 "That is the PIN that you have now. Choose another one.");
        return true;
    default:
        return false;
    }
}
