/* SPDX-License-Identifier: MIT */
/*
 * U2F (FIDO U2F Raw Message Formats 1.2): register, authenticate, version. It does not wait: a
 * request that nobody has touched the key for is answered so, and the client asks again.
 */
#include "authenticator.h"

#include <stdlib.h>
#include <string.h>

enum {
    U2F_REGISTER = 1,
    U2F_AUTHENTICATE = 2,
    U2F_VERSION = 3,
};
enum { U2F_ENFORCE_TOUCH = 3, U2F_CHECK_ONLY = 7, U2F_NO_TOUCH = 8 };
enum {
    SW_OK = 0x9000,
    SW_WRONG_LENGTH = 0x6700,
    SW_CONDITIONS_NOT_SATISFIED = 0x6985,
    SW_WRONG_DATA = 0x6a80,
    SW_CLASS_NOT_SUPPORTED = 0x6e00,
    SW_INS_NOT_SUPPORTED = 0x6d00,
};

/* Extended length, as CTAPHID carries it: 00 Lc Lc data [Le Le]. False: the lengths do not add up.
 */
static bool take_data(const uint8_t *apdu, size_t size, const uint8_t **data, size_t *data_size)
{
    *data = NULL;
    *data_size = 0;
    if (size < 4)
        return false;
    if (size < 7)
        return size == 4 || apdu[4] == 0;
    *data = apdu + 7;
    *data_size = (size_t)apdu[5] << 8 | apdu[6];
    if (size == 7) /* Le alone */
        *data_size = 0;
    return apdu[4] == 0 && (size == 7 || size == 7 + *data_size || size == 9 + *data_size);
}

static struct credential *make(const uint8_t *application)
{
    struct credential *credential = calloc(1, sizeof *credential);

    if (!credential)
        return NULL;
    credential->key = private_key_new(ALGORITHM_ES256);
    credential->id_size = CREDENTIAL_ID_SIZE;
    credential->protection = 1;
    credential->u2f = true;
    random_bytes(credential->id, credential->id_size);
    memcpy(credential->rp_hash, application, HASH_SIZE);
    return credential;
}

static unsigned sign_registration(const struct authenticator *key, const uint8_t *challenge,
                                  const struct credential *credential, struct cbor_writer *answer)
{
    uint8_t message[1 + 2 * HASH_SIZE + CREDENTIAL_ID_SIZE + POINT_SIZE] = {0};
    uint8_t signature[SIGNATURE_MAX];
    const uint8_t heads[2] = {0x05, CREDENTIAL_ID_SIZE};
    uint8_t *point = message + 1 + 2 * HASH_SIZE + CREDENTIAL_ID_SIZE;
    size_t size;

    memcpy(message + 1, credential->rp_hash, HASH_SIZE);
    memcpy(message + 1 + HASH_SIZE, challenge, HASH_SIZE);
    memcpy(message + 1 + 2 * HASH_SIZE, credential->id, CREDENTIAL_ID_SIZE);
    if (!private_key_point(credential->key, point) ||
        !private_key_sign(key->attestation->key, message, sizeof message, signature, &size))
        return SW_WRONG_DATA;
    signature[size - 1] ^= key->lies.signature ? 1 : 0;
    cbor_put_raw(answer, heads, 1);
    cbor_put_raw(answer, point, POINT_SIZE);
    cbor_put_raw(answer, heads + 1, 1);
    cbor_put_raw(answer, credential->id, CREDENTIAL_ID_SIZE);
    cbor_put_raw(answer, key->attestation->certificate, key->attestation->certificate_size);
    cbor_put_raw(answer, signature, size);
    return SW_OK;
}

static unsigned do_register(struct authenticator *key, const uint8_t *data, size_t size,
                            struct cbor_writer *answer)
{
    struct credential *credential;
    unsigned status;

    if (size != 2 * HASH_SIZE)
        return SW_WRONG_LENGTH;
    if (!key->attestation || key->store.always_uv)
        return SW_INS_NOT_SUPPORTED; /* U2F knows no self attestation */
    if (need_touch(key) != CTAP_OK)
        return SW_CONDITIONS_NOT_SATISFIED;
    credential = make(data + HASH_SIZE);
    if (!credential || !credential->key) {
        credential_free(credential);
        return SW_WRONG_DATA;
    }
    status = sign_registration(key, data, credential, answer);
    if (status != SW_OK) {
        credential_free(credential);
        return status;
    }
    if (!store_add(&key->store, credential))
        return SW_WRONG_DATA;
    store_save(&key->store);
    return SW_OK;
}

static unsigned sign_authentication(struct authenticator *key, struct credential *credential,
                                    const uint8_t *challenge, bool touched,
                                    struct cbor_writer *answer)
{
    uint8_t message[HASH_SIZE + 5 + HASH_SIZE], signature[SIGNATURE_MAX];
    struct cbor_writer data = {.bytes = message, .room = sizeof message};
    size_t size;

    put_authenticator_head(&data, credential->rp_hash, touched ? FLAG_UP : 0,
                           count_up(key, credential));
    if (!sign_answer(key, credential->key, &data, challenge, signature, &size))
        return SW_WRONG_DATA;
    cbor_put_raw(answer, message + HASH_SIZE, 5);
    cbor_put_raw(answer, signature, size);
    store_save(&key->store);
    return SW_OK;
}

static unsigned authenticate(struct authenticator *key, uint8_t control, const uint8_t *data,
                             size_t size, struct cbor_writer *answer)
{
    struct credential *credential;

    if (size < 2 * HASH_SIZE + 1 || size != (size_t)2 * HASH_SIZE + 1 + data[2 * HASH_SIZE])
        return SW_WRONG_LENGTH;
    credential = store_find(&key->store, data + 2 * HASH_SIZE + 1, data[2 * HASH_SIZE]);
    if (!credential || memcmp(credential->rp_hash, data + HASH_SIZE, HASH_SIZE) != 0 ||
        credential->protection == 3 || key->store.always_uv ||
        private_key_algorithm(credential->key) != ALGORITHM_ES256)
        return SW_WRONG_DATA;
    if (control == U2F_CHECK_ONLY)
        return SW_CONDITIONS_NOT_SATISFIED; /* which means: it is mine */
    if (control != U2F_ENFORCE_TOUCH && control != U2F_NO_TOUCH)
        return SW_WRONG_DATA;
    if (control == U2F_ENFORCE_TOUCH && need_touch(key) != CTAP_OK)
        return SW_CONDITIONS_NOT_SATISFIED;
    return sign_authentication(key, credential, data, control == U2F_ENFORCE_TOUCH, answer);
}

static unsigned run(struct authenticator *key, const uint8_t *apdu, size_t size,
                    struct cbor_writer *answer)
{
    const uint8_t *data;
    size_t data_size;

    if (!take_data(apdu, size, &data, &data_size))
        return SW_WRONG_LENGTH;
    if (apdu[0] != 0)
        return SW_CLASS_NOT_SUPPORTED;
    switch (apdu[1]) {
    case U2F_REGISTER:
        return do_register(key, data, data_size, answer);
    case U2F_AUTHENTICATE:
        return authenticate(key, apdu[2], data, data_size, answer);
    case U2F_VERSION:
        if (data_size > 0)
            return SW_WRONG_LENGTH;
        cbor_put_raw(answer, "U2F_V2", 6);
        return SW_OK;
    default:
        return SW_INS_NOT_SUPPORTED;
    }
}

void authenticator_u2f(struct authenticator *key, uint64_t now, const uint8_t *request, size_t size,
                       struct cbor_writer *answer)
{
    uint8_t status[2];
    unsigned result;

    key->now = now;
    result = run(key, request, size, answer);
    if (result != SW_CONDITIONS_NOT_SATISFIED)
        authenticator_cancel(key); /* a touch serves one request */
    status[0] = (uint8_t)(result >> 8);
    status[1] = (uint8_t)result;
    cbor_put_raw(answer, status, sizeof status);
}
