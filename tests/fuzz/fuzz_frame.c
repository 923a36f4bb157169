/* SPDX-License-Identifier: MIT */
/* Frames in pieces whose sizes the input chooses: the reader never holds more than one frame's
 * maximum and a piece, and gives out nothing beyond it. */
#include "ipc/base/cleanup.h"
#include "ipc/frame.h"

#include <stdlib.h>

enum { MAX = 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(frame_reader_deinit) struct frame_reader reader = FRAME_READER(MAX);
    while (size > 1) {
        size_t piece = data[0] < size - 1 ? data[0] : size - 1;
        if (frame_reader_push(&reader, data + 1, piece) < 0)
            break;
        const uint8_t *body;
        size_t len;
        while ((body = frame_reader_peek(&reader, &len))) {
            if (len == 0 || len > MAX)
                abort();
            frame_reader_pop(&reader);
        }
        if (reader.pending.len > MAX + FRAME_HEADER_BYTES + piece)
            abort();
        data += piece + 1;
        size -= piece + 1;
    }
    return 0;
}
