/* SPDX-License-Identifier: MIT */
/*
 * Stands between libFuzzer and a target's LLVMFuzzerTestOneInput. Half of the inputs run without
 * faults, so that what an input reaches does not hang on luck; for the others a generator seeded
 * from the input's hash decides at each wrapped call. The log is silenced: with faults it would
 * speak at every input.
 */
#include "ipc/base/log.h"
#include "tests/fuzz/fault.h"

#include <stddef.h>
#include <stdint.h>

enum { ONE_IN = 400 };

static bool armed;
static uint64_t state;

bool fault_strikes(void)
{
    if (!armed)
        return false;
    /* xorshift64 (Marsaglia, 2003); the state is never zero. */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % ONE_IN == 0;
}

/* FNV-1a. */
static uint64_t hash(const uint8_t *data, size_t size)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ data[i]) * 0x100000001b3u;
    return h;
}

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool silenced;
    if (!silenced)
        log_init("", (enum log_level)0);
    silenced = true;
    uint64_t seed = hash(data, size);
    state = seed | 1;
    armed = seed >> 63;
    int r = __real_LLVMFuzzerTestOneInput(data, size);
    armed = false;
    return r;
}
