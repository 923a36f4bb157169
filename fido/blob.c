/* SPDX-License-Identifier: MIT */
/*
 * All credentials' blobs are in one array on the key, which anybody may read and which each entry's
 * own key opens. Writing rewrites the array and wants the person verified where the key can.
 */
#include "fido/blob.h"

#include "fido/verification.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <stdlib.h>
#include <string.h>

struct blob_request {
    const uint8_t *key;
    size_t key_len;
    const struct bytes *data;
};

static void read_blob(struct key *key, const struct blob_request *request, struct fido_done *done)
{
    unsigned char *data = NULL;
    size_t len = 0;
    key_begin(key);
    int code = fido_dev_largeblob_get(key->dev, request->key, request->key_len, &data, &len);
    if (code == FIDO_OK && len <= FIDO_BLOB_MAX && bytes_set(&done->blob, data, len) == 0)
        done->blob_read = true;
    else
        log_info("%s: no large blob was read (%d)", key->path, code);
    if (data)
        explicit_bzero(data, len);
    free(data);
}

static int write_blob(void *context, struct key *key, const char *pin, bool own)
{
    (void)own; /* without a PIN the library asks for the key's own where it can */
    const struct blob_request *request = context;
    return fido_dev_largeblob_set(key->dev, request->key, request->key_len, request->data->data,
                                  request->data->len, pin);
}

void blob_serve(struct key *key, const struct fido_start *start, const uint8_t *blob_key,
                size_t blob_key_len, struct fido_done *done)
{
    struct blob_request request = {.key = blob_key, .key_len = blob_key_len};
    request.data = &start->blob_data;
    if (!blob_key || blob_key_len == 0)
        return;
    if (start->blob == FIDO_BLOB_READ) {
        read_blob(key, &request, done);
        return;
    }
    if (start->blob != FIDO_BLOB_WRITE)
        return;
    int r = verification_call(key, VERIFICATION_POSSIBLE, write_blob, &request);
    done->blob_written = r == OUTCOME_OK;
    if (r != OUTCOME_OK)
        log_info("%s: the large blob was not written: %s (%d)", key->path, outcome_reason(r),
                 key->code);
}
