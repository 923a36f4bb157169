/* SPDX-License-Identifier: MIT */
/*
 * What all commands share: who is there, how an answer is signed, which command is which. The
 * commands themselves are in files of their own names.
 */
#include "authenticator.h"

#include <stdlib.h>
#include <string.h>

const uint8_t authenticator_aaguid[16] = "Lanyard-virtualk"; /* no NUL: it has 16 bytes */

/* --- its life -------------------------------------------------------------------------------- */

bool authenticator_init(struct authenticator *key, const char *path,
                        const struct attestation *attestation)
{
    *key = (struct authenticator){.attestation = attestation};
    key->settings.wait_ms = USER_WAIT_MS;
    key->settings.resident_room = STORE_RESIDENT_DEFAULT;
    return store_open(&key->store, path);
}

void authenticator_deinit(struct authenticator *key)
{
    store_close(&key->store);
    private_key_free(key->pin.agreement);
    *key = (struct authenticator){0};
}

static void forget_course(struct authenticator *key)
{
    key->more.count = 0;
    key->rps.next = key->credentials.next = SIZE_MAX;
    key->blob_write.expected = 0;
}

void authenticator_power_up(struct authenticator *key, uint64_t now)
{
    key->now = key->powered_at = now;
    key->presence = (struct presence){0};
    forget_course(key);
    pin_power_up(key);
}

/* --- the person ------------------------------------------------------------------------------ */

int need_touch(struct authenticator *key)
{
    struct presence *presence = &key->presence;

    if (presence->granted)
        return CTAP_OK;
    if (!presence->waiting) {
        presence->waiting = true;
        presence->since = key->now;
    }
    if (!authenticator_ripe(key, key->now))
        return CTAP_WAIT;
    presence->waiting = false;
    presence->granted = presence->touched || (key->settings.touch == TOUCH_AFTER &&
                                              key->settings.touch_after_ms < key->settings.wait_ms);
    presence->touched = false;
    return presence->granted ? CTAP_OK : CTAP_USER_ACTION_TIMEOUT;
}

int need_finger(struct authenticator *key)
{
    int status;

    if (key->store.uv_tries == 0)
        return CTAP_UV_BLOCKED;
    status = need_touch(key);
    if (status != CTAP_OK)
        return status;
    if (key->settings.wrong_fingers == 0) {
        key->store.uv_tries = UV_TRIES_MAX;
        return CTAP_OK;
    }
    key->settings.wrong_fingers--;
    key->store.uv_tries--;
    store_save(&key->store);
    return key->store.uv_tries == 0 ? CTAP_UV_BLOCKED : CTAP_UV_INVALID;
}

bool authenticator_touch(struct authenticator *key)
{
    key->presence.touched = true;
    return key->presence.waiting;
}

uint64_t authenticator_ripe_at(const struct authenticator *key)
{
    unsigned after = key->settings.wait_ms;

    if (!key->presence.waiting)
        return UINT64_MAX;
    if (key->settings.touch == TOUCH_AFTER && key->settings.touch_after_ms < after)
        after = key->settings.touch_after_ms;
    return key->presence.since + after;
}

bool authenticator_ripe(const struct authenticator *key, uint64_t now)
{
    return key->presence.waiting && (key->presence.touched || now >= authenticator_ripe_at(key));
}

void authenticator_cancel(struct authenticator *key)
{
    key->presence.waiting = key->presence.granted = false;
}

bool key_is_protected(const struct authenticator *key)
{
    return key->store.pin_set || key->settings.verifies;
}

int answer_empty_token(struct authenticator *key, const struct cbor *mac)
{
    const uint8_t *bytes;
    size_t size;
    int status;

    if (mac->size == 0 || !cbor_bytes(mac, &bytes, &size) || size > 0)
        return CTAP_OK;
    status = need_touch(key);
    if (status != CTAP_OK)
        return status;
    return key->store.pin_set ? CTAP_PIN_INVALID : CTAP_PIN_NOT_SET;
}

/* --- pieces of requests and answers ---------------------------------------------------------- */

bool request_bytes(const struct cbor *map, int key, const uint8_t **bytes, size_t *size)
{
    struct cbor item;

    return cbor_member(map, key, &item) && cbor_bytes(&item, bytes, size);
}

/* What is too long is cut, at a character's end (CTAP 2.1 §6.1.2: authenticators may truncate). */
bool take_text(const struct cbor *map, const char *key, char *text, size_t room, bool *found)
{
    struct cbor item;
    const char *from;
    size_t size;

    text[0] = '\0';
    *found = cbor_text_member(map, key, &item);
    if (!*found)
        return true;
    if (!cbor_text(&item, &from, &size))
        return false;
    if (size >= room)
        for (size = room - 1; size > 0 && (from[size] & 0xc0) == 0x80; size--)
            ;
    memcpy(text, from, size);
    text[size] = '\0';
    return true;
}

bool descriptor_id(const struct cbor *descriptor, const uint8_t **id, size_t *size)
{
    struct cbor item;

    return cbor_text_member(descriptor, "type", &item) && cbor_text_is(&item, "public-key") &&
           cbor_text_member(descriptor, "id", &item) && cbor_bytes(&item, id, size);
}

void put_descriptor(const struct authenticator *key, struct cbor_writer *answer,
                    const struct credential *credential)
{
    uint8_t id[CREDENTIAL_ID_MAX];

    memcpy(id, credential->id, credential->id_size);
    id[0] ^= key->lies.credential_id ? 0xff : 0;
    cbor_put_map(answer, 2);
    cbor_put_text(answer, "id");
    cbor_put_bytes(answer, id, credential->id_size);
    cbor_put_text(answer, "type");
    cbor_put_text(answer, "public-key");
}

void put_user(struct cbor_writer *answer, const struct credential *credential, bool named)
{
    bool name = named && credential->user_name[0];
    bool display_name = named && credential->user_display_name[0];

    cbor_put_map(answer, (size_t)1 + name + display_name);
    cbor_put_text(answer, "id");
    cbor_put_bytes(answer, credential->user_id, credential->user_id_size);
    if (name) {
        cbor_put_text(answer, "name");
        cbor_put_text(answer, credential->user_name);
    }
    if (display_name) {
        cbor_put_text(answer, "displayName");
        cbor_put_text(answer, credential->user_display_name);
    }
}

void put_authenticator_head(struct cbor_writer *data, const uint8_t rp_hash[static HASH_SIZE],
                            uint8_t flags, uint32_t counter)
{
    const uint8_t rest[5] = {flags, (uint8_t)(counter >> 24), (uint8_t)(counter >> 16),
                             (uint8_t)(counter >> 8), (uint8_t)counter};

    cbor_put_raw(data, rp_hash, HASH_SIZE);
    cbor_put_raw(data, rest, sizeof rest);
}

bool sign_answer(const struct authenticator *key, const struct private_key *with,
                 const struct cbor_writer *data, const uint8_t client_data_hash[static HASH_SIZE],
                 uint8_t signature[static SIGNATURE_MAX], size_t *size)
{
    uint8_t message[REQUEST_MAX + HASH_SIZE];

    if (data->overflow || data->size > REQUEST_MAX)
        return false;
    memcpy(message, data->bytes, data->size);
    memcpy(message + data->size, client_data_hash, HASH_SIZE);
    if (!private_key_sign(with, message, data->size + HASH_SIZE, signature, size))
        return false;
    signature[*size - 1] ^= key->lies.signature ? 1 : 0;
    return true;
}

uint32_t count_up(const struct authenticator *key, struct credential *credential)
{
    return key->lies.counter && credential->counter > 0 ? --credential->counter
                                                        : ++credential->counter;
}

/* --- the commands ---------------------------------------------------------------------------- */

static int reset(struct authenticator *key)
{
    int status;

    if (key->now - key->powered_at > RESET_WITHIN_MS)
        return CTAP_NOT_ALLOWED;
    status = need_touch(key);
    if (status != CTAP_OK)
        return status;
    store_reset(&key->store);
    store_save(&key->store);
    pin_power_up(key);
    forget_course(key);
    return CTAP_OK;
}

static const struct command {
    uint8_t code;
    command_fn *run;
} commands[] = {
    {CTAP_MAKE_CREDENTIAL, make_credential},
    {CTAP_GET_ASSERTION, get_assertion},
    {CTAP_CLIENT_PIN, client_pin},
    {CTAP_CREDENTIAL_MANAGEMENT, manage_credentials},
    {CTAP_CREDENTIAL_MANAGEMENT_PREVIEW, manage_credentials},
    {CTAP_LARGE_BLOBS, large_blobs},
    {CTAP_CONFIG, configure},
};

static int run_bare(struct authenticator *key, uint8_t code, struct cbor_writer *answer)
{
    switch (code) {
    case CTAP_GET_INFO:
        get_info(key, answer);
        return CTAP_OK;
    case CTAP_RESET:
        return reset(key);
    case CTAP_SELECTION:
        return need_touch(key);
    case CTAP_GET_NEXT_ASSERTION:
        return get_next_assertion(key, NULL, answer);
    default:
        return CTAP_INVALID_COMMAND;
    }
}

static int run(struct authenticator *key, const uint8_t *request, size_t size,
               struct cbor_writer *answer)
{
    struct cbor map;

    if (size == 0)
        return CTAP_INVALID_LENGTH;
    /* What was begun in several messages ends with another command (§6.3, §6.8, §6.10). */
    if (request[0] != CTAP_GET_NEXT_ASSERTION)
        key->more.count = 0;
    if (request[0] != CTAP_CREDENTIAL_MANAGEMENT &&
        request[0] != CTAP_CREDENTIAL_MANAGEMENT_PREVIEW)
        key->rps.next = key->credentials.next = SIZE_MAX;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].code != request[0])
            continue;
        if (!cbor_parse(request + 1, size - 1, &map))
            return CTAP_INVALID_CBOR;
        if (cbor_type(&map) != CBOR_MAP)
            return CTAP_UNEXPECTED_TYPE;
        return commands[i].run(key, &map, answer);
    }
    return size == 1 ? run_bare(key, request[0], answer) : CTAP_INVALID_COMMAND;
}

int authenticator_cbor(struct authenticator *key, uint64_t now, const uint8_t *request, size_t size,
                       struct cbor_writer *answer)
{
    size_t start = answer->size;
    uint8_t status = CTAP_OK;
    int result;

    key->now = now;
    cbor_put_raw(answer, &status, 1);
    result = run(key, request, size, answer);
    if (result == CTAP_WAIT) {
        answer->size = start;
        return result;
    }
    authenticator_cancel(key);
    if (answer->overflow)
        result = CTAP_OTHER;
    if (result != CTAP_OK) {
        answer->overflow = false;
        answer->size = start + 1;
    }
    answer->bytes[start] = (uint8_t)result;
    return result;
}
