/* SPDX-License-Identifier: MIT */
/* What sites and people ask lanyard-fido for beside a plain credential, and a key's upkeep. */
#include "ipc/base/cleanup.h"
#include "test_fido_rig.h"

#include <stdio.h>

/* ---- what else sites ask for ---- */

static void an_excluded_key_says_so_when_touched(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("plug usb");
    rig_register(&id, false, NULL);
    rig_ctl("delay usb command");
    struct fido_start create = rig_create();
    create.list_count = 1;
    create.list[0] = id;
    rig_begin(&run, &create, false);
    rig_expect_waiting(&run, FIDO_WAITING_TOUCH);
    rig_ctl("blinks usb");
    rig_ctl("touch usb");
    rig_expect_end(&run, OUTCOME_KEY_REGISTERED);
}

static void a_u2f_key_signs_for_an_appid(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("option usb u2f-only on");
    rig_ctl("plug usb");
    struct fido_start create = rig_create();
    snprintf(create.rp_id, sizeof create.rp_id, "https://example.org/app-id.json");
    rig_begin(&run, &create, false);
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_string_equal(run.done.format, "fido-u2f");
    assert_true(run.done.statement.len > 70);
    assert_int_equal(bytes_set(&id, run.done.credential_id.data, run.done.credential_id.len), 0);
    rig_end(&run);
    struct fido_start get = rig_get(&id, NULL);
    snprintf(get.appid, sizeof get.appid, "%s", create.rp_id);
    get.verification = FIDO_UV_PREFERRED;
    rig_begin(&run, &get, false);
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(run.done.with_appid);
    assert_int_equal(run.done.auth_data.len, 37);
    rig_end(&run);
    get.verification = FIDO_UV_REQUIRED;
    rig_begin(&run, &get, false);
    rig_expect_waiting(&run, FIDO_WAITING_OTHER_KEY);
    rig_say(&run, FIDO_MESSAGE_CANCEL);
    rig_expect_end(&run, OUTCOME_CANCELLED);
    struct fido_start again = rig_create(); /* appidExclude */
    snprintf(again.appid, sizeof again.appid, "%s", create.rp_id);
    again.list_count = 1;
    again.list[0] = id;
    rig_begin(&run, &again, false);
    rig_expect_end(&run, OUTCOME_KEY_REGISTERED);
}

static void secrets_are_of_the_salts_for_that_credential(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    CLEANUP(bytes_deinit) struct bytes first = {0};
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    rig_register(&id, false, "123456");
    uint8_t salt[2][64];
    memset(salt[0], 1, sizeof salt[0]);
    memset(salt[1], 2, sizeof salt[1]);
    struct fido_salts salts[] = {
        {.salts = {.data = salt[0], .len = 32}},
        {.credential = id, .salts = {.data = salt[1], .len = 64}},
    };
    struct fido_start get = rig_get(&id, NULL);
    get.salts = salts;
    for (uint8_t count = 1; count <= 2; count++) {
        get.salts_count = count;
        rig_begin(&run, &get, false);
        rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK); /* they are a verified person's */
        rig_say_pin(&run, "123456");
        assert_int_equal(rig_finish(&run), OUTCOME_OK);
        assert_int_equal(run.done.hmac_secret.len, count == 1 ? 32 : 64);
        if (count == 1)
            assert_int_equal(bytes_set(&first, run.done.hmac_secret.data, 32), 0);
        else
            assert_memory_not_equal(run.done.hmac_secret.data, first.data, 32);
        rig_end(&run);
    }
}

static void large_blobs_are_written_and_read(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    uint8_t text[] = "a blob of the site's";
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    struct fido_start create = rig_create();
    create.blob = FIDO_BLOB_WANTED;
    create.verification = FIDO_UV_REQUIRED;
    rig_begin(&run, &create, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(run.done.blob_possible);
    assert_int_equal(bytes_set(&id, run.done.credential_id.data, run.done.credential_id.len), 0);
    rig_end(&run);
    struct fido_start get = rig_get(&id, NULL);
    get.blob = FIDO_BLOB_WRITE;
    get.blob_data = (struct bytes){.data = text, .len = sizeof text};
    rig_begin(&run, &get, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(run.done.blob_written);
    rig_end(&run);
    get.blob = FIDO_BLOB_READ;
    get.blob_data = (struct bytes){0};
    rig_begin(&run, &get, false);
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_true(run.done.blob_read);
    assert_int_equal(run.done.blob.len, sizeof text);
    assert_memory_equal(run.done.blob.data, text, sizeof text);
    rig_end(&run);
}

static void no_statement_for_who_does_not_want_it(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    create.attestation = false;
    create.hmac_secret = create.min_pin_length = true;
    struct helper_run run;
    rig_ctl("plug usb");
    rig_begin(&run, &create, false);
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_string_equal(run.done.format, "none");
    assert_int_equal(run.done.statement.len, 1);
    assert_int_equal(run.done.statement.data[0], 0xa0);
    assert_true(run.done.hmac_secret_made);
    rig_end(&run);
}

static void algorithms_are_taken_best_first(void **state)
{
    (void)state;
    struct fido_start create = rig_create();
    struct helper_run run;
    rig_ctl("plug usb");
    create.algorithms[0] = -8;
    rig_begin(&run, &create, false);
    rig_expect_end(&run, OUTCOME_OK);
    create.algorithms[0] = create.algorithms[1] = -65535;
    snprintf(create.key, sizeof create.key, "/dev/hidraw0");
    rig_begin(&run, &create, false);
    rig_expect_end(&run, OUTCOME_KEY_UNABLE);
}

/* ---- upkeep ---- */

static uint32_t once(struct helper_run *run, uint8_t operation)
{
    struct fido_start start = {.operation = operation};
    rig_begin(run, &start, false);
    return rig_finish(run);
}

/* The first word is the last. Returns the result; the run is the caller's to end. */
static uint32_t probe(struct helper_run *run, const struct bytes *id)
{
    struct fido_start start = rig_get(id, NULL);
    start.operation = FIDO_PROBE;
    rig_begin(run, &start, false);
    assert_true(rig_hear(run));
    assert_int_equal(run->type, FIDO_MESSAGE_DONE);
    return run->done.result;
}

static void a_probe_disturbs_nobody(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("plug usb");
    rig_register(&id, false, NULL);
    rig_ctl("delay usb never");
    assert_int_equal(probe(&run, &id), OUTCOME_OK);
    rig_end(&run);
    rig_ctl("new usb");
    assert_int_equal(probe(&run, &id), OUTCOME_KEY_NOT_REGISTERED);
    rig_end(&run);
    assert_int_equal(rig_state("usb", "blinking"), 0);
}

/* What it signs is the challenge of this very question, by nobody's touch; even where the key wants
 * its person for everything else. */
static void a_probe_brings_a_signature(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    rig_register(&id, false, "123456");
    rig_ctl("option usb always-uv on");
    rig_ctl("delay usb never");
    assert_int_equal(probe(&run, &id), OUTCOME_OK);
    assert_true(bytes_equal(&run.done.credential_id, &id));
    assert_int_equal(run.done.auth_data.len, 37);
    assert_int_equal(run.done.auth_data.data[32], 0); /* nobody was there, and nobody was asked */
    assert_true(run.done.signature.len >= 64);
    rig_end(&run);
}

static void an_old_key_brings_none(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("option usb u2f-only on");
    rig_ctl("plug usb");
    rig_register(&id, false, NULL);
    rig_ctl("delay usb never");
    assert_int_equal(probe(&run, &id), OUTCOME_OK);
    assert_true(bytes_equal(&run.done.credential_id, &id));
    assert_int_equal(run.done.auth_data.len + run.done.signature.len, 0);
    rig_end(&run);
}

static void a_key_says_what_it_is(void **state)
{
    (void)state;
    struct helper_run run;
    assert_int_equal(once(&run, FIDO_INFO), OUTCOME_NO_KEY);
    rig_end(&run);
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    assert_int_equal(once(&run, FIDO_INFO), OUTCOME_OK);
    assert_non_null(run.done.info);
    assert_string_equal(run.done.info->versions, "U2F_V2 FIDO_2_0 FIDO_2_1");
    assert_true(run.done.info->pin_set);
    assert_int_equal(run.done.info->pin_tries, 8);
    assert_true(run.done.info->large_blobs);
    assert_true(run.done.info->hmac_secret);
    rig_end(&run);
    rig_ctl("plug other");
    assert_int_equal(once(&run, FIDO_INFO), OUTCOME_KEY_AMBIGUOUS);
    rig_end(&run);
}

static void a_pin_is_set_and_changed(void **state)
{
    (void)state;
    struct fido_start set = {.operation = FIDO_PIN_SET};
    struct fido_start change = {.operation = FIDO_PIN_CHANGE};
    struct helper_run run;
    rig_ctl("plug usb");
    rig_begin(&run, &change, false);
    rig_expect_end(&run, OUTCOME_KEY_PIN_NOT_SET);
    rig_begin(&run, &set, false);
    rig_expect_ask(&run, FIDO_ASK_NEW_PIN, OUTCOME_OK);
    rig_say_pin(&run, "åäö");
    rig_expect_ask(&run, FIDO_ASK_NEW_PIN, OUTCOME_PIN_FORMAT); /* three characters */
    rig_say_pin(&run, "åäöü");
    rig_expect_end(&run, OUTCOME_OK);
    rig_begin(&run, &set, false);
    rig_expect_end(&run, OUTCOME_KEY_PIN_SET);
    rig_begin(&run, &change, false);
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
    rig_say_pin(&run, "wrong");
    rig_expect_ask(&run, FIDO_ASK_NEW_PIN, OUTCOME_OK);
    rig_say_pin(&run, "123456");
    rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_PIN_WRONG);
    rig_say_pin(&run, "åäöü");
    rig_expect_end(&run, OUTCOME_OK);
}

static void credentials_are_listed_renamed_and_deleted(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("pin usb set 123456");
    rig_ctl("plug usb");
    rig_register(&id, true, "123456");
    struct fido_start start = {.operation = FIDO_RENAME,
                               .user_name = "sister",
                               .user_display_name = "Sister Example",
                               .list_count = 1};
    static const uint8_t operations[] = {FIDO_RENAME, FIDO_CREDENTIALS, FIDO_DELETE,
                                         FIDO_DELETE, FIDO_RENAME,      FIDO_CREDENTIALS};
    static const uint32_t results[] = {
        OUTCOME_OK, OUTCOME_OK, OUTCOME_OK, OUTCOME_CREDENTIAL_UNKNOWN, OUTCOME_CREDENTIAL_UNKNOWN,
        OUTCOME_OK};
    start.list[0] = id;
    for (size_t i = 0; i < 6; i++) {
        start.operation = operations[i];
        rig_begin(&run, &start, false);
        rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
        rig_say_pin(&run, "123456");
        assert_int_equal(rig_finish(&run), results[i]);
        if (i == 1) {
            assert_int_equal(run.done.credential_count, 1);
            assert_true(bytes_equal(&run.done.credentials[0].id, &id));
            assert_string_equal(run.done.credentials[0].rp_id, RIG_SITE);
            assert_string_equal(run.done.credentials[0].user_name, "sister");
        } else {
            assert_int_equal(run.done.credential_count, 0);
        }
        rig_end(&run);
    }
}

static void a_finger_serves_for_upkeep_too(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("plug usb");
    rig_register(&id, true, NULL);
    struct fido_start start = {.operation = FIDO_CREDENTIALS};
    rig_begin(&run, &start, false);
    rig_expect_end(&run, OUTCOME_KEY_PIN_NOT_SET);
    rig_ctl("finger usb on");
    rig_begin(&run, &start, false);
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_int_equal(run.done.credential_count, 1);
    rig_end(&run);
}

static void everything_is_erased_only_at_once(void **state)
{
    (void)state;
    CLEANUP(bytes_deinit) struct bytes id = {0};
    struct helper_run run;
    rig_ctl("plug usb");
    rig_register(&id, true, NULL);
    assert_int_equal(once(&run, FIDO_RESET), OUTCOME_OK);
    rig_end(&run);
    assert_int_equal(rig_state("usb", "credentials"), 0);
    rig_ctl("fault usb status 30 at reset");
    assert_int_equal(once(&run, FIDO_RESET), OUTCOME_KEY_RESET_LATE);
    rig_end(&run);
}

#define RESET(test) cmocka_unit_test_setup(test, rig_reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESET(an_excluded_key_says_so_when_touched),
        RESET(a_u2f_key_signs_for_an_appid),
        RESET(secrets_are_of_the_salts_for_that_credential),
        RESET(large_blobs_are_written_and_read),
        RESET(no_statement_for_who_does_not_want_it),
        RESET(algorithms_are_taken_best_first),
        RESET(a_probe_disturbs_nobody),
        RESET(a_probe_brings_a_signature),
        RESET(an_old_key_brings_none),
        RESET(a_key_says_what_it_is),
        RESET(a_pin_is_set_and_changed),
        RESET(credentials_are_listed_renamed_and_deleted),
        RESET(a_finger_serves_for_upkeep_too),
        RESET(everything_is_erased_only_at_once),
    };
    return cmocka_run_group_tests(tests, rig_start_keys, rig_stop_keys);
}
