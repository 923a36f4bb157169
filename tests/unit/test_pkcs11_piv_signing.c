/* SPDX-License-Identifier: MIT */
/* What PIV cards sign, and what it costs them in PINs and tries. */
#include "test_pkcs11_piv_rig.h"

static void every_key_signs(void **state)
{
    (void)state;
    static const struct {
        const char *card;
        unsigned algorithms;
    } cards[] = {{"alice", CARD_RS256 | CARD_PS256}, {"bob", CARD_ES256}, {"carol", CARD_ES384}};
    for (size_t i = 0; i < 3; i++) {
        const struct card_token *token = insert("reader-1", cards[i].card, READER_1);
        assert_int_equal(token->tries_left, 3);
        for (int key = AUTHENTICATION; key <= SIGNATURE; key++) {
            uint8_t id = (uint8_t)key;
            assert_int_equal(find_id(token, id)->algorithms, cards[i].algorithms);
            for (unsigned algorithm = 1; algorithm <= CARD_ALGORITHMS; algorithm <<= 1)
                if (cards[i].algorithms & algorithm) {
                    struct wish wish = wish_for(token, id, algorithm, RIGHT_PIN);
                    expect_signature(&wish);
                }
        }
        take_out("reader-1", READER_1);
    }
}

static void pin_is_sent_once_or_twice_for_a_key_that_asks(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "bob", READER_1);
    struct wish once = wish_for(token, AUTHENTICATION, CARD_ES256, RIGHT_PIN);
    struct wish twice = wish_for(token, SIGNATURE, CARD_ES256, RIGHT_PIN);
    unsigned before = count_of("verify=");
    expect_signature(&once);
    assert_int_equal(count_of("verify="), before + 1);
    expect_signature(&twice);
    assert_int_equal(count_of("verify="), before + 3);
    twice.pin = WRONG_PIN;
    expect_refusal(&twice, OUTCOME_PIN_WRONG, 2);
    assert_int_equal(count_of("verify="), before + 4);
}

static void tries_go_down_to_blocked(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "bob", READER_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, WRONG_PIN);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 1);
    wish.pin = RIGHT_PIN;
    expect_signature(&wish);
    wish.pin = WRONG_PIN;
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 1);
    expect_refusal(&wish, OUTCOME_PIN_BLOCKED, 0);
    unsigned before = count_of("verify=");
    wish.pin = RIGHT_PIN;
    expect_refusal(&wish, OUTCOME_PIN_BLOCKED, 0);
    assert_int_equal(count_of("verify="), before);
    token = look(READER_1);
    assert_int_equal(token->tries_left, 0);
    assert_true(token->flags & CARD_PIN_LOCKED);
}

static void pin_pad_is_used_and_may_be_left(void **state)
{
    (void)state;
    const struct card_token *token = insert("pinpad-1", "bob", PINPAD_1);
    assert_true(token->flags & CARD_PIN_PAD);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, NULL);
    sandbox_do(&sandbox, "pinpad pinpad-1 %s", RIGHT_PIN);
    expect_signature(&wish);
    sandbox_do(&sandbox, "pinpad pinpad-1 %s", WRONG_PIN);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    sandbox_do(&sandbox, "pinpad pinpad-1 cancel");
    expect_refusal(&wish, OUTCOME_CANCELLED, 2);
    sandbox_do(&sandbox, "pinpad pinpad-1 %s", RIGHT_PIN);
    expect_signature(&wish);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_key_signs),
        TEST(pin_is_sent_once_or_twice_for_a_key_that_asks),
        TEST(tries_go_down_to_blocked),
        TEST(pin_pad_is_used_and_may_be_left),
    };
    return cmocka_run_group_tests(tests, piv_set_up, piv_tear_down);
}
