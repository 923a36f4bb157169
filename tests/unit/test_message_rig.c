/* SPDX-License-Identifier: MIT */
#include "test_message_rig.h"

#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed = 20261122;

/* xorshift64 */
uint32_t random_below(uint32_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % limit;
}

void random_fill(void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)random_below(256);
}

void random_text(char *out, size_t size)
{
    static const char *const letters[] = {"a", "Z", "0", " ", "-", "%", "<", "é", "ع", "漢", "😀"};
    enum { LETTERS = sizeof letters / sizeof *letters, SHORT = 24 };
    size_t used = 0;
    size_t most = random_below(8) && size > SHORT ? SHORT : size;
    size_t wanted = random_below((uint32_t)most);
    for (;;) {
        const char *letter = letters[random_below(LETTERS)];
        if (used + strlen(letter) > wanted)
            break;
        memcpy(out + used, letter, strlen(letter));
        used += strlen(letter);
    }
    out[used] = '\0';
}

uint8_t *exact(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    return copy;
}

void assert_withstands(decode_fn *decode, const uint8_t *data, size_t len, size_t step)
{
    CLEANUP(bytes_deinit) struct bytes longer = {0};
    assert_int_equal(decode(data, len), 0);
    for (size_t cut = 0; cut < len; cut += step)
        assert_int_equal(decode(data, cut), -EPROTO);
    assert_int_equal(bytes_set(&longer, data, len), 0);
    bytes_append(&longer, "", 1);
    assert_int_equal(decode(longer.data, longer.len), -EPROTO);
    for (size_t at = 0; at < len; at += step) {
        uint8_t bit = (uint8_t)(1U << random_below(8));
        longer.data[at] ^= bit;
        decode(longer.data, len);
        longer.data[at] ^= bit;
    }
}
