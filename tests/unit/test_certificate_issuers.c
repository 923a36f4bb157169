/* SPDX-License-Identifier: MIT */
/* The authorities whose cards may sign in: chains, revocation, and the files that name them. */
#include "agent/certificate.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_certificate_choice_rig.h"

#include <errno.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- chains ---- */

static void add_issued(struct card_token *card, const struct made *issuer)
{
    struct made made = rig_make(&(struct recipe){0}, issuer);
    rig_add(card, &made, CARD_ES256);
}

static void chains_are_built_from_the_card(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(certificate_set_deinit) struct certificate_set set = {0};
    CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
    rig_add(&card, &trusted, 0);
    rig_add(&card, &stranger, 0);
    add_issued(&card, &sub);
    rig_add(&card, &sub, 0);
    assert_int_equal(choose(&card, issuers).result, OUTCOME_OK);

    size_t order[CARD_CERTIFICATES_MAX];
    assert_int_equal(certificate_set_parse(&card, &set), 0);
    assert_int_equal(certificate_set_chain(&set, 2, order), 3);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 3);
    assert_int_equal(order[2], 0);
    assert_int_equal(certificate_set_chain(&set, 1, order), 1);
    assert_int_equal(certificate_set_chain(&set, 7, order), 0);

    /* An intermediate authority may itself be what is trusted. */
    CLEANUP(issuers_free) struct issuers *only_sub = rig_issuers(&sub);
    assert_int_equal(choose(&card, only_sub).result, OUTCOME_OK);
}

static void authorities_count_only_while_they_are_valid(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
    add_issued(&card, &expired);
    rig_add(&card, &expired, 0);
    assert_int_equal(choose(&card, issuers).result, OUTCOME_ISSUER_UNKNOWN);
}

static void an_authority_of_the_same_name_is_not_the_same(void **state)
{
    (void)state;
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
    struct recipe holder = {.key = "P-256"};
    struct recipe impostor = {.key = "P-256 impostor", .subject = "CN=root", .authority = true};
    struct made fake_root = rig_make(&impostor, NULL);
    struct made made = rig_make(&holder, &fake_root);
    rig_add(&card, &made, CARD_ES256);
    rig_add(&card, &fake_root, 0);
    assert_int_equal(choose(&card, issuers).result, OUTCOME_ISSUER_UNKNOWN);
}

static void issuer_files_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *pem;
        int result;
    } bad[] = {
        {"", -ENODATA},
        {"no certificate here\n", -ENODATA},
        {"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", -EBADMSG},
        {"-----BEGIN CERTIFICATE-----\n", -EBADMSG},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct issuers *issuers = NULL;
        assert_int_equal(issuers_parse(bad[i].pem, strlen(bad[i].pem), &issuers), bad[i].result);
        assert_null(issuers);
    }
}

/* ---- revocation ---- */

/* A list by that issuer, next due then, of these certificates, as PEM; owned. */
static char *list_of(const struct made *issuer, time_t next, const struct made *const *withdrawn)
{
    X509_CRL *list = X509_CRL_new();
    assert_non_null(list);
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer->x509));
    ASN1_TIME *when = ASN1_TIME_set(NULL, RIG_NOW - 86400);
    X509_CRL_set1_lastUpdate(list, when);
    ASN1_TIME_set(when, next);
    X509_CRL_set1_nextUpdate(list, when);
    for (; *withdrawn; withdrawn++) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber((*withdrawn)->x509));
        X509_REVOKED_set_revocationDate(entry, when);
        assert_int_equal(X509_CRL_add0_revoked(list, entry), 1);
    }
    ASN1_TIME_free(when);
    X509_CRL_sort(list);
    assert_true(X509_CRL_sign(list, issuer->key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_CRL(bio, list);
    X509_CRL_free(list);
    char *text;
    long len = BIO_get_mem_data(bio, &text); /* without an end of its own */
    char *pem = calloc(1, (size_t)len + 1);
    assert_non_null(pem);
    memcpy(pem, text, (size_t)len);
    BIO_free(bio);
    return pem;
}

static int choose_with(const struct made *card_certificate, const struct issuers *issuers)
{
    CLEANUP(card_token_deinit) struct card_token card = {0};
    rig_add(&card, card_certificate, CARD_ES256);
    return choose(&card, issuers).result;
}

static void a_card_in_its_issuers_list_is_refused(void **state)
{
    (void)state;
    struct made good = rig_make(&(struct recipe){0}, &trusted);
    struct made withdrawn = rig_make(&(struct recipe){.key = "P-256 withdrawn"}, &trusted);
    const struct made *const names[] = {&withdrawn, NULL};
    static const struct {
        time_t next;
        size_t old;
    } rows[] = {{RIG_NOW + 86400, 0}, {RIG_NOW - 3600, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
        assert_int_equal(choose_with(&withdrawn, issuers), OUTCOME_OK);
        char *pem = list_of(&trusted, rows[i].next, names);
        size_t old = 9;
        assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, &old), 0);
        free(pem);
        assert_int_equal(old, rows[i].old);
        assert_int_equal(choose_with(&withdrawn, issuers), OUTCOME_CERTIFICATE_REVOKED);
        assert_int_equal(choose_with(&good, issuers), OUTCOME_OK);
    }
}

/* It says nothing of others' certificates, and nobody can make one in the issuer's name. */
static void only_the_issuers_own_list_counts(void **state)
{
    (void)state;
    struct made card = rig_make(&(struct recipe){0}, &trusted);
    struct made namesake = rig_make(
        &(struct recipe){.key = "P-256 impostor", .subject = "CN=root", .authority = true}, NULL);
    const struct made *const names[] = {&card, NULL};
    CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
    char *pem = list_of(&stranger, RIG_NOW + 86400, names);
    assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, NULL), 0);
    free(pem);
    assert_int_equal(choose_with(&card, issuers), OUTCOME_OK);
    pem = list_of(&namesake, RIG_NOW + 86400, names);
    assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, NULL), 0);
    free(pem);
    assert_int_equal(choose_with(&card, issuers), OUTCOME_OK);
}

/* Nor does it hide the issuer's, before it or behind it, however new it is. */
static void a_forged_list_hides_no_other(void **state)
{
    (void)state;
    struct made withdrawn = rig_make(&(struct recipe){0}, &trusted);
    struct made namesake = rig_make(
        &(struct recipe){.key = "P-256 impostor", .subject = "CN=root", .authority = true}, NULL);
    const struct made *const nobody[] = {NULL}, *const names[] = {&withdrawn, NULL};
    for (int forged_first = 0; forged_first < 2; forged_first++) {
        CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
        for (int i = 0; i < 2; i++) {
            char *pem = (i == 0) == forged_first ? list_of(&namesake, RIG_NOW + 2 * 86400, nobody)
                                                 : list_of(&trusted, RIG_NOW + 86400, names);
            assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, NULL), 0);
            free(pem);
        }
        assert_int_equal(choose_with(&withdrawn, issuers), OUTCOME_CERTIFICATE_REVOKED);
    }
}

static void cards_of_an_authority_that_was_withdrawn_are_refused(void **state)
{
    (void)state;
    const struct made *const names[] = {&sub, NULL};
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
    add_issued(&card, &sub);
    rig_add(&card, &sub, 0);
    assert_int_equal(choose(&card, issuers).result, OUTCOME_OK);
    char *pem = list_of(&trusted, RIG_NOW + 86400, names);
    assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, NULL), 0);
    free(pem);
    assert_int_equal(choose(&card, issuers).result, OUTCOME_CERTIFICATE_REVOKED);
}

static void list_files_are_read_strictly(void **state)
{
    (void)state;
    const struct made *const nobody[] = {NULL};
    CLEANUP(issuers_free) struct issuers *issuers = rig_issuers(&trusted);
    char *pem = list_of(&trusted, RIG_NOW + 86400, nobody);
    assert_int_equal(issuers_add_lists(issuers, "", 0, RIG_NOW, NULL), -ENODATA);
    assert_int_equal(issuers_add_lists(issuers, "text", 4, RIG_NOW, NULL), -ENODATA);
    assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem) - 30, RIG_NOW, NULL), -EBADMSG);
    pem[strlen(pem) / 2] = '!';
    assert_int_equal(issuers_add_lists(issuers, pem, strlen(pem), RIG_NOW, NULL), -EBADMSG);
    free(pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_are_built_from_the_card),
        cmocka_unit_test(authorities_count_only_while_they_are_valid),
        cmocka_unit_test(an_authority_of_the_same_name_is_not_the_same),
        cmocka_unit_test(issuer_files_are_read_strictly),
        cmocka_unit_test(a_card_in_its_issuers_list_is_refused),
        cmocka_unit_test(only_the_issuers_own_list_counts),
        cmocka_unit_test(a_forged_list_hides_no_other),
        cmocka_unit_test(cards_of_an_authority_that_was_withdrawn_are_refused),
        cmocka_unit_test(list_files_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, make_authorities, release_authorities);
}
