/* SPDX-License-Identifier: MIT */
/*
 * The parts of lanyard doctor that read: what the kernel tells in /proc, browsers' policies, and
 * the redaction; and that no code is used twice or left without its words.
 */
#include "agent/doctor/bundle.h"
#include "agent/doctor/child.h"
#include "agent/doctor/code.h"
#include "agent/doctor/outcome_causes.h"
#include "agent/doctor/policy.h"
#include "agent/doctor/proc.h"
#include "agent/doctor/redact.h"
#include "agent/doctor/report.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- /proc ---- */

static void a_status_tells_name_and_numbers(void **state)
{
    (void)state;
    static const char status[] =
        "Name:\tlanyard-card\nUmask:\t0077\nPPid:\t4711\nNoNewPrivs:\t1\nSeccomp:\t2\nOdd:\tx\n";
    char name[32];
    proc_status_name(status, name, sizeof name);
    assert_string_equal(name, "lanyard-card");
    assert_int_equal(proc_status_number(status, "PPid"), 4711);
    assert_int_equal(proc_status_number(status, "Seccomp"), 2);
    assert_int_equal(proc_status_number(status, "Secc"), -1);
    assert_int_equal(proc_status_number(status, "Odd"), -1);
    assert_int_equal(proc_status_number("", "PPid"), -1);
    proc_status_name("", name, sizeof name);
    assert_string_equal(name, "");
}

/* ---- policies ---- */

static void a_pattern_fits_what_browsers_say_it_fits(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *origin;
        bool fits;
    } cases[] = {
        {"https://a.example", "https://a.example", true},
        {"https://a.example/", "https://a.example", true},
        {"https://a.example:443", "https://a.example", true},
        {"https://a.example", "https://a.example:8443", false},
        {"https://a.example:8443", "https://a.example:8443", true},
        {"https://a.example:*", "https://a.example:8443", true},
        {"a.example", "https://a.example", true},
        {"a.example", "https://a.example:8443", true},
        {"a.example", "https://b.a.example", false},
        {"[*.]example", "https://b.a.example", true},
        {"https://[*.]a.example", "https://a.example", true},
        {"https://[*.]a.example", "https://ba.example", false},
        {"*.a.example", "https://b.a.example", true},
        {"*", "https://a.example:8443", true},
        {"https://*", "https://a.example:8443", true},
        {"http://a.example", "https://a.example", false},
        {"", "https://a.example", false},
        {"://", "https://a.example", false},
        {"[", "https://a.example", false},
        {"https://[", "https://a.example", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (policy_pattern_fits(cases[i].pattern, cases[i].origin) != cases[i].fits)
            fail_msg("%s and %s", cases[i].pattern, cases[i].origin);
}

static enum policy_verdict verdict(bool firefox, const char *text)
{
    const char *list;
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    enum policy_verdict is = firefox ? policy_of_firefox(json, "https://a.example", &list)
                                     : policy_of_chromium(json, "https://a.example", &list);
    json_decref(json);
    return is;
}

static void chromiums_lists_count_in_their_order(void **state)
{
    (void)state;
    assert_int_equal(verdict(false, "{}"), POLICY_SILENT);
    assert_int_equal(verdict(false, "{\"LoopbackNetworkAllowedForUrls\": [\"https://a.example\"]}"),
                     POLICY_ALLOWS);
    assert_int_equal(verdict(false, "{\"LoopbackNetworkAllowedForUrls\": [\"a.example\"],"
                                    " \"LocalNetworkAccessBlockedForUrls\": [\"*\"]}"),
                     POLICY_ALLOWS);
    assert_int_equal(verdict(false, "{\"LoopbackNetworkBlockedForUrls\": [\"*\"],"
                                    " \"LoopbackNetworkAllowedForUrls\": [\"a.example\"]}"),
                     POLICY_BLOCKS);
    assert_int_equal(verdict(false, "{\"LocalNetworkAccessBlockedForUrls\": [\"a.example\"],"
                                    " \"LocalNetworkAccessAllowedForUrls\": [\"a.example\"]}"),
                     POLICY_BLOCKS);
    assert_int_equal(verdict(false, "{\"LocalNetworkAccessRestrictionsTemporaryOptOut\": true}"),
                     POLICY_ALLOWS);
    assert_int_equal(verdict(false, "{\"LoopbackNetworkAllowedForUrls\": \"a.example\"}"),
                     POLICY_SILENT);
    assert_int_equal(verdict(false, "{\"LoopbackNetworkAllowedForUrls\": [1, null]}"),
                     POLICY_SILENT);
}

static void firefoxs_domains_count(void **state)
{
    (void)state;
    assert_int_equal(verdict(true, "{\"policies\": {}}"), POLICY_SILENT);
    assert_int_equal(verdict(true, "[]"), POLICY_SILENT);
    assert_int_equal(
        verdict(true,
                "{\"policies\": {\"LocalNetworkAccess\": {\"SkipDomains\": [\"a.example\"]}}}"),
        POLICY_ALLOWS);
    assert_int_equal(
        verdict(true,
                "{\"policies\": {\"LocalNetworkAccess\": {\"SkipDomains\": [\"b.example\"]}}}"),
        POLICY_SILENT);
    assert_int_equal(
        verdict(true, "{\"policies\": {\"LocalNetworkAccess\": {\"Enabled\": false}}}"),
        POLICY_ALLOWS);
}

/* ---- redaction ---- */

static void redacts(const char *text, const char *wanted)
{
    char alice[] = "Alice Adams", adams[] = "Adams", al[] = "Al";
    char *const names[] = {alice, adams, al};
    CLEANUP(bytes_deinit) struct bytes out = {0};
    redact(text, names, 3, &out);
    bytes_append(&out, "", 1);
    assert_string_equal((const char *)out.data, wanted);
}

static void secrets_are_taken_out(void **state)
{
    (void)state;
    redacts("Alice Adams, adams; Adamson, Al", "[name], [name]; Adamson, Al");
    redacts("pin=123456 PIN: 12", "pin=[removed]");
    redacts("{\"pin\": \"1234\", \"x\": 1}", "{\"pin\": \"[removed]\", \"x\": 1}");
    redacts("password = hunter2\nnext", "password = [removed]\nnext");
    redacts("uid 555000000101 of 5550", "uid [number] of 5550");
    redacts("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\nx", "[removed]\nx");
    redacts("-----BEGIN CERTIFICATE-----\nMIIB", "[removed]");
    redacts("eyJhbGciOiJFUzI1NiIsInR5cCI6Imxhbnlh.eyJhdWQiOiJodHRwczovL2EuZXhhbXBsZSJ9.c2ln x",
            "[removed] x");
    redacts("MIIBszCCAVmgAwIBAgIUfKk3Yp0F2h5T/Zq1Qw+Zx9vQmXMwCg== x", "[removed] x");
    redacts("1dc7392504984044b3a3974b2fef7a67", "[removed]");
    redacts("\"MESSAGE_ID\":\"1dc7392504984044b3a3974b2fef7a67\"",
            "\"MESSAGE_ID\":\"1dc7392504984044b3a3974b2fef7a67\"");
    redacts("\"MESSAGE_ID\":\"1dc7392504984044b3a3974b2fef7a67ab\"",
            "\"MESSAGE_ID\":\"[removed]\"");
    redacts("subject CN=Alison Brown,O=nhs", "subject CN=[removed],O=nhs");
    redacts("\"displayName\":\"Alison Brown\"", "\"displayName\":\"[removed]\"");
}

static void what_programs_print_is_taken_out(void **state)
{
    (void)state;
    redacts("PIN entered: 4821", "PIN entered: [number]");
    redacts("PINs 4821 and 5930", "PINs [number] and [number]");
    redacts("PIN1: 4821", "PIN1: [removed]");
    redacts("pin_2=4821", "pin_2=[removed]");
    redacts("VERIFY PIN 1 = 12-34-56", "VERIFY PIN 1 = [number]");
    redacts("pinentry at 4711\nspinning 4711", "pinentry at 4711\nspinning 4711");
    redacts("Authorization DPoP abc.def, Bearer x-1",
            "Authorization DPoP [removed], Bearer [removed]");
    redacts("sent 00 20 00 80 08 31 32 33 34 FF FF .", "sent [removed] .");
    redacts("00:20:00:80:08:31:32:33:34", "[removed]");
    redacts("at 05:28:39 of 00:1a:2b:3c:4d:5e", "at 05:28:39 of 00:1a:2b:3c:4d:5e");
    redacts("NHS number 943 476 5919", "NHS number [number]");
    redacts("1 of 12 in 2026 23", "1 of 12 in 2026 23");
}

static void names_are_known_in_capitals_too(void **state)
{
    (void)state;
    char name[] = "JOS\u00c9 M\u00dcLLER", other[] = "\u0141ukasz";
    char *const names[] = {name, other};
    CLEANUP(bytes_deinit) struct bytes out = {0};
    redact("Jos\u00e9 M\u00fcller, \u0142UKASZ, Jos\u00e9", names, 2, &out);
    bytes_append(&out, "", 1);
    assert_string_equal((const char *)out.data, "[name], [name], Jos\u00e9");
}

static void a_secret_goes_to_its_end(void **state)
{
    (void)state;
    redacts("password: hunter,2secret;x\nnext", "password: [removed]\nnext");
    redacts("Cookie: a=b; c='d'", "Cookie: [removed]");
    redacts("\"password\": \"ab\\\"cd,ef\", \"x\": 1", "\"password\": \"[removed]\", \"x\": 1");
    redacts("{\"note\": \"password: a,b;c\", \"x\": 1}",
            "{\"note\": \"password: [removed]\", \"x\": 1}");
    redacts("{\"note\": \"{\\\"pin\\\": \\\"ab,c\\\", \\\"x\\\": 1}\"}",
            "{\"note\": \"{\\\"pin\\\": \\\"[removed]\\\", \\\"x\\\": 1}\"}");
    redacts("password = \"ab\"cd\nnext", "password = \"[removed]\nnext");
    redacts("\"password\": \"\", \"x\": 1", "\"password\": \"\", \"x\": 1");
    redacts("password='it's;me'\nnext", "password='[removed]'\nnext");
    redacts("password=\"\"ab", "password=\"\"[removed]");
    redacts("password:", "password:");
}

static void one_piece_between_points_is_enough(void **state)
{
    (void)state;
    redacts("zz.f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0.zz", "zz.[removed].zz");
    redacts("zz.f0f0f0f0.f0f0f0f0.f0f0f0f0.f0f0f0f0", "zz.f0f0f0f0.f0f0f0f0.f0f0f0f0.f0f0f0f0");
}

/* What begins again at every character, and is seen to be nothing at the text's end alone. */
static void a_long_text_is_looked_through_once(void **state)
{
    (void)state;
    static const char *const pieces[] = {". ", "a.", "zz0.", "a://", "is ", "= ", "' "};
    enum { LONG = 512 * 1024 };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        CLEANUP(bytes_deinit) struct bytes text = {0}, out = {0};
        while (text.len < LONG)
            bytes_append_text(&text, pieces[i]);
        bytes_append_text(&text, " pin=1234");
        bytes_append(&text, "", 1);
        assert_false(text.failed);
        redact((const char *)text.data, NULL, 0, &out);
        size_t kept = text.len - sizeof "1234";
        assert_int_equal(out.len, kept + strlen("[removed]"));
        assert_memory_equal(out.data, text.data, kept);
    }
}

static void a_persons_name_goes_to_its_end(void **state)
{
    (void)state;
    redacts("GN=O'Brien, SN=O'Brien", "GN=[removed], SN=[removed]");
    redacts("CN=Mary O'Brien+UID=ab;c,O=nhs", "CN=[removed]+UID=[removed],O=nhs");
    redacts("CN=O'Brien\\, Mary,O=nhs", "CN=[removed],O=nhs");
    redacts("CN=\"O'Brien, Mary\",O=nhs", "CN=\"[removed]\",O=nhs");
    redacts("{\"name\":\"O'Brien, Mary\",\"x\":1}", "{\"name\":\"[removed]\",\"x\":1}");
    redacts("{\"note\":\"CN=O'Brien\"}", "{\"note\":\"CN=[removed]\"}");
}

static void who_is_in_an_address_is_taken_out(void **state)
{
    (void)state;
    redacts("http://user:s3cr3t@proxy:8080", "http://[removed]@proxy:8080");
    redacts("\"http://user:a@b@proxy/x\"", "\"http://[removed]@proxy/x\"");
    redacts("https://user:pa/ss@proxy x", "https://[removed]@proxy x");
}

static void a_pin_in_a_sentence_is_taken_out(void **state)
{
    (void)state;
    redacts("pin 1234 was typed", "pin [number] was typed");
    redacts("the PIN is 12345.", "the PIN is [number].");
    redacts("PUK 12-34-56", "PUK [number]");
    redacts("PIN is: \"1 2 3 4\"", "PIN is: \"[number]\"");
    redacts("the PIN was (12.34)", "the PIN was ([number])");
    redacts("pin = 12-34-56\nnext", "pin = [removed]\nnext");
}

static void what_helps_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so: cannot open shared object file",
        "2026-11-23T02:15:21+0000 host lanyardd[4711]: card module ready",
        "https://am.nhsidentity.spineservices.nhs.uk/openam/oauth2/realms",
        "LY-2104 port 24290: it is user 1000, process 4711 (node)",
        "\"code\": \"LY-2001\", \"reason\": \"agent-no-runtime\"",
        "pin-timeout = 120",
        "the PIN has 3 tries left, 1 of 2 PINs",
        "https://registry.example:8443/@scope/12-34-56",
        "/tmp/lanyard-doctor-abcdef/some/long/folder/of/a/test/lanyard.conf:13",
        "",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        redacts(texts[i], texts[i]);
}

/* ---- the tables ---- */

static void every_code_is_one_codes_and_has_its_words(void **state)
{
    (void)state;
    const struct doctor_row *row, *other;
    for (unsigned i = 0; (row = doctor_row_at(i)); i++) {
        assert_in_range(row->code, 2000, 2999);
        assert_true(row->reason[0] && row->meaning[0] && row->cause[0] && row->cure[0]);
        assert_ptr_equal(doctor_row_of(row->code), row);
        for (unsigned k = i + 1; (other = doctor_row_at(k)); k++) {
            assert_int_not_equal(row->code, other->code);
            assert_string_not_equal(row->reason, other->reason);
        }
    }
}

static void every_outcome_has_its_cause(void **state)
{
    (void)state;
#define HAS_CAUSE(name, number, reason, sentence, advice)                                          \
    if (!outcome_cause_of(reason))                                                                 \
        fail_msg("%s has no cause in agent/doctor/outcome_causes.h", reason);
    OUTCOME_TABLE(HAS_CAUSE)
#undef HAS_CAUSE
    const struct outcome_cause *cause;
    for (unsigned i = 0; (cause = outcome_cause_at(i)); i++)
        if (strcmp(cause->reason, "internal") != 0 &&
            outcome_from_reason(cause->reason) == OUTCOME_INTERNAL)
            fail_msg("%s is no outcome", cause->reason);
}

static void the_first_is_the_first_of_the_worst(void **state)
{
    (void)state;
    static struct report report;
    report_check(&report, "a");
    report_find(&report, DOCTOR_DEVELOPMENT, "x", NULL);
    report_find(&report, DOCTOR_AGENT_VERSION, "x", "one\ntwo");
    assert_int_equal(report_first(&report)->code, DOCTOR_AGENT_VERSION);
    assert_string_equal(report_first(&report)->sentence, "one two");
    report_check(&report, "b");
    report_find(&report, DOCTOR_READER_NONE, "\xff", "%s", "\xc3\x28");
    report_find(&report, DOCTOR_AGENT_SILENT, "x", NULL);
    assert_int_equal(report_first(&report)->code, DOCTOR_READER_NONE);
    report_soften(&report, SEVERITY_NOTICE);
    char *json = report_json(&report);
    assert_non_null(json);
    assert_non_null(strstr(json, "\"healthy\": false"));
    assert_non_null(strstr(json, "LY-2401"));
    free(json);
    report_deinit(&report);
}

static void what_is_not_checked_has_its_own_cause(void **state)
{
    (void)state;
    static struct report report;
    report_check(&report, "configuration");
    report_find(&report, DOCTOR_CONFIG_NO_PROVIDER, "", NULL);
    report_check(&report, "reader-service");
    report_find(&report, DOCTOR_CHECK_FAILED, "", NULL);
    report_find(&report, DOCTOR_PCSCD_DIED, "", NULL);
    report_check(&report, "readers");
    report_skip_after(&report, "reader-service", DOCTOR_CHECK_FAILED);
    assert_int_equal(report.checks[2].because, DOCTOR_PCSCD_DIED);
    report_check(&report, "cards");
    report_skip_after(&report, "readers", DOCTOR_READER_NONE);
    assert_int_equal(report.checks[3].because, DOCTOR_READER_NONE);
    report_deinit(&report);
}

static void what_no_terminal_shows_is_replaced(void **state)
{
    (void)state;
    static struct report report;
    report_check(&report, "a");
    report_find(&report, DOCTOR_READER_NONE,
                "a\xc2\x9b"
                "31m\xe2\x80\xae"
                "b\x7f",
                "%s",
                "\xe2\x81\xa6"
                "c\xd8\x9c\xef\xbb\xbf Zo\xc3\xab \xff.");
    assert_string_equal(report.findings[0].subject, "a 31m b ");
    assert_string_equal(report.findings[0].sentence, " c   Zo\xc3\xab ?.");
    report_deinit(&report);
}

static void a_person_is_hidden_in_parts(void **state)
{
    (void)state;
    static struct report report;
    CLEANUP(bytes_deinit) struct bytes out = {0};
    report_hide_person(&report, "Dr A. Mary-Jane O'Brien");
    report_hide_person(&report, "dr a. mary-jane o'brien");
    report_hide_person(&report, NULL);
    report_hide(&report, "Li");
    assert_int_equal(report.name_count, 3);
    redact("O'BRIEN, mary-jane; Dr", report.names, report.name_count, &out);
    bytes_append(&out, "", 1);
    assert_string_equal((const char *)out.data, "[name], [name]; Dr");
    report_deinit(&report);
}

static void no_archive_is_written_with_a_name_left_in_it(void **state)
{
    (void)state;
    static struct report report;
    char name[32], folder[] = "/tmp/lanyard-doctor-XXXXXX", path[64];
    for (int i = 0; i < REPORT_NAMES_MAX; i++) {
        snprintf(name, sizeof name, "person-%d", i);
        report_hide(&report, name);
    }
    report_hide(&report, "person-0");
    assert_false(report.names_lost);
    report_hide(&report, "one-more");
    assert_true(report.names_lost);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/bundle.tar", folder);
    assert_int_equal(bundle_write(path, &report, "{}", NULL), -EOVERFLOW);
    assert_int_equal(access(path, F_OK), -1);
    rmdir(folder);
    report_deinit(&report);
}

static void every_finding_is_printed_with_its_meaning(void **state)
{
    (void)state;
    static struct report report;
    char *text = NULL;
    size_t len;
    report_check(&report, "configuration");
    report_find(&report, DOCTOR_CONFIG_INVALID, "", "lanyard.conf:2: %s", "unknown key");
    report_find(&report, DOCTOR_DEVELOPMENT, "care", "%s", "https://a.example may ask");
    report_find(&report, DOCTOR_KEY_NO_RULE, "", NULL);
    report_find(&report, DOCTOR_KEY_NO_NODE, "/dev/hidraw0", NULL);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    report_print(&report, out);
    fclose(out);
    static const char *const wanted[] = {
        "because:\n\n  The configuration has mistakes: no agent starts with it. "
        "(LY-2201)\n"
        "  lanyard.conf:2: unknown key\n",
        "  LY-2201  error    The configuration has mistakes: no agent starts with it. "
        "(lanyard.conf:2: unknown key)\n",
        "  LY-2207  notice   Sites that are not for real patients' data may ask for a sign-in. "
        "(care: https://a.example may ask)\n",
        "  LY-2603  warning  No rule of udev gives security keys to people.\n",
        "  LY-2601  error    A security key is plugged in, and has no device file. "
        "(/dev/hidraw0)\n",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(text, wanted[i]))
            fail_msg("%s\nis not in\n%s", wanted[i], text);
    free(text);
    report_deinit(&report);
}

/* ---- what is started ---- */

/* The terminal on which doctor was called is not a card module's to type into. */
static void a_helper_has_no_terminal_of_ours(void **state)
{
    (void)state;
    static const char *const helper[] = {"/bin/cat", NULL};
    struct child child;
    assert_int_equal(child_start(helper, CHILD_TALKS, &child), 0);
    assert_int_equal(getsid(child.pid), child.pid);
    child_end(&child, false);
    child_close(&child);
}

/* But what the system says is interrupted with doctor. */
static void a_tool_stays_in_our_session(void **state)
{
    (void)state;
    static const char *const tool[] = {"cut", "-d ", "-f6", "/proc/self/stat", NULL};
    CLEANUP(bytes_deinit) struct bytes said = {0};
    assert_int_equal(child_output(tool, 32, 60000, &said), 0);
    bytes_append(&said, "", 1);
    assert_int_equal(strtol((const char *)said.data, NULL, 10), getsid(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_tells_name_and_numbers),
        cmocka_unit_test(a_pattern_fits_what_browsers_say_it_fits),
        cmocka_unit_test(chromiums_lists_count_in_their_order),
        cmocka_unit_test(firefoxs_domains_count),
        cmocka_unit_test(secrets_are_taken_out),
        cmocka_unit_test(one_piece_between_points_is_enough),
        cmocka_unit_test(a_long_text_is_looked_through_once),
        cmocka_unit_test(what_programs_print_is_taken_out),
        cmocka_unit_test(names_are_known_in_capitals_too),
        cmocka_unit_test(a_secret_goes_to_its_end),
        cmocka_unit_test(a_persons_name_goes_to_its_end),
        cmocka_unit_test(who_is_in_an_address_is_taken_out),
        cmocka_unit_test(a_pin_in_a_sentence_is_taken_out),
        cmocka_unit_test(what_helps_stays),
        cmocka_unit_test(every_code_is_one_codes_and_has_its_words),
        cmocka_unit_test(every_outcome_has_its_cause),
        cmocka_unit_test(the_first_is_the_first_of_the_worst),
        cmocka_unit_test(what_is_not_checked_has_its_own_cause),
        cmocka_unit_test(what_no_terminal_shows_is_replaced),
        cmocka_unit_test(a_person_is_hidden_in_parts),
        cmocka_unit_test(no_archive_is_written_with_a_name_left_in_it),
        cmocka_unit_test(a_helper_has_no_terminal_of_ours),
        cmocka_unit_test(a_tool_stays_in_our_session),
        cmocka_unit_test(every_finding_is_printed_with_its_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
