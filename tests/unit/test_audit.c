/* SPDX-License-Identifier: MIT */
/* What an audit entry says, and that nothing in it can be forged. */
#include "agent/audit.h"
#include "ipc/base/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
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
    assert_string_equal(field(&fields, "PRIORITY"), "5");
    assert_null(field(&fields, "LANYARD_UID"));
    audit_fields_make(&(struct audit_entry){.event = AUDIT_REFUSED, .result = -12}, &fields);
    assert_string_equal(field(&fields, "LANYARD_OUTCOME"), "internal");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sign_in_is_told_in_fields),
        cmocka_unit_test(a_refusal_has_reason_and_code),
        cmocka_unit_test(values_stay_in_their_field),
        cmocka_unit_test(events_have_identities_of_their_own),
        cmocka_unit_test(writing_without_a_journal_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
