/* SPDX-License-Identifier: MIT */
/*
 * An entry is a list of "NAME=value" texts of bounded length; journald gets them as they are, a
 * file or the log gets those that say something on one line. The values come from cards, readers,
 * pages and servers, so control characters and what is not UTF-8 are replaced: an entry can be
 * misread by nobody.
 */
#include "agent/audit.h"

#include "agent/audit_file.h"
#include "ipc/base/bytes.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <stdarg.h>
#include <stdbool.h>
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

/* Also the half of a character that was cut at the end of its field. */
static void clean(char *text)
{
    size_t left = strlen(text), len;
    for (char *c = text; left > 0; c += len, left -= len) {
        len = 1;
        while (len < 4 && len < left && !utf8_valid(c, len))
            len++;
        if (!utf8_valid(c, len)) {
            len = 1;
            *c = '?';
        }
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
}

__attribute__((format(printf, 2, 3))) static void add(struct audit_fields *fields,
                                                      const char *format, ...)
{
    char *field = fields->at[fields->count++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(field, AUDIT_FIELD_BYTES_MAX, format, arguments);
    va_end(arguments);
    clean(field);
}

static void add_text(struct audit_fields *fields, const char *name, const char *value)
{
    if (value && value[0] != '\0')
        add(fields, "%s=%s", name, value);
}

/* What somebody should look at, and at once where a screen stays open. A person who cancels, or who
 * lets time pass, is no cause for alarm. */
static int priority_of(enum audit_event event, int outcome)
{
    bool by_person = outcome == OUTCOME_CANCELLED || outcome == OUTCOME_TIMED_OUT;
    switch (event) {
    case AUDIT_LOCK_FAILED:
        return LOG_CRIT;
    case AUDIT_CARD_EXPIRY:
        return outcome == OUTCOME_OK ? LOG_NOTICE : LOG_WARNING;
    case AUDIT_SESSION_END_DELAYED:
    case AUDIT_REFUSED:
        return LOG_WARNING;
    case AUDIT_KEY_RESET:
        return by_person ? LOG_NOTICE : LOG_WARNING;
    case AUDIT_KEY_SIGN_IN:
    case AUDIT_KEY_REGISTRATION:
    case AUDIT_PIN_CHANGE:
    case AUDIT_PIN_UNBLOCK:
    case AUDIT_KEY_PIN_SET:
    case AUDIT_KEY_PIN_CHANGED:
    case AUDIT_KEY_CREDENTIAL_DELETED:
    case AUDIT_KEY_CREDENTIAL_RENAMED:
        if (outcome == OUTCOME_OK)
            return LOG_INFO;
        return by_person ? LOG_NOTICE : LOG_WARNING;
    case AUDIT_SIGN_IN_FAILED:
        return by_person ? LOG_NOTICE : LOG_WARNING;
    default:
        return outcome == OUTCOME_OK ? LOG_INFO : LOG_NOTICE;
    }
}

/* "session-locked: ok (card-removed)", "sign-in: ok for https://login.example" */
static void add_message(struct audit_fields *fields, const struct audit_entry *entry,
                        const char *event, const char *reason)
{
    const char *about = entry->cause && entry->cause[0] ? entry->cause : entry->locker;
    bool origin = entry->origin && entry->origin[0];
    bool more = about && about[0];
    add(fields, "MESSAGE=%s: %s%s%s%s%s%s", event, reason, origin ? " for " : "",
        origin ? entry->origin : "", more ? " (" : "", more ? about : "", more ? ")" : "");
}

void audit_fields_make(const struct audit_entry *entry, struct audit_fields *fields)
{
    int outcome = outcome_of(entry->result);
    const char *event = events[entry->event].text;
    const char *reason = outcome_reason(outcome);
    fields->count = 0;
    add_message(fields, entry, event, reason);
    add(fields, "MESSAGE_ID=%s", events[entry->event].message_id);
    add(fields, "PRIORITY=%d", priority_of(entry->event, outcome));
    add(fields, "LANYARD_EVENT=%s", event);
    add(fields, "LANYARD_OUTCOME=%s", reason);
    if (outcome != OUTCOME_OK)
        add(fields, "LANYARD_CODE=LY-%d", outcome);
    add_text(fields, "LANYARD_UID", entry->uid);
    add_text(fields, "LANYARD_ORIGIN", entry->origin);
    add_text(fields, "LANYARD_PROVIDER", entry->provider);
    add_text(fields, "LANYARD_READER", entry->reader);
    add_text(fields, "LANYARD_ALGORITHM", entry->algorithm);
    add_text(fields, "LANYARD_SESSION", entry->session);
    add_text(fields, "LANYARD_ROLE", entry->role);
    add_text(fields, "LANYARD_ORGANISATION", entry->organisation);
    add_text(fields, "LANYARD_CAUSE", entry->cause);
    add_text(fields, "LANYARD_LOCKER", entry->locker);
    add_text(fields, "LANYARD_KEY", entry->key);
    add_text(fields, "LANYARD_EXPIRES", entry->expires);
    add_text(fields, "LANYARD_CREDENTIAL", entry->credential);
}

/* "audit: LANYARD_EVENT=sign-in LANYARD_OUTCOME=ok ..." */
static void write_line(const struct audit_entry *entry, const struct audit_fields *fields)
{
    static const char prefix[] = "LANYARD_";
    int priority = priority_of(entry->event, outcome_of(entry->result));
    enum log_level level = priority <= LOG_CRIT      ? LOG_LEVEL_ERROR
                           : priority == LOG_WARNING ? LOG_LEVEL_WARNING
                                                     : LOG_LEVEL_INFO;
    char line[AUDIT_FIELDS_MAX * AUDIT_FIELD_BYTES_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < fields->count; i++)
        if (strncmp(fields->at[i], prefix, sizeof prefix - 1) == 0)
            used += (size_t)snprintf(line + used, sizeof line - used, " %s", fields->at[i]);
    log_write(level, "audit:%s", line);
}

/* ---- the newest ---- */

static struct {
    size_t count;
    struct audit_recent at[AUDIT_RECENT_MAX]; /* the newest first */
} recent;

static const char *value_of(const struct audit_fields *fields, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < fields->count; i++)
        if (strncmp(fields->at[i], name, len) == 0 && fields->at[i][len] == '=')
            return fields->at[i] + len + 1;
    return "";
}

static bool is_refusal(const char *event)
{
    return strcmp(event, events[AUDIT_REFUSED].text) == 0;
}

/* The oldest's; but refusals, which any page can make, have no more than their share. */
static size_t place_to_give_up(bool refusal)
{
    size_t refusals = 0, oldest = 0;
    for (size_t i = 0; i < recent.count; i++)
        if (is_refusal(recent.at[i].event)) {
            refusals++;
            oldest = i;
        }
    if (refusal && refusals == AUDIT_RECENT_REFUSALS_MAX)
        return oldest;
    return recent.count < AUDIT_RECENT_MAX ? recent.count++ : AUDIT_RECENT_MAX - 1;
}

static struct audit_recent *newest(bool refusal)
{
    memmove(&recent.at[1], &recent.at[0], place_to_give_up(refusal) * sizeof recent.at[0]);
    return &recent.at[0];
}

static void remember(const struct audit_fields *fields)
{
    static const char *const about[] = {"LANYARD_UID",    "LANYARD_ORIGIN", "LANYARD_CAUSE",
                                        "LANYARD_ROLE",   "LANYARD_READER", "LANYARD_KEY",
                                        "LANYARD_LOCKER", "LANYARD_EXPIRES"};
    const char *event = value_of(fields, "LANYARD_EVENT");
    struct audit_recent *r = newest(is_refusal(event));
    *r = (struct audit_recent){.when = time(NULL)};
    snprintf(r->event, sizeof r->event, "%s", event);
    snprintf(r->outcome, sizeof r->outcome, "%s", value_of(fields, "LANYARD_OUTCOME"));
    snprintf(r->code, sizeof r->code, "%s", value_of(fields, "LANYARD_CODE"));
    for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
        const char *value = value_of(fields, about[i]);
        size_t used = strlen(r->about);
        if (*value)
            snprintf(r->about + used, sizeof r->about - used, "%s%s", used > 0 ? ", " : "", value);
    }
    clean(r->about); /* it may have been cut */
}

size_t audit_recent(struct audit_recent out[static AUDIT_RECENT_MAX])
{
    memcpy(out, recent.at, recent.count * sizeof *out);
    return recent.count;
}

void audit_write(const struct audit_entry *entry)
{
    struct audit_fields fields;
    audit_fields_make(entry, &fields);
    remember(&fields);
    struct iovec parts[AUDIT_FIELDS_MAX];
    for (size_t i = 0; i < fields.count; i++)
        parts[i] = (struct iovec){fields.at[i], strlen(fields.at[i])};
    /* sd_journal_sendv succeeds in silence where there is no journal. */
    bool kept =
        access(journal_socket, W_OK) == 0 && sd_journal_sendv(parts, (int)fields.count) == 0;
    if (!kept && audit_file_write(&fields) < 0)
        write_line(entry, &fields);
}
