/* SPDX-License-Identifier: MIT */
/*
 * lanyard-card with SoftHSM 2, a module that behaves: every kind of key and every algorithm, each
 * signature verified with OpenSSL against the certificate. Skipped where SoftHSM or pkcs11-tool is
 * not installed.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "test_pkcs11_rig.h"
#include "test_pkcs11_sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char right_pin[] = "58203917";
static char folder[256];
static const char *module;

/* A token with five keys, ids 1 to 5, and an authority's certificate, id 6. */
static const char make_token[] =
    "mkdir tokens\n"
    "softhsm2-util --init-token --free --label Lanyard --so-pin 87654321 --pin $PIN\n"
    "add() {\n"
    "  openssl req -x509 -newkey $2 -nodes -keyout k.pem -out c.pem -subj /CN=$1 -days 2 \\\n"
    "    -addext basicConstraints=critical,CA:$3\n"
    "  openssl x509 -in c.pem -outform DER -out c.der\n"
    "  pkcs11-tool --module $MODULE --login --pin $PIN --write-object c.der --type cert --id $1\n"
    "  [ $3 = TRUE ] || softhsm2-util --import k.pem --token Lanyard --label $1 --id $1 --pin "
    "$PIN\n"
    "}\n"
    "add 01 rsa:2048 FALSE\n"
    "add 02 rsa:3072 FALSE\n"
    "add 03 rsa:4096 FALSE\n"
    "add 04 'ec -pkeyopt ec_paramgen_curve:P-256' FALSE\n"
    "add 05 'ec -pkeyopt ec_paramgen_curve:P-384' FALSE\n"
    "add 06 rsa:2048 TRUE\n"
    "add 07 rsa:1024 FALSE\n";

static const char *find_module(void)
{
    static const char *const paths[] = {"/usr/lib/softhsm/libsofthsm2.so",
                                        "/usr/lib64/pkcs11/libsofthsm2.so",
                                        "/usr/lib/pkcs11/libsofthsm2.so"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (access(paths[i], R_OK) == 0)
            return paths[i];
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    module = find_module();
    if (!module || system("command -v softhsm2-util pkcs11-tool >/dev/null") != 0) {
        print_message("SoftHSM 2 or pkcs11-tool is not installed\n");
        module = NULL;
        return 0;
    }
    make_folder(folder, sizeof folder);
    char conf[300];
    snprintf(conf, sizeof conf, "%s/softhsm2.conf", folder);
    FILE *f = fopen(conf, "we");
    assert_non_null(f);
    fprintf(f, "directories.tokendir = %s/tokens\nobjectstore.backend = file\n", folder);
    assert_int_equal(fclose(f), 0);
    setenv("SOFTHSM2_CONF", conf, 1);
    setenv("MODULE", module, 1);
    setenv("PIN", right_pin, 1);
    run_script(folder, make_token);
    unsetenv("PIN");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (module)
        remove_folder(folder);
    return 0;
}

static const struct card_token *list_token(struct helper *h, struct card_reply *list)
{
    if (!module)
        skip();
    helper_start(h, module);
    assert_int_equal(helper_list(h, list), 0);
    assert_int_equal(list->result, OUTCOME_OK);
    const struct card_token *token = find_token(list, "Lanyard");
    assert_non_null(token);
    return token;
}

static void keys_are_listed_with_what_they_can_do(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    const struct card_token *token = list_token(&h, &list);
    static const unsigned expected[] = {0,
                                        CARD_RS256 | CARD_PS256,
                                        CARD_RS256 | CARD_PS256,
                                        CARD_RS256 | CARD_PS256,
                                        CARD_ES256,
                                        CARD_ES384,
                                        0 /* an authority's */,
                                        0 /* RSA-1024 */};
    assert_int_equal(token->certificate_count, 7);
    for (uint8_t id = 1; id <= 7; id++) {
        assert_non_null(find_id(token, id));
        assert_int_equal(find_id(token, id)->algorithms, expected[id]);
    }
    assert_true(token->flags & CARD_LOGIN_REQUIRED);
    assert_int_equal(token->tries_left, CARD_TRIES_UNKNOWN);
    assert_int_equal(token->events, CARD_EVENTS_UNKNOWN);
    helper_stop(&h);
}

static void blank_token_is_empty_not_unreadable(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    list_token(&h, &list);
    /* SoftHSM always offers one more, to be set up. */
    assert_int_equal(list.token_count, 2);
    for (size_t i = 0; i < list.token_count; i++)
        assert_false(list.tokens[i].flags & CARD_UNREADABLE);
    helper_stop(&h);
}

static void every_signature_verifies(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    const struct card_token *token = list_token(&h, &list);
    unsigned made = 0;
    for (size_t i = 0; i < token->certificate_count; i++)
        for (unsigned algorithm = 1; algorithm <= CARD_ALGORITHMS; algorithm <<= 1) {
            CLEANUP(card_reply_deinit) struct card_reply reply = {0};
            struct wish wish = {token, &token->certificates[i], algorithm, right_pin};
            if (!(wish.certificate->algorithms & algorithm))
                continue;
            assert_int_equal(helper_sign(&h, &wish, &reply), 0);
            assert_true(signature_valid(&wish, &reply));
            made++;
        }
    assert_int_equal(made, 8);
    helper_stop(&h);
}

static void pin_is_changed_and_set_anew(void **state)
{
    (void)state;
    static const char so_pin[] = "87654321", other_pin[] = "11223344";
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    const struct card_token *token = list_token(&h, &list);
    struct wish wish = {token, find_id(token, 4), CARD_ES256, right_pin};
    const struct {
        uint8_t type;
        const char *secret, *new_pin;
        int outcome;
    } steps[] = {
        {CARD_REQUEST_PIN_CHANGE, "00000000", other_pin, OUTCOME_PIN_WRONG},
        {CARD_REQUEST_PIN_CHANGE, right_pin, other_pin, OUTCOME_OK},
        {CARD_REQUEST_PIN_UNBLOCK, "00000000", right_pin, OUTCOME_PUK_WRONG},
        {CARD_REQUEST_PIN_UNBLOCK, so_pin, right_pin, OUTCOME_OK},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        CLEANUP(card_reply_deinit) struct card_reply reply = {0};
        wish.pin = steps[i].secret;
        assert_int_equal(helper_pin(&h, steps[i].type, &wish, steps[i].new_pin, &reply), 0);
        assert_string_equal(outcome_reason((int)reply.result), outcome_reason(steps[i].outcome));
    }
    wish.pin = right_pin;
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_OK);
    helper_stop(&h);
}

static void wrong_pin_signs_nothing_and_the_right_one_still_does(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    const struct card_token *token = list_token(&h, &list);
    struct wish wish = {token, find_id(token, 4), CARD_ES256, "00000000"};
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_PIN_WRONG);
    wish.pin = "0";
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_PIN_FORMAT);
    wish.pin = right_pin;
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_OK);
    helper_stop(&h);
}

/* The rule of slots.h assumes a key it cannot see; here there is none behind the authority. */
static void missing_key_is_no_certificate(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    const struct card_token *token = list_token(&h, &list);
    struct wish wish = {token, find_id(token, 6), CARD_RS256, right_pin};
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_NO_CERTIFICATE);
    helper_stop(&h);
}

static void pin_is_gone_from_memory(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    const struct card_token *token = list_token(&h, &list);
    struct wish wish = {token, find_id(token, 1), CARD_RS256, right_pin};
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_OK);
    int count = helper_memory_count(&h, right_pin);
    helper_stop(&h);
    card_reply_deinit(&list); /* skip() does not come back */
    if (count < 0) {
        print_message("the helper's memory cannot be looked through here\n");
        skip();
    }
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_listed_with_what_they_can_do),
        cmocka_unit_test(blank_token_is_empty_not_unreadable),
        cmocka_unit_test(every_signature_verifies),
        cmocka_unit_test(pin_is_changed_and_set_anew),
        cmocka_unit_test(wrong_pin_signs_nothing_and_the_right_one_still_does),
        cmocka_unit_test(missing_key_is_no_certificate),
        cmocka_unit_test(pin_is_gone_from_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
