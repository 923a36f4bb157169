/* SPDX-License-Identifier: MIT */
/* Which of a card's certificates signs in. */
#include "agent/certificate.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_certificate_choice_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { RSA_BOTH = CARD_RS256 | CARD_PS256 };

struct entry {
    struct recipe recipe;
    uint8_t algorithms;
    enum { BY_ITSELF, BY_TRUSTED, BY_STRANGER, BY_SUB } issuer;
};

static void add_entry(struct card_token *card, const struct entry *entry)
{
    const struct made *const issuers[] = {NULL, &trusted, &stranger, &sub};
    struct made made = rig_make(&entry->recipe, issuers[entry->issuer]);
    rig_add(card, &made, entry->algorithms);
}

#define OLDER .from = RIG_NOW - RIG_YEAR
#define NEWER .from = RIG_NOW - 86400
#define GONE .from = RIG_NOW - RIG_YEAR, .to = RIG_NOW - 1
#define AHEAD .from = RIG_NOW + 1
#define SIGNING .usage = "digitalSignature,nonRepudiation"

static void the_choice(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct entry on_card[4];
        size_t count;
        bool issuers;
        int result;
        size_t index;
    } rows[] = {
        {"an empty card", {{{0}, 0, 0}}, 0, false, OUTCOME_NO_CERTIFICATE, 0},
        {"one that fits", {{{0}, CARD_ES256, BY_ITSELF}}, 1, false, OUTCOME_OK, 0},
        {"RSA", {{{.key = "RSA-2048"}, RSA_BOTH, BY_ITSELF}}, 1, false, OUTCOME_OK, 0},
        {"the signing one only", {{{SIGNING}, CARD_ES256, 0}}, 1, false, OUTCOME_NO_CERTIFICATE, 0},
        {"authentication beside signing",
         {{{SIGNING, NEWER}, CARD_ES256, 0}, {{OLDER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"for servers only",
         {{{.extended = "serverAuth"}, CARD_ES256, 0}},
         1,
         false,
         OUTCOME_NO_CERTIFICATE,
         0},
        {"an authority with a key",
         {{{.authority = true}, CARD_ES256, 0}},
         1,
         false,
         OUTCOME_NO_CERTIFICATE,
         0},
        {"no private key", {{{0}, 0, 0}}, 1, false, OUTCOME_KEY_UNSUITABLE, 0},
        {"a key of another kind than claimed",
         {{{0}, RSA_BOTH, 0}},
         1,
         false,
         OUTCOME_KEY_UNSUITABLE,
         0},
        {"RSA-1024", {{{.key = "RSA-1024"}, RSA_BOTH, 0}}, 1, false, OUTCOME_KEY_UNSUITABLE, 0},
        {"RSA-1024 beside a good one",
         {{{.key = "RSA-1024", NEWER}, RSA_BOTH, 0}, {{OLDER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"expired", {{{GONE}, CARD_ES256, 0}}, 1, false, OUTCOME_CERTIFICATE_EXPIRED, 0},
        {"not yet valid",
         {{{AHEAD}, CARD_ES256, 0}},
         1,
         false,
         OUTCOME_CERTIFICATE_NOT_YET_VALID,
         0},
        {"last second", {{{.to = RIG_NOW}, CARD_ES256, 0}}, 1, false, OUTCOME_OK, 0},
        {"first second", {{{.from = RIG_NOW}, CARD_ES256, 0}}, 1, false, OUTCOME_OK, 0},
        {"expired beside valid",
         {{{GONE}, CARD_ES256, 0}, {{OLDER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"the later of two",
         {{{OLDER}, CARD_ES256, 0}, {{NEWER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"the later of two, other order",
         {{{NEWER}, CARD_ES256, 0}, {{OLDER}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         0},
        {"the longer of two as late",
         {{{OLDER}, CARD_ES256, 0}, {{OLDER, .to = RIG_NOW + 2 * RIG_YEAR}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"the preferred algorithm of two alike",
         {{{.key = "RSA-2048"}, RSA_BOTH, 0}, {{0}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         1},
        {"the first of two alike",
         {{{0}, CARD_ES256, 0}, {{0}, CARD_ES256, 0}},
         2,
         false,
         OUTCOME_OK,
         0},
        {"by a trusted issuer", {{{0}, CARD_ES256, BY_TRUSTED}}, 1, true, OUTCOME_OK, 0},
        {"by a stranger", {{{0}, CARD_ES256, BY_STRANGER}}, 1, true, OUTCOME_ISSUER_UNKNOWN, 0},
        {"by itself", {{{0}, CARD_ES256, BY_ITSELF}}, 1, true, OUTCOME_ISSUER_UNKNOWN, 0},
        {"with SHA-1",
         {{{.sha1 = true}, CARD_ES256, BY_TRUSTED}},
         1,
         true,
         OUTCOME_ISSUER_UNKNOWN,
         0},
        {"below an authority that is not there",
         {{{0}, CARD_ES256, BY_SUB}},
         1,
         true,
         OUTCOME_ISSUER_UNKNOWN,
         0},
        {"trusted but expired",
         {{{GONE}, CARD_ES256, BY_TRUSTED}},
         1,
         true,
         OUTCOME_CERTIFICATE_EXPIRED,
         0},
        {"trusted but not yet valid",
         {{{AHEAD}, CARD_ES256, BY_TRUSTED}},
         1,
         true,
         OUTCOME_CERTIFICATE_NOT_YET_VALID,
         0},
        {"a stranger's newer beside a trusted older",
         {{{NEWER}, CARD_ES256, BY_STRANGER}, {{OLDER}, CARD_ES256, BY_TRUSTED}},
         2,
         true,
         OUTCOME_OK,
         1},
        {"the nearest of three failures",
         {{{GONE}, CARD_ES256, BY_TRUSTED},
          {{0}, CARD_ES256, BY_STRANGER},
          {{SIGNING}, CARD_ES256, 0}},
         3,
         true,
         OUTCOME_CERTIFICATE_EXPIRED,
         0},
    };
    CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(card_token_deinit) struct card_token card = {0};
        for (size_t j = 0; j < rows[i].count; j++)
            add_entry(&card, &rows[i].on_card[j]);
        struct certificate_choice choice = choose(&card, rows[i].issuers ? issuers : NULL);
        if (choice.result != rows[i].result ||
            (choice.result == OUTCOME_OK && choice.index != rows[i].index))
            fail_msg("%s: %s, %zu", rows[i].what, outcome_reason(choice.result), choice.index);
    }
}

static void the_providers_order_decides_the_algorithm(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    add_entry(&card, &(struct entry){{.key = "RSA-2048"}, RSA_BOTH, 0});
    static const uint8_t rs_first[] = {CARD_ES256, CARD_RS256, CARD_PS256};
    static const uint8_t ec_only[] = {CARD_ES256, CARD_ES384};
    struct certificate_choice choice = choose(&card, NULL);
    assert_int_equal(choice.algorithm, CARD_PS256);
    choice = choose_by(&card, NULL, rs_first, sizeof rs_first);
    assert_int_equal(choice.algorithm, CARD_RS256);
    choice = choose_by(&card, NULL, ec_only, sizeof ec_only);
    assert_int_equal(choice.result, OUTCOME_KEY_UNSUITABLE);
    card.certificates[0].algorithms = CARD_RS256;
    choice = choose(&card, NULL);
    assert_int_equal(choice.algorithm, CARD_RS256);
}

static void every_certificate_has_its_problem(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
    add_entry(&card, &(struct entry){{0}, CARD_ES256, BY_TRUSTED});
    add_entry(&card, &(struct entry){{GONE}, CARD_ES256, BY_TRUSTED});
    add_entry(&card, &(struct entry){{0}, CARD_ES256, BY_STRANGER});
    add_entry(&card, &(struct entry){{0}, 0, BY_TRUSTED});
    add_entry(&card, &(struct entry){{SIGNING}, CARD_ES256, BY_TRUSTED});
    assert_int_equal(bytes_set(&card.certificates[5].der, "junk", 4), 0);
    card.certificate_count = 6;
    struct certificate_choice choice = choose(&card, issuers);
    static const int problems[] = {0,
                                   OUTCOME_CERTIFICATE_EXPIRED,
                                   OUTCOME_ISSUER_UNKNOWN,
                                   OUTCOME_KEY_UNSUITABLE,
                                   OUTCOME_NO_CERTIFICATE,
                                   OUTCOME_NO_CERTIFICATE};
    assert_memory_equal(choice.problems, problems, sizeof problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choice),
        cmocka_unit_test(the_providers_order_decides_the_algorithm),
        cmocka_unit_test(every_certificate_has_its_problem),
    };
    return cmocka_run_group_tests(tests, make_authorities, release_authorities);
}
