/* SPDX-License-Identifier: MIT */
/*
 * An entry is a list of "NAME=value" texts of bounded length; journald gets them as they are, the
 * log gets those that say something on one line. The values come from cards, readers and pages, so
 * control characters are replaced: an entry can be misread by nobody.
 */
#include "agent/audit.h"

#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static const char journal_socket[] = "/run/systemd/journal/socket";

#define AUDIT_EVENT_ROW(name, text, message_id) {text, message_id},
static const struct {
    const char *text, *message_id;
} events[] = {AUDIT_EVENT_TABLE(AUDIT_EVENT_ROW)};
#undef AUDIT_EVENT_ROW

__attribute__((format(printf, 2, 3))) static void add(struct audit_fields *fields,
                                                      const char *format, ...)
{
    char *field = fields->at[fields->count++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(field, AUDIT_FIELD_BYTES_MAX, format, arguments);
    va_end(arguments);
    for (char *c = field; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

static void add_text(struct audit_fields *fields, const char *name, const char *value)
{
    if (value && value[0] != '\0')
        add(fields, "%s=%s", name, value);
}

void audit_fields_make(const struct audit_entry *entry, struct audit_fields *fields)
{
    int outcome = outcome_of(entry->result);
    const char *event = events[entry->event].text;
    const char *reason = outcome_reason(outcome);
    fields->count = 0;
    add(fields, "MESSAGE=%s: %s%s%s", event, reason, entry->origin ? " for " : "",
        entry->origin ? entry->origin : "");
    add(fields, "MESSAGE_ID=%s", events[entry->event].message_id);
    add(fields, "PRIORITY=%d", outcome == OUTCOME_OK ? LOG_INFO : LOG_NOTICE);
    add(fields, "LANYARD_EVENT=%s", event);
    add(fields, "LANYARD_OUTCOME=%s", reason);
    if (outcome != OUTCOME_OK)
        add(fields, "LANYARD_CODE=LY-%d", outcome);
    add_text(fields, "LANYARD_UID", entry->uid);
    add_text(fields, "LANYARD_ORIGIN", entry->origin);
    add_text(fields, "LANYARD_PROVIDER", entry->provider);
    add_text(fields, "LANYARD_READER", entry->reader);
    add_text(fields, "LANYARD_ALGORITHM", entry->algorithm);
}

/* "audit: LANYARD_EVENT=sign-in LANYARD_OUTCOME=ok ..." */
static void write_line(const struct audit_fields *fields)
{
    static const char prefix[] = "LANYARD_";
    char line[AUDIT_FIELDS_MAX * AUDIT_FIELD_BYTES_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < fields->count; i++)
        if (strncmp(fields->at[i], prefix, sizeof prefix - 1) == 0)
            used += (size_t)snprintf(line + used, sizeof line - used, " %s", fields->at[i]);
    log_info("audit:%s", line);
}

void audit_write(const struct audit_entry *entry)
{
    struct audit_fields fields;
    audit_fields_make(entry, &fields);
    struct iovec parts[AUDIT_FIELDS_MAX];
    for (size_t i = 0; i < fields.count; i++)
        parts[i] = (struct iovec){fields.at[i], strlen(fields.at[i])};
    /* sd_journal_sendv succeeds in silence where there is no journal. */
    if (access(journal_socket, W_OK) < 0 || sd_journal_sendv(parts, (int)fields.count) < 0)
        write_line(&fields);
}
