/* SPDX-License-Identifier: MIT */
/*
 * The folder is the user's own, and so is whatever lies in it: a file is read as something that
 * anybody may have put there. It is opened without following a link and without waiting, judged by
 * its descriptor, and read by a reader that takes each line once, in one order, and nothing behind
 * the last.
 */
#include "agent/session/end_file.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static const char head[] = "lanyard-end 1\nprovider ";
static const char before_sid[] = "\nsid ";
static const char before_statement[] = "\nstatement ";

enum {
    FILE_BYTES_MAX =
        sizeof head + sizeof before_sid + sizeof before_statement + sizeof(struct end_record),
    NUMBER_DIGITS = 16,
    RANDOM_DIGITS = 8,
};

static const char suffix[] = ".end", armed_suffix[] = ".armed", unfinished[] = ".tmp";

/* ---- records ---- */

/* 1 to max characters, all of them allowed. */
static bool made_of(const char *text, size_t max, const char *allowed)
{
    size_t len = strnlen(text, max + 1);
    return len >= 1 && len <= max && strspn(text, allowed) == len;
}

static bool compact_jws(const char *text)
{
    static const char base64url[] = UPPER LOWER DIGITS "-_";
    size_t first = strspn(text, base64url);
    if (first == 0 || text[first] != '.')
        return false;
    const char *payload = text + first + 1;
    size_t second = strspn(payload, base64url);
    return second > 0 && payload[second] == '.' &&
           made_of(payload + second + 1, END_STATEMENT_MAX, base64url);
}

bool end_record_make(const char *provider, const char *sid, const char *statement,
                     struct end_record *out)
{
    if (!made_of(provider, CONFIG_NAME_MAX, LOWER DIGITS "-") ||
        !made_of(sid, SESSION_ID_MAX, UPPER LOWER DIGITS "-._~") ||
        strnlen(statement, END_STATEMENT_MAX + 1) > END_STATEMENT_MAX || !compact_jws(statement))
        return false;
    snprintf(out->provider, sizeof out->provider, "%s", provider);
    snprintf(out->sid, sizeof out->sid, "%s", sid);
    snprintf(out->statement, sizeof out->statement, "%s", statement);
    return true;
}

/* *rest begins with text: steps behind it. */
static bool skip(char **rest, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*rest, text, len) != 0)
        return false;
    *rest += len;
    return true;
}

/* The rest of the line, terminated in place of its '\n'; *rest then stands on that. */
static char *rest_of_line(char **rest)
{
    char *word = *rest;
    *rest += strcspn(word, "\n");
    return word;
}

/* text: terminated, changed. */
static bool parse(char *text, struct end_record *out)
{
    char *rest = text;
    if (!skip(&rest, head))
        return false;
    const char *provider = rest_of_line(&rest);
    char *provider_end = rest;
    if (!skip(&rest, before_sid))
        return false;
    const char *sid = rest_of_line(&rest);
    char *sid_end = rest;
    if (!skip(&rest, before_statement))
        return false;
    const char *statement = rest_of_line(&rest);
    if (strcmp(rest, "\n") != 0)
        return false;
    *provider_end = *sid_end = *rest = '\0';
    return end_record_make(provider, sid, statement, out);
}

/* ---- names ---- */

int end_name_make(uint64_t number, bool armed, char out[static END_NAME_BYTES])
{
    uint8_t random[RANDOM_DIGITS / 2];
    if (RAND_bytes(random, sizeof random) != 1)
        return log_fault(EIO, "random bytes");
    snprintf(out, END_NAME_BYTES, "%0*llu-%02x%02x%02x%02x%s", NUMBER_DIGITS,
             (unsigned long long)(number % END_NUMBER_END), random[0], random[1], random[2],
             random[3], armed ? armed_suffix : suffix);
    return 0;
}

/* What stands behind the digits, the hyphen and the random digits; NULL: they are not there. */
static const char *behind_digits(const char *name)
{
    if (strspn(name, DIGITS) != NUMBER_DIGITS || name[NUMBER_DIGITS] != '-' ||
        strspn(name + NUMBER_DIGITS + 1, DIGITS "abcdef") != RANDOM_DIGITS)
        return NULL;
    return name + NUMBER_DIGITS + 1 + RANDOM_DIGITS;
}

bool end_name_parse(const char *name, uint64_t *number, bool *armed)
{
    const char *behind = behind_digits(name);
    if (!behind || (strcmp(behind, suffix) != 0 && strcmp(behind, armed_suffix) != 0))
        return false;
    *armed = strcmp(behind, armed_suffix) == 0;
    *number = 0;
    for (int i = 0; i < NUMBER_DIGITS; i++)
        *number = *number * 10 + (uint64_t)(name[i] - '0');
    return true;
}

bool end_name_unfinished(const char *name)
{
    const char *behind = behind_digits(name);
    return behind && (strcmp(behind, ".end.tmp") == 0 || strcmp(behind, ".armed.tmp") == 0);
}

/* ---- files ---- */

static int write_whole(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int end_file_write(int folder, const char *name, const struct end_record *record)
{
    char text[FILE_BYTES_MAX], draft[END_NAME_BYTES + sizeof unfinished];
    int len = snprintf(text, sizeof text, "%s%s%s%s%s%s\n", head, record->provider, before_sid,
                       record->sid, before_statement, record->statement);
    snprintf(draft, sizeof draft, "%s%s", name, unfinished);
    CLEANUP(close_fd)
    int fd = openat(folder, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = write_whole(fd, text, (size_t)len);
    if (r == 0 && renameat(folder, draft, folder, name) < 0)
        r = -errno;
    if (r < 0) {
        unlinkat(folder, draft, 0);
        return r;
    }
    return fsync(folder) < 0 ? -errno : 0;
}

int end_file_read(int folder, const char *name, struct end_record *out)
{
    char text[FILE_BYTES_MAX + 1];
    struct stat is;
    CLEANUP(close_fd)
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &is) < 0)
        return errno == ELOOP ? -EINVAL : -errno;
    if (!S_ISREG(is.st_mode) || is.st_uid != geteuid() || (is.st_mode & 07777) != 0600 ||
        is.st_size > FILE_BYTES_MAX)
        return -EINVAL;
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    return n == is.st_size && strlen(text) == (size_t)n && parse(text, out) ? 0 : -EINVAL;
}

int end_file_rename(int folder, const char *from, const char *to)
{
    return renameat(folder, from, folder, to) < 0 ? -errno : 0;
}

int end_file_remove(int folder, const char *name)
{
    if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}
