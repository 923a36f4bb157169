/* SPDX-License-Identifier: MIT */
/* What comes from elsewhere never becomes markup, nor turns what stands beside it. */
#include "agent/html.h"
#include "ipc/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *expected)
{
    CLEANUP(bytes_deinit) struct bytes out = {0};
    html_text(&out, text);
    bytes_append(&out, "", 1);
    assert_false(out.failed);
    assert_string_equal((const char *)out.data, expected);
}

static void markup_is_escaped(void **state)
{
    (void)state;
    expect("<img src=x onerror='a()'> & \"b\"",
           "&lt;img src=x onerror=&#39;a()&#39;&gt; &amp; &quot;b&quot;");
}

static void text_of_any_script_stays(void **state)
{
    (void)state;
    expect("Siân Ó Briain 王 𝒜", "Siân Ó Briain 王 𝒜");
    expect("نمی\u200cخواهم", "نمی\u200cخواهم"); /* Persian is not written without */
}

static void what_does_not_print_is_marked(void **state)
{
    (void)state;
    expect("a\nb\x1b[2J\x7f", "a?b?[2J?");
    expect("a\xc2\x9b"
           "b",
           "a?b"); /* a control of two bytes */
    expect("card\u202egnp", "card?gnp");
    expect("\u2066x\u2069 \u061c\u200e\u200f\u2028\u2029", "?x? ?????");
    expect("pay\u2063pal\ufeff\U000e0041", "pay?pal??");
}

static void nothing_and_nonsense(void **state)
{
    (void)state;
    expect(NULL, "–");
    expect("", "–");
    expect("a\xff<", "(unreadable)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_is_escaped),
        cmocka_unit_test(text_of_any_script_stays),
        cmocka_unit_test(what_does_not_print_is_marked),
        cmocka_unit_test(nothing_and_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
