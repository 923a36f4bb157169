/* SPDX-License-Identifier: MIT */
/* A page's frames. The verdict is the same however the stream is cut, stays, and is one of four.
 * What is let pass is what a second reader, which has the whole stream before it, lets pass. */
#include "ipc/door/connection.h"
#include "ipc/door/json_rpc.h"
#include "ipc/door/web_frames.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks the whole frames of the stream: masked, nothing reserved, messages within the limit. */
static void read_again(const uint8_t *data, size_t size)
{
    uint64_t message = 0;
    while (size >= 2) {
        size_t extra = (data[1] & 0x7f) < 126 ? 0 : (data[1] & 0x7f) == 126 ? 2 : 8;
        uint64_t len = extra ? 0 : data[1] & 0x7f;
        if (!(data[1] & 0x80) || (data[0] & 0x70) || (data[0] & 0x0f) == 2 || (data[0] & 7) > 2)
            abort();
        if (size < 2 + extra)
            return;
        for (size_t i = 0; i < extra; i++)
            len = len << 8 | data[2 + i];
        bool control = data[0] & 8;
        message += control ? 0 : len;
        if (message > RPC_TEXT_MAX || (control && (len > 125 || !(data[0] & 0x80))))
            abort();
        if (!control && (data[0] & 0x80))
            message = 0;
        uint64_t whole = 2 + extra + 4 + len;
        if (whole > size)
            return;
        data += whole;
        size -= whole;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct web_frames whole = {0}, cut = {0};
    int broken = web_frames_push(&whole, data, size);
    size_t piece = size > 0 ? data[size - 1] % 7 + 1 : 1; /* 1 to 7 bytes */
    for (size_t at = 0; at < size; at += piece)
        web_frames_push(&cut, data + at, size - at < piece ? size - at : piece);
    if (cut.broken != broken || (broken && web_frames_push(&whole, "\x81", 1) != broken))
        abort();
    if (broken != 0 && broken != CLOSE_PROTOCOL && broken != CLOSE_NOT_TEXT &&
        broken != CLOSE_TOO_LARGE)
        abort();
    if (broken == 0)
        read_again(data, size);
    return 0;
}
