/* SPDX-License-Identifier: MIT */
/* authenticatorLargeBlobs (CTAP 2.1 §6.10): one array for all, read and written in pieces. */
#include "authenticator.h"

#include <string.h>

#define FRAGMENT_MAX (REQUEST_MAX - 64)
#define TRAILER 16 /* of SHA-256, at the array's end */

static int take_number(const struct cbor *request, int key, size_t *value, bool *found)
{
    struct cbor item;
    int64_t number;

    *found = cbor_member(request, key, &item);
    if (!*found)
        return CTAP_OK;
    if (!cbor_integer(&item, &number) || number < 0)
        return CTAP_INVALID_PARAMETER;
    *value = (size_t)number;
    return CTAP_OK;
}

static int read_blobs(const struct authenticator *key, size_t count, size_t offset,
                      struct cbor_writer *answer)
{
    size_t left;

    if (count > FRAGMENT_MAX)
        return CTAP_INVALID_LENGTH;
    if (offset > key->store.blobs_size)
        return CTAP_INVALID_PARAMETER;
    left = key->store.blobs_size - offset;
    cbor_put_map(answer, 1);
    cbor_put_integer(answer, 1);
    cbor_put_bytes(answer, key->store.blobs + offset, count < left ? count : left);
    return CTAP_OK;
}

/* §6.10.2: the MAC is over 32 times ff, 0c 00, the offset (little-endian) and the fragment's hash.
 */
static int check(struct authenticator *key, const struct cbor *request, const uint8_t *fragment,
                 size_t size, size_t offset)
{
    uint8_t message[32 + 2 + 4 + HASH_SIZE] = {0};
    struct cbor mac, protocol;

    if (!key_is_protected(key) && !key->store.always_uv)
        return CTAP_OK;
    if (!cbor_member(request, 5, &mac))
        return CTAP_PUAT_REQUIRED;
    cbor_member(request, 6, &protocol);
    memset(message, 0xff, 32);
    message[32] = CTAP_LARGE_BLOBS;
    for (unsigned i = 0; i < 4; i++)
        message[34 + i] = (uint8_t)(offset >> (8 * i));
    sha256(fragment, size, message + 38);
    return check_token(key, &mac, &protocol, message, sizeof message, PERMISSION_BLOBS, NULL);
}

static int finish(struct authenticator *key)
{
    struct blob_write *write = &key->blob_write;
    uint8_t hash[HASH_SIZE];

    sha256(write->bytes, write->expected - TRAILER, hash);
    if (memcmp(hash, write->bytes + write->expected - TRAILER, TRAILER) != 0)
        return CTAP_INTEGRITY_FAILURE;
    memcpy(key->store.blobs, write->bytes, write->expected);
    key->store.blobs_size = write->expected;
    write->expected = 0;
    store_save(&key->store);
    return CTAP_OK;
}

static int write_blobs(struct authenticator *key, const struct cbor *request,
                       const uint8_t *fragment, size_t size, size_t offset)
{
    struct blob_write *write = &key->blob_write;
    size_t length = 0;
    bool has_length;
    int status = take_number(request, 4, &length, &has_length);

    if (status != CTAP_OK)
        return status;
    if (size > FRAGMENT_MAX)
        return CTAP_INVALID_LENGTH;
    if (offset == 0 && !has_length)
        return CTAP_INVALID_PARAMETER;
    if (offset == 0 && length > BLOB_ARRAY_MAX)
        return CTAP_LARGE_BLOB_STORAGE_FULL;
    if (offset == 0 && length < TRAILER + 1)
        return CTAP_INVALID_PARAMETER;
    if (offset > 0 && has_length)
        return CTAP_INVALID_PARAMETER;
    if (offset > 0 && (write->expected == 0 || offset != write->size))
        return CTAP_INVALID_SEQ;
    status = check(key, request, fragment, size, offset);
    if (status != CTAP_OK)
        return status;
    if (offset == 0) {
        write->expected = length;
        write->size = 0;
    }
    if (size > write->expected - write->size)
        return CTAP_INVALID_PARAMETER;
    memcpy(write->bytes + write->size, fragment, size);
    write->size += size;
    return write->size == write->expected ? finish(key) : CTAP_OK;
}

int large_blobs(struct authenticator *key, const struct cbor *request, struct cbor_writer *answer)
{
    size_t count = 0, offset = 0, size;
    bool has_count, has_offset, has_set;
    const uint8_t *fragment;
    struct cbor item;
    int status = take_number(request, 1, &count, &has_count);

    if (status == CTAP_OK)
        status = take_number(request, 3, &offset, &has_offset);
    if (status != CTAP_OK)
        return status;
    has_set = cbor_member(request, 2, &item);
    if (!has_offset || has_count == has_set)
        return CTAP_INVALID_PARAMETER;
    if (has_count)
        return read_blobs(key, count, offset, answer);
    if (!cbor_bytes(&item, &fragment, &size))
        return CTAP_UNEXPECTED_TYPE;
    return write_blobs(key, request, fragment, size, offset);
}
