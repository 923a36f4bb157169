/* SPDX-License-Identifier: MIT */
/*
 * The journal is asked for this user's entries with one of our message ids, the newest first, so
 * that nothing older than what is wanted is read. Anybody can write entries that look like ours;
 * the user's number in them is journald's own word (systemd.journal-fields(7)), and it is ours.
 */
#include "agent/cli/audit_records.h"

#include "agent/audit.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static void close_journal(sd_journal **journal)
{
    sd_journal_close(*journal);
}

/* _UID=1000 and one of MESSAGE_ID=...: what names one field are alternatives. */
static int match(sd_journal *journal, const char *event)
{
#define ID_ROW(name, text, message_id) {text, "MESSAGE_ID=" message_id},
    static const struct {
        const char *event, *field;
    } ids[] = {AUDIT_EVENT_TABLE(ID_ROW)};
#undef ID_ROW
    char uid[32];
    snprintf(uid, sizeof uid, "_UID=%u", (unsigned)getuid());
    int r = sd_journal_add_match(journal, uid, 0);
    for (size_t i = 0; r >= 0 && i < sizeof ids / sizeof *ids; i++)
        if (!event || strcmp(event, ids[i].event) == 0)
            r = sd_journal_add_match(journal, ids[i].field, 0);
    return r;
}

static int read_entry(sd_journal *journal, uint64_t time, struct audit_records *records)
{
    struct bytes fields = {0};
    const void *data;
    size_t len, count = 0;
    int r;
    sd_journal_restart_data(journal);
    while ((r = sd_journal_enumerate_available_data(journal, &data, &len)) > 0) {
        const char *field = data, *equals = memchr(field, '=', len);
        if (!equals || count == RECORD_FIELDS_MAX)
            continue;
        size_t name_len = (size_t)(equals - field), before = fields.len;
        audit_field_add(&fields, field, name_len, equals + 1, len - name_len - 1);
        count += fields.len > before;
    }
    audit_records_add(records, time, &fields);
    return r;
}

int audit_journal_read(const char *folder, const struct audit_filter *filter,
                       struct audit_records *records)
{
    CLEANUP(close_journal) sd_journal *journal = NULL;
    int r = folder ? sd_journal_open_directory(&journal, folder, 0)
                   : sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY);
    if (r >= 0)
        r = match(journal, filter->event);
    if (r >= 0)
        r = sd_journal_seek_tail(journal);
    size_t found = 0;
    while (r >= 0 && found < filter->most && (r = sd_journal_previous(journal)) > 0) {
        uint64_t time;
        r = sd_journal_get_realtime_usec(journal, &time);
        if (r >= 0 && time < filter->since)
            break;
        if (r >= 0)
            r = read_entry(journal, time, records);
        found++;
    }
    return r < 0 ? r : 0;
}
