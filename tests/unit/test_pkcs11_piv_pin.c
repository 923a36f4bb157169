/* SPDX-License-Identifier: MIT */
/* Another PIN for a PIV card, by its PIN or its PUK; and what is left of them in memory: nothing.
 */
#include "test_pkcs11_piv_rig.h"

#include "ipc/base/cleanup.h"

static void expect_pin(uint8_t type, const struct wish *wish, const char *new_pin, int outcome,
                       uint8_t puk_tries)
{
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    assert_int_equal(helper_pin(&helper, type, wish, new_pin, &reply), 0);
    assert_string_equal(outcome_reason((int)reply.result), outcome_reason(outcome));
    assert_int_equal(reply.puk_tries_left, puk_tries);
}

static void pin_is_changed_by_who_knows_it(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "bob", READER_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, WRONG_PIN);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, "777777", OUTCOME_PIN_WRONG, CARD_TRIES_UNKNOWN);
    assert_string_equal(sandbox_do(&sandbox, "tries bob"), "2");
    unsigned before = count_of("verify=");
    wish.pin = RIGHT_PIN;
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, "123", OUTCOME_PIN_REFUSED, CARD_TRIES_UNKNOWN);
    assert_int_equal(count_of("verify="), before);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, "777777", OUTCOME_OK, CARD_TRIES_UNKNOWN);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    wish.pin = "777777";
    expect_signature(&wish);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, RIGHT_PIN, OUTCOME_OK, CARD_TRIES_UNKNOWN);
}

/* The virtual card cannot have its PUK unblocked, so Carol's keeps the tries that are left. */
static void puk_opens_a_blocked_card(void **state)
{
    (void)state;
    static const char puk[] = "12345678", wrong_puk[] = "11112222";
    const struct card_token *token = insert("reader-1", "bob", READER_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, WRONG_PIN);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 1);
    expect_refusal(&wish, OUTCOME_PIN_BLOCKED, 0);
    wish.pin = RIGHT_PIN;
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, "777777", OUTCOME_PIN_BLOCKED, CARD_TRIES_UNKNOWN);
    wish.pin = wrong_puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_WRONG, 2);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_WRONG, 1);
    wish.pin = puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777", OUTCOME_PIN_REFUSED, CARD_TRIES_UNKNOWN);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, RIGHT_PIN, OUTCOME_OK, CARD_TRIES_UNKNOWN);
    wish.pin = RIGHT_PIN;
    expect_signature(&wish);
    take_out("reader-1", READER_1);

    token = insert("reader-1", "carol", READER_1);
    wish = wish_for(token, AUTHENTICATION, CARD_ES384, wrong_puk);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_WRONG, 2);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_WRONG, 1);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_BLOCKED, 0);
    wish.pin = puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_BLOCKED, 0);
    wish.pin = RIGHT_PIN;
    expect_signature(&wish);
}

static void pin_of_a_swapped_card_is_left_alone(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "alice", READER_1);
    struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, WRONG_PIN);
    sandbox_do(&sandbox, "swap reader-1 bob");
    for (int type = CARD_REQUEST_PIN_CHANGE; type <= CARD_REQUEST_PIN_UNBLOCK; type++) {
        CLEANUP(card_reply_deinit) struct card_reply reply = {0};
        assert_int_equal(helper_pin(&helper, (uint8_t)type, &alice, "777777", &reply), 0);
        expect_not_that_card((int)reply.result);
    }
    assert_string_equal(sandbox_do(&sandbox, "tries bob"), "3");
}

/* The virtual pad takes a PIN, but not a new one. */
static void pad_that_takes_no_new_pin_says_so(void **state)
{
    (void)state;
    const struct card_token *token = insert("pinpad-1", "bob", PINPAD_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, NULL);
    sandbox_do(&sandbox, "pinpad pinpad-1 %s", RIGHT_PIN);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, NULL, OUTCOME_CARD_UNABLE, CARD_TRIES_UNKNOWN);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, NULL, OUTCOME_CARD_UNABLE, CARD_TRIES_UNKNOWN);
    token = look(PINPAD_1);
    assert_int_equal(token->tries_left, 3);
}

static void skip_unless_searched(int count)
{
    if (count >= 0)
        return;
    print_message("the helper's memory cannot be looked through here\n");
    skip();
}

static void new_pin_and_puk_are_gone_from_memory(void **state)
{
    (void)state;
    static const char puk[] = "12345678", canary[] = "71830465", wrong_puk[] = "60391847";
    const struct card_token *token = insert("reader-1", "bob", READER_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, RIGHT_PIN);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, canary, OUTCOME_OK, CARD_TRIES_UNKNOWN);
    wish.pin = wrong_puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, canary, OUTCOME_PUK_WRONG, 2);
    wish.pin = puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, canary, OUTCOME_OK, CARD_TRIES_UNKNOWN);
    int left[] = {helper_memory_count(&helper, canary), helper_memory_count(&helper, wrong_puk),
                  helper_memory_count(&helper, puk)};
    sandbox_do(&sandbox, "pin bob %s", RIGHT_PIN);
    skip_unless_searched(left[0]);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(left[i], 0);
}

static void pin_is_gone_from_memory(void **state)
{
    (void)state;
    static const char canary[] = "71830465";
    const struct card_token *token = insert("reader-1", "carol", READER_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES384, canary);
    assert_int_equal(helper_sign_result(&helper, &wish), OUTCOME_PIN_WRONG);
    int after_wrong = helper_memory_count(&helper, canary);
    sandbox_do(&sandbox, "pin carol %s", canary);
    int r = helper_sign_result(&helper, &wish);
    int after_right = helper_memory_count(&helper, canary);
    sandbox_do(&sandbox, "pin carol %s", RIGHT_PIN);
    assert_int_equal(r, OUTCOME_OK);
    skip_unless_searched(after_wrong);
    assert_int_equal(after_wrong, 0);
    assert_int_equal(after_right, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pin_is_changed_by_who_knows_it),       TEST(puk_opens_a_blocked_card),
        TEST(pin_of_a_swapped_card_is_left_alone),  TEST(pad_that_takes_no_new_pin_says_so),
        TEST(new_pin_and_puk_are_gone_from_memory), TEST(pin_is_gone_from_memory),
    };
    return cmocka_run_group_tests(tests, piv_set_up, piv_tear_down);
}
