/* SPDX-License-Identifier: MIT */
/* What an audit entry says, and that nothing in it can be forged. */
#include "agent/audit.h"
#include "ipc/base/bytes.h"
#include "ipc/base/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *field(const struct audit_fields *fields, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < fields->count; i++)
        if (strncmp(fields->at[i], name, len) == 0 && fields->at[i][len] == '=')
            return fields->at[i] + len + 1;
    return NULL;
}

static void a_sign_in_is_told_in_fields(void **state)
{
    (void)state;
    struct audit_fields fields;
    audit_fields_make(&(struct audit_entry){.event = AUDIT_SIGN_IN,
                                            .uid = "555123456789",
                                            .origin = "https://login.example",
                                            .provider = "cis2",
                                            .reader = "Reader 0",
                                            .algorithm = "ES256"},
                      &fields);
    assert_string_equal(field(&fields, "MESSAGE"), "sign-in: ok for https://login.example");
    assert_int_equal(strlen(field(&fields, "MESSAGE_ID")), 32);
    assert_string_equal(field(&fields, "PRIORITY"), "6");
    assert_string_equal(field(&fields, "LANYARD_EVENT"), "sign-in");
    assert_string_equal(field(&fields, "LANYARD_OUTCOME"), "ok");
    assert_null(field(&fields, "LANYARD_CODE"));
    assert_string_equal(field(&fields, "LANYARD_UID"), "555123456789");
    assert_string_equal(field(&fields, "LANYARD_ORIGIN"), "https://login.example");
    assert_string_equal(field(&fields, "LANYARD_PROVIDER"), "cis2");
    assert_string_equal(field(&fields, "LANYARD_READER"), "Reader 0");
    assert_string_equal(field(&fields, "LANYARD_ALGORITHM"), "ES256");
}

static void a_refusal_has_reason_and_code(void **state)
{
    (void)state;
    struct audit_fields fields;
    audit_fields_make(
        &(struct audit_entry){.event = AUDIT_SIGN_IN_FAILED, .result = OUTCOME_PIN_BLOCKED},
        &fields);
    assert_string_equal(field(&fields, "LANYARD_EVENT"), "sign-in-failed");
    assert_string_equal(field(&fields, "LANYARD_OUTCOME"), "pin-blocked");
    assert_string_equal(field(&fields, "LANYARD_CODE"), "LY-1004");
    assert_null(field(&fields, "LANYARD_UID"));
    audit_fields_make(&(struct audit_entry){.event = AUDIT_REFUSED, .result = -12}, &fields);
    assert_string_equal(field(&fields, "LANYARD_OUTCOME"), "internal");
}

static void a_session_s_change_is_told_in_fields(void **state)
{
    (void)state;
    struct audit_fields fields;
    audit_fields_make(&(struct audit_entry){.event = AUDIT_SESSION_LOCKED,
                                            .uid = "555123456789",
                                            .provider = "cis2",
                                            .session = "s-1",
                                            .role = "r-2",
                                            .organisation = "Example Trust",
                                            .cause = "card-removed"},
                      &fields);
    assert_string_equal(field(&fields, "MESSAGE"), "session-locked: ok (card-removed)");
    assert_string_equal(field(&fields, "LANYARD_SESSION"), "s-1");
    assert_string_equal(field(&fields, "LANYARD_ROLE"), "r-2");
    assert_string_equal(field(&fields, "LANYARD_ORGANISATION"), "Example Trust");
    assert_string_equal(field(&fields, "LANYARD_CAUSE"), "card-removed");
    assert_null(field(&fields, "LANYARD_LOCKER"));
}

static void a_security_key_is_told_by_its_product(void **state)
{
    (void)state;
    struct audit_fields fields;
    audit_fields_make(&(struct audit_entry){.event = AUDIT_KEY_SIGN_IN,
                                            .origin = "https://login.example",
                                            .key = "Example Key",
                                            .credential = "0011223344556677"},
                      &fields);
    assert_string_equal(field(&fields, "MESSAGE"), "key-sign-in: ok for https://login.example");
    assert_string_equal(field(&fields, "LANYARD_KEY"), "Example Key");
    assert_string_equal(field(&fields, "LANYARD_CREDENTIAL"), "0011223344556677");
}

static void a_screen_that_stays_open_names_its_locker(void **state)
{
    (void)state;
    struct audit_fields fields;
    audit_fields_make(
        &(struct audit_entry){.event = AUDIT_LOCK_FAILED, .result = -5, .locker = "logind"},
        &fields);
    assert_string_equal(field(&fields, "MESSAGE"), "lock-failed: internal (logind)");
    assert_string_equal(field(&fields, "LANYARD_LOCKER"), "logind");
    assert_string_equal(field(&fields, "PRIORITY"), "2");
}

static void priorities_say_what_needs_looking_at(void **state)
{
    (void)state;
    static const struct {
        enum audit_event event;
        int result;
        const char *priority;
    } rows[] = {
        {AUDIT_SIGN_IN, OUTCOME_OK, "6"},
        {AUDIT_SIGN_IN_FAILED, OUTCOME_PIN_BLOCKED, "4"},
        {AUDIT_SIGN_IN_FAILED, -12, "4"},
        {AUDIT_SIGN_IN_FAILED, OUTCOME_CANCELLED, "5"},
        {AUDIT_SIGN_IN_FAILED, OUTCOME_TIMED_OUT, "5"},
        {AUDIT_KEY_SIGN_IN, OUTCOME_OK, "6"},
        {AUDIT_KEY_SIGN_IN, OUTCOME_CANCELLED, "5"},
        {AUDIT_KEY_REGISTRATION, OUTCOME_KEY_FAILED, "4"},
        {AUDIT_REFUSED, OUTCOME_NOT_ALLOWED, "4"},
        {AUDIT_SESSION_OPENED, OUTCOME_OK, "6"},
        {AUDIT_SESSION_ENDED, OUTCOME_OK, "6"},
        {AUDIT_SESSION_ENDED, OUTCOME_NO_SESSION, "5"},
        {AUDIT_SESSION_END_DELIVERED, OUTCOME_OK, "6"},
        {AUDIT_SESSION_END_DELAYED, OUTCOME_PROVIDER_UNREACHABLE, "4"},
        {AUDIT_LOCK_FAILED, OUTCOME_INTERNAL, "2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct audit_fields fields;
        audit_fields_make(&(struct audit_entry){.event = rows[i].event, .result = rows[i].result},
                          &fields);
        assert_string_equal(field(&fields, "PRIORITY"), rows[i].priority);
    }
}

static void what_is_not_utf_8_is_replaced(void **state)
{
    (void)state;
    char reader[AUDIT_FIELD_BYTES_MAX + 1];
    struct audit_fields fields;
    for (size_t i = 0; i + 2 < sizeof reader; i += 2)
        memcpy(reader + i, "\xc3\xa9", 3); /* an e with an acute accent, cut in its middle */
    audit_fields_make(&(struct audit_entry){.event = AUDIT_SIGN_IN,
                                            .origin = "a\xff"
                                                      "b\xc3\xa9 c\xe2\x82",
                                            .reader = reader},
                      &fields);
    assert_string_equal(field(&fields, "LANYARD_ORIGIN"), "a?b\xc3\xa9 c??");
    for (size_t i = 0; i < fields.count; i++)
        assert_true(utf8_valid(fields.at[i], strlen(fields.at[i])));
}

static void values_stay_in_their_field(void **state)
{
    (void)state;
    char reader[1024];
    memset(reader, 'r', sizeof reader - 1);
    reader[sizeof reader - 1] = '\0';
    struct audit_fields fields;
    audit_fields_make(&(struct audit_entry){.event = AUDIT_SIGN_IN,
                                            .uid = "",
                                            .origin = "x\nLANYARD_UID=000000000000",
                                            .reader = reader},
                      &fields);
    assert_string_equal(field(&fields, "LANYARD_ORIGIN"), "x?LANYARD_UID=000000000000");
    assert_null(field(&fields, "LANYARD_UID"));
    assert_int_equal(strlen(field(&fields, "LANYARD_READER")),
                     AUDIT_FIELD_BYTES_MAX - 1 - strlen("LANYARD_READER="));
}

static void events_have_identities_of_their_own(void **state)
{
    (void)state;
    struct audit_fields all[AUDIT_EVENTS];
    for (int i = 0; i < AUDIT_EVENTS; i++) {
        audit_fields_make(&(struct audit_entry){.event = (enum audit_event)i}, &all[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(field(&all[i], "MESSAGE_ID"), field(&all[j], "MESSAGE_ID"));
    }
}

static void writing_without_a_journal_is_harmless(void **state)
{
    (void)state;
    audit_write(&(struct audit_entry){.event = AUDIT_REFUSED, .result = OUTCOME_NOT_ALLOWED});
}

static void refusals_do_not_crowd_out_the_rest(void **state)
{
    (void)state;
    struct audit_recent recent[AUDIT_RECENT_MAX];
    for (int i = 0; i < 2 * AUDIT_RECENT_MAX; i++) {
        if (i < AUDIT_RECENT_MAX - AUDIT_RECENT_REFUSALS_MAX)
            audit_write(&(struct audit_entry){.event = AUDIT_SIGN_IN, .origin = "https://a"});
        audit_write(&(struct audit_entry){
            .event = AUDIT_REFUSED, .result = OUTCOME_NOT_ALLOWED, .origin = i % 2 ? "b" : "c"});
    }
    assert_int_equal(audit_recent(recent), AUDIT_RECENT_MAX);
    for (int i = 0; i < AUDIT_RECENT_MAX; i++)
        assert_string_equal(recent[i].event, i < AUDIT_RECENT_REFUSALS_MAX ? "refused" : "sign-in");
    assert_string_equal(recent[0].about, "b");
    assert_string_equal(recent[1].about, "c");
    for (int i = 0; i < 2 * AUDIT_RECENT_MAX; i++)
        audit_write(&(struct audit_entry){.event = AUDIT_SIGN_IN, .origin = i % 2 ? "d" : "e"});
    assert_int_equal(audit_recent(recent), AUDIT_RECENT_MAX);
    for (int i = 0; i < AUDIT_RECENT_MAX; i++)
        assert_string_equal(recent[i].about, i % 2 ? "e" : "d");
}

/* ---- the manual page ---- */

static char page[65536];

static size_t count(const char *what)
{
    size_t n = 0;
    for (const char *at = page; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void the_manual_page_has_every_event_and_field_and_no_other(void **state)
{
    (void)state;
    FILE *file = fopen(LANYARD_SOURCE "/packaging/man/lanyardd.8", "r");
    assert_non_null(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    struct audit_fields fields;
    struct audit_entry whole = {AUDIT_SIGN_IN, OUTCOME_BUSY, "1", "2",  "3",  "4",  "5", "6",
                                "7",           "8",          "9", "10", "11", "12", "13"};
    for (; whole.event < AUDIT_EVENTS; whole.event++) {
        char item[128];
        audit_fields_make(&whole, &fields);
        snprintf(item, sizeof item, "\n.It Li %s\n", field(&fields, "LANYARD_EVENT"));
        if (!strstr(page, item))
            fail_msg("lanyardd(8) does not have:%s", item);
    }
    assert_int_equal(fields.count, AUDIT_FIELDS_MAX);
    size_t told = 0;
    for (size_t i = 0; i < fields.count; i++) {
        char item[128];
        snprintf(item, sizeof item, "\n.It Ev %.*s\n", (int)strcspn(fields.at[i], "="),
                 fields.at[i]);
        bool ours = strncmp(fields.at[i], "LANYARD_", 8) == 0;
        told += ours;
        if (ours && !strstr(page, item))
            fail_msg("lanyardd(8) does not have:%s", item);
    }
    assert_int_equal(count("\n.It Li "), AUDIT_EVENTS);
    assert_int_equal(count("\n.It Ev LANYARD_"), told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sign_in_is_told_in_fields),
        cmocka_unit_test(a_refusal_has_reason_and_code),
        cmocka_unit_test(a_session_s_change_is_told_in_fields),
        cmocka_unit_test(a_security_key_is_told_by_its_product),
        cmocka_unit_test(a_screen_that_stays_open_names_its_locker),
        cmocka_unit_test(priorities_say_what_needs_looking_at),
        cmocka_unit_test(what_is_not_utf_8_is_replaced),
        cmocka_unit_test(values_stay_in_their_field),
        cmocka_unit_test(events_have_identities_of_their_own),
        cmocka_unit_test(writing_without_a_journal_is_harmless),
        cmocka_unit_test(refusals_do_not_crowd_out_the_rest),
        cmocka_unit_test(the_manual_page_has_every_event_and_field_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
