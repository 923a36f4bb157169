/* SPDX-License-Identifier: MIT */
/* One spelling of each origin is accepted, and every neighbour of it is refused. */
#include "ipc/door/door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const good[] = {
    "https://op.example",        "https://op.example:8443",       "http://127.0.0.1",
    "http://localhost:3000",     "https://xn--bcher-kva.example", "https://127.0.0.1:8443",
    "https://[::1]:8443",        "https://[2001:db8::1]",         "https://a-b.c_d.example",
    "http://[::1]:443",          "https://op.example:80",         "https://op.example:65535",
    "https://1password.example",
};

static const char *const bad[] = {
    "",
    "null",
    "https://",
    "https:///",
    "https://op.example/",
    "https://op.example?",
    "https://op.example#",
    "https://op.example/path",
    "HTTPS://op.example",
    "https://OP.example",
    "https://op.example.",
    "https://.op.example",
    "https://op..example",
    "https://-op.example",
    "https://op-.example",
    "https://op.example-",
    "https://user@op.example",
    "https://user:pass@op.example",
    "https://op.example:443",
    "http://localhost:80",
    "http://op.example",
    "http://op.example:8080",
    "http://127.0.0.2",
    "http://[::2]",
    "http://localhost.example",
    "http://op.localhost",
    "http://",
    "https://op.example:",
    "https://op.example:0",
    "https://op.example:08443",
    "https://op.example:65536",
    "https://op.example:99999999",
    "https://op.example:8443 ",
    "https://op.example:84x3",
    " https://op.example",
    "https://op.example ",
    "https://op example",
    "https://b\xc3\xbc"
    "cher.example",
    "ftp://op.example",
    "wss://op.example",
    "file://",
    "chrome-extension://abcdef",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://127.0.0.01",
    "https://127.0.0.256",
    "https://1.2.3.4.5",
    "https://op.0x1",
    "https://[::1",
    "https://::1",
    "https://[0:0:0:0:0:0:0:1]",
    "https://[::1%25lo]",
    "https://[FE80::1]",
    "https://[::1]x",
    "https://[::1]:",
    "https://*.example",
    "https://op.example,https://evil.example",
};

static void accepts_the_canonical_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!origin_canonical(good[i], strlen(good[i])))
            fail_msg("refused: %s", good[i]);
}

static void refuses_every_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (origin_canonical(bad[i], strlen(bad[i])))
            fail_msg("accepted: %s", bad[i]);
}

static void refuses_what_is_too_long(void **state)
{
    (void)state;
    char text[ORIGIN_TEXT_MAX + 2] = "https://";
    memset(text + 8, 'a', sizeof text - 8);
    assert_false(origin_canonical(text, sizeof text));
    for (size_t i = 8 + 63; i < sizeof text; i += 64)
        text[i] = '.';
    assert_true(origin_canonical(text, 8 + 253));
    assert_false(origin_canonical(text, 8 + 254));
}

static void a_nul_is_no_end(void **state)
{
    (void)state;
    assert_false(origin_canonical("https://op.example\0.evil", 24));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_the_canonical_spelling),
        cmocka_unit_test(refuses_every_other),
        cmocka_unit_test(refuses_what_is_too_long),
        cmocka_unit_test(a_nul_is_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
