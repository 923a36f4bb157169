/* SPDX-License-Identifier: MIT */
/* The card helper's messages, both ways: the first byte says which. Whatever is accepted encodes to
 * the bytes it came from. */
#include "ipc/base/cleanup.h"
#include "ipc/card_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request(const uint8_t *data, size_t size)
{
    CLEANUP(card_request_deinit) struct card_request decoded = {0};
    CLEANUP(secret_free) struct secret *again = secret_new(CARD_REQUEST_BYTES_MAX);
    if (card_request_decode(data, size, &decoded) < 0 || !again)
        return;
    if (card_request_encode(&decoded, again) < 0 || secret_len(again) != size ||
        memcmp(secret_peek(again), data, size) != 0)
        abort();
}

static void reply(const uint8_t *data, size_t size)
{
    CLEANUP(card_reply_deinit) struct card_reply decoded = {0};
    CLEANUP(bytes_deinit) struct bytes again = {0};
    if (card_reply_decode(data, size, &decoded) < 0 || card_reply_encode(&decoded, &again) < 0)
        return;
    if (again.len != size || memcmp(again.data, data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    (data[0] & 1 ? reply : request)(data + 1, size - 1);
    return 0;
}
