/* SPDX-License-Identifier: MIT */
/*
 * Texts come from files, readers and servers, so what no text that a person reads has (controls,
 * and marks that turn the direction of writing) is replaced as it comes in, and what is not UTF-8:
 * a report can be shown anywhere.
 */
#include "agent/doctor/report.h"

#include "agent/doctor/redact.h"
#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 1000 };

void report_deinit(struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->findings[i].subject);
        free(report->findings[i].sentence);
    }
    for (size_t i = 0; i < report->check_count; i++)
        free(report->checks[i].fact);
    for (size_t i = 0; i < report->fact_count; i++)
        free(report->facts[i].value);
    for (size_t i = 0; i < report->attachment_count; i++)
        free(report->attachments[i].text);
    for (size_t i = 0; i < report->name_count; i++)
        free(report->names[i]);
    *report = (struct report){0};
}

/* In its place: what takes a character's is never longer. */
static void clean(char *text)
{
    char *to = text;
    for (const char *at = text; *at;) {
        uint32_t character;
        size_t len = utf8_character(at, &character);
        if (len > 0 && character_prints(character)) {
            memmove(to, at, len);
            to += len;
        } else {
            *to++ = len > 0 ? ' ' : '?';
        }
        at += len > 0 ? len : 1;
    }
    *to = '\0';
}

__attribute__((format(printf, 2, 0))) static char *compose(struct report *report,
                                                           const char *format, va_list arguments)
{
    char text[TEXT_MAX];
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    clean(text);
    char *copy = strdup(text);
    report->failed = report->failed || !copy;
    return copy;
}

void report_check(struct report *report, const char *name)
{
    if (report->check_count == REPORT_CHECKS_MAX) {
        report->failed = true;
        return;
    }
    report->checks[report->check_count++] = (struct check_result){.name = name};
}

static struct check_result *current(struct report *report)
{
    return report->check_count > 0 ? &report->checks[report->check_count - 1] : NULL;
}

void report_skip(struct report *report, enum doctor_code because)
{
    struct check_result *check = current(report);
    if (check)
        check->because = because;
}

void report_saw(struct report *report, const char *format, ...)
{
    struct check_result *check = current(report);
    if (!check)
        return;
    va_list arguments;
    va_start(arguments, format);
    free(check->fact);
    check->fact = compose(report, format, arguments);
    va_end(arguments);
}

void report_find(struct report *report, enum doctor_code code, const char *subject,
                 const char *format, ...)
{
    struct check_result *check = current(report);
    if (report->count == REPORT_FINDINGS_MAX || !check) {
        report->failed = true;
        return;
    }
    const struct doctor_row *row = doctor_row_of(code);
    struct finding *finding = &report->findings[report->count++];
    *finding = (struct finding){.code = code, .severity = row->severity, .check = check->name};
    finding->subject = strdup(subject ? subject : "");
    if (finding->subject)
        clean(finding->subject);
    if (format) {
        va_list arguments;
        va_start(arguments, format);
        finding->sentence = compose(report, format, arguments);
        va_end(arguments);
    } else {
        finding->sentence = strdup(row->meaning);
    }
    report->failed = report->failed || !finding->subject || !finding->sentence;
    check->findings++;
}

void report_soften(struct report *report, enum severity most)
{
    if (report->count > 0 && report->findings[report->count - 1].severity > most)
        report->findings[report->count - 1].severity = most;
}

void report_soften_check(struct report *report, const char *check, enum severity most)
{
    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->findings[i].check, check) == 0 && report->findings[i].severity > most)
            report->findings[i].severity = most;
}

void report_fact(struct report *report, const char *name, const char *format, ...)
{
    if (report->fact_count == REPORT_FACTS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    report->facts[report->fact_count++] =
        (struct fact){.name = name, .value = compose(report, format, arguments)};
    va_end(arguments);
}

void report_attach(struct report *report, const char *name, char *text)
{
    if (text && report->attachment_count < REPORT_ATTACHMENTS_MAX)
        report->attachments[report->attachment_count++] =
            (struct attachment){.name = name, .text = text};
    else
        free(text);
}

static bool is_hidden(const struct report *report, const char *name, size_t len)
{
    for (size_t i = 0; i < report->name_count; i++)
        if (strlen(report->names[i]) == len && strncasecmp(report->names[i], name, len) == 0)
            return true;
    return false;
}

static void hide(struct report *report, const char *name, size_t len)
{
    if (len < REDACT_NAME_MIN || is_hidden(report, name, len))
        return;
    char *copy = report->name_count < REPORT_NAMES_MAX ? strndup(name, len) : NULL;
    if (copy)
        report->names[report->name_count++] = copy;
    else
        report->names_lost = true;
}

void report_hide(struct report *report, const char *name)
{
    hide(report, name, name ? strlen(name) : 0);
}

void report_hide_person(struct report *report, const char *name)
{
    static const char between[] = " ,.\t";
    report_hide(report, name);
    for (const char *part = name; part && *part; part += strspn(part, between)) {
        size_t len = strcspn(part, between);
        hide(report, part, len);
        part += len;
    }
}

bool report_has(const struct report *report, enum doctor_code code)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->findings[i].code == code)
            return true;
    return false;
}

/* The first of the worst kind that a check has found; NULL: any check. */
static const struct finding *first_of(const struct report *report, const char *check)
{
    const struct finding *first = NULL;
    for (size_t i = 0; i < report->count; i++) {
        const struct finding *each = &report->findings[i];
        bool meant = !check || strcmp(each->check, check) == 0;
        if (meant && (!first || each->severity > first->severity))
            first = each;
    }
    return first;
}

const struct finding *report_first(const struct report *report)
{
    return first_of(report, NULL);
}

void report_skip_after(struct report *report, const char *check, enum doctor_code otherwise)
{
    const struct finding *first = first_of(report, check);
    report_skip(report, first ? first->code : otherwise);
}

/* ---- for people ---- */

static const char *or_nothing(const char *text)
{
    return text ? text : "";
}

/* Whom or what it is about, and what was seen there; the meaning is not said again. */
static bool detail(const struct finding *finding, char text[TEXT_MAX])
{
    const char *subject = or_nothing(finding->subject), *sentence = or_nothing(finding->sentence);
    if (strcmp(sentence, doctor_row_of(finding->code)->meaning) == 0)
        sentence = "";
    snprintf(text, TEXT_MAX, "%s%s%s", subject, subject[0] && sentence[0] ? ": " : "", sentence);
    return text[0] != '\0';
}

static void print_finding(const struct finding *finding, FILE *out)
{
    const struct doctor_row *row = doctor_row_of(finding->code);
    char more[TEXT_MAX];
    fprintf(out, "  LY-%d  %-7s  %s", finding->code, severity_name(finding->severity),
            row->meaning);
    if (detail(finding, more))
        fprintf(out, " (%s)", more);
    fprintf(out, "\n           %s\n", row->cure);
}

static void print_first(const struct finding *first, FILE *out)
{
    static const char *const heads[] = {
        [SEVERITY_ERROR] = "Signing in does not work here, because:",
        [SEVERITY_WARNING] = "Signing in works, but:",
        [SEVERITY_NOTICE] = "Everything is in order. Worth knowing:",
    };
    char more[TEXT_MAX];
    if (!first) {
        fputs("Everything is in order.\n", out);
        return;
    }
    fprintf(out, "%s\n\n  %s", heads[first->severity], doctor_row_of(first->code)->meaning);
    fprintf(out, " (LY-%d)\n", first->code);
    if (detail(first, more))
        fprintf(out, "  %s\n", more);
    fprintf(out, "  What to do: %s\n", doctor_row_of(first->code)->cure);
}

void report_print(const struct report *report, FILE *out)
{
    print_first(report_first(report), out);
    if (report->count > 1) {
        fputs("\nAll findings:\n", out);
        for (size_t i = 0; i < report->count; i++)
            print_finding(&report->findings[i], out);
    }
    fputs("\nChecked:\n", out);
    for (size_t i = 0; i < report->check_count; i++) {
        const struct check_result *check = &report->checks[i];
        fprintf(out, "  %-15s ", check->name);
        if (check->because)
            fprintf(out, "not checked, because of LY-%d\n", check->because);
        else
            fprintf(out, "%s%s%s\n", check->findings > 0 ? "see above" : "in order",
                    or_nothing(check->fact)[0] ? ": " : "", or_nothing(check->fact));
    }
    if (report->count > 0)
        fputs("\nlanyard-errors(7) has a section for each code.\n", out);
    if (report->failed)
        fputs("This is not all: there was no memory, or no room, for more.\n", out);
}

/* ---- for programs ---- */

static json_t *finding_json(const struct finding *finding)
{
    const struct doctor_row *row = doctor_row_of(finding->code);
    char code[16];
    snprintf(code, sizeof code, "LY-%d", finding->code);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "code", code, "reason",
                     row->reason, "severity", severity_name(finding->severity), "check",
                     finding->check, "subject", or_nothing(finding->subject), "meaning",
                     row->meaning, "sentence", or_nothing(finding->sentence), "cure", row->cure);
}

static json_t *check_json(const struct check_result *check)
{
    json_t *json = json_pack("{s:s, s:s, s:s}", "check", check->name, "state",
                             check->because        ? "skipped"
                             : check->findings > 0 ? "findings"
                                                   : "ok",
                             "fact", or_nothing(check->fact));
    if (check->because) {
        char code[16];
        snprintf(code, sizeof code, "LY-%d", check->because);
        json_object_set_new(json, "because", json_string(code));
    }
    return json;
}

char *report_json(const struct report *report)
{
    json_t *findings = json_array(), *checks = json_array(), *facts = json_object();
    for (size_t i = 0; i < report->count; i++)
        json_array_append_new(findings, finding_json(&report->findings[i]));
    for (size_t i = 0; i < report->check_count; i++)
        json_array_append_new(checks, check_json(&report->checks[i]));
    for (size_t i = 0; i < report->fact_count; i++)
        json_object_set_new(facts, report->facts[i].name,
                            json_string(or_nothing(report->facts[i].value)));
    const struct finding *first = report_first(report);
    json_t *all = json_pack("{s:b, s:o?, s:o, s:o, s:o, s:b}", "healthy",
                            !first || first->severity < SEVERITY_ERROR, "first",
                            first ? finding_json(first) : json_null(), "findings", findings,
                            "checks", checks, "versions", facts, "complete", !report->failed);
    char *text = json_dumps(all, JSON_INDENT(2));
    json_decref(all);
    return text;
}
