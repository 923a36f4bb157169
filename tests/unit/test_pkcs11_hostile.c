/* SPDX-License-Identifier: MIT */
/*
 * The real lanyard-card with modules that crash, hang, lie and meddle (tests/fake/pkcs11): whatever
 * the module does, the agent sees a well-formed reply or the end of the helper, and the PIN is sent
 * no more often than it may be.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "test_pkcs11_rig.h"
#include "test_pkcs11_sandbox.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MODULE(name) LANYARD_BUILD "/tests/fake/pkcs11/fake-" name ".so"

static const char good_pin[] = "123456";
static char folder[256], journal[300];

static int set_up(void **state)
{
    (void)state;
    make_folder(folder, sizeof folder);
    snprintf(journal, sizeof journal, "%s/journal", folder);
    setenv("FAKE_PKCS11_JOURNAL", journal, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static void start(struct helper *h, const char *module, const char *wish)
{
    setenv("FAKE_PKCS11", wish, 1);
    helper_start(h, module);
}

/* Lists, and signs with the first certificate of the first token. */
static int list_and_sign(struct helper *h, const char *pin)
{
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    int r = helper_list(h, &list);
    if (r < 0 || list.result != 0)
        return r < 0 ? r : (int)list.result;
    unlink(journal);
    assert_true(list.token_count >= 1);
    struct wish wish = {&list.tokens[0], &list.tokens[0].certificates[0], CARD_ES256, pin};
    return helper_sign_result(h, &wish);
}

static void expect_journal(const char *expected)
{
    char text[512] = "";
    FILE *f = fopen(journal, "re");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[len] = '\0';
    if (f)
        fclose(f);
    assert_string_equal(text, expected);
}

/* ---- the module as it should be ---- */

static void honest_module_signs(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("honest"), "");
    assert_int_equal(list_and_sign(&h, good_pin), OUTCOME_OK);
    expect_journal("login\nsign\nlogout\nclose\n");
    assert_int_equal(list_and_sign(&h, "111111"), OUTCOME_PIN_WRONG);
    expect_journal("login\nclose\n");
    int status = helper_wait(&h);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void signature_is_valid_and_tries_come_back(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    start(&h, MODULE("honest"), "");
    assert_int_equal(helper_list(&h, &list), 0);
    assert_int_equal(list.tokens[0].certificates[0].algorithms, CARD_ES256);
    assert_int_equal(list.tokens[0].tries_left, CARD_TRIES_UNKNOWN);
    struct wish wish = {&list.tokens[0], &list.tokens[0].certificates[0], CARD_ES256, good_pin};
    assert_int_equal(helper_sign(&h, &wish, &reply), 0);
    assert_true(signature_valid(&wish, &reply));
    helper_stop(&h);
}

static void third_wrong_pin_blocks(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("honest"), "");
    assert_int_equal(list_and_sign(&h, "111111"), OUTCOME_PIN_WRONG);
    assert_int_equal(list_and_sign(&h, "111111"), OUTCOME_PIN_WRONG);
    /* This one is CKR_PIN_INCORRECT too; only the flags say more. */
    assert_int_equal(list_and_sign(&h, "111111"), OUTCOME_PIN_BLOCKED);
    expect_journal("login\nclose\n");
    assert_int_equal(list_and_sign(&h, good_pin), OUTCOME_PIN_BLOCKED);
    expect_journal("");
    helper_stop(&h);
}

static void impossible_pin_never_reaches_the_card(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("honest"), "");
    assert_int_equal(list_and_sign(&h, "123"), OUTCOME_PIN_FORMAT);
    assert_int_equal(list_and_sign(&h, "123456789"), OUTCOME_PIN_FORMAT);
    /* No PIN is a PIN pad's; this reader has none. */
    assert_int_equal(list_and_sign(&h, NULL), OUTCOME_PIN_FORMAT);
    expect_journal("");
    helper_stop(&h);
}

static void key_with_its_own_login_gets_the_pin_twice(void **state)
{
    (void)state;
    struct helper h;
    setenv("FAKE_PKCS11_EACH_USE", "1", 1);
    start(&h, MODULE("honest"), "");
    unsetenv("FAKE_PKCS11_EACH_USE");
    assert_int_equal(list_and_sign(&h, good_pin), OUTCOME_OK);
    expect_journal("login\nlogin-for-key\nsign\nlogout\nclose\n");
    assert_int_equal(list_and_sign(&h, "111111"), OUTCOME_PIN_WRONG);
    expect_journal("login\nclose\n");
    helper_stop(&h);
}

/* Of the first card; the journal then has this request's own. */
static int set_pin(struct helper *h, uint8_t type, const char *secret, const char *new_pin)
{
    CLEANUP(card_reply_deinit) struct card_reply list = {0}, reply = {0};
    assert_int_equal(helper_list(h, &list), 0);
    unlink(journal);
    struct wish wish = {&list.tokens[0], &list.tokens[0].certificates[0], CARD_ES256, secret};
    int r = helper_pin(h, type, &wish, new_pin, &reply);
    return r < 0 ? r : (int)reply.result;
}

static void pin_is_changed_as_the_standard_has_it(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("honest"), "");
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_CHANGE, "111111", "2222"), OUTCOME_PIN_WRONG);
    expect_journal("login\nclose\n");
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_CHANGE, good_pin, "000000"), OUTCOME_PIN_REFUSED);
    expect_journal("login\nset-pin\nlogout\nclose\n");
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_CHANGE, good_pin, "22"), OUTCOME_PIN_REFUSED);
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_CHANGE, NULL, NULL), OUTCOME_PIN_FORMAT);
    expect_journal("");
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_CHANGE, good_pin, "2222"), OUTCOME_OK);
    expect_journal("login\nset-pin\nlogout\nclose\n");
    assert_int_equal(list_and_sign(&h, "2222"), OUTCOME_OK);
    helper_stop(&h);
}

static void puk_is_the_security_officers_pin(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("honest"), "");
    for (int i = 0; i < 3; i++)
        list_and_sign(&h, "111111");
    assert_int_equal(list_and_sign(&h, good_pin), OUTCOME_PIN_BLOCKED);
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_CHANGE, good_pin, "2222"), OUTCOME_PIN_BLOCKED);
    expect_journal("");
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_UNBLOCK, "00000000", "2222"), OUTCOME_PUK_WRONG);
    expect_journal("login-so\nclose\n");
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_UNBLOCK, "12345678", "000000"),
                     OUTCOME_PIN_REFUSED);
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_UNBLOCK, "12345678", "2222"), OUTCOME_OK);
    expect_journal("login-so\ninit-pin\nlogout\nclose\n");
    assert_int_equal(list_and_sign(&h, "2222"), OUTCOME_OK);
    helper_stop(&h);
}

static void pin_pad_takes_old_and_new(void **state)
{
    (void)state;
    struct helper h;
    setenv("FAKE_PKCS11_PAD", "1", 1);
    start(&h, MODULE("honest"), "");
    unsetenv("FAKE_PKCS11_PAD");
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_CHANGE, NULL, NULL), OUTCOME_OK);
    expect_journal("login\nset-pin\nlogout\nclose\n");
    assert_int_equal(set_pin(&h, CARD_REQUEST_PIN_UNBLOCK, NULL, NULL), OUTCOME_OK);
    expect_journal("login-so\ninit-pin\nlogout\nclose\n");
    helper_stop(&h);
}

static void another_certificate_is_refused_before_the_pin(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    start(&h, MODULE("honest"), "");
    assert_int_equal(helper_list(&h, &list), 0);
    struct card_certificate *certificate = &list.tokens[0].certificates[0];
    struct wish wish = {&list.tokens[0], certificate, CARD_ES256, good_pin};
    unlink(journal);
    certificate->der.data[40] ^= 1;
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_CARD_CHANGED);
    certificate->der.data[40] ^= 1;
    wish.algorithm = CARD_RS256;
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_KEY_UNSUITABLE);
    wish.algorithm = CARD_ES256;
    certificate->id.data[0]++;
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_CARD_CHANGED);
    expect_journal("close\nclose\nclose\n");
    list.tokens[0].slot++;
    assert_int_equal(helper_sign_result(&h, &wish), OUTCOME_CARD_REMOVED);
    helper_stop(&h);
}

/* ---- the module as it should not be ---- */

static void module_that_ends_its_process(void **state)
{
    (void)state;
    static const char *const functions[] = {
        "C_Initialize", "C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_GetAttributeValue",
        "C_Login",      "C_Sign",        "C_Logout",       "C_CloseSession"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        for (int crash = 0; crash < 2; crash++) {
            struct helper h;
            char wish[64];
            snprintf(wish, sizeof wish, "%s@%s", crash ? "crash" : "exit", functions[i]);
            start(&h, MODULE("trouble"), wish);
            assert_true(helper_gone(list_and_sign(&h, good_pin)));
            int status = helper_wait(&h);
            assert_int_equal(WIFSIGNALED(status), crash);
        }
}

static void module_that_hangs_is_killed_from_outside(void **state)
{
    (void)state;
    struct helper h;
    struct card_request request = {.type = CARD_REQUEST_LIST};
    start(&h, MODULE("trouble"), "hang@C_GetSlotList");
    helper_send(&h, &request);
    assert_false(helper_has_answered(&h, 200));
    kill(h.pid, SIGKILL);
    assert_true(helper_has_answered(&h, -1));
    helper_wait(&h);
}

static void module_that_is_slow_is_waited_for(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("trouble"), "slow@C_Sign");
    assert_int_equal(list_and_sign(&h, good_pin), OUTCOME_OK);
    helper_stop(&h);
}

static void odd_codes_become_outcomes(void **state)
{
    (void)state;
    static const struct {
        const char *wish;
        int outcome;
    } cases[] = {
        {"0x5@C_Initialize", OUTCOME_CARD_MODULE_FAILED},
        {"0xdeadbeef@C_Initialize", OUTCOME_CARD_MODULE_FAILED},
        {"missing@C_Initialize", OUTCOME_CARD_MODULE_FAILED},
        {"0x5@C_GetSlotList", OUTCOME_CARD_MODULE_FAILED},
        {"missing@C_GetSlotInfo", OUTCOME_CARD_MODULE_FAILED},
        {"0x50@C_Login", OUTCOME_CANCELLED},
        {"0x5@C_Login", OUTCOME_CARD_MODULE_FAILED},
        {"0xa4@C_Login", OUTCOME_PIN_BLOCKED},
        {"0x100@C_Login", OUTCOME_CARD_MODULE_FAILED},
        {"0x104@C_Login", OUTCOME_CARD_BUSY},
        {"missing@C_Login", OUTCOME_CARD_MODULE_FAILED},
        {"0x70@C_SignInit", OUTCOME_KEY_UNSUITABLE},
        {"missing@C_SignInit", OUTCOME_CARD_MODULE_FAILED},
        {"0x30@C_Sign", OUTCOME_CARD_UNREADABLE},
        {"0x32@C_Sign", OUTCOME_CARD_REMOVED},
        {"0x5@C_Sign", OUTCOME_CARD_MODULE_FAILED},
        {"0xffffffffffffffff@C_Sign", OUTCOME_CARD_MODULE_FAILED},
        {"missing@C_Sign", OUTCOME_CARD_MODULE_FAILED},
        /* What goes wrong in tidying up does not undo a signature. */
        {"0x5@C_Logout", OUTCOME_OK},
        {"missing@C_Logout", OUTCOME_OK},
        {"0x5@C_CloseSession", OUTCOME_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct helper h;
        start(&h, MODULE("trouble"), cases[i].wish);
        int r = list_and_sign(&h, good_pin);
        if (r != cases[i].outcome)
            fail_msg("%s: %s", cases[i].wish, outcome_reason(r));
        helper_stop(&h);
    }
}

/* What a LIST with this module comes to, as seen by the first token's flags. */
static void expect_unreadable(const char *module, const char *wish)
{
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    start(&h, module, wish);
    assert_int_equal(helper_list(&h, &list), 0);
    assert_int_equal(list.result, OUTCOME_OK);
    assert_int_equal(list.token_count, 1);
    assert_true(list.tokens[0].flags & CARD_UNREADABLE);
    assert_int_equal(list.tokens[0].certificate_count, 0);
    assert_string_equal(list.tokens[0].reader, "Fake Reader");
    helper_stop(&h);
}

static void card_that_cannot_be_read_is_reported(void **state)
{
    (void)state;
    expect_unreadable(MODULE("trouble"), "0xe1@C_GetTokenInfo");
    expect_unreadable(MODULE("trouble"), "0x30@C_OpenSession");
    expect_unreadable(MODULE("trouble"), "0x5@C_FindObjectsInit");
    expect_unreadable(MODULE("trouble"), "0x5@C_GetAttributeValue");
    expect_unreadable(MODULE("liar"), "objects");
    expect_unreadable(MODULE("liar"), "attributes");
    expect_unreadable(MODULE("liar"), "unavailable");
}

static void lies_are_seen_through(void **state)
{
    (void)state;
    static const char *const lies[] = {"slots", "short", "long", "logged-in"};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct helper h;
        start(&h, MODULE("liar"), lies[i]);
        assert_int_equal(list_and_sign(&h, good_pin), OUTCOME_CARD_MODULE_FAILED);
        helper_stop(&h);
    }
    /* The last of them was logged in: the PIN went out once, and a login nobody vouched for ended.
     */
    expect_journal("login\nlogout\nclose\n");
}

static void texts_are_made_harmless(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    start(&h, MODULE("liar"), "texts");
    assert_int_equal(helper_list(&h, &list), 0);
    assert_string_equal(list.tokens[0].label, "two?lines ?[31mred ?");
    assert_string_equal(list.tokens[0].serial, "????????????????");
    assert_int_equal(list.tokens[0].pin_max, 0);
    helper_stop(&h);
}

static void more_than_the_bounds_is_left_out(void **state)
{
    (void)state;
    struct helper h;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    start(&h, MODULE("liar"), "many");
    assert_int_equal(helper_list(&h, &list), 0);
    assert_int_equal(list.token_count, CARD_TOKENS_MAX);
    for (size_t i = 0; i < list.token_count; i++)
        assert_int_equal(list.tokens[i].certificate_count, CARD_CERTIFICATES_MAX);
    helper_stop(&h);
}

static void module_that_prints_harms_nobody(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("descriptors"), "print");
    assert_int_equal(list_and_sign(&h, good_pin), OUTCOME_OK);
    helper_stop(&h);
}

static void module_that_closes_everything_ends_its_helper(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("descriptors"), "close");
    assert_true(helper_gone(list_and_sign(&h, good_pin)));
    helper_wait(&h);
}

static int first_answer(const char *module, const char *wish)
{
    struct helper h;
    start(&h, module, wish);
    int r = list_and_sign(&h, good_pin);
    helper_stop(&h);
    return r;
}

static void modules_that_are_none(void **state)
{
    (void)state;
    assert_int_equal(first_answer("/nonexistent/module.so", ""), OUTCOME_CARD_MODULE_MISSING);
    assert_int_equal(first_answer("libc.so.6", ""), OUTCOME_CARD_MODULE_MISSING);
    assert_int_equal(first_answer("/etc/passwd", ""), OUTCOME_CARD_MODULE_MISSING);
    assert_int_equal(first_answer(MODULE("no-entry"), ""), OUTCOME_CARD_MODULE_MISSING);
    static const char *const wishes[] = {"null", "refused", "version", "empty"};
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
        assert_int_equal(first_answer(MODULE("no-functions"), wishes[i]),
                         OUTCOME_CARD_MODULE_FAILED);
}

/* ---- the process ---- */

static const char canary[] = "71830465";

/* Sends a request to sign with the canary as PIN, after a list. */
static void send_canary(struct helper *h)
{
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    assert_int_equal(helper_list(h, &list), 0);
    struct wish wish = {&list.tokens[0], &list.tokens[0].certificates[0], CARD_ES256, canary};
    helper_send_sign(h, &wish);
}

static void pin_is_gone_from_memory_after_the_reply(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("trouble"), "hang@C_Login");
    send_canary(&h);
    assert_false(helper_has_answered(&h, 200));
    int during = helper_memory_count(&h, canary);
    helper_stop(&h);
    if (during < 0) {
        print_message("the helper's memory cannot be looked through here\n");
        skip();
    }
    /* While the module has it: our one copy. */
    assert_int_equal(during, 1);

    start(&h, MODULE("honest"), "");
    send_canary(&h);
    assert_true(helper_has_answered(&h, -1));
    assert_int_equal(helper_memory_count(&h, canary), 0);
    helper_stop(&h);
}

static void malformed_request_ends_the_helper(void **state)
{
    (void)state;
    struct helper h;
    start(&h, MODULE("honest"), "");
    static const uint8_t frame[] = {0, 0, 0, 7, 1, 1, 0, 0, 0, 1, 0xff};
    assert_int_equal(write(h.fd, frame, sizeof frame), sizeof frame);
    uint8_t byte;
    assert_int_equal(read(h.fd, &byte, 1), 0);
    int status = helper_wait(&h);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_module_signs),
        cmocka_unit_test(pin_is_changed_as_the_standard_has_it),
        cmocka_unit_test(puk_is_the_security_officers_pin),
        cmocka_unit_test(pin_pad_takes_old_and_new),
        cmocka_unit_test(signature_is_valid_and_tries_come_back),
        cmocka_unit_test(third_wrong_pin_blocks),
        cmocka_unit_test(impossible_pin_never_reaches_the_card),
        cmocka_unit_test(key_with_its_own_login_gets_the_pin_twice),
        cmocka_unit_test(another_certificate_is_refused_before_the_pin),
        cmocka_unit_test(module_that_ends_its_process),
        cmocka_unit_test(module_that_hangs_is_killed_from_outside),
        cmocka_unit_test(module_that_is_slow_is_waited_for),
        cmocka_unit_test(odd_codes_become_outcomes),
        cmocka_unit_test(card_that_cannot_be_read_is_reported),
        cmocka_unit_test(lies_are_seen_through),
        cmocka_unit_test(texts_are_made_harmless),
        cmocka_unit_test(more_than_the_bounds_is_left_out),
        cmocka_unit_test(module_that_prints_harms_nobody),
        cmocka_unit_test(module_that_closes_everything_ends_its_helper),
        cmocka_unit_test(modules_that_are_none),
        cmocka_unit_test(pin_is_gone_from_memory_after_the_reply),
        cmocka_unit_test(malformed_request_ends_the_helper),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
