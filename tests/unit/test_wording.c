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

/* Asks for the PIN of a holder of that name, and reads the question as lanyard-prompt would. */
static void ask(char *name, struct prompt_question *question)
{
    struct card card = {.token = {.reader = "Reader 0", .tries_left = 2}};
    struct certificate holder = {.name = name, .uid = "555000000101"};
    struct wording wording = {
        .caller = &page, .origin = page.origin, .card = &card, .holder = &holder, .timeout = 30};
    struct prompt_question asked;
    wording_pin(&wording, OUTCOME_PIN_WRONG, &asked);
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(prompt_question_encode(&asked, &body), 0);
    *question = (struct prompt_question){0};
    assert_int_equal(prompt_question_decode(body.data, body.len, question), 0);
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
        cmocka_unit_test(tries_are_what_the_card_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
