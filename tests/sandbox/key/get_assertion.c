/* SPDX-License-Identifier: MIT */
/*
 * authenticatorGetAssertion and authenticatorGetNextAssertion (CTAP 2.1 §6.2, §6.3). Which
 * credentials fit is found first, so that nobody is asked to touch a key that has none.
 */
#include "authenticator.h"

#include <string.h>

struct asking {
    const uint8_t *client_data_hash;
    char rp_id[RP_ID_MAX + 1];
    uint8_t rp_hash[HASH_SIZE];
    bool up, uv, verified;
    struct cbor mac, protocol, list;
};

static int take_options(const struct authenticator *key, const struct cbor *request,
                        struct asking *asking)
{
    struct cbor options, option;

    asking->up = true;
    if (cbor_member(request, 5, &options)) {
        if ((cbor_text_member(&options, "up", &option) && !cbor_bool(&option, &asking->up)) ||
            (cbor_text_member(&options, "uv", &option) && !cbor_bool(&option, &asking->uv)))
            return CTAP_UNEXPECTED_TYPE;
        if (cbor_text_member(&options, "rk", &option))
            return CTAP_UNSUPPORTED_OPTION;
    }
    if (asking->mac.size > 0)
        asking->uv = false;
    return asking->uv && !key->settings.verifies ? CTAP_INVALID_OPTION : CTAP_OK;
}

/* hmac-secret's input, §12.5: {1: key agreement, 2: salts, 3: their MAC, 4: protocol}. */
static int take_salts(struct authenticator *key, const struct cbor *input,
                      struct more_assertions *more)
{
    struct cbor platform, item;
    const uint8_t *salts, *mac;
    size_t size, mac_size;
    int64_t protocol = 1;
    uint8_t clear[SHARED_CIPHERTEXT_MAX];

    if (!cbor_member(input, 1, &platform) || !request_bytes(input, 2, &salts, &size) ||
        !request_bytes(input, 3, &mac, &mac_size))
        return CTAP_MISSING_PARAMETER;
    if (cbor_member(input, 4, &item) && !cbor_integer(&item, &protocol))
        return CTAP_UNEXPECTED_TYPE;
    if (protocol < 1 || protocol > PIN_PROTOCOLS ||
        !shared_secret_agree((int)protocol, key->pin.agreement, &platform, &more->salts_secret))
        return CTAP_INVALID_PARAMETER;
    if (!pin_protocol_verify((int)protocol, more->salts_secret.hmac_key, salts, size, mac,
                             mac_size))
        return CTAP_PIN_AUTH_INVALID;
    more->salts_size = shared_secret_decrypt(&more->salts_secret, salts, size, clear);
    if (more->salts_size != 32 && more->salts_size != 64)
        return CTAP_INVALID_LENGTH;
    memcpy(more->salts, clear, more->salts_size);
    more->has_salts = true;
    return CTAP_OK;
}

static int take_extensions(struct authenticator *key, const struct cbor *request,
                           const struct asking *asking, struct more_assertions *more)
{
    struct cbor extensions, item;

    if (!cbor_member(request, 4, &extensions))
        return CTAP_OK;
    if (cbor_text_member(&extensions, "largeBlobKey", &item) &&
        (!cbor_bool(&item, &more->blob_key) || !more->blob_key))
        return CTAP_INVALID_OPTION;
    if (!cbor_text_member(&extensions, "hmac-secret", &item))
        return CTAP_OK;
    return asking->up ? take_salts(key, &item, more) : CTAP_UNSUPPORTED_OPTION;
}

static int take_parameters(struct authenticator *key, const struct cbor *request,
                           struct asking *asking, struct more_assertions *more)
{
    struct cbor item;
    const char *rp_id;
    size_t size;
    int status;

    if (!cbor_member(request, 2, &item) || !cbor_member(request, 1, &item))
        return CTAP_MISSING_PARAMETER;
    if (!cbor_text(&item, &rp_id, &size))
        return CTAP_UNEXPECTED_TYPE;
    /* An appid is a URL and may be longer than a name; here it need not be. */
    if (size > RP_ID_MAX)
        return CTAP_INVALID_LENGTH;
    memcpy(asking->rp_id, rp_id, size);
    sha256(rp_id, size, asking->rp_hash);
    if (!request_bytes(request, 2, &asking->client_data_hash, &size) || size != HASH_SIZE)
        return CTAP_INVALID_LENGTH;
    if (cbor_member(request, 3, &asking->list)) {
        if (cbor_type(&asking->list) != CBOR_ARRAY)
            return CTAP_UNEXPECTED_TYPE;
        if (cbor_count(&asking->list) > LIST_MAX)
            return CTAP_LIMIT_EXCEEDED;
    }
    status = take_options(key, request, asking);
    return status == CTAP_OK ? take_extensions(key, request, asking, more) : status;
}

static int verify_user(struct authenticator *key, struct asking *asking)
{
    int status = CTAP_OK;

    if (asking->mac.size > 0) {
        status = check_token(key, &asking->mac, &asking->protocol, asking->client_data_hash,
                             HASH_SIZE, PERMISSION_GET, asking->rp_id);
        asking->verified = status == CTAP_OK;
    } else if (asking->uv || (key->store.always_uv && asking->up && key->settings.verifies)) {
        status = need_finger(key);
        asking->verified = status == CTAP_OK;
        if (status == CTAP_UV_INVALID && key->store.pin_set)
            status = CTAP_PUAT_REQUIRED;
    } else if (key->store.always_uv && asking->up) {
        status = key->store.pin_set ? CTAP_PUAT_REQUIRED : CTAP_OPERATION_DENIED;
    }
    return status;
}

/* credProtect, §12.1. */
static bool shows(const struct credential *credential, const struct asking *asking, bool listed)
{
    if (memcmp(credential->rp_hash, asking->rp_hash, HASH_SIZE) != 0 ||
        (!listed && !credential->resident))
        return false;
    return asking->verified || credential->protection == 1 ||
           (credential->protection == 2 && listed);
}

static void find_listed(const struct authenticator *key, const struct asking *asking,
                        struct more_assertions *more)
{
    struct cbor descriptor = {0};
    const uint8_t *id;
    size_t size;

    while (cbor_next(&asking->list, &descriptor) && more->count == 0) {
        struct credential *credential =
            descriptor_id(&descriptor, &id, &size) ? store_find(&key->store, id, size) : NULL;

        if (credential && shows(credential, asking, true))
            more->credentials[more->count++] = credential;
    }
}

static void find_resident(const struct authenticator *key, const struct asking *asking,
                          struct more_assertions *more)
{
    for (size_t i = key->store.count; i > 0 && more->count < ASSERTIONS_MAX; i--)
        if (shows(key->store.credentials[i - 1], asking, false))
            more->credentials[more->count++] = key->store.credentials[i - 1];
}

static void put_hmac_secret(const struct more_assertions *more, const struct credential *credential,
                            struct cbor_writer *data)
{
    const uint8_t *secret = more->uv ? credential->secret_with_uv : credential->secret_without_uv;
    uint8_t outputs[64], sealed[SHARED_CIPHERTEXT_MAX];

    for (size_t i = 0; i < more->salts_size; i += 32)
        hmac_sha256(secret, 32, more->salts + i, 32, outputs + i);
    data->bytes[HASH_SIZE] |= FLAG_EXTENSIONS;
    cbor_put_map(data, 1);
    cbor_put_text(data, "hmac-secret");
    cbor_put_bytes(data, sealed,
                   shared_secret_encrypt(&more->salts_secret, outputs, more->salts_size, sealed));
}

/* One of the credentials that were found. total: how many there are, in the first answer of
 * several; else 0. */
static int put_assertion(struct authenticator *key, struct credential *credential, size_t total,
                         bool listed, struct cbor_writer *answer)
{
    const struct more_assertions *more = &key->more;
    uint8_t bytes[REQUEST_MAX], signature[SIGNATURE_MAX];
    struct cbor_writer data = {.bytes = bytes, .room = sizeof bytes};
    bool user = credential->user_id_size > 0 && credential->resident;
    bool blob_key = more->blob_key && credential->has_blob_key;
    size_t size;

    put_authenticator_head(&data, credential->rp_hash,
                           (uint8_t)((more->up ? FLAG_UP : 0) | (more->uv ? FLAG_UV : 0)),
                           count_up(key, credential));
    if (more->has_salts && credential->hmac_secret)
        put_hmac_secret(more, credential, &data);
    if (!sign_answer(key, credential->key, &data, more->client_data_hash, signature, &size))
        return CTAP_OTHER;
    cbor_put_map(answer, (size_t)3 + user + (total > 1) + blob_key);
    cbor_put_integer(answer, 1);
    put_descriptor(key, answer, credential);
    cbor_put_integer(answer, 2);
    cbor_put_bytes(answer, data.bytes, data.size);
    cbor_put_integer(answer, 3);
    cbor_put_bytes(answer, signature, size);
    if (user) { /* §6.2.2: who it is, only to whom has said who they are, and where it matters */
        cbor_put_integer(answer, 4);
        put_user(answer, credential, more->uv && !listed && more->count > 1);
    }
    if (total > 1) {
        cbor_put_integer(answer, 5);
        cbor_put_integer(answer, (int64_t)total);
    }
    if (blob_key) {
        cbor_put_integer(answer, 7);
        cbor_put_bytes(answer, credential->blob_key, 32);
    }
    store_save(&key->store);
    return CTAP_OK;
}

static int answer_first(struct authenticator *key, struct asking *asking,
                        struct more_assertions *more, struct cbor_writer *answer)
{
    bool listed = asking->list.size > 0;
    int status = verify_user(key, asking);

    if (status != CTAP_OK)
        return status;
    if (listed)
        find_listed(key, asking, more);
    else
        find_resident(key, asking, more);
    if (more->count == 0)
        return CTAP_NO_CREDENTIALS;
    status = asking->up ? need_touch(key) : CTAP_OK;
    if (status != CTAP_OK)
        return status;
    more->up = asking->up;
    more->uv = asking->verified;
    more->next = 1;
    memcpy(more->client_data_hash, asking->client_data_hash, HASH_SIZE);
    key->more = *more;
    return put_assertion(key, more->credentials[0], more->count, listed, answer);
}

int get_assertion(struct authenticator *key, const struct cbor *request, struct cbor_writer *answer)
{
    struct more_assertions more = {0};
    struct asking asking = {0};
    int status;

    cbor_member(request, 6, &asking.mac);
    cbor_member(request, 7, &asking.protocol);
    status = answer_empty_token(key, &asking.mac);
    if (status == CTAP_OK)
        status = take_parameters(key, request, &asking, &more);
    return status == CTAP_OK ? answer_first(key, &asking, &more, answer) : status;
}

int get_next_assertion(struct authenticator *key, const struct cbor *request,
                       struct cbor_writer *answer)
{
    struct more_assertions *more = &key->more;

    (void)request;
    if (more->count == 0 || more->next >= more->count)
        return CTAP_NOT_ALLOWED;
    return put_assertion(key, more->credentials[more->next++], 0, false, answer);
}
