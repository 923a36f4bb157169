/* SPDX-License-Identifier: MIT */
/* What the person is told while a security key is at work, and what they are asked. */
#include "tests/unit/test_key_work_rig.h"

#include <string.h>

static void waits_are_told_once_each(void **state)
{
    (void)state;
    begin(FIDO_GET);
    assert_string_equal(rig.told.rp_id, SITE_RP_ID);
    wait_for(FIDO_WAITING_KEY, "");
    wait_for(FIDO_WAITING_KEY, "");
    wait_for(FIDO_WAITING_OTHER_KEY, "");
    wait_for(FIDO_WAITING_KEY_CHOICE, "");
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    wait_for(FIDO_WAITING_WORK, PATH_A);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    wait_for(FIDO_WAITING_VERIFICATION, "/dev/hidraw7"); /* one that udev does not know */
    assert_string_equal(rig.heard, "key other-key key-choice touch[Example Key 1] "
                                   "verification[Itself]");
    end_at(OUTCOME_OK, PATH_A);
    assert_ended(OUTCOME_OK);
    assert_int_equal(rig.ended[0].key, 1);
    hang_up();
}

static void the_pin_is_asked_for_and_goes_to_the_key_once(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    assert_int_equal(rig.question.kind, PROMPT_PIN);
    assert_true(shows("Site: " SITE "\n"));
    assert_true(shows("Security key: Example Key 1\n"));
    assert_true(shows("Tries left: 8\n"));
    assert_string_equal(rig.question.error, "");
    assert_string_equal(rig.heard, "key-pin[Example Key 1]:8");
    type_pin("1234");
    assert_null(rig.prompt);
    assert_int_equal(rig.word_count, 1);
    assert_string_equal(rig.typed, "1234");

    ask_pin(7, OUTCOME_PIN_WRONG);
    assert_true(shows("That PIN is wrong."));
    assert_true(shows("Tries left: 7\n"));
    type_pin("12345");
    assert_int_equal(rig.word_count, 2);
    assert_string_equal(rig.typed, "12345");
    end_at(OUTCOME_KEY_LOCKED, PATH_A);
    assert_ended(OUTCOME_KEY_LOCKED);
}

static void what_cannot_be_the_pin_costs_no_try(void **state)
{
    (void)state;
    char longer[FIDO_PIN_BYTES_MAX + 2] = "";
    memset(longer, '1', FIDO_PIN_BYTES_MAX + 1);
    begin(FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    type_pin("123");
    assert_true(shows("This has not counted as a try."));
    type_pin(longer);
    answer(OUTCOME_PIN_FORMAT, "");
    assert_int_equal(rig.word_count, 0);
    longer[FIDO_PIN_BYTES_MAX] = '\0';
    type_pin(longer);
    assert_string_equal(rig.typed, longer);
}

static void the_last_try_is_confirmed(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(1, OUTCOME_PIN_WRONG);
    assert_int_equal(rig.question.kind, PROMPT_CONFIRM);
    assert_true(shows("This is the last try."));
    assert_true(shows("erases everything"));
    answer(OUTCOME_OK, "");
    assert_int_equal(rig.question.kind, PROMPT_PIN);
    type_pin("12x"); /* is none, and confirms nothing */
    assert_int_equal(rig.question.kind, PROMPT_PIN);
    type_pin("1234");
    assert_string_equal(rig.typed, "1234");
    ask_pin(1, OUTCOME_PIN_WRONG); /* each last try by itself */
    assert_int_equal(rig.question.kind, PROMPT_CONFIRM);
    answer(OUTCOME_CANCELLED, "");
    assert_ended(OUTCOME_CANCELLED);
    assert_int_equal(rig.word_count, 2);
    assert_int_equal(rig.words[1].type, FIDO_MESSAGE_CANCEL);
}

static void a_new_pin_is_typed_twice(void **state)
{
    (void)state;
    begin(FIDO_PIN_SET);
    ask_new_pin(OUTCOME_OK);
    assert_string_equal(rig.question.title, "Lanyard: your security key");
    assert_true(shows("at least 6 characters"));
    type_pin("12345");
    assert_true(shows("too short. It has at least 6 characters"));
    answer(OUTCOME_PIN_FORMAT, "");
    assert_true(shows("at most 63"));
    type_pin("123456");
    assert_string_equal(rig.question.label, "New PIN again:");
    type_pin("123457");
    assert_true(shows("not the same"));
    assert_string_equal(rig.question.label, "New PIN:");
    type_pin("abcdef");
    type_pin("abcdef");
    assert_int_equal(rig.word_count, 1);
    assert_string_equal(rig.typed, "abcdef");
    ask_new_pin(OUTCOME_PIN_FORMAT);
    assert_true(shows("does not accept that"));
    answer(OUTCOME_TIMED_OUT, "");
    assert_ended(OUTCOME_TIMED_OUT);
}

static void a_key_may_want_a_new_pin_before_it_is_used(void **state)
{
    (void)state;
    begin(FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    type_pin("1234");
    ask_new_pin(OUTCOME_OK);
    assert_true(shows("Before it is used, your security key wants a new PIN."));
    type_pin("123456");
    type_pin("123456");
    assert_string_equal(rig.typed, "123456");
    end_at(OUTCOME_OK, PATH_A);
    assert_ended(OUTCOME_OK);
}

static void one_of_several_accounts_is_chosen(void **state)
{
    (void)state;
    struct fido_account offered[] = {{"alice@example", "Dr Alice"}, {"bob", ""}, {"c", "c"}};
    struct fido_news news = {.ask = FIDO_ASK_ACCOUNT,
                             .key = PATH_A,
                             .tries_left = 255,
                             .account_count = 3,
                             .accounts = offered};
    begin(FIDO_GET);
    say(&news);
    assert_string_equal(rig.chooser_site, SITE);
    assert_int_equal(rig.account_count, 3);
    assert_string_equal(rig.heard, "account[Example Key 1]");
    choose_account(OUTCOME_OK, 2);
    assert_null(rig.chooser);
    assert_int_equal(rig.words[0].type, FIDO_MESSAGE_CHOICE);
    assert_int_equal(rig.words[0].choice, 2);
    say(&news);
    choose_account(OUTCOME_CANCELLED, 0);
    assert_ended(OUTCOME_CANCELLED);
}

/* Before a key is touched its person reads which site wants that, and can say no. */
static void while_a_key_blinks_a_window_names_the_site(void **state)
{
    (void)state;
    static const struct {
        enum fido_waiting wait;
        const char *key, *says;
    } waits[] = {
        {FIDO_WAITING_KEY, "", "Plug in your security key to sign in."},
        {FIDO_WAITING_OTHER_KEY, "", "Plug in another one to sign in."},
        {FIDO_WAITING_KEY_CHOICE, "", "Touch the security key that you mean to sign in."},
        {FIDO_WAITING_TOUCH, PATH_A, "Touch your security key to sign in."},
        {FIDO_WAITING_VERIFICATION, PATH_A, "by a finger on it or on its own keys, to sign in."},
    };
    begin_by(&page, FIDO_GET);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        wait_for(waits[i].wait, waits[i].key);
        assert_int_equal(rig.question.kind, PROMPT_PIN_PAD);
        assert_true(shows(waits[i].says));
        assert_true(shows("Site: " SITE "\n"));
    }
    assert_true(shows("Security key: Example Key 1\n"));
    wait_for(FIDO_WAITING_WORK, PATH_A);
    assert_null(rig.prompt);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    answer(OUTCOME_CANCELLED, "");
    assert_ended(OUTCOME_CANCELLED);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
    assert_null(rig.prompt);
}

static void and_without_a_window_nothing_blinks(void **state)
{
    (void)state;
    rig.no_display = true;
    begin_by(&page, FIDO_CREATE);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    assert_ended(OUTCOME_PROMPT_UNAVAILABLE);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
}

/* A key that lies in its socket all day is no reason for a window while a card is waited for. */
static void the_sessions_sign_in_shows_what_blinks_only(void **state)
{
    (void)state;
    sign_in_for_session(NULL);
    wait_for(FIDO_WAITING_OTHER_KEY, "");
    assert_null(rig.prompt);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    assert_true(shows("Touch your security key"));
}

static void a_helper_does_not_flood_the_desktop(void **state)
{
    (void)state;
    begin_by(&page, FIDO_GET);
    for (int i = 0; i < 100; i++) {
        wait_for(FIDO_WAITING_TOUCH, PATH_A);
        wait_for(FIDO_WAITING_KEY, "");
        rig.heard[0] = '\0';
    }
    assert_int_equal(rig.ended_count, 0);
    wait_for(FIDO_WAITING_TOUCH, PATH_A);
    pass_time(2000);
    assert_ended(OUTCOME_KEY_FAILED);
    assert_null(rig.prompt);
}

static void without_a_display_nothing_is_typed(void **state)
{
    (void)state;
    rig.no_display = true;
    begin(FIDO_GET);
    ask_pin(8, OUTCOME_OK);
    assert_ended(OUTCOME_PROMPT_UNAVAILABLE);
    assert_true(was_told(FIDO_MESSAGE_CANCEL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(waits_are_told_once_each),
        TEST(the_pin_is_asked_for_and_goes_to_the_key_once),
        TEST(what_cannot_be_the_pin_costs_no_try),
        TEST(the_last_try_is_confirmed),
        TEST(a_new_pin_is_typed_twice),
        TEST(a_key_may_want_a_new_pin_before_it_is_used),
        TEST(one_of_several_accounts_is_chosen),
        TEST(while_a_key_blinks_a_window_names_the_site),
        TEST(and_without_a_window_nothing_blinks),
        TEST(the_sessions_sign_in_shows_what_blinks_only),
        TEST(a_helper_does_not_flood_the_desktop),
        TEST(without_a_display_nothing_is_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
