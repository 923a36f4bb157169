/* SPDX-License-Identifier: MIT */
/* The messages between the agent and lanyard-fido, both ways: the first byte says which. Whatever
 * is accepted encodes to the bytes it came from. */
#include "ipc/base/cleanup.h"
#include "ipc/fido_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(const uint8_t *again, size_t again_size, const uint8_t *data, size_t size)
{
    if (again_size != size || memcmp(again, data, size) != 0)
        abort();
}

static void start(const uint8_t *data, size_t size)
{
    CLEANUP(fido_start_deinit) struct fido_start decoded = {0};
    CLEANUP(bytes_deinit) struct bytes again = {0};
    if (fido_start_decode(data, size, &decoded) == 0 && fido_start_encode(&decoded, &again) == 0)
        expect(again.data, again.len, data, size);
}

static void word(const uint8_t *data, size_t size)
{
    struct fido_word decoded = {0};
    CLEANUP(secret_free) struct secret *again = secret_new(128);
    if (again && fido_word_decode(data, size, &decoded) == 0 &&
        fido_word_encode(&decoded, again) == 0)
        expect(secret_peek(again), secret_len(again), data, size);
}

static void reply(const uint8_t *data, size_t size)
{
    CLEANUP(fido_news_deinit) struct fido_news news = {0};
    CLEANUP(fido_done_deinit) struct fido_done done = {0};
    CLEANUP(bytes_deinit) struct bytes bytes = {0};
    enum fido_message_type type;
    if (fido_reply_decode(data, size, &type, &news, &done) < 0)
        return;
    if (type == FIDO_MESSAGE_NEWS) {
        if (fido_news_encode(&news, &bytes) == 0)
            expect(bytes.data, bytes.len, data, size);
        return;
    }
    CLEANUP(secret_free) struct secret *secret = secret_new(FIDO_DONE_BYTES_MAX);
    if (secret && fido_done_encode(&done, secret) == 0)
        expect(secret_peek(secret), secret_len(secret), data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    void (*const kinds[])(const uint8_t *, size_t) = {start, word, reply};
    kinds[data[0] % 3](data + 1, size - 1);
    return 0;
}
