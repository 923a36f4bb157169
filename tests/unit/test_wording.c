/* SPDX-License-Identifier: MIT */
/* What the person reads: every question must survive its own codec, whatever the certificate says.
 */
#include "agent/wording.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct caller page = {.door = DOOR_WEB, .origin = "https://provider.example"};

/* Reads a question as lanyard-prompt would. */
static void read_question(const struct prompt_question *asked, struct prompt_question *question)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(prompt_question_encode(asked, &body), 0);
    *question = (struct prompt_question){0};
    assert_int_equal(prompt_question_decode(body.data, body.len, question), 0);
}

/* Asks for the PIN of a holder of that name. */
static void ask(char *name, struct prompt_question *question)
{
    struct card card = {.token = {.reader = "Reader 0", .tries_left = 2}};
    struct certificate holder = {.name = name, .uid = "555000000101"};
    struct wording wording = {
        .caller = &page, .origin = page.origin, .card = &card, .holder = &holder, .timeout = 30};
    struct prompt_question asked;
    wording_pin(&wording, OUTCOME_PIN_WRONG, &asked);
    read_question(&asked, question);
}

static void the_pin_question_names_everything(void **state)
{
    (void)state;
    struct prompt_question question;
    char name[] = "Alice Adams";
    ask(name, &question);
    assert_non_null(strstr(question.text, "Site: https://provider.example\n"));
    assert_non_null(strstr(question.text, "Card holder: Alice Adams (555000000101)\n"));
    assert_non_null(strstr(question.text, "Reader: Reader 0\n"));
    assert_non_null(strstr(question.text, "Tries left: 2\n"));
    assert_non_null(strstr(question.error, "PIN is wrong"));
}

static void a_name_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t ahead = 0; ahead < 4; ahead++) {
        char name[400] = "";
        memset(name, 'x', ahead);
        while (strlen(name) + 3 < sizeof name)
            strcat(name, "\xe6\xbc\xa2"); /* three bytes */
        struct prompt_question question;
        ask(name, &question);
        assert_non_null(strstr(question.text, "(555000000101)\n"));
    }
}

/* Each sentence is whole, and what is from outside stands on a line of its own. */
static void each_reason_has_its_own_sentence(void **state)
{
    (void)state;
    static const struct caller program = {.door = DOOR_NATIVE, .pid = 1};
    static const struct {
        const struct caller *caller;
        bool another_pin;
        const char *typed, *on_the_pad, *yes;
    } cases[] = {
        {&page, false, "Type your smartcard PIN to sign in.\n\nSite: ",
         "Type your PIN on the keys of the card reader to sign in.\n\nSite: ", "Sign in"},
        {NULL, false,
         "Your smartcard is in. Type its PIN to sign in to the applications on this "
         "computer.\n\nSite: ",
         "Your smartcard is in. Type its PIN on the keys of the card reader to sign in to the "
         "applications on this computer.\n\nSite: ",
         "Sign in"},
        {&page, true, "Your session needs your PIN again. Type it to carry on.\n\nSite: ",
         "Your session needs your PIN again. Type it on the keys of the card reader to carry "
         "on.\n\nSite: ",
         "Continue"},
        {NULL, true, "Your session needs your PIN again. Type it to carry on.\n\nSite: ",
         "Your session needs your PIN again. Type it on the keys of the card reader to carry "
         "on.\n\nSite: ",
         "Continue"},
        {&program, true, "Your session needs your PIN again. Type it to carry on.\n\nSite: ",
         "Your session needs your PIN again. Type it on the keys of the card reader to carry "
         "on.\n\nSite: ",
         "Continue"},
    };
    struct card card = {.token = {.reader = "Reader 0", .tries_left = 1}};
    char name[] = "Alice Adams";
    struct certificate holder = {.name = name, .uid = "555000000101"};
    const struct card *cards[] = {&card};
    const struct certificate *holders[] = {&holder};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wording wording = {.caller = cases[i].caller,
                                  .origin = page.origin,
                                  .another_pin = cases[i].another_pin,
                                  .card = &card,
                                  .holder = &holder,
                                  .timeout = 30};
        struct prompt_question asked, question;
        wording_pin(&wording, 0, &asked);
        read_question(&asked, &question);
        assert_ptr_equal(strstr(question.text, cases[i].typed), question.text);
        assert_string_equal(question.yes, cases[i].yes);
        assert_int_equal(strstr(question.text, "Program: ") != NULL, cases[i].caller == &program);
        wording_pin_pad(&wording, 0, &asked);
        read_question(&asked, &question);
        assert_ptr_equal(strstr(question.text, cases[i].on_the_pad), question.text);
        wording_last_try(&wording, 0, &asked);
        read_question(&asked, &question);
        assert_non_null(strstr(question.text, "\nSite: https://provider.example\n"));
        wording_choice(&wording, cards, holders, 1, &asked);
        read_question(&asked, &question);
        assert_non_null(strstr(question.text, "\nSite: https://provider.example\n"));
    }
}

static void tries_are_what_the_card_says(void **state)
{
    (void)state;
    assert_int_equal(wording_tries(&(struct card_token){.tries_left = 3}), 3);
    assert_int_equal(wording_tries(&(struct card_token){.tries_left = CARD_TRIES_UNKNOWN}), -1);
    assert_int_equal(wording_tries(&(struct card_token){.tries_left = CARD_TRIES_UNKNOWN,
                                                        .flags = CARD_PIN_FINAL_TRY}),
                     1);
    assert_int_equal(wording_tries(&(struct card_token){.tries_left = 3, .flags = CARD_PIN_LOCKED}),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pin_question_names_everything),
        cmocka_unit_test(a_name_is_cut_between_characters),
        cmocka_unit_test(each_reason_has_its_own_sentence),
        cmocka_unit_test(tries_are_what_the_card_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
