/* SPDX-License-Identifier: MIT */
/* authenticatorConfig (CTAP 2.1 §6.11): alwaysUv, and the PIN's minimum length. */
#include "authenticator.h"

#include <string.h>

enum subcommand { TOGGLE_ALWAYS_UV = 2, SET_MIN_PIN_LENGTH = 3 };

#define PIN_LENGTH_LIMIT 63

/* The MAC is over 32 times ff, 0d, the subcommand and its parameters as they were sent. */
static int check(struct authenticator *key, const struct cbor *request, uint8_t subcommand,
                 const struct cbor *parameters)
{
    uint8_t message[32 + 2 + REQUEST_MAX];
    struct cbor mac, protocol;

    if (!key_is_protected(key))
        return CTAP_OK;
    if (!cbor_member(request, 4, &mac))
        return CTAP_PUAT_REQUIRED;
    cbor_member(request, 3, &protocol);
    if (parameters->size > REQUEST_MAX)
        return CTAP_INVALID_LENGTH;
    memset(message, 0xff, 32);
    message[32] = CTAP_CONFIG;
    message[33] = subcommand;
    if (parameters->size > 0)
        memcpy(message + 34, parameters->at, parameters->size);
    return check_token(key, &mac, &protocol, message, 34 + parameters->size, PERMISSION_CONFIG,
                       NULL);
}

static int take_rps(struct store *store, const struct cbor *list)
{
    struct cbor item = {0};
    const char *text;
    size_t size, count = 0;

    if (cbor_type(list) != CBOR_ARRAY)
        return CTAP_UNEXPECTED_TYPE;
    if (cbor_count(list) > MIN_PIN_RPS_MAX)
        return CTAP_KEY_STORE_FULL;
    while (cbor_next(list, &item)) {
        if (!cbor_text(&item, &text, &size) || size > RP_ID_MAX)
            return CTAP_INVALID_PARAMETER;
        memcpy(store->min_pin_rps[count], text, size);
        store->min_pin_rps[count++][size] = '\0';
    }
    store->min_pin_rp_count = count;
    return CTAP_OK;
}

static int set_min_pin_length(struct authenticator *key, const struct cbor *parameters)
{
    struct store *store = &key->store;
    int64_t length = store->min_pin_length;
    bool change = false;
    struct cbor item;
    int status = CTAP_OK;

    if (parameters->size == 0)
        return CTAP_OK;
    if (cbor_member(parameters, 1, &item) && !cbor_integer(&item, &length))
        return CTAP_UNEXPECTED_TYPE;
    if (length < store->min_pin_length || length > PIN_LENGTH_LIMIT)
        return CTAP_PIN_POLICY_VIOLATION;
    if (cbor_member(parameters, 3, &item) && !cbor_bool(&item, &change))
        return CTAP_UNEXPECTED_TYPE;
    if (change && !store->pin_set)
        return CTAP_PIN_NOT_SET;
    if (cbor_member(parameters, 2, &item))
        status = take_rps(store, &item);
    if (status != CTAP_OK)
        return status;
    store->min_pin_length = (uint8_t)length;
    if (store->pin_set && (change || store->pin_length < length)) {
        store->pin_change_owed = true;
        forget_tokens(key);
    }
    return CTAP_OK;
}

int configure(struct authenticator *key, const struct cbor *request, struct cbor_writer *answer)
{
    struct cbor item, parameters;
    int64_t subcommand;
    int status;

    (void)answer;
    if (!cbor_member(request, 1, &item))
        return CTAP_MISSING_PARAMETER;
    if (!cbor_integer(&item, &subcommand))
        return CTAP_UNEXPECTED_TYPE;
    if (subcommand != TOGGLE_ALWAYS_UV && subcommand != SET_MIN_PIN_LENGTH)
        return CTAP_INVALID_SUBCOMMAND;
    cbor_member(request, 2, &parameters);
    status = check(key, request, (uint8_t)subcommand, &parameters);
    if (status != CTAP_OK)
        return status;
    if (subcommand == TOGGLE_ALWAYS_UV)
        key->store.always_uv = !key->store.always_uv;
    else
        status = set_min_pin_length(key, &parameters);
    if (status == CTAP_OK)
        store_save(&key->store);
    return status;
}
