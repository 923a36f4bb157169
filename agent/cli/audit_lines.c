/* SPDX-License-Identifier: MIT */
/*
 * The files are few and small (agent/audit_file.h), so each is read from its beginning, the oldest
 * first. One that rotates meanwhile may be met twice or not at all; what is listed is a moment's
 * view. A line that is cut or is no object of texts with a time is counted and left out.
 */
#include "agent/cli/audit_records.h"

#include "agent/audit_file.h"
#include "agent/cli/outline.h"
#include "agent/state_folder.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 32 * 1024 }; /* every field of an entry as long as it may be, escaped */

static void close_file(FILE **file)
{
    if (*file)
        fclose(*file);
}

/* RFC 3339 §5.6 in UTC, as audit_file.c writes it; microseconds, 0 when it is none. */
static uint64_t read_time(const char *text)
{
    struct tm parts = {0};
    const char *behind = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!behind)
        return 0;
    uint64_t fraction = 0, unit = 100000;
    if (*behind == '.')
        for (behind++; *behind >= '0' && *behind <= '9'; behind++, unit /= 10)
            fraction += (uint64_t)(*behind - '0') * unit;
    time_t seconds = strcmp(behind, "Z") == 0 ? timegm(&parts) : -1;
    return seconds > 0 ? (uint64_t)seconds * 1000000 + fraction : 0;
}

/* 0 when the line is none of ours. */
static uint64_t read_fields(const char *line, struct bytes *fields)
{
    struct outline_part part = {0};
    uint64_t time = 0;
    size_t count = 0;
    while (outline_each(&line, &part)) {
        CLEANUP(free_text) char *value = outline_text(part.value);
        if (!part.name || !value || ++count > RECORD_FIELDS_MAX)
            return 0;
        if (part.name_len == 4 && strncmp(part.name, "time", 4) == 0)
            time = read_time(value);
        audit_field_add(fields, part.name, part.name_len, value, strlen(value));
    }
    return *line == '}' && line[1 + strspn(line + 1, " \t\r\n")] == '\0' ? time : 0;
}

static void read_line(const char *line, const struct audit_filter *filter,
                      struct audit_records *records, size_t *unreadable)
{
    CLEANUP(bytes_deinit) struct bytes fields = {0};
    uint64_t time = *line == '{' ? read_fields(line, &fields) : 0;
    if (time == 0) {
        *unreadable += 1;
        return;
    }
    struct audit_record record = {time, fields};
    const char *event = audit_field(&record, "LANYARD_EVENT");
    if (time >= filter->since && (!filter->event || (event && strcmp(event, filter->event) == 0)))
        audit_records_add(records, time, &fields);
}

/* Whole lines; of one that is too long no part counts as one. */
static void read_lines_of(FILE *file, const struct audit_filter *filter,
                          struct audit_records *records, size_t *unreadable)
{
    char line[LINE_BYTES_MAX];
    bool within = false;
    while (fgets(line, sizeof line, file)) {
        size_t len = strlen(line);
        bool ends = len > 0 && line[len - 1] == '\n';
        if (!within && (ends || feof(file)))
            read_line(line, filter, records, unreadable);
        else if (ends)
            *unreadable += 1;
        within = !ends;
    }
}

static int read_file(int folder, const char *name, const struct audit_filter *filter,
                     struct audit_records *records, size_t *unreadable)
{
    CLEANUP(close_fd)
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat is;
    if (fd < 0 || fstat(fd, &is) < 0)
        return -errno;
    if (!S_ISREG(is.st_mode) || is.st_uid != geteuid())
        return -EPERM;
    CLEANUP(close_file) FILE *file = fdopen(fd, "r");
    if (!file)
        return -errno;
    steal_fd(&fd);
    read_lines_of(file, filter, records, unreadable);
    return ferror(file) ? -EIO : 0;
}

int audit_lines_read(const struct audit_filter *filter, struct audit_records *records,
                     size_t *unreadable)
{
    char path[PATH_MAX];
    *unreadable = 0;
    int r = state_folder_path("", path, sizeof path);
    if (r < 0)
        return r;
    CLEANUP(close_fd) int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -errno;
    int result = -ENOENT;
    for (int age = AUDIT_FILES_MAX - 1; age >= 0; age--) {
        char name[32];
        if (age == 0)
            snprintf(name, sizeof name, AUDIT_FILE_NAME);
        else
            snprintf(name, sizeof name, AUDIT_FILE_NAME ".%d", age);
        r = read_file(folder, name, filter, records, unreadable);
        if (r < 0 && r != -ENOENT)
            return r;
        result = r == 0 ? 0 : result;
    }
    return result;
}
