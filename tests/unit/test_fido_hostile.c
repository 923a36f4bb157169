/* SPDX-License-Identifier: MIT */
/*
 * lanyard-fido with keys that misbehave: whatever they do, it says that the key failed or was
 * pulled out, and ends. Nothing is measured; a helper that hangs fails the test after a minute.
 */
#include "ipc/base/cleanup.h"
#include "test_fido_rig.h"

#include <stdio.h>

#define PIN "123456"

static struct bytes credential; /* on "usb" and nowhere else */

static int stop_keys(void **state)
{
    bytes_deinit(&credential);
    return rig_stop_keys(state);
}

static int reset_keys(void **state)
{
    rig_reset(state);
    rig_ctl("pin usb set " PIN);
    rig_ctl("plug usb");
    rig_register(&credential, true, PIN);
    return 0;
}

static struct fido_start get_verified(void)
{
    struct fido_start get = rig_get(&credential, NULL);
    get.verification = FIDO_UV_REQUIRED;
    get.blob = FIDO_BLOB_READ;
    return get;
}

/* Types the PIN, as often as it is wanted, takes the first account, and waits for the end. Where
 * keys are waited for it is cancelled: none that is in would do. */
static uint32_t see_through(struct helper_run *run)
{
    while (rig_hear(run)) {
        if (run->type == FIDO_MESSAGE_DONE)
            return run->done.result;
        if (run->news.ask == FIDO_ASK_ACCOUNT)
            rig_say_choice(run, 0);
        else if (run->news.ask)
            rig_say_pin(run, PIN);
        if (run->news.waiting == FIDO_WAITING_KEY || run->news.waiting == FIDO_WAITING_OTHER_KEY)
            rig_say(run, FIDO_MESSAGE_CANCEL);
    }
    return OUTCOME_INTERNAL;
}

static uint32_t try_once(const struct fido_start *start)
{
    struct helper_run run;
    rig_begin(&run, start, true);
    uint32_t result = see_through(&run);
    rig_end(&run);
    return result;
}

static void replug(const char *key)
{
    rig_ctl("clear %s", key);
    if (rig_state(key, "plugged"))
        rig_ctl("unplug %s", key);
    rig_ctl("plug %s", key);
}

/* ---- answers that are none ---- */

static void fail_with(const struct fido_start *start, const char *fault, const char *place)
{
    replug("usb");
    rig_ctl("fault usb %s at %s", fault, place);
    uint32_t result = try_once(start);
    if (result != OUTCOME_KEY_FAILED)
        fail_msg("%s at %s: %s", fault, place, outcome_reason((int)result));
}

static void nonsense_is_the_keys_failure(void **state)
{
    (void)state;
    static const char *const spoils[] = {"truncated", "garbage", "empty"};
    static const char *const places[] = {"info", "agreement", "token", "get"};
    struct fido_start get = get_verified();
    for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++)
        for (size_t k = 0; k < sizeof places / sizeof *places; k++)
            fail_with(&get, spoils[i], places[k]);
    fail_with(&get, "cbor-length", "get");
    fail_with(&get, "noise", "init");
    fail_with(&get, "noise", "get");
    fail_with(&get, "sequence", "info");
    fail_with(&get, "flood", "get");
    replug("usb");
    assert_int_equal(try_once(&get), OUTCOME_OK);
}

static void nonsense_when_creating(void **state)
{
    (void)state;
    static const char *const faults[] = {"truncated", "garbage", "cbor-length",
                                         "empty",     "noise",   "signature"};
    struct fido_start create = rig_create();
    for (int own = 0; own < 2; own++)
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
            rig_ctl("option usb self-attestation %s", own ? "on" : "off");
            fail_with(&create, faults[i], "make");
        }
    replug("usb");
    assert_int_equal(try_once(&create), OUTCOME_OK);
}

/* Three at once, since each of these takes its five seconds of silence. */
static void silence_ends(void **state)
{
    (void)state;
    static const char *const names[] = {"usb", "other", "far"};
    static const char *const paths[] = {"/dev/hidraw0", "/dev/hidraw1", ""};
    static const char *const faults[][3] = {
        {"stall at make", "stall at init", "stall at info"},
        {"wrong-channel at make", "long at make", "huge at make"},
    };
    for (size_t round = 0; round < 2; round++) {
        struct helper_run runs[3];
        for (size_t i = 0; i < 3; i++) {
            struct fido_start create = rig_create();
            snprintf(create.key, sizeof create.key, "%s", i < 2 ? paths[i] : rig_far_path());
            replug(names[i]);
            rig_ctl("fault %s %s", names[i], faults[round][i]);
            rig_begin(&runs[i], &create, true);
        }
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(see_through(&runs[i]), OUTCOME_KEY_FAILED);
            rig_end(&runs[i]);
        }
    }
}

/* As a browser that has the key open, or a process of ours that is about to end. */
static void answers_to_others_are_passed_over(void **state)
{
    (void)state;
    struct fido_start create = rig_create(), get = get_verified();
    replug("usb");
    rig_ctl("fault usb others");
    assert_int_equal(try_once(&create), OUTCOME_OK);
    assert_int_equal(try_once(&get), OUTCOME_OK);
}

static void a_stalling_key_can_be_cancelled(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    unsigned messages = rig_state("usb", "messages");
    rig_ctl("fault usb stall at info");
    rig_begin(&run, &create, false);
    rig_await_messages("usb", messages + 2); /* INIT, and what is not answered */
    rig_say(&run, FIDO_MESSAGE_CANCEL);
    rig_expect_end(&run, OUTCOME_CANCELLED);
}

/* ---- pulled out ---- */

static void it_may_be_pulled_out_at_any_message(void **state)
{
    (void)state;
    static const uint8_t operations[] = {FIDO_GET, FIDO_CREATE, FIDO_CREDENTIALS, FIDO_INFO};
    for (size_t i = 0; i < sizeof operations; i++) {
        struct fido_start start = operations[i] == FIDO_CREATE ? rig_create() : get_verified();
        start.operation = operations[i];
        unsigned at = 1;
        for (;; at++) {
            replug("usb");
            rig_ctl("fault usb disconnect at %u", at);
            uint32_t result = try_once(&start);
            if (rig_state("usb", "plugged"))
                break;
            /* A blob that could not be read, or tries that were not told, are not missed. */
            if (result != OUTCOME_KEY_REMOVED && result != OUTCOME_OK)
                fail_msg("at %u of %u: %s", at, operations[i], outcome_reason((int)result));
        }
        assert_in_range(at, 3, 60);
    }
}

/* ---- lies ---- */

static void another_credential_is_not_taken(void **state)
{
    (void)state;
    struct fido_start get = get_verified();
    rig_ctl("fault usb credential at get");
    assert_int_equal(try_once(&get), OUTCOME_KEY_FAILED);
}

static void what_it_says_reaches_the_person(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        uint32_t result;
    } rows[] = {
        {"28", OUTCOME_KEY_FULL},       {"27", OUTCOME_KEY_UNVERIFIED}, {"26", OUTCOME_KEY_UNABLE},
        {"19", OUTCOME_KEY_REGISTERED}, {"2b", OUTCOME_KEY_UNABLE},     {"2d", OUTCOME_CANCELLED},
        {"f3", OUTCOME_KEY_FAILED},
    };
    struct fido_start create = rig_create();
    create.resident = FIDO_RESIDENT_REQUIRED;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        replug("usb");
        rig_ctl("fault usb status %s at make", rows[i].status);
        assert_int_equal(try_once(&create), rows[i].result);
    }
}

/* Only a key that has not taken the request gets it again, and never a PIN. */
static void a_busy_key_gets_no_pin_twice(void **state)
{
    (void)state;
    struct fido_start get = get_verified();
    rig_ctl("fault usb busy at token");
    unsigned tries = rig_state("usb", "tries");
    assert_int_equal(try_once(&get), OUTCOME_KEY_FAILED);
    assert_int_equal(rig_state("usb", "tries"), tries);
}

static void a_busy_key_is_asked_again(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    create.verification = FIDO_UV_DISCOURAGED;
    struct helper_run run;
    rig_ctl("fault usb busy at make");
    unsigned messages = rig_state("usb", "messages");
    rig_begin(&run, &create, false);
    rig_await_messages("usb", messages + 6);
    rig_ctl("clear usb");
    rig_expect_end(&run, OUTCOME_OK);
}

/* ---- a broken one beside a good one ---- */

static void a_broken_key_is_in_nobodys_way(void **state)
{
    (void)state;
    struct fido_start get = get_verified();
    rig_ctl("plug other");
    rig_ctl("fault other garbage at info");
    assert_int_equal(try_once(&get), OUTCOME_OK);
}

/* ---- an agent that goes, or speaks wrongly ---- */

static void an_agent_that_goes_stops_the_blinking(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_ctl("delay usb never");
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    rig_ctl("blinks usb");
    rig_end(&run); /* closes its end */
    rig_ctl("rests usb");
}

static void an_answer_without_a_question_is_the_end(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_ctl("delay usb never");
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    rig_say_pin(&run, PIN);
    assert_int_equal(rig_finish_or_die(&run), OUTCOME_INTERNAL);
    rig_end(&run);
    rig_ctl("rests usb");
}

#define RESET(test) cmocka_unit_test_setup(test, reset_keys)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESET(nonsense_is_the_keys_failure),
        RESET(nonsense_when_creating),
        RESET(silence_ends),
        RESET(answers_to_others_are_passed_over),
        RESET(a_stalling_key_can_be_cancelled),
        RESET(it_may_be_pulled_out_at_any_message),
        RESET(another_credential_is_not_taken),
        RESET(what_it_says_reaches_the_person),
        RESET(a_busy_key_gets_no_pin_twice),
        RESET(a_busy_key_is_asked_again),
        RESET(a_broken_key_is_in_nobodys_way),
        RESET(an_agent_that_goes_stops_the_blinking),
        RESET(an_answer_without_a_question_is_the_end),
    };
    return cmocka_run_group_tests(tests, rig_start_keys, stop_keys);
}
