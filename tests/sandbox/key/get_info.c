/* SPDX-License-Identifier: MIT */
/* authenticatorGetInfo (CTAP 2.1 §6.4). */
#include "authenticator.h"

static void put_texts(struct cbor_writer *answer, int key, const char *const texts[], size_t count)
{
    cbor_put_integer(answer, key);
    cbor_put_array(answer, count);
    for (size_t i = 0; i < count; i++)
        cbor_put_text(answer, texts[i]);
}

static void put_option(struct cbor_writer *answer, const char *name, bool value)
{
    cbor_put_text(answer, name);
    cbor_put_bool(answer, value);
}

static void put_options(const struct authenticator *key, struct cbor_writer *answer)
{
    bool verifies = key->settings.verifies;

    cbor_put_integer(answer, 4);
    cbor_put_map(answer, (size_t)10 + verifies);
    put_option(answer, "rk", true);
    put_option(answer, "up", true);
    if (verifies)
        put_option(answer, "uv", true);
    put_option(answer, "alwaysUv", key->store.always_uv);
    put_option(answer, "credMgmt", true);
    put_option(answer, "authnrCfg", true);
    put_option(answer, "clientPin", key->store.pin_set);
    put_option(answer, "largeBlobs", true);
    put_option(answer, "pinUvAuthToken", true);
    put_option(answer, "setMinPINLength", true);
    put_option(answer, "makeCredUvNotRqd", !key->settings.make_needs_pin && !key->store.always_uv);
}

static void put_algorithms(struct cbor_writer *answer)
{
    static const int algorithms[] = {ALGORITHM_ES256, ALGORITHM_EDDSA, ALGORITHM_RS256};

    cbor_put_integer(answer, 0x0a);
    cbor_put_array(answer, sizeof algorithms / sizeof algorithms[0]);
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        cbor_put_map(answer, 2);
        cbor_put_text(answer, "alg");
        cbor_put_integer(answer, algorithms[i]);
        cbor_put_text(answer, "type");
        cbor_put_text(answer, "public-key");
    }
}

static void put_number(struct cbor_writer *answer, int key, int64_t value)
{
    cbor_put_integer(answer, key);
    cbor_put_integer(answer, value);
}

void get_info(const struct authenticator *key, struct cbor_writer *answer)
{
    static const char *const versions[] = {"U2F_V2", "FIDO_2_0", "FIDO_2_1"};
    static const char *const extensions[] = {"credProtect", "hmac-secret", "largeBlobKey",
                                             "minPinLength"};
    static const char *const transports[] = {"usb"};
    size_t resident = store_resident_count(&key->store);

    cbor_put_map(answer, 17);
    put_texts(answer, 1, versions, 3);
    put_texts(answer, 2, extensions, 4);
    cbor_put_integer(answer, 3);
    cbor_put_bytes(answer, authenticator_aaguid, sizeof authenticator_aaguid);
    put_options(key, answer);
    put_number(answer, 5, REQUEST_MAX);
    cbor_put_integer(answer, 6); /* PIN protocols, the better first */
    cbor_put_array(answer, 2);
    cbor_put_integer(answer, 2);
    cbor_put_integer(answer, 1);
    put_number(answer, 7, LIST_MAX);
    put_number(answer, 8, CREDENTIAL_ID_MAX);
    put_texts(answer, 9, transports, 1);
    put_algorithms(answer);
    put_number(answer, 0x0b, BLOB_ARRAY_MAX);
    cbor_put_integer(answer, 0x0c);
    cbor_put_bool(answer, key->store.pin_change_owed);
    put_number(answer, 0x0d, key->store.min_pin_length);
    put_number(answer, 0x0e, 1); /* firmware */
    put_number(answer, 0x10, MIN_PIN_RPS_MAX);
    put_number(answer, 0x12, key->settings.verifies ? 2 : 0); /* fingerprint, FIDO registry §3.1 */
    put_number(answer, 0x14,
               key->settings.resident_room > resident
                   ? (int64_t)(key->settings.resident_room - resident)
                   : 0);
}
