/* SPDX-License-Identifier: MIT */
/*
 * Every entry opens the file anew, by its name in the folder that was opened once: entries are
 * rare, and two agents of one user, or somebody who cleans up, then need not know of each other.
 * What is found there must be a plain file of this user's; a link leads nowhere.
 *
 * A line that a full disk or a lost process has cut is left as it is, and the next begins on a line
 * of its own. JSON is written by hand: the fields are valid UTF-8 without control characters, so a
 * quotation mark and a backslash are all that needs care.
 */
#include "agent/audit_file.h"

#include "agent/state_folder.h"
#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
    int folder;
    bool faulty; /* the last write failed, which has been told */
} file = {.folder = -1};

int audit_file_open(const char *folder)
{
    audit_file_close();
    int fd = folder ? state_folder_open(folder) : -1;
    if (folder && fd < 0)
        return fd;
    file.folder = fd;
    return 0;
}

void audit_file_close(void)
{
    close_fd(&file.folder);
    file.faulty = false;
}

/* ---- a line ---- */

static void append_string(struct bytes *line, const char *text, size_t len)
{
    bytes_append_text(line, "\"");
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            bytes_append_text(line, "\\");
        bytes_append(line, text + i, 1);
    }
    bytes_append_text(line, "\"");
}

/* RFC 3339 §5.6, UTC */
static void append_time(struct bytes *line)
{
    struct timespec now;
    struct tm parts;
    char text[64] = "", whole[96];
    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &parts))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    int len = snprintf(whole, sizeof whole, "%s.%03ldZ", text, now.tv_nsec / 1000000);
    append_string(line, whole, (size_t)len);
}

static void append_field(struct bytes *line, const char *field)
{
    size_t name = strcspn(field, "=");
    bytes_append_text(line, ",");
    append_string(line, field, name);
    bytes_append_text(line, ":");
    append_string(line, field + name + 1, strlen(field + name + 1));
}

static bool wanted(const char *field)
{
    return strncmp(field, "LANYARD_", 8) == 0 || strncmp(field, "MESSAGE_ID=", 11) == 0;
}

static int make_line(const struct audit_fields *fields, struct bytes *line)
{
    bytes_append_text(line, "{\"time\":");
    append_time(line);
    for (size_t i = 0; i < fields->count; i++)
        if (wanted(fields->at[i]))
            append_field(line, fields->at[i]);
    bytes_append_text(line, "}\n");
    return line->failed ? -ENOMEM : 0;
}

/* ---- the files ---- */

/* "audit.jsonl" for 0, "audit.jsonl.1" for 1 */
static void name_of(unsigned age, char out[static 32])
{
    if (age == 0)
        snprintf(out, 32, AUDIT_FILE_NAME);
    else
        snprintf(out, 32, AUDIT_FILE_NAME ".%u", age);
}

/* Moves every file one further when the newest has no room for len bytes; the oldest goes. One of
 * several agents does it; another goes on meanwhile. */
static int rotate(size_t len)
{
    struct stat is;
    if (flock(file.folder, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? 0 : -errno;
    int r = 0;
    if (fstatat(file.folder, AUDIT_FILE_NAME, &is, AT_SYMLINK_NOFOLLOW) == 0 &&
        (size_t)is.st_size + len > AUDIT_FILE_BYTES_MAX) {
        for (unsigned age = AUDIT_FILES_MAX - 1; age > 0 && r == 0; age--) {
            char from[32], to[32];
            name_of(age - 1, from);
            name_of(age, to);
            if (renameat(file.folder, from, file.folder, to) < 0 && errno != ENOENT)
                r = -errno;
        }
    }
    flock(file.folder, LOCK_UN);
    return r;
}

/* The descriptor or -errno; *size: of the file. */
static int open_newest(off_t *size)
{
    CLEANUP(close_fd)
    int fd = openat(file.folder, AUDIT_FILE_NAME,
                    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    struct stat is;
    if (fd < 0 || fstat(fd, &is) < 0)
        return -errno;
    if (!S_ISREG(is.st_mode) || is.st_uid != geteuid())
        return -EPERM;
    if ((is.st_mode & 07777) != 0600 && fchmod(fd, 0600) < 0)
        return -errno;
    *size = is.st_size;
    return steal_fd(&fd);
}

/* Whether the last line has no end. */
static bool cut(int fd, off_t size)
{
    char last;
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int append(const struct bytes *line)
{
    off_t size;
    CLEANUP(close_fd) int fd = open_newest(&size);
    if (fd < 0)
        return fd;
    if (cut(fd, size) && write(fd, "\n", 1) < 0)
        return -errno;
    ssize_t n = write(fd, line->data, line->len);
    if (n < 0)
        return -errno;
    return (size_t)n == line->len ? 0 : -ENOSPC;
}

int audit_file_write(const struct audit_fields *fields)
{
    if (file.folder < 0)
        return -ENOENT;
    CLEANUP(bytes_deinit) struct bytes line = {0};
    int r = make_line(fields, &line);
    if (r == 0)
        r = rotate(line.len);
    if (r == 0)
        r = append(&line);
    if (r < 0 && !file.faulty)
        log_fault(-r, AUDIT_FILE_NAME);
    file.faulty = r < 0;
    return r;
}
