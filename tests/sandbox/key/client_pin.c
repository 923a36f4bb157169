/* SPDX-License-Identifier: MIT */
/*
 * authenticatorClientPIN (CTAP 2.1 §6.5). A try is taken off, and that is saved, before the PIN is
 * looked at, so that pulling the key out gives none back.
 */
#include "authenticator.h"

#include <string.h>

#define PIN_PADDED 64
#define PERMISSIONS_ALL 0x3f

enum subcommand {
    GET_PIN_TRIES = 1,
    GET_KEY_AGREEMENT,
    SET_PIN,
    CHANGE_PIN,
    GET_PIN_TOKEN,
    GET_TOKEN_BY_FINGER,
    GET_UV_TRIES,
    GET_TOKEN_BY_PIN = 9,
};

struct pin_request {
    const struct cbor *map;
    int protocol;
    struct shared_secret secret;
    const uint8_t *new_pin, *pin_hash, *mac;
    size_t new_pin_size, pin_hash_size, mac_size;
};

/* --- tokens ---------------------------------------------------------------------------------- */

void forget_tokens(struct authenticator *key)
{
    random_bytes(key->pin.token, sizeof key->pin.token);
    key->pin.permissions = 0;
    key->pin.rp_id[0] = '\0';
}

static void new_agreement(struct authenticator *key)
{
    private_key_free(key->pin.agreement);
    key->pin.agreement = private_key_new(ALGORITHM_ES256);
}

void pin_power_up(struct authenticator *key)
{
    key->pin.wrong_in_row = 0;
    new_agreement(key);
    forget_tokens(key);
}

int check_token(struct authenticator *key, const struct cbor *mac, const struct cbor *protocol,
                const uint8_t *message, size_t size, enum permission permission, const char *rp_id)
{
    const uint8_t *bytes;
    size_t mac_size;
    int64_t number;

    if (protocol->size == 0)
        return CTAP_MISSING_PARAMETER;
    if (!cbor_bytes(mac, &bytes, &mac_size) || !cbor_integer(protocol, &number))
        return CTAP_UNEXPECTED_TYPE;
    if (number < 1 || number > PIN_PROTOCOLS)
        return CTAP_INVALID_PARAMETER;
    if (!pin_protocol_verify((int)number, key->pin.token[number - 1], message, size, bytes,
                             mac_size) ||
        !(key->pin.permissions & permission))
        return CTAP_PIN_AUTH_INVALID;
    if (!rp_id)
        return CTAP_OK;
    if (key->pin.rp_id[0] && strcmp(key->pin.rp_id, rp_id) != 0)
        return CTAP_PIN_AUTH_INVALID;
    memmove(key->pin.rp_id, rp_id, strlen(rp_id) + 1);
    return CTAP_OK;
}

static int put_token(struct authenticator *key, const struct pin_request *request,
                     struct cbor_writer *answer)
{
    uint8_t sealed[SHARED_CIPHERTEXT_MAX];
    size_t size =
        shared_secret_encrypt(&request->secret, key->pin.token[request->protocol - 1], 32, sealed);

    cbor_put_map(answer, 1);
    cbor_put_integer(answer, 2);
    cbor_put_bytes(answer, sealed, size);
    return CTAP_OK;
}

/* --- PINs ------------------------------------------------------------------------------------ */

static size_t code_points(const uint8_t *text, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += (text[i] & 0xc0) != 0x80;
    return count;
}

/* The new PIN: decrypted, without its padding, long enough. */
static int take_new_pin(struct authenticator *key, const struct pin_request *request)
{
    uint8_t padded[SHARED_CIPHERTEXT_MAX], hash[HASH_SIZE];
    size_t size =
        shared_secret_decrypt(&request->secret, request->new_pin, request->new_pin_size, padded);
    size_t length;

    if (size != PIN_PADDED)
        return CTAP_INVALID_PARAMETER;
    while (size > 0 && padded[size - 1] == 0)
        size--;
    length = code_points(padded, size);
    if (length < key->store.min_pin_length || size >= PIN_PADDED)
        return CTAP_PIN_POLICY_VIOLATION;
    sha256(padded, size, hash);
    if (key->store.pin_change_owed && memcmp(hash, key->store.pin_hash, PIN_HASH_SIZE) == 0)
        return CTAP_PIN_POLICY_VIOLATION;
    memcpy(key->store.pin_hash, hash, PIN_HASH_SIZE);
    key->store.pin_set = true;
    key->store.pin_change_owed = false;
    key->store.pin_length = (uint8_t)length;
    key->store.pin_tries = PIN_TRIES_MAX;
    store_save(&key->store);
    forget_tokens(key);
    return CTAP_OK;
}

static int wrong_pin(struct authenticator *key)
{
    new_agreement(key);
    if (key->store.pin_tries == 0)
        return CTAP_PIN_BLOCKED;
    return ++key->pin.wrong_in_row >= PIN_IN_ROW_MAX ? CTAP_PIN_AUTH_BLOCKED : CTAP_PIN_INVALID;
}

static int check_pin(struct authenticator *key, const struct pin_request *request)
{
    uint8_t hash[SHARED_CIPHERTEXT_MAX];
    size_t size;

    if (key->store.pin_tries == 0)
        return CTAP_PIN_BLOCKED;
    if (key->pin.wrong_in_row >= PIN_IN_ROW_MAX)
        return CTAP_PIN_AUTH_BLOCKED;
    key->store.pin_tries--;
    store_save(&key->store);
    size = shared_secret_decrypt(&request->secret, request->pin_hash, request->pin_hash_size, hash);
    if (size != PIN_HASH_SIZE || memcmp(hash, key->store.pin_hash, PIN_HASH_SIZE) != 0)
        return wrong_pin(key);
    key->store.pin_tries = PIN_TRIES_MAX;
    key->pin.wrong_in_row = 0;
    store_save(&key->store);
    return CTAP_OK;
}

/* --- subcommands ----------------------------------------------------------------------------- */

static bool take_secret(struct authenticator *key, struct pin_request *request)
{
    struct cbor platform;

    return cbor_member(request->map, 3, &platform) &&
           shared_secret_agree(request->protocol, key->pin.agreement, &platform, &request->secret);
}

static int set_pin(struct authenticator *key, struct pin_request *request)
{
    if (!request->mac || !request->new_pin)
        return CTAP_MISSING_PARAMETER;
    if (key->store.pin_set)
        return CTAP_PIN_AUTH_INVALID;
    if (!take_secret(key, request))
        return CTAP_INVALID_PARAMETER;
    if (!pin_protocol_verify(request->protocol, request->secret.hmac_key, request->new_pin,
                             request->new_pin_size, request->mac, request->mac_size))
        return CTAP_PIN_AUTH_INVALID;
    return take_new_pin(key, request);
}

static int change_pin(struct authenticator *key, struct pin_request *request)
{
    uint8_t message[2 * SHARED_CIPHERTEXT_MAX];
    int status;

    if (!request->mac || !request->new_pin || !request->pin_hash)
        return CTAP_MISSING_PARAMETER;
    if (!key->store.pin_set)
        return CTAP_PIN_NOT_SET;
    if (request->new_pin_size + request->pin_hash_size > sizeof message ||
        !take_secret(key, request))
        return CTAP_INVALID_PARAMETER;
    memcpy(message, request->new_pin, request->new_pin_size);
    memcpy(message + request->new_pin_size, request->pin_hash, request->pin_hash_size);
    if (!pin_protocol_verify(request->protocol, request->secret.hmac_key, message,
                             request->new_pin_size + request->pin_hash_size, request->mac,
                             request->mac_size))
        return CTAP_PIN_AUTH_INVALID;
    status = check_pin(key, request);
    return status == CTAP_OK ? take_new_pin(key, request) : status;
}

/* permissions and rpId of the two newer ways to a token (§6.5.5.7.2, .3). */
static int take_permissions(const struct pin_request *request, unsigned *permissions, char *rp_id)
{
    struct cbor item;
    const char *text;
    int64_t value;
    size_t size;

    rp_id[0] = '\0';
    if (!cbor_member(request->map, 9, &item))
        return CTAP_MISSING_PARAMETER;
    if (!cbor_integer(&item, &value) || value <= 0 || value > PERMISSIONS_ALL)
        return CTAP_INVALID_PARAMETER;
    *permissions = (unsigned)value;
    if (*permissions & PERMISSION_ENROLL)
        return CTAP_UNAUTHORIZED_PERMISSION;
    if (cbor_member(request->map, 10, &item)) {
        if (!cbor_text(&item, &text, &size) || size > RP_ID_MAX)
            return CTAP_INVALID_PARAMETER;
        memcpy(rp_id, text, size);
        rp_id[size] = '\0';
    } else if (*permissions & (PERMISSION_MAKE | PERMISSION_GET)) {
        return CTAP_MISSING_PARAMETER;
    }
    return CTAP_OK;
}

static void hand_out(struct authenticator *key, unsigned permissions, const char *rp_id)
{
    forget_tokens(key);
    key->pin.permissions = permissions;
    memcpy(key->pin.rp_id, rp_id, strlen(rp_id) + 1);
}

static int token_by_pin(struct authenticator *key, struct pin_request *request, bool newer,
                        struct cbor_writer *answer)
{
    unsigned permissions = PERMISSION_MAKE | PERMISSION_GET; /* §6.5.5.7.1 */
    char rp_id[RP_ID_MAX + 1] = "";
    struct cbor item;
    int status = CTAP_OK;

    if (!request->pin_hash)
        return CTAP_MISSING_PARAMETER;
    if (newer)
        status = take_permissions(request, &permissions, rp_id);
    else if (cbor_member(request->map, 9, &item) || cbor_member(request->map, 10, &item))
        status = CTAP_INVALID_PARAMETER;
    if (status != CTAP_OK)
        return status;
    if (!key->store.pin_set)
        return CTAP_PIN_NOT_SET;
    if (!take_secret(key, request))
        return CTAP_INVALID_PARAMETER;
    status = check_pin(key, request);
    if (status != CTAP_OK)
        return status;
    if (key->store.pin_change_owed)
        return newer ? CTAP_PIN_POLICY_VIOLATION : CTAP_PIN_INVALID;
    hand_out(key, permissions, rp_id);
    return put_token(key, request, answer);
}

static int token_by_finger(struct authenticator *key, struct pin_request *request,
                           struct cbor_writer *answer)
{
    char rp_id[RP_ID_MAX + 1];
    unsigned permissions;
    int status = take_permissions(request, &permissions, rp_id);

    if (status != CTAP_OK)
        return status;
    if (!key->settings.verifies)
        return CTAP_NOT_ALLOWED;
    if (!take_secret(key, request))
        return CTAP_INVALID_PARAMETER;
    status = need_finger(key);
    if (status != CTAP_OK)
        return status;
    hand_out(key, permissions, rp_id);
    return put_token(key, request, answer);
}

static int put_pin_tries(const struct authenticator *key, struct cbor_writer *answer)
{
    bool pull_out = key->pin.wrong_in_row >= PIN_IN_ROW_MAX;

    cbor_put_map(answer, 2);
    cbor_put_integer(answer, 3);
    cbor_put_integer(answer, key->store.pin_tries);
    cbor_put_integer(answer, 4); /* powerCycleState */
    cbor_put_bool(answer, pull_out);
    return CTAP_OK;
}

static int put_uv_tries(const struct authenticator *key, struct cbor_writer *answer)
{
    cbor_put_map(answer, 1);
    cbor_put_integer(answer, 5);
    cbor_put_integer(answer, key->store.uv_tries);
    return CTAP_OK;
}

static int put_agreement(const struct authenticator *key, struct cbor_writer *answer)
{
    cbor_put_map(answer, 1);
    cbor_put_integer(answer, 1);
    private_key_put_cose(key->pin.agreement, ALGORITHM_ECDH, answer);
    return CTAP_OK;
}

static int take_protocol(struct pin_request *request)
{
    struct cbor item;
    int64_t protocol;

    if (!cbor_member(request->map, 1, &item))
        return CTAP_MISSING_PARAMETER;
    if (!cbor_integer(&item, &protocol) || protocol < 1 || protocol > PIN_PROTOCOLS)
        return CTAP_INVALID_PARAMETER;
    request->protocol = (int)protocol;
    return CTAP_OK;
}

int client_pin(struct authenticator *key, const struct cbor *map, struct cbor_writer *answer)
{
    struct pin_request request = {.map = map};
    struct cbor item;
    int64_t subcommand;
    int status;

    if (!cbor_member(map, 2, &item))
        return CTAP_MISSING_PARAMETER;
    if (!cbor_integer(&item, &subcommand))
        return CTAP_UNEXPECTED_TYPE;
    if (subcommand == GET_PIN_TRIES)
        return put_pin_tries(key, answer);
    if (subcommand == GET_UV_TRIES)
        return put_uv_tries(key, answer);
    status = take_protocol(&request);
    if (status != CTAP_OK)
        return status;
    request_bytes(map, 4, &request.mac, &request.mac_size);
    request_bytes(map, 5, &request.new_pin, &request.new_pin_size);
    request_bytes(map, 6, &request.pin_hash, &request.pin_hash_size);
    switch (subcommand) {
    case GET_KEY_AGREEMENT:
        return put_agreement(key, answer);
    case SET_PIN:
        return set_pin(key, &request);
    case CHANGE_PIN:
        return change_pin(key, &request);
    case GET_PIN_TOKEN:
        return token_by_pin(key, &request, false, answer);
    case GET_TOKEN_BY_PIN:
        return token_by_pin(key, &request, true, answer);
    case GET_TOKEN_BY_FINGER:
        return token_by_finger(key, &request, answer);
    default:
        return CTAP_INVALID_SUBCOMMAND;
    }
}
