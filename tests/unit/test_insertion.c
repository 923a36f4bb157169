/* SPDX-License-Identifier: MIT */
/*
 * Which card a module may have in mind, by pcscd's counts. "5" is a reader that is empty and has
 * counted five, "5*" one with a card, "-" no such reader; of what is in mind "?" is any card.
 */
#include "pkcs11/insertion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct insertions look_at(const char *text)
{
    struct insertions all = {0};
    if (text[0] == '-')
        return all;
    struct insertion *one = &all.at[0].insertion;
    snprintf(all.at[0].reader, sizeof all.at[0].reader, "Reader");
    all.count = 1;
    char *end;
    one->events = (uint16_t)strtoul(text, &end, 10);
    one->known = text[0] != '?';
    one->present = !one->known || *end == '*';
    return all;
}

static void text_of(const struct insertions *all, char text[16])
{
    const struct insertion *one = &all->at[0].insertion;
    if (all->count == 0)
        snprintf(text, 16, "-");
    else if (!one->known)
        snprintf(text, 16, one->present ? "?" : "-");
    else
        snprintf(text, 16, "%u%s", one->events, one->present ? "*" : "");
}

static void module_is_followed(void **state)
{
    (void)state;
    static const struct {
        const char *held, *before, *after;
        bool sure;
        const char *then;
    } cases[] = {
        /* nothing has happened while it was asked */
        {"-", "0", "0", true, "0"},
        {"-", "0*", "0*", true, "0*"},
        {"1", "2*", "2*", true, "2*"},
        {"2*", "2*", "2*", true, "2*"},
        {"2*", "3", "3", true, "3"},
        {"1", "4*", "4*", true, "4*"}, /* had nothing in mind, has missed nothing */
        {"2*", "4*", "4*", false, "?"},
        {"0*", "2*", "2*", false, "?"},
        /* a card came meanwhile */
        {"-", "1", "2*", true, "2*"},
        {"1", "1", "2*", true, "2*"},
        {"0*", "1", "2*", false, "?"},
        {"1", "1", "4*", false, "?"},
        /* a card left meanwhile: it may not have seen that */
        {"-", "2*", "3", true, "2*"},
        {"2*", "2*", "3", true, "2*"},
        {"2*", "4*", "5", true, "?"},
        /* both */
        {"-", "2*", "4*", false, "?"},
        {"2*", "2*", "4*", false, "?"},
        {"1", "1", "3", true, "?"},
        /* pcscd has shown the card before it counted it */
        {"1", "1*", "2*", false, "?"},
        /* in doubt until it must have seen the reader empty */
        {"?", "2*", "2*", false, "?"},
        {"?", "3", "4*", false, "?"},
        {"?", "4*", "5", true, "?"},
        {"?", "5", "5", true, "5"},
        /* the count begins again */
        {"65535*", "0", "0", true, "0"},
        {"65535", "65535", "0*", true, "0*"},
        {"65535*", "65535*", "1*", false, "?"},
        /* the reader goes and comes */
        {"-", "-", "-", true, "-"},
        {"2", "-", "-", true, "-"},
        {"2*", "-", "-", true, "?"},
        {"-", "2*", "-", true, "?"},
        {"?", "-", "-", true, "?"},
        {"?", "-", "0*", false, "?"},
        {"-", "-", "0*", true, "0*"},
        {"-", "-", "7*", false, "?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char then[16];
        struct insertions held = look_at(cases[i].held), before = look_at(cases[i].before),
                          after = look_at(cases[i].after);
        bool sure = insertions_follow(&held, &before, &after);
        text_of(&held, then);
        if (sure != cases[i].sure || strcmp(then, cases[i].then) != 0)
            fail_msg("%s between %s and %s: %d, then %s", cases[i].held, cases[i].before,
                     cases[i].after, sure, then);
    }
}

/* One reader's trouble is told by whoever is asked about all. */
static void readers_are_apart(void **state)
{
    (void)state;
    struct insertions held = look_at("2*"), now = look_at("2*");
    held.at[held.count++] = held.at[0];
    now.at[now.count++] = now.at[0];
    snprintf(held.at[1].reader, sizeof held.at[1].reader, "Other");
    snprintf(now.at[1].reader, sizeof now.at[1].reader, "Other");
    assert_true(insertions_follow(&held, &now, &now));
    now.at[1].insertion.events = 4;
    assert_false(insertions_follow(&held, &now, &now));
    assert_true(insertions_in(&held, "Reader").known);
    assert_false(insertions_in(&held, "Other").known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(module_is_followed),
        cmocka_unit_test(readers_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
