/* SPDX-License-Identifier: MIT */
/* authenticatorMakeCredential (CTAP 2.1 §6.1). Nothing is kept before the person has touched it. */
#include "authenticator.h"

#include <stdlib.h>
#include <string.h>

#define STATEMENT_CERTIFICATE_MAX 2048

struct making {
    const uint8_t *client_data_hash;
    int algorithm;
    bool rk, uv, verified;
    bool hmac_secret, min_pin_length, blob_key, has_protection;
    uint8_t protection;
    struct cbor mac, protocol;
    struct credential *credential;
};

/* The first of the list that this key can. */
static int choose_algorithm(const struct cbor *list, int *algorithm)
{
    struct cbor entry = {0}, item;
    int64_t value;

    if (cbor_type(list) != CBOR_ARRAY)
        return CTAP_UNEXPECTED_TYPE;
    *algorithm = 0;
    while (cbor_next(list, &entry)) {
        if (!cbor_text_member(&entry, "alg", &item) || !cbor_integer(&item, &value) ||
            !cbor_text_member(&entry, "type", &item) || cbor_type(&item) != CBOR_TEXT)
            return CTAP_INVALID_CBOR;
        if (*algorithm == 0 && cbor_text_is(&item, "public-key") &&
            (value == ALGORITHM_ES256 || value == ALGORITHM_EDDSA || value == ALGORITHM_RS256))
            *algorithm = (int)value;
    }
    return *algorithm != 0 ? CTAP_OK : CTAP_UNSUPPORTED_ALGORITHM;
}

static int take_options(const struct authenticator *key, const struct cbor *request,
                        struct making *making)
{
    struct cbor options, option;
    bool up = true;

    if (cbor_member(request, 7, &options)) {
        if ((cbor_text_member(&options, "rk", &option) && !cbor_bool(&option, &making->rk)) ||
            (cbor_text_member(&options, "up", &option) && !cbor_bool(&option, &up)) ||
            (cbor_text_member(&options, "uv", &option) && !cbor_bool(&option, &making->uv)))
            return CTAP_UNEXPECTED_TYPE;
    }
    if (making->mac.size > 0)
        making->uv = false;
    if (making->uv && !key->settings.verifies)
        return CTAP_INVALID_OPTION;
    return up ? CTAP_OK : CTAP_INVALID_OPTION;
}

static int take_extensions(const struct cbor *request, struct making *making)
{
    struct cbor extensions, item;
    int64_t protection = 1;

    making->protection = 1;
    if (!cbor_member(request, 6, &extensions))
        return CTAP_OK;
    if (cbor_text_member(&extensions, "credProtect", &item)) {
        if (!cbor_integer(&item, &protection) || protection < 1 || protection > 3)
            return CTAP_INVALID_OPTION;
        making->has_protection = true;
        making->protection = (uint8_t)protection;
    }
    if ((cbor_text_member(&extensions, "hmac-secret", &item) &&
         !cbor_bool(&item, &making->hmac_secret)) ||
        (cbor_text_member(&extensions, "minPinLength", &item) &&
         !cbor_bool(&item, &making->min_pin_length)))
        return CTAP_UNEXPECTED_TYPE;
    if (cbor_text_member(&extensions, "largeBlobKey", &item)) {
        /* §12.3: true, and of a resident credential only */
        if (!cbor_bool(&item, &making->blob_key) || !making->blob_key || !making->rk)
            return CTAP_INVALID_OPTION;
    }
    return CTAP_OK;
}

static int take_entities(const struct cbor *request, struct credential *credential)
{
    struct cbor rp, user, item;
    const uint8_t *id;
    size_t size;
    bool found;

    if (!cbor_member(request, 2, &rp) || !cbor_member(request, 3, &user))
        return CTAP_MISSING_PARAMETER;
    if (!cbor_text_member(&rp, "id", &item) || !cbor_text_member(&user, "id", &item))
        return CTAP_MISSING_PARAMETER;
    if (!cbor_bytes(&item, &id, &size))
        return CTAP_UNEXPECTED_TYPE;
    if (size == 0 || size > USER_ID_MAX)
        return CTAP_INVALID_LENGTH;
    memcpy(credential->user_id, id, size);
    credential->user_id_size = size;
    if (!take_text(&rp, "id", credential->rp_id, sizeof credential->rp_id, &found) ||
        !take_text(&user, "name", credential->user_name, sizeof credential->user_name, &found) ||
        !take_text(&user, "displayName", credential->user_display_name,
                   sizeof credential->user_display_name, &found))
        return CTAP_UNEXPECTED_TYPE;
    sha256(credential->rp_id, strlen(credential->rp_id), credential->rp_hash);
    return CTAP_OK;
}

static int take_parameters(const struct authenticator *key, const struct cbor *request,
                           struct making *making)
{
    struct cbor item;
    size_t size;
    int status;

    if (!cbor_member(request, 1, &item) || !cbor_member(request, 4, &item))
        return CTAP_MISSING_PARAMETER;
    status = choose_algorithm(&item, &making->algorithm);
    if (status != CTAP_OK)
        return status;
    if (!request_bytes(request, 1, &making->client_data_hash, &size) || size != HASH_SIZE)
        return CTAP_INVALID_LENGTH;
    status = take_entities(request, making->credential);
    if (status == CTAP_OK)
        status = take_options(key, request, making);
    if (status == CTAP_OK && cbor_member(request, 10, &item)) /* enterprise attestation */
        status = CTAP_INVALID_PARAMETER;
    return status == CTAP_OK ? take_extensions(request, making) : status;
}

/* Steps 6 to 11: is it the person's own credential, or must they say first who they are? */
static int verify_user(struct authenticator *key, struct making *making)
{
    int status;

    if (making->mac.size > 0) {
        status = check_token(key, &making->mac, &making->protocol, making->client_data_hash,
                             HASH_SIZE, PERMISSION_MAKE, making->credential->rp_id);
        making->verified = status == CTAP_OK;
        return status;
    }
    if (making->uv || (key->store.always_uv && key->settings.verifies)) {
        status = need_finger(key);
        making->verified = status == CTAP_OK;
        return status == CTAP_UV_INVALID && key->store.pin_set ? CTAP_PUAT_REQUIRED : status;
    }
    if (key->store.always_uv)
        return key->store.pin_set ? CTAP_PUAT_REQUIRED : CTAP_OPERATION_DENIED;
    if (key_is_protected(key) && (making->rk || key->settings.make_needs_pin))
        return key->store.pin_set ? CTAP_PUAT_REQUIRED : CTAP_OPERATION_DENIED;
    return CTAP_OK;
}

static int look_for_excluded(struct authenticator *key, const struct cbor *request,
                             const struct making *making)
{
    struct cbor list, descriptor = {0};
    const uint8_t *id;
    size_t size;

    if (!cbor_member(request, 5, &list))
        return CTAP_OK;
    if (cbor_type(&list) != CBOR_ARRAY)
        return CTAP_UNEXPECTED_TYPE;
    if (cbor_count(&list) > LIST_MAX)
        return CTAP_LIMIT_EXCEEDED;
    while (cbor_next(&list, &descriptor)) {
        const struct credential *known;
        int status;

        if (!descriptor_id(&descriptor, &id, &size))
            continue;
        known = store_find(&key->store, id, size);
        if (!known || memcmp(known->rp_hash, making->credential->rp_hash, HASH_SIZE) != 0 ||
            (known->protection == 3 && !making->verified))
            continue;
        status = need_touch(key);
        return status == CTAP_OK ? CTAP_CREDENTIAL_EXCLUDED : status;
    }
    return CTAP_OK;
}

static void fill_in(struct making *making)
{
    struct credential *credential = making->credential;

    credential->key = private_key_new(making->algorithm);
    credential->id_size = CREDENTIAL_ID_SIZE;
    random_bytes(credential->id, credential->id_size);
    random_bytes(credential->secret_with_uv, 32);
    random_bytes(credential->secret_without_uv, 32);
    credential->resident = making->rk;
    credential->hmac_secret = making->hmac_secret;
    credential->protection = making->protection;
    credential->has_blob_key = making->blob_key;
    if (making->blob_key)
        random_bytes(credential->blob_key, 32);
}

/* §12.5: only the RPs on the list hear of it. */
static bool tells_min_pin(const struct authenticator *key, const struct making *making)
{
    for (size_t i = 0; making->min_pin_length && i < key->store.min_pin_rp_count; i++)
        if (strcmp(key->store.min_pin_rps[i], making->credential->rp_id) == 0)
            return true;
    return false;
}

static void put_extensions(const struct authenticator *key, const struct making *making,
                           struct cbor_writer *data)
{
    bool min_pin = tells_min_pin(key, making);
    size_t count = (size_t)making->has_protection + making->hmac_secret + min_pin;

    if (count == 0)
        return;
    data->bytes[HASH_SIZE] |= FLAG_EXTENSIONS;
    cbor_put_map(data, count);
    if (making->has_protection) {
        cbor_put_text(data, "credProtect");
        cbor_put_integer(data, making->protection);
    }
    if (making->hmac_secret) {
        cbor_put_text(data, "hmac-secret");
        cbor_put_bool(data, true);
    }
    if (min_pin) {
        cbor_put_text(data, "minPinLength");
        cbor_put_integer(data, key->store.min_pin_length);
    }
}

static void put_attested(const struct authenticator *key, const struct making *making,
                         struct cbor_writer *data)
{
    struct credential *credential = making->credential;
    uint8_t id[CREDENTIAL_ID_SIZE];
    const uint8_t size[2] = {0, CREDENTIAL_ID_SIZE};

    memcpy(id, credential->id, sizeof id);
    id[0] ^= key->lies.credential_id ? 0xff : 0;
    put_authenticator_head(data, credential->rp_hash,
                           FLAG_UP | FLAG_ATTESTED | (making->verified ? FLAG_UV : 0),
                           count_up(key, credential));
    cbor_put_raw(data, authenticator_aaguid, sizeof authenticator_aaguid);
    cbor_put_raw(data, size, sizeof size);
    cbor_put_raw(data, id, sizeof id);
    private_key_put_cose(credential->key, making->algorithm, data);
    put_extensions(key, making, data);
}

/* Packed, Web Authentication §8.2: with the sandbox's certificate, or by the credential itself. */
static bool put_statement(const struct authenticator *key, const struct making *making,
                          const struct cbor_writer *data, struct cbor_writer *answer)
{
    const struct attestation *attestation =
        key->settings.self_attestation ? NULL : key->attestation;
    const struct private_key *with = attestation ? attestation->key : making->credential->key;
    uint8_t signature[SIGNATURE_MAX];
    size_t size;

    if (!sign_answer(key, with, data, making->client_data_hash, signature, &size))
        return false;
    cbor_put_map(answer, attestation ? 3 : 2);
    cbor_put_text(answer, "alg");
    cbor_put_integer(answer, private_key_algorithm(with));
    cbor_put_text(answer, "sig");
    cbor_put_bytes(answer, signature, size);
    if (attestation) {
        cbor_put_text(answer, "x5c");
        cbor_put_array(answer, 1);
        cbor_put_bytes(answer, attestation->certificate, attestation->certificate_size);
    }
    return true;
}

static int make(struct authenticator *key, struct making *making, struct cbor_writer *answer)
{
    uint8_t bytes[REQUEST_MAX];
    struct cbor_writer data = {.bytes = bytes, .room = sizeof bytes};
    struct credential *credential = making->credential;

    if (making->rk && store_resident_count(&key->store) >= key->settings.resident_room)
        return CTAP_KEY_STORE_FULL;
    fill_in(making);
    if (!credential->key)
        return CTAP_OTHER;
    put_attested(key, making, &data);
    cbor_put_map(answer, making->blob_key ? 4 : 3);
    cbor_put_integer(answer, 1);
    cbor_put_text(answer, "packed");
    cbor_put_integer(answer, 2);
    cbor_put_bytes(answer, data.bytes, data.size);
    cbor_put_integer(answer, 3);
    if (!put_statement(key, making, &data, answer))
        return CTAP_OTHER;
    if (making->blob_key) {
        cbor_put_integer(answer, 5);
        cbor_put_bytes(answer, credential->blob_key, 32);
    }
    making->credential = NULL;
    if (!store_add(&key->store, credential))
        return CTAP_KEY_STORE_FULL;
    store_save(&key->store);
    return CTAP_OK;
}

static int proceed(struct authenticator *key, const struct cbor *request, struct making *making,
                   struct cbor_writer *answer)
{
    int status = answer_empty_token(key, &making->mac);

    if (status == CTAP_OK)
        status = take_parameters(key, request, making);
    if (status == CTAP_OK)
        status = verify_user(key, making);
    if (status == CTAP_OK)
        status = look_for_excluded(key, request, making);
    if (status == CTAP_OK)
        status = need_touch(key);
    return status == CTAP_OK ? make(key, making, answer) : status;
}

int make_credential(struct authenticator *key, const struct cbor *request,
                    struct cbor_writer *answer)
{
    struct making making = {.credential = calloc(1, sizeof(struct credential))};
    int status = CTAP_OTHER;

    cbor_member(request, 8, &making.mac);
    cbor_member(request, 9, &making.protocol);
    if (making.credential)
        status = proceed(key, request, &making, answer);
    credential_free(making.credential);
    return status;
}
