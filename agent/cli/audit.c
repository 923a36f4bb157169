/* SPDX-License-Identifier: MIT */
/*
 * lanyard audit: what the agent has written down about this user, from the journal and, where there
 * is or was none, from the agent's own files; both in one list, by time. It needs no agent, so that
 * it also tells why there is none.
 */
#include "agent/audit.h"

#include "agent/cli/audit_records.h"
#include "agent/cli/audit_since.h"
#include "agent/cli/commands.h"
#include "agent/cli/outline.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ENTRIES_DEFAULT = 100 }; /* when nothing says from when, or how many */

/* In this order; what is not among them follows. */
static const char *const known[] = {
    "LANYARD_EVENT",     "LANYARD_OUTCOME",  "LANYARD_CODE",       "LANYARD_UID",
    "LANYARD_ORIGIN",    "LANYARD_PROVIDER", "LANYARD_ROLE",       "LANYARD_ORGANISATION",
    "LANYARD_SESSION",   "LANYARD_CAUSE",    "LANYARD_LOCKER",     "LANYARD_READER",
    "LANYARD_ALGORITHM", "LANYARD_KEY",      "LANYARD_CREDENTIAL", "MESSAGE_ID",
};
enum { KNOWN_COUNT = sizeof known / sizeof *known };

static bool is_known(const char *field)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (strncmp(field, known[i], strlen(known[i])) == 0 && field[strlen(known[i])] == '=')
            return true;
    return false;
}

/* The next field that is not known, from *at on; *at goes on. NULL: none. */
static const char *next_unknown(const struct audit_record *record, size_t *at)
{
    while (*at < record->fields.len) {
        const char *field = (const char *)record->fields.data + *at;
        *at += strlen(field) + 1;
        if (!is_known(field))
            return field;
    }
    return NULL;
}

/* ---- one entry ---- */

static void put_time(uint64_t time, bool json)
{
    time_t seconds = (time_t)(time / 1000000);
    struct tm parts;
    char text[64] = "";
    if (json ? gmtime_r(&seconds, &parts) : localtime_r(&seconds, &parts))
        strftime(text, sizeof text, json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
    if (json)
        printf("\"%s.%03uZ\"", text, (unsigned)(time / 1000 % 1000));
    else
        fputs(text, stdout);
}

static void put_json_field(const char *name, size_t name_len, const char *value)
{
    printf(", \"%.*s\": ", (int)name_len, name);
    outline_quote(value, stdout);
}

static void put_json(const struct audit_record *record)
{
    fputs("{\"time\": ", stdout);
    put_time(record->time, true);
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        const char *value = audit_field(record, known[i]);
        if (value)
            put_json_field(known[i], strlen(known[i]), value);
    }
    size_t at = 0;
    for (const char *field; (field = next_unknown(record, &at));)
        put_json_field(field, strcspn(field, "="), strchr(field, '=') + 1);
    puts("}");
}

/* " uid=555555555555", " reader=\"Example Reader 00 00\"" */
static void put_words(const char *field, size_t name_len, const char *value)
{
    static const char prefix[] = "LANYARD_";
    putchar(' ');
    for (const char *c = field + sizeof prefix - 1; c < field + name_len; c++)
        putchar(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    const char *quote = value[strcspn(value, " \"")] != '\0' ? "\"" : "";
    printf("=%s", quote);
    outline_plain(value, stdout);
    fputs(quote, stdout);
}

static void put_line(const struct audit_record *record)
{
    const char *event = audit_field(record, "LANYARD_EVENT");
    const char *outcome = audit_field(record, "LANYARD_OUTCOME");
    put_time(record->time, false);
    fputs("  ", stdout);
    outline_plain(event ? event : "?", stdout);
    fputs(": ", stdout);
    outline_plain(outcome ? outcome : "?", stdout);
    const char *code = audit_field(record, "LANYARD_CODE");
    if (code) {
        fputs(" (", stdout);
        outline_plain(code, stdout);
        fputs(")", stdout);
    }
    for (size_t i = 3; i < KNOWN_COUNT - 1; i++) {
        const char *value = audit_field(record, known[i]);
        if (value)
            put_words(known[i], strlen(known[i]), value);
    }
    size_t at = 0;
    for (const char *field; (field = next_unknown(record, &at));)
        put_words(field, strcspn(field, "="), strchr(field, '=') + 1);
    putchar('\n');
}

/* ---- the list ---- */

static bool is_event(const char *name)
{
#define EVENT_NAME(enumerator, text, message_id) text,
    static const char *const names[] = {AUDIT_EVENT_TABLE(EVENT_NAME)};
#undef EVENT_NAME
    enum { COUNT = sizeof names / sizeof *names };
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    fprintf(stderr, "lanyard: \"");
    outline_plain(name, stderr);
    fputs("\" is no event; there are", stderr);
    for (size_t i = 0; i < COUNT; i++)
        fprintf(stderr, "%s %s", i ? "," : "", names[i]);
    fputc('\n', stderr);
    return false;
}

/* Says what could not be read. The exit status. */
static int read_all(const struct options *options, const struct audit_filter *filter,
                    struct audit_records *records)
{
    int r = audit_journal_read(options->folder, filter, records);
    if (r < 0 && (r != -ENOENT || options->folder)) {
        fprintf(stderr, "lanyard: the journal%s%s cannot be read: %s\n",
                options->folder ? " in " : "", options->folder ? options->folder : "",
                strerror(-r));
        if (options->folder)
            return STATUS_SETUP;
    }
    size_t unreadable = 0;
    r = audit_lines_read(filter, records, &unreadable);
    if (r < 0 && r != -ENOENT)
        fprintf(stderr, "lanyard: the agent's audit file cannot be read: %s\n", strerror(-r));
    if (unreadable > 0)
        fprintf(stderr, "lanyard: %zu lines of the agent's audit file are damaged\n", unreadable);
    if (records->failed) {
        fputs("lanyard: not enough memory; ask for fewer --entries\n", stderr);
        return STATUS_REFUSED;
    }
    return STATUS_DONE;
}

int command_audit(struct lanyard *agent, const struct options *options)
{
    (void)agent;
    struct audit_filter filter = {.event = options->event};
    filter.most = options->entries ? options->entries
                  : options->since ? ENTRIES_MAX
                                   : ENTRIES_DEFAULT;
    if (options->since && !audit_since(options->since, time(NULL), &filter.since)) {
        fputs("lanyard: --since is a date and time as 2026-11-22 18:00, today, yesterday, or how "
              "long ago as 90m, 2h or 7d\n",
              stderr);
        return STATUS_USAGE;
    }
    if (options->event && !is_event(options->event))
        return STATUS_USAGE;
    CLEANUP(audit_records_release) struct audit_records records = {0};
    int status = read_all(options, &filter, &records);
    if (status != STATUS_DONE)
        return status;
    audit_records_sort(&records);
    size_t skipped = records.count > filter.most ? records.count - filter.most : 0;
    for (size_t i = skipped; i < records.count; i++)
        (options->json ? put_json : put_line)(&records.at[i]);
    if (records.count == 0 && !options->json)
        fputs("Nothing has been written down.\n", stderr);
    return STATUS_DONE;
}
