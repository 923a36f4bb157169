/* SPDX-License-Identifier: MIT */
/* The chooser's messages, both ways: the first byte says which. Whatever is accepted encodes to the
 * bytes it came from. */
#include "ipc/base/cleanup.h"
#include "ipc/chooser_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void question(const uint8_t *data, size_t size)
{
    static struct chooser_question decoded;
    CLEANUP(bytes_deinit) struct bytes again = {0};
    if (chooser_question_decode(data, size, &decoded) < 0 ||
        chooser_question_encode(&decoded, &again) < 0)
        return;
    if (again.len != size || memcmp(again.data, data, size) != 0)
        abort();
}

static void answer(const uint8_t *data, size_t size)
{
    struct chooser_answer decoded;
    CLEANUP(bytes_deinit) struct bytes again = {0};
    if (chooser_answer_decode(data, size, &decoded) < 0 ||
        chooser_answer_encode(&decoded, &again) < 0)
        return;
    if (again.len != size || memcmp(again.data, data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    (data[0] & 1 ? answer : question)(data + 1, size - 1);
    return 0;
}
