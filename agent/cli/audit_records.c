/* SPDX-License-Identifier: MIT */
/* A record is a list of texts, not a struct of known fields, so that what a later agent adds is
 * listed too. */
#include "agent/cli/audit_records.h"

#include <stdlib.h>
#include <string.h>

void audit_records_release(struct audit_records *records)
{
    for (size_t i = 0; i < records->count; i++)
        bytes_deinit(&records->at[i].fields);
    free(records->at);
    *records = (struct audit_records){0};
}

static bool grow(struct audit_records *records)
{
    if (records->count < records->capacity)
        return true;
    size_t capacity = records->capacity ? 2 * records->capacity : 64;
    struct audit_record *grown = reallocarray(records->at, capacity, sizeof *grown);
    if (!grown)
        return false;
    records->at = grown;
    records->capacity = capacity;
    return true;
}

void audit_records_add(struct audit_records *records, uint64_t time, struct bytes *fields)
{
    if (fields->failed || records->failed || !grow(records)) {
        records->failed = true;
        bytes_deinit(fields);
        return;
    }
    records->at[records->count++] = (struct audit_record){time, *fields};
    *fields = (struct bytes){0};
}

static int by_time(const void *left, const void *right)
{
    const struct audit_record *a = left, *b = right;
    return (a->time > b->time) - (a->time < b->time);
}

void audit_records_sort(struct audit_records *records)
{
    if (records->count > 1)
        qsort(records->at, records->count, sizeof *records->at, by_time);
}

static bool is_ours(const char *name, size_t len)
{
    static const char prefix[] = "LANYARD_", id[] = "MESSAGE_ID";
    return (len >= sizeof prefix - 1 && strncmp(name, prefix, sizeof prefix - 1) == 0) ||
           (len == sizeof id - 1 && strncmp(name, id, len) == 0);
}

void audit_field_add(struct bytes *fields, const char *name, size_t name_len, const char *value,
                     size_t value_len)
{
    if (!is_ours(name, name_len) || name_len + value_len > RECORD_FIELD_BYTES_MAX ||
        memchr(value, '\0', value_len) || !utf8_valid(value, value_len))
        return;
    bytes_append(fields, name, name_len);
    bytes_append(fields, "=", 1);
    bytes_append(fields, value, value_len);
    bytes_append(fields, "", 1);
}

const char *audit_field(const struct audit_record *record, const char *name)
{
    size_t len = strlen(name);
    const char *end = (const char *)record->fields.data + record->fields.len;
    for (const char *at = (const char *)record->fields.data; at && at < end; at += strlen(at) + 1)
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            return at + len + 1;
    return NULL;
}
