/* SPDX-License-Identifier: MIT */
/* authenticatorCredentialManagement (CTAP 2.1 §6.8), and its preview (0x41), which is the same. */
#include "authenticator.h"

#include <string.h>

enum subcommand {
    GET_METADATA = 1,
    RPS_BEGIN,
    RPS_NEXT,
    CREDENTIALS_BEGIN,
    CREDENTIALS_NEXT,
    DELETE_CREDENTIAL,
    UPDATE_USER,
};

/* The MAC is over the subcommand and its parameters as they were sent. */
static int check(struct authenticator *key, const struct cbor *request, uint8_t subcommand)
{
    uint8_t message[REQUEST_MAX + 1];
    struct cbor parameters, protocol, mac;
    int status;

    if (!cbor_member(request, 4, &mac))
        return CTAP_PUAT_REQUIRED;
    cbor_member(request, 3, &protocol);
    cbor_member(request, 2, &parameters);
    if (parameters.size > REQUEST_MAX)
        return CTAP_INVALID_LENGTH;
    message[0] = subcommand;
    if (parameters.size > 0)
        memcpy(message + 1, parameters.at, parameters.size);
    status =
        check_token(key, &mac, &protocol, message, 1 + parameters.size, PERMISSION_MANAGE, NULL);
    return status;
}

static int put_metadata(const struct authenticator *key, struct cbor_writer *answer)
{
    size_t resident = store_resident_count(&key->store), room = key->settings.resident_room;

    cbor_put_map(answer, 2);
    cbor_put_integer(answer, 1);
    cbor_put_integer(answer, (int64_t)resident);
    cbor_put_integer(answer, 2);
    cbor_put_integer(answer, room > resident ? (int64_t)(room - resident) : 0);
    return CTAP_OK;
}

static const struct credential *at(const struct authenticator *key, size_t i)
{
    const struct credential *credential = key->store.credentials[i];

    return credential->resident ? credential : NULL;
}

static bool first_of_rp(const struct authenticator *key, size_t i)
{
    const struct credential *credential = at(key, i);

    for (size_t j = 0; credential && j < i; j++)
        if (at(key, j) && memcmp(at(key, j)->rp_hash, credential->rp_hash, HASH_SIZE) == 0)
            return false;
    return credential;
}

static int put_rp(struct authenticator *key, bool begin, struct cbor_writer *answer)
{
    const struct credential *credential;
    size_t total = 0;

    if (begin)
        key->rps.next = 0;
    for (size_t i = 0; i < key->store.count; i++)
        total += first_of_rp(key, i);
    while (key->rps.next < key->store.count && !first_of_rp(key, key->rps.next))
        key->rps.next++;
    if (key->rps.next >= key->store.count)
        return begin ? CTAP_NO_CREDENTIALS : CTAP_NOT_ALLOWED;
    credential = at(key, key->rps.next++);
    cbor_put_map(answer, begin ? 3 : 2);
    cbor_put_integer(answer, 3);
    cbor_put_map(answer, 1);
    cbor_put_text(answer, "id");
    cbor_put_text(answer, credential->rp_id);
    cbor_put_integer(answer, 4);
    cbor_put_bytes(answer, credential->rp_hash, HASH_SIZE);
    if (begin) {
        cbor_put_integer(answer, 5);
        cbor_put_integer(answer, (int64_t)total);
    }
    return CTAP_OK;
}

static bool listed(const struct authenticator *key, size_t i)
{
    return at(key, i) && memcmp(at(key, i)->rp_hash, key->credentials.rp_hash, HASH_SIZE) == 0;
}

static int put_credential(struct authenticator *key, size_t total, struct cbor_writer *answer)
{
    const struct credential *credential;

    while (key->credentials.next < key->store.count && !listed(key, key->credentials.next))
        key->credentials.next++;
    if (key->credentials.next >= key->store.count)
        return total > 0 ? CTAP_NO_CREDENTIALS : CTAP_NOT_ALLOWED;
    credential = at(key, key->credentials.next++);
    cbor_put_map(answer, (size_t)4 + (total > 0) + credential->has_blob_key);
    cbor_put_integer(answer, 6);
    put_user(answer, credential, true);
    cbor_put_integer(answer, 7);
    put_descriptor(key, answer, credential);
    cbor_put_integer(answer, 8);
    private_key_put_cose(credential->key, private_key_algorithm(credential->key), answer);
    if (total > 0) {
        cbor_put_integer(answer, 9);
        cbor_put_integer(answer, (int64_t)total);
    }
    cbor_put_integer(answer, 10);
    cbor_put_integer(answer, credential->protection);
    if (credential->has_blob_key) {
        cbor_put_integer(answer, 11);
        cbor_put_bytes(answer, credential->blob_key, 32);
    }
    return CTAP_OK;
}

static int begin_credentials(struct authenticator *key, const struct cbor *parameters,
                             struct cbor_writer *answer)
{
    const uint8_t *hash;
    size_t size, total = 0;

    if (!request_bytes(parameters, 1, &hash, &size) || size != HASH_SIZE)
        return CTAP_MISSING_PARAMETER;
    memcpy(key->credentials.rp_hash, hash, HASH_SIZE);
    key->credentials.next = 0;
    for (size_t i = 0; i < key->store.count; i++)
        total += listed(key, i);
    return total > 0 ? put_credential(key, total, answer) : CTAP_NO_CREDENTIALS;
}

static struct credential *named(const struct authenticator *key, const struct cbor *parameters)
{
    struct credential *credential;
    struct cbor descriptor;
    const uint8_t *id;
    size_t size;

    if (!cbor_member(parameters, 2, &descriptor) || !descriptor_id(&descriptor, &id, &size))
        return NULL;
    credential = store_find(&key->store, id, size);
    return credential && credential->resident ? credential : NULL;
}

static int update_user(struct authenticator *key, const struct cbor *parameters)
{
    struct credential *credential = named(key, parameters);
    char name[USER_TEXT_MAX + 1], display_name[USER_TEXT_MAX + 1];
    struct cbor user, item;
    const uint8_t *id;
    size_t size;
    bool found;

    if (!cbor_member(parameters, 3, &user))
        return CTAP_MISSING_PARAMETER;
    if (!credential)
        return CTAP_NO_CREDENTIALS;
    if (!cbor_text_member(&user, "id", &item) || !cbor_bytes(&item, &id, &size) ||
        size != credential->user_id_size || memcmp(id, credential->user_id, size) != 0)
        return CTAP_INVALID_PARAMETER;
    if (!take_text(&user, "name", name, sizeof name, &found) ||
        !take_text(&user, "displayName", display_name, sizeof display_name, &found))
        return CTAP_UNEXPECTED_TYPE;
    memcpy(credential->user_name, name, sizeof name);
    memcpy(credential->user_display_name, display_name, sizeof display_name);
    store_save(&key->store);
    return CTAP_OK;
}

static int delete_credential(struct authenticator *key, const struct cbor *parameters)
{
    struct credential *credential = named(key, parameters);

    if (!credential)
        return CTAP_NO_CREDENTIALS;
    store_remove(&key->store, credential);
    store_save(&key->store);
    return CTAP_OK;
}

int manage_credentials(struct authenticator *key, const struct cbor *request,
                       struct cbor_writer *answer)
{
    struct cbor item, parameters;
    int64_t subcommand;
    int status;

    if (!cbor_member(request, 1, &item))
        return CTAP_MISSING_PARAMETER;
    if (!cbor_integer(&item, &subcommand))
        return CTAP_UNEXPECTED_TYPE;
    if (subcommand == RPS_NEXT)
        return put_rp(key, false, answer);
    if (subcommand == CREDENTIALS_NEXT)
        return put_credential(key, 0, answer);
    if (subcommand < GET_METADATA || subcommand > UPDATE_USER)
        return CTAP_INVALID_SUBCOMMAND;
    status = check(key, request, (uint8_t)subcommand);
    if (status != CTAP_OK)
        return status;
    if (subcommand == GET_METADATA)
        return put_metadata(key, answer);
    if (subcommand == RPS_BEGIN)
        return put_rp(key, true, answer);
    if (!cbor_member(request, 2, &parameters) || cbor_type(&parameters) != CBOR_MAP)
        return CTAP_MISSING_PARAMETER;
    if (subcommand == CREDENTIALS_BEGIN)
        return begin_credentials(key, &parameters, answer);
    return subcommand == DELETE_CREDENTIAL ? delete_credential(key, &parameters)
                                           : update_user(key, &parameters);
}
