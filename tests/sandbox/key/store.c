/* SPDX-License-Identifier: MIT */
/*
 * The file is one CBOR map, as everything else of the key: no second format to read. It is replaced
 * by renaming, so that a key which is killed has the old or the new one.
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (2 * 1024 * 1024)
#define FORMAT 1

/* --- in memory ------------------------------------------------------------------------------- */

void credential_free(struct credential *credential)
{
    if (!credential)
        return;
    private_key_free(credential->key);
    free(credential);
}

/* CTAP 2.1 §6.10.2: an empty array and the first half of its hash. */
static void empty_blobs(struct store *store)
{
    uint8_t hash[HASH_SIZE];

    store->blobs[0] = 0x80;
    sha256(store->blobs, 1, hash);
    memcpy(store->blobs + 1, hash, 16);
    store->blobs_size = 17;
}

void store_reset(struct store *store)
{
    char *path = store->path;

    for (size_t i = 0; i < store->count; i++)
        credential_free(store->credentials[i]);
    *store = (struct store){.path = path,
                            .pin_tries = PIN_TRIES_MAX,
                            .uv_tries = UV_TRIES_MAX,
                            .min_pin_length = PIN_LENGTH_MIN};
    empty_blobs(store);
}

size_t store_resident_count(const struct store *store)
{
    size_t count = 0;

    for (size_t i = 0; i < store->count; i++)
        count += store->credentials[i]->resident;
    return count;
}

struct credential *store_find(const struct store *store, const uint8_t *id, size_t id_size)
{
    for (size_t i = 0; i < store->count; i++)
        if (store->credentials[i]->id_size == id_size &&
            memcmp(store->credentials[i]->id, id, id_size) == 0)
            return store->credentials[i];
    return NULL;
}

void store_remove(struct store *store, struct credential *credential)
{
    for (size_t i = 0; i < store->count; i++) {
        if (store->credentials[i] != credential)
            continue;
        store->count--;
        memmove(store->credentials + i, store->credentials + i + 1,
                (store->count - i) * sizeof(struct credential *));
        break;
    }
    credential_free(credential);
}

static struct credential *same_account(const struct store *store, const struct credential *other)
{
    for (size_t i = 0; other->resident && i < store->count; i++) {
        struct credential *credential = store->credentials[i];

        if (credential->resident && credential->user_id_size == other->user_id_size &&
            memcmp(credential->rp_hash, other->rp_hash, HASH_SIZE) == 0 &&
            memcmp(credential->user_id, other->user_id, other->user_id_size) == 0)
            return credential;
    }
    return NULL;
}

bool store_add(struct store *store, struct credential *credential)
{
    struct credential *old = same_account(store, credential);

    if (!old)
        old = store_find(store, credential->id, credential->id_size);
    if (old)
        store_remove(store, old);
    if (store->count == STORE_CREDENTIALS_MAX) {
        credential_free(credential);
        return false;
    }
    store->credentials[store->count++] = credential;
    return true;
}

/* --- the file -------------------------------------------------------------------------------- */

enum { /* members of a credential */
       MEMBER_ID = 1,
       MEMBER_KEY,
       MEMBER_RP_HASH,
       MEMBER_RP_ID,
       MEMBER_USER_ID,
       MEMBER_USER_NAME,
       MEMBER_DISPLAY_NAME,
       MEMBER_FLAGS,
       MEMBER_PROTECTION,
       MEMBER_COUNTER,
       MEMBER_SECRETS,
       MEMBER_BLOB_KEY,
       MEMBERS = MEMBER_BLOB_KEY,
};

enum { /* members of the file */
       FILE_FORMAT = 1,
       FILE_PIN_HASH,
       FILE_PIN_LENGTH,
       FILE_FLAGS,
       FILE_PIN_TRIES,
       FILE_UV_TRIES,
       FILE_MIN_PIN,
       FILE_MIN_PIN_RPS,
       FILE_BLOBS,
       FILE_CREDENTIALS,
       FILE_MEMBERS = FILE_CREDENTIALS,
};

static void put_number(struct cbor_writer *writer, int key, int64_t value)
{
    cbor_put_integer(writer, key);
    cbor_put_integer(writer, value);
}

static void put_bytes(struct cbor_writer *writer, int key, const void *bytes, size_t size)
{
    cbor_put_integer(writer, key);
    cbor_put_bytes(writer, bytes, size);
}

static void put_text(struct cbor_writer *writer, int key, const char *text)
{
    cbor_put_integer(writer, key);
    cbor_put_text(writer, text);
}

static void put_credential(struct cbor_writer *writer, const struct credential *credential)
{
    uint8_t der[PKCS8_MAX], secrets[64];
    size_t size;

    memcpy(secrets, credential->secret_with_uv, 32);
    memcpy(secrets + 32, credential->secret_without_uv, 32);
    if (!private_key_pkcs8(credential->key, der, &size))
        writer->overflow = true;
    cbor_put_map(writer, MEMBERS);
    put_bytes(writer, MEMBER_ID, credential->id, credential->id_size);
    put_bytes(writer, MEMBER_KEY, der, size);
    put_bytes(writer, MEMBER_RP_HASH, credential->rp_hash, HASH_SIZE);
    put_text(writer, MEMBER_RP_ID, credential->rp_id);
    put_bytes(writer, MEMBER_USER_ID, credential->user_id, credential->user_id_size);
    put_text(writer, MEMBER_USER_NAME, credential->user_name);
    put_text(writer, MEMBER_DISPLAY_NAME, credential->user_display_name);
    put_number(writer, MEMBER_FLAGS,
               credential->resident | credential->u2f << 1 | credential->hmac_secret << 2 |
                   credential->has_blob_key << 3);
    put_number(writer, MEMBER_PROTECTION, credential->protection);
    put_number(writer, MEMBER_COUNTER, credential->counter);
    put_bytes(writer, MEMBER_SECRETS, secrets, sizeof secrets);
    put_bytes(writer, MEMBER_BLOB_KEY, credential->blob_key, 32);
}

static void put_store(struct cbor_writer *writer, const struct store *store)
{
    cbor_put_map(writer, FILE_MEMBERS);
    put_number(writer, FILE_FORMAT, FORMAT);
    put_bytes(writer, FILE_PIN_HASH, store->pin_hash, PIN_HASH_SIZE);
    put_number(writer, FILE_PIN_LENGTH, store->pin_length);
    put_number(writer, FILE_FLAGS,
               store->pin_set | store->pin_change_owed << 1 | store->always_uv << 2);
    put_number(writer, FILE_PIN_TRIES, store->pin_tries);
    put_number(writer, FILE_UV_TRIES, store->uv_tries);
    put_number(writer, FILE_MIN_PIN, store->min_pin_length);
    cbor_put_integer(writer, FILE_MIN_PIN_RPS);
    cbor_put_array(writer, store->min_pin_rp_count);
    for (size_t i = 0; i < store->min_pin_rp_count; i++)
        cbor_put_text(writer, store->min_pin_rps[i]);
    put_bytes(writer, FILE_BLOBS, store->blobs, store->blobs_size);
    cbor_put_integer(writer, FILE_CREDENTIALS);
    cbor_put_array(writer, store->count);
    for (size_t i = 0; i < store->count; i++)
        put_credential(writer, store->credentials[i]);
}

static bool write_file(const char *path, const uint8_t *bytes, size_t size)
{
    char *beside = NULL;
    FILE *file = asprintf(&beside, "%s.new", path) > 0 ? fopen(beside, "we") : NULL;
    bool ok = file && fwrite(bytes, 1, size, file) == size;

    if (file && fclose(file) != 0)
        ok = false;
    ok = ok && rename(beside, path) == 0;
    free(beside);
    return ok;
}

void store_save(const struct store *store)
{
    struct cbor_writer writer = {.room = FILE_MAX};

    if (!store->path)
        return;
    writer.bytes = malloc(writer.room);
    if (writer.bytes)
        put_store(&writer, store);
    if (!writer.bytes || writer.overflow || !write_file(store->path, writer.bytes, writer.size))
        fprintf(stderr, "%s: cannot be written\n", store->path);
    free(writer.bytes);
}

static bool get_number(const struct cbor *map, int key, int64_t max, int64_t *value)
{
    struct cbor item;

    return cbor_member(map, key, &item) && cbor_integer(&item, value) && *value >= 0 &&
           *value <= max;
}

static bool get_bytes(const struct cbor *map, int key, uint8_t *bytes, size_t room, size_t *size)
{
    const uint8_t *found;
    struct cbor item;

    if (!cbor_member(map, key, &item) || !cbor_bytes(&item, &found, size) || *size > room)
        return false;
    memcpy(bytes, found, *size);
    return true;
}

static bool get_exactly(const struct cbor *map, int key, uint8_t *bytes, size_t size)
{
    size_t found;

    return get_bytes(map, key, bytes, size, &found) && found == size;
}

static bool copy_text(const struct cbor *item, char *text, size_t room)
{
    const char *found;
    size_t size;

    if (!cbor_text(item, &found, &size) || size >= room)
        return false;
    memcpy(text, found, size);
    text[size] = '\0';
    return true;
}

static bool get_text(const struct cbor *map, int key, char *text, size_t room)
{
    struct cbor item;

    return cbor_member(map, key, &item) && copy_text(&item, text, room);
}

static bool read_credential(const struct cbor *map, struct credential *credential)
{
    uint8_t der[PKCS8_MAX], secrets[64];
    int64_t flags, protection, counter;
    size_t size;

    if (!get_bytes(map, MEMBER_ID, credential->id, sizeof credential->id, &credential->id_size) ||
        !get_bytes(map, MEMBER_KEY, der, sizeof der, &size) ||
        !get_exactly(map, MEMBER_RP_HASH, credential->rp_hash, HASH_SIZE) ||
        !get_text(map, MEMBER_RP_ID, credential->rp_id, sizeof credential->rp_id) ||
        !get_bytes(map, MEMBER_USER_ID, credential->user_id, sizeof credential->user_id,
                   &credential->user_id_size) ||
        !get_text(map, MEMBER_USER_NAME, credential->user_name, sizeof credential->user_name) ||
        !get_text(map, MEMBER_DISPLAY_NAME, credential->user_display_name,
                  sizeof credential->user_display_name) ||
        !get_number(map, MEMBER_FLAGS, 15, &flags) ||
        !get_number(map, MEMBER_PROTECTION, 3, &protection) ||
        !get_number(map, MEMBER_COUNTER, UINT32_MAX, &counter) ||
        !get_exactly(map, MEMBER_SECRETS, secrets, sizeof secrets) ||
        !get_exactly(map, MEMBER_BLOB_KEY, credential->blob_key, 32))
        return false;
    credential->key = private_key_parse(der, size);
    credential->resident = flags & 1;
    credential->u2f = flags & 2;
    credential->hmac_secret = flags & 4;
    credential->has_blob_key = flags & 8;
    credential->protection = (uint8_t)protection;
    credential->counter = (uint32_t)counter;
    memcpy(credential->secret_with_uv, secrets, 32);
    memcpy(credential->secret_without_uv, secrets + 32, 32);
    return credential->key;
}

static bool read_credentials(const struct cbor *array, struct store *store)
{
    struct cbor item = {0};

    while (cbor_next(array, &item)) {
        struct credential *credential = calloc(1, sizeof *credential);

        if (!credential || !read_credential(&item, credential)) {
            credential_free(credential);
            return false;
        }
        if (!store_add(store, credential))
            return false;
    }
    return true;
}

static bool read_min_pin_rps(const struct cbor *array, struct store *store)
{
    struct cbor item = {0};

    while (cbor_next(array, &item)) {
        if (store->min_pin_rp_count == MIN_PIN_RPS_MAX ||
            !copy_text(&item, store->min_pin_rps[store->min_pin_rp_count++], RP_ID_MAX + 1))
            return false;
    }
    return true;
}

static bool read_store(const struct cbor *map, struct store *store)
{
    int64_t format, length, flags, pin_tries, uv_tries, min_pin;
    struct cbor rps, credentials;

    if (!get_number(map, FILE_FORMAT, FORMAT, &format) || format != FORMAT ||
        !get_exactly(map, FILE_PIN_HASH, store->pin_hash, PIN_HASH_SIZE) ||
        !get_number(map, FILE_PIN_LENGTH, UINT8_MAX, &length) ||
        !get_number(map, FILE_FLAGS, 7, &flags) ||
        !get_number(map, FILE_PIN_TRIES, PIN_TRIES_MAX, &pin_tries) ||
        !get_number(map, FILE_UV_TRIES, UV_TRIES_MAX, &uv_tries) ||
        !get_number(map, FILE_MIN_PIN, UINT8_MAX, &min_pin) ||
        !get_bytes(map, FILE_BLOBS, store->blobs, BLOB_ARRAY_MAX, &store->blobs_size) ||
        !cbor_member(map, FILE_MIN_PIN_RPS, &rps) ||
        !cbor_member(map, FILE_CREDENTIALS, &credentials))
        return false;
    store->pin_length = (uint8_t)length;
    store->pin_set = flags & 1;
    store->pin_change_owed = flags & 2;
    store->always_uv = flags & 4;
    store->pin_tries = (uint8_t)pin_tries;
    store->uv_tries = (uint8_t)uv_tries;
    store->min_pin_length = (uint8_t)min_pin;
    return read_min_pin_rps(&rps, store) && read_credentials(&credentials, store);
}

bool store_open(struct store *store, const char *path)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    uint8_t *bytes = file ? malloc(FILE_MAX) : NULL;
    size_t size = bytes ? fread(bytes, 1, FILE_MAX, file) : 0;
    struct cbor map;
    bool ok;

    *store = (struct store){0};
    store_reset(store);
    store->path = path ? strdup(path) : NULL;
    ok = !file || (bytes && cbor_parse(bytes, size, &map) && read_store(&map, store));
    free(bytes);
    if (file)
        fclose(file);
    return ok;
}

void store_close(struct store *store)
{
    char *path = store->path;

    store->path = NULL;
    store_reset(store);
    free(path);
}
