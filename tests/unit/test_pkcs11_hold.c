/* SPDX-License-Identifier: MIT */
/* What a module's transactions become between the first PIN and the logout; libpcsclite's part is
 * played by test_pkcs11_hold_rig.c. */
#include "pkcs11/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <winscard.h>

#include <cmocka.h>

/* Sixteen questions: so often each of those that pcscd let in before may come first. */
#define FOUR_ASKED(card) "ask-" card " ask-" card " ask-" card " ask-" card
#define WAITED(card) FOUR_ASKED(card) " " FOUR_ASKED(card) " " FOUR_ASKED(card) " " FOUR_ASKED(card)

extern char said[1024];
extern LONG begin_answers;

static int start(void **state)
{
    (void)state;
    said[0] = '\0';
    begin_answers = SCARD_S_SUCCESS;
    return 0;
}

/* A module's exchange with the card. */
static LONG exchange(SCARDHANDLE card)
{
    LONG rv = SCardBeginTransaction(card);
    if (rv == SCARD_S_SUCCESS)
        SCardEndTransaction(card, SCARD_LEAVE_CARD);
    return rv;
}

static void nothing_changes_without_a_pin(void **state)
{
    (void)state;
    exchange(7);
    exchange(8);
    assert_string_equal(said, "begin-7 end-7 begin-8 end-8");
}

static void from_the_pin_on_it_is_one_transaction(void **state)
{
    (void)state;
    hold_begin();
    exchange(7);
    exchange(7);
    exchange(7);
    hold_end();
    assert_string_equal(said, "begin-7 " WAITED("7") " reset-7");
    start(state);
    exchange(7);
    assert_string_equal(said, "begin-7 end-7");
}

static void what_pcscd_let_in_before_comes_before_the_pin(void **state)
{
    (void)state;
    hold_begin();
    assert_int_equal(SCardBeginTransaction(7), SCARD_S_SUCCESS);
    assert_string_equal(said, "begin-7 " WAITED("7")); /* and only now it returns, for the PIN */
    SCardEndTransaction(7, SCARD_LEAVE_CARD);
    hold_begin(); /* a second PIN: nobody was let in meanwhile */
    exchange(7);
    assert_string_equal(said, "begin-7 " WAITED("7"));
    hold_end();
}

static void nobody_is_waited_for_without_a_transaction(void **state)
{
    (void)state;
    begin_answers = SCARD_W_RESET_CARD;
    hold_begin();
    assert_int_equal(exchange(7), SCARD_W_RESET_CARD);
    hold_end();
    assert_string_equal(said, "begin-7");
}

static void a_second_connection_is_held_instead(void **state)
{
    (void)state;
    hold_begin();
    exchange(7);
    exchange(8);
    hold_end();
    assert_string_equal(said, "begin-7 " WAITED("7") " reset-7 begin-8 " WAITED("8") " reset-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_changes_without_a_pin, start),
        cmocka_unit_test_setup(from_the_pin_on_it_is_one_transaction, start),
        cmocka_unit_test_setup(what_pcscd_let_in_before_comes_before_the_pin, start),
        cmocka_unit_test_setup(nobody_is_waited_for_without_a_transaction, start),
        cmocka_unit_test_setup(a_second_connection_is_held_instead, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
