/* SPDX-License-Identifier: MIT */
/* What lanyard-fido does with keys that behave, and says to the agent meanwhile. */
#include "ipc/base/cleanup.h"
#include "test_fido_rig.h"

#include <signal.h>
#include <stdio.h>

/* ---- getting and creating ---- */

/* The key says that it knew its person (WebAuthn §6.1). */
static bool verified(const struct helper_run *run)
{
    return run->done.auth_data.len > 32 && (run->done.auth_data.data[32] & 0x04) != 0;
}

static void a_credential_is_made_and_used(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("delay usb command");
    rig_ctl("plug usb");
    struct fido_start create = rig_create();
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    assert_string_equal(run.news.key, "/dev/hidraw0");
    assert_non_null(strstr(run.news.product, "Lanyard"));
    rig_ctl("touch usb");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_string_equal(run.done.key, "/dev/hidraw0");
    assert_string_equal(run.done.format, "packed");
    assert_false(verified(&run));
    assert_false(run.done.resident);
    assert_true(run.done.auth_data.len > 37 + 16 + 2 + run.done.credential_id.len);
    assert_int_equal(bytes_set(&id, run.done.credential_id.data, run.done.credential_id.len), 0);
    rig_end(&run);

    struct fido_start get = rig_get(&id, NULL);
    rig_begin(&run, &get, false);
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    rig_ctl("touch usb");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(bytes_equal(&run.done.credential_id, &id));
    assert_int_equal(run.done.auth_data.len, 37);
    assert_int_equal(run.done.auth_data.data[32], 0x01);
    assert_true(run.done.signature.len >= 64);
    rig_end(&run);
    assert_int_equal(rig_state("usb", "open"), 0);
}

/* Each message is a moment more that somebody waits. */
static void a_key_is_asked_no_more_than_is_needed(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    rig_ctl("plug usb");
    rig_register(&id, false, NULL);
    unsigned messages = rig_state("usb", "messages");
    assert_int_equal(rig_get_once(&id), OUTCOME_OK);
    /* INIT, what it is, whether it has the credential, the assertion */
    assert_int_equal(rig_state("usb", "messages"), messages + 4);
}

static void a_redirected_key_is_as_good(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    rig_ctl("plug far");
    rig_register(&id, false, NULL);
    struct fido_start get = rig_get(&id, NULL);
    struct helper_run run;
    rig_begin(&run, &get, true);
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_string_equal(run.done.key, rig_far_path());
    rig_end(&run);
}

/* As installed it may make no socket, and libfido2 and udev's library do without. The key that is
 * named keeps it from those of whoever runs this. */
static void without_sockets_it_looks_for_keys(void **state)
{
    (void)state;
    struct fido_start get = rig_get(NULL, NULL);
    struct helper_run run;
    snprintf(get.key, sizeof get.key, "/dev/no-such-key");
    rig_as_installed = true;
    rig_begin(&run, &get, false);
    rig_as_installed = false;
    rig_expect_end(&run, OUTCOME_NO_KEY);
}

static void a_key_that_comes_is_waited_for(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_begin(&run, &create, true);
    rig_expect_waiting(&run, FIDO_WAITING_KEY);
    rig_ctl("plug usb");
    rig_say(&run, FIDO_MESSAGE_KEYS);
    rig_expect_end(&run, OUTCOME_OK);
}

static void a_key_that_holds_nothing_is_left_aside(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("plug other");
    rig_register(&id, false, NULL);
    rig_ctl("unplug other");
    rig_ctl("plug usb");
    struct fido_start get = rig_get(&id, NULL);
    rig_begin(&run, &get, false);
    rig_expect_waiting(&run, FIDO_WAITING_OTHER_KEY);
    assert_int_equal(rig_state("usb", "blinking"), 0);
    rig_ctl("plug other");
    rig_say(&run, FIDO_MESSAGE_KEYS);
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_string_equal(run.done.key, "/dev/hidraw1");
    rig_end(&run);
}

static void a_named_key_is_the_only_one(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("plug other");
    rig_register(&id, false, NULL);
    struct fido_start get = rig_get(&id, NULL);
    snprintf(get.key, sizeof get.key, "/dev/hidraw0");
    rig_begin(&run, &get, false);
    rig_expect_end(&run, OUTCOME_NO_KEY);
    rig_ctl("plug usb");
    rig_begin(&run, &get, false);
    rig_expect_end(&run, OUTCOME_KEY_NOT_REGISTERED);
}

static void the_touched_one_of_several_is_meant(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_ctl("delay usb command");
    rig_ctl("delay other command");
    rig_ctl("plug usb");
    rig_ctl("plug other");
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_KEY_CHOICE);
    rig_ctl("blinks usb");
    rig_ctl("blinks other");
    rig_ctl("touch other");
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    assert_string_equal(run.news.key, "/dev/hidraw1");
    rig_ctl("rests usb");
    rig_ctl("blinks other");
    rig_ctl("touch other");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_string_equal(run.done.key, "/dev/hidraw1");
    rig_end(&run);
}

static void a_key_plugged_in_meanwhile_may_be_meant(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_ctl("delay usb command");
    rig_ctl("delay other command");
    rig_ctl("plug usb");
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    rig_ctl("plug other");
    rig_say(&run, FIDO_MESSAGE_KEYS);
    rig_expect_waiting(&run, FIDO_WAITING_KEY_CHOICE);
    rig_ctl("blinks other");
    rig_ctl("touch other");
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    rig_ctl("blinks other");
    rig_ctl("touch other");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_string_equal(run.done.key, "/dev/hidraw1");
    rig_end(&run);
}

/* The agent's filter is not there: this is lanyard-fido's own. */
static void what_it_has_no_use_for_is_given_up(void **state)
{
    (void)state;
    if (LANYARD_INSTRUMENTED)
        skip();
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_ctl("delay usb never");
    rig_ctl("plug usb");
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    char path[64], text[4096] = "";
    snprintf(path, sizeof path, "/proc/%d/status", (int)run.pid);
    FILE *status = fopen(path, "re");
    assert_non_null(status);
    size_t len = fread(text, 1, sizeof text - 1, status);
    fclose(status);
    text[len] = '\0';
    assert_non_null(strstr(text, "NoNewPrivs:\t1\n"));
    assert_non_null(strstr(text, "Seccomp:\t2\n"));
    rig_say(&run, FIDO_MESSAGE_CANCEL);
    rig_expect_end(&run, OUTCOME_CANCELLED);
}

static void cancel_stops_the_blinking(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_ctl("delay usb never");
    rig_ctl("plug usb");
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    rig_ctl("blinks usb");
    rig_say(&run, FIDO_MESSAGE_CANCEL);
    rig_expect_end(&run, OUTCOME_CANCELLED);
    assert_int_equal(rig_state("usb", "blinking"), 0);

    rig_ctl("delay other never");
    rig_ctl("plug other");
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_KEY_CHOICE);
    rig_ctl("blinks usb");
    rig_ctl("blinks other");
    rig_say(&run, FIDO_MESSAGE_CANCEL);
    rig_expect_end(&run, OUTCOME_CANCELLED);
    assert_int_equal(rig_state("usb", "blinking"), 0);
    assert_int_equal(rig_state("other", "blinking"), 0);
}

static void cancel_is_heard_while_nothing_is_in(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_KEY);
    rig_say(&run, FIDO_MESSAGE_CANCEL);
    rig_expect_end(&run, OUTCOME_CANCELLED);
}

static void a_key_pulled_out_ends_it(void **state)
{
    (void)state;
    static const char *const names[] = {"usb", "far"};
    for (size_t i = 0; i < 2; i++) {
        struct fido_start create = rig_create();
        struct helper_run run;
        rig_ctl("delay %s never", names[i]);
        rig_ctl("plug %s", names[i]);
        rig_begin(&run, &create, true);
        rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
        kill(run.pid, SIGSTOP); /* so that it hears of both at once */
        rig_ctl("unplug %s", names[i]);
        rig_say(&run, FIDO_MESSAGE_KEYS);
        kill(run.pid, SIGCONT);
        rig_expect_end(&run, OUTCOME_KEY_REMOVED);
    }
}

static void a_key_that_gives_up_is_asked_again(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_ctl("delay usb command");
    rig_ctl("patience usb 50");
    rig_ctl("plug usb");
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    unsigned messages = rig_state("usb", "messages");
    rig_await_messages("usb", messages + 3);
    rig_ctl("patience usb 30000");
    rig_ctl("touch usb");
    rig_expect_end(&run, OUTCOME_OK);
}

/* ---- who it is ---- */

static void a_pin_is_asked_for_when_it_is_needed(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    rig_register(&id, false, "123456");
    assert_int_equal(rig_get_once(&id), OUTCOME_OK); /* discouraged: no question */
    struct fido_start get = rig_get(&id, NULL);
    get.verification = FIDO_UV_PREFERRED;
    rig_begin(&run, &get, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    assert_int_equal(run.news.tries_left, 8);
    assert_int_equal(run.news.min_length, 4);
    assert_string_equal(run.news.key, "/dev/hidraw0");
    rig_say_pin(&run, "123456");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(verified(&run));
    rig_end(&run);
    rig_ctl("pin usb clear");
    rig_begin(&run, &get, false);
    assert_int_equal(rig_finish(&run), OUTCOME_OK); /* preferred, and there is none */
    assert_false(verified(&run));
    rig_end(&run);
    get.verification = FIDO_UV_REQUIRED;
    rig_begin(&run, &get, false);
    rig_expect_end(&run, OUTCOME_KEY_PIN_NOT_SET);
}

/* Though FIDO_DEBUG is in the environment (test_fido_rig.c). */
static void nothing_of_the_wire_is_printed(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    create.verification = FIDO_UV_REQUIRED;
    struct helper_run run;
    FILE *log = tmpfile();
    assert_non_null(log);
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    rig_log = fileno(log);
    rig_begin(&run, &create, false);
    rig_log = -1;
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "654321");
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_PIN_WRONG);
    rig_say_pin(&run, "123456");
    rig_expect_end(&run, OUTCOME_OK);
    char line[256];
    rewind(log);
    while (fgets(line, sizeof line, log))
        assert_null(strstr(line, "fido_"));
    fclose(log);
}

static void wrong_pins_lock_and_then_block(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    rig_register(&id, false, "123456");
    struct fido_start get = rig_get(&id, NULL);
    get.verification = FIDO_UV_REQUIRED;
    uint8_t left = 8;
    while (left > 0) {
        struct helper_run run;
        rig_begin(&run, &get, false);
        uint32_t problem = OUTCOME_OK;
        for (int i = 0; i < 3 && left > 0; i++, left--) {
            rig_expect_ask(&run, FIDO_ASK_PIN, problem);
            assert_int_equal(run.news.tries_left, left);
            rig_say_pin(&run, "wrong-one");
            problem = OUTCOME_PIN_WRONG;
        }
        rig_expect_end(&run, left > 0 ? OUTCOME_KEY_LOCKED : OUTCOME_KEY_BLOCKED);
        assert_int_equal(rig_state("usb", "tries"), left);
        rig_ctl("unplug usb");
        rig_ctl("plug usb");
    }
    struct helper_run run;
    rig_begin(&run, &get, false);
    rig_expect_end(&run, OUTCOME_KEY_BLOCKED);
}

static void the_right_pin_after_a_wrong_one(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    create.verification = FIDO_UV_REQUIRED;
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    rig_begin(&run, &create, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "12"); /* never sent to the key */
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_PIN_FORMAT);
    assert_int_equal(rig_state("usb", "tries"), 8);
    rig_say_pin(&run, "654321");
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_PIN_WRONG);
    assert_int_equal(run.news.tries_left, 7);
    rig_say_pin(&run, "123456");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(verified(&run));
    rig_end(&run);
}

static void the_finger_comes_before_the_pin(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    create.verification = FIDO_UV_REQUIRED;
    struct helper_run run;
    rig_ctl("finger usb on");
    rig_ctl("pin usb set 123456");
    rig_ctl("delay usb command");
    rig_ctl("plug usb");
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_VERIFICATION);
    rig_ctl("touch usb");
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    rig_ctl("touch usb");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(verified(&run));
    rig_end(&run);
    rig_ctl("delay usb 0");
    rig_ctl("finger usb wrong 100");
    rig_begin(&run, &create, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(verified(&run));
    rig_end(&run);
    rig_ctl("pin usb clear");
    rig_begin(&run, &create, false);
    rig_expect_end(&run, OUTCOME_KEY_UNVERIFIED);
}

static void a_pin_that_is_owed_is_changed_right_there(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    create.verification = FIDO_UV_REQUIRED;
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("pin usb minimum 6");
    rig_ctl("pin usb owed");
    rig_ctl("plug usb");
    rig_begin(&run, &create, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    rig_expect_ask(&run, FIDO_ASK_NEW_PIN, OUTCOME_OK);
    assert_int_equal(run.news.min_length, 6);
    rig_say_pin(&run, "12345");
    rig_expect_ask(&run, FIDO_ASK_NEW_PIN, OUTCOME_PIN_FORMAT);
    rig_say_pin(&run, "abcdef");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(verified(&run));
    rig_end(&run);
    assert_int_equal(rig_state("usb", "owed"), 0);
}

static void a_key_that_insists_is_told_who_it_is(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("option usb make-needs-pin on");
    rig_ctl("plug usb");
    rig_begin(&run, &create, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    rig_expect_end(&run, OUTCOME_OK);
}

/* ---- discoverable ones ---- */

static void one_of_several_accounts_is_chosen(void **state)
{
    (void)state;
    static const char *const names[] = {"nurse", "doctor"};
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    for (size_t i = 0; i < 2; i++) {
        struct fido_start create = rig_create();
        create.verification = FIDO_UV_REQUIRED;
        create.resident = FIDO_RESIDENT_REQUIRED;
        snprintf(create.user_name, sizeof create.user_name, "%s", names[i]);
        create.user_id.data = (uint8_t *)(uintptr_t)names[i];
        create.user_id.len = strlen(names[i]);
        rig_begin(&run, &create, false);
        rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
        rig_say_pin(&run, "123456");
        assert_int_equal(rig_finish(&run), OUTCOME_OK);
        assert_true(run.done.resident);
        rig_end(&run);
    }
    struct fido_start get = rig_get(NULL, NULL);
    get.verification = FIDO_UV_REQUIRED;
    rig_begin(&run, &get, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    rig_expect_ask(&run, FIDO_ASK_ACCOUNT, OUTCOME_OK);
    assert_int_equal(run.news.account_count, 2);
    uint8_t choice = strcmp(run.news.accounts[0].name, "doctor") == 0 ? 0 : 1;
    assert_string_equal(run.news.accounts[choice].name, "doctor");
    rig_say_choice(&run, choice);
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_int_equal(run.done.user_id.len, 6);
    assert_memory_equal(run.done.user_id.data, "doctor", 6);
    rig_end(&run);
}

static void what_only_its_person_may_see_is_found(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("pin other set 123456");
    rig_ctl("plug usb");
    struct fido_start create = rig_create();
    create.verification = FIDO_UV_REQUIRED;
    create.protection = FIDO_PROTECT_REQUIRED;
    create.protection_enforced = true;
    rig_begin(&run, &create, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_int_equal(bytes_set(&id, run.done.credential_id.data, run.done.credential_id.len), 0);
    rig_end(&run);
    struct fido_start get = rig_get(&id, NULL);
    get.verification = FIDO_UV_REQUIRED;
    rig_begin(&run, &get, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    rig_expect_end(&run, OUTCOME_OK);
    /* Another key might hold it; the person learns that it does not. */
    rig_ctl("unplug usb");
    rig_ctl("plug other");
    rig_begin(&run, &get, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    rig_expect_waiting(&run, FIDO_WAITING_OTHER_KEY);
    rig_say(&run, FIDO_MESSAGE_CANCEL);
    rig_expect_end(&run, OUTCOME_CANCELLED);
}

#define RESET(test) cmocka_unit_test_setup(test, rig_reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESET(a_credential_is_made_and_used),
        RESET(a_key_is_asked_no_more_than_is_needed),
        RESET(a_redirected_key_is_as_good),
        RESET(without_sockets_it_looks_for_keys),
        RESET(a_key_that_comes_is_waited_for),
        RESET(a_key_that_holds_nothing_is_left_aside),
        RESET(a_named_key_is_the_only_one),
        RESET(the_touched_one_of_several_is_meant),
        RESET(a_key_plugged_in_meanwhile_may_be_meant),
        RESET(what_it_has_no_use_for_is_given_up),
        RESET(cancel_stops_the_blinking),
        RESET(cancel_is_heard_while_nothing_is_in),
        RESET(a_key_pulled_out_ends_it),
        RESET(a_key_that_gives_up_is_asked_again),
        RESET(a_pin_is_asked_for_when_it_is_needed),
        RESET(nothing_of_the_wire_is_printed),
        RESET(wrong_pins_lock_and_then_block),
        RESET(the_right_pin_after_a_wrong_one),
        RESET(the_finger_comes_before_the_pin),
        RESET(a_pin_that_is_owed_is_changed_right_there),
        RESET(a_key_that_insists_is_told_who_it_is),
        RESET(one_of_several_accounts_is_chosen),
        RESET(what_only_its_person_may_see_is_found),
    };
    return cmocka_run_group_tests(tests, rig_start_keys, rig_stop_keys);
}
