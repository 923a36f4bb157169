/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_certificate_choice_rig.h"

#include "ipc/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct made trusted, stranger, expired, sub;

int make_authorities(void **state)
{
    (void)state;
    struct recipe root = {.key = "P-256 root", .subject = "CN=root", .authority = true};
    struct recipe other = {.key = "P-256 stranger", .subject = "CN=stranger", .authority = true};
    struct recipe old = {.key = "P-256 old",
                         .subject = "CN=old",
                         .authority = true,
                         .from = RIG_NOW - 2 * RIG_YEAR,
                         .to = RIG_NOW - RIG_YEAR};
    struct recipe below = {.key = "P-256 sub", .subject = "CN=sub", .authority = true};
    trusted = rig_make(&root, NULL);
    stranger = rig_make(&other, NULL);
    expired = rig_make(&old, &trusted);
    sub = rig_make(&below, &trusted);
    return 0;
}

int release_authorities(void **state)
{
    (void)state;
    rig_release();
    return 0;
}

struct certificate_choice choose_by(const struct card_token *card, const struct issuers *issuers,
                                    const uint8_t *accepted, size_t count)
{
    CLEANUP(certificate_set_deinit) struct certificate_set set = {0};
    struct certificate_choice choice;
    assert_int_equal(certificate_set_parse(card, &set), 0);
    certificate_choose(&set, issuers, RIG_NOW, accepted, count, &choice);
    return choice;
}

struct certificate_choice choose(const struct card_token *card, const struct issuers *issuers)
{
    static const uint8_t any[] = {CARD_ES256, CARD_ES384, CARD_PS256, CARD_RS256};
    return choose_by(card, issuers, any, sizeof any);
}
