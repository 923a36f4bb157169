/* SPDX-License-Identifier: MIT */
/*
 * Nothing goes into the archive but through put(), which redacts. What cannot be had (no systemd,
 * no journal) is said in the place of its text. The archive is built in memory and written at once,
 * so that half a file is never sent.
 */
#include "agent/doctor/bundle.h"

#include "agent/doctor/child.h"
#include "agent/doctor/redact.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { TAR_BLOCK = 512, TEXT_MAX = 512 * 1024, CHILD_MS = 5000 };

/* ---- tar ---- */

struct tar_head {
    char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8], type, link[100], magic[6],
        version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct tar_head) == TAR_BLOCK, "a block");

static void tar_add(struct bytes *tar, const char *name, const struct bytes *text)
{
    static const char zeroes[TAR_BLOCK];
    struct tar_head head = {.type = '0', .magic = "ustar", .version = {'0', '0'}};
    snprintf(head.name, sizeof head.name, "lanyard-doctor/%s", name);
    snprintf(head.mode, sizeof head.mode, "%07o", 0600u);
    snprintf(head.uid, sizeof head.uid, "%07o", 0u);
    snprintf(head.gid, sizeof head.gid, "%07o", 0u);
    snprintf(head.size, sizeof head.size, "%011zo", text->len);
    snprintf(head.time, sizeof head.time, "%011llo", (unsigned long long)time(NULL));
    memset(head.sum, ' ', sizeof head.sum);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof head; i++)
        sum += ((const unsigned char *)&head)[i];
    snprintf(head.sum, sizeof head.sum, "%06o", sum);
    bytes_append(tar, &head, sizeof head);
    bytes_append(tar, text->data, text->len);
    bytes_append(tar, zeroes, (TAR_BLOCK - text->len % TAR_BLOCK) % TAR_BLOCK);
}

static void tar_end(struct bytes *tar)
{
    static const char zeroes[2 * TAR_BLOCK];
    bytes_append(tar, zeroes, sizeof zeroes);
}

/* ---- what goes in ---- */

static void put(struct bytes *tar, const struct report *report, const char *name, const char *text)
{
    CLEANUP(bytes_deinit) struct bytes clean = {0};
    redact(text, report->names, report->name_count, &clean);
    tar_add(tar, name, &clean);
    tar->failed = tar->failed || clean.failed;
}

/* Each text by itself: what stands in front of it in JSON is our own word ("subject"), and not what
 * would make a name of it. */
static void redact_texts(json_t *json, const struct report *report)
{
    const char *key;
    json_t *each;
    size_t i;
    if (json_is_string(json)) {
        CLEANUP(bytes_deinit) struct bytes clean = {0};
        redact(json_string_value(json), report->names, report->name_count, &clean);
        bytes_append(&clean, "", 1);
        if (clean.failed || json_string_set(json, (const char *)clean.data) < 0)
            json_string_set(json, "");
    }
    json_array_foreach(json, i, each) redact_texts(each, report);
    json_object_foreach(json, key, each) redact_texts(each, report);
}

static void put_json(struct bytes *tar, const struct report *report, const char *name,
                     const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    redact_texts(json, report);
    CLEANUP(free_text) char *clean = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    tar->failed = tar->failed || !clean;
    if (clean)
        tar_add(tar, name, &(struct bytes){.data = (uint8_t *)clean, .len = strlen(clean)});
}

/* What a program prints; or that it cannot be had. */
static void put_output(struct bytes *tar, const struct report *report, const char *name,
                       const char *const *arguments)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    int r = child_output(arguments, TEXT_MAX, CHILD_MS, &text);
    if (r < 0 || text.len == 0) {
        bytes_append_text(&text, arguments[0]);
        bytes_append_text(&text, r < 0 ? ": not installed here\n" : ": has nothing to tell\n");
    }
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\0')
            text.data[i] = '?';
    bytes_append(&text, "", 1);
    if (!text.failed)
        put(tar, report, name, (const char *)text.data);
}

static void put_units(struct bytes *tar, const struct report *report)
{
    static const char properties[] =
        "--property=Id,LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts";
    static const char *const of_user[] = {"systemctl",        "--user",          "show", properties,
                                          "lanyardd.service", "lanyardd.socket", NULL};
    static const char *const of_system[] = {"systemctl",
                                            "show",
                                            properties,
                                            "lanyard-portd.service",
                                            "lanyard-portd.socket",
                                            "lanyard-portd-agents.socket",
                                            "pcscd.service",
                                            "pcscd.socket",
                                            NULL};
    put_output(tar, report, "units-user.txt", of_user);
    put_output(tar, report, "units-system.txt", of_system);
}

static void put_journal(struct bytes *tar, const struct report *report, const char *folder)
{
    char uid[32], where[PATH_MAX];
    snprintf(uid, sizeof uid, "_UID=%u", (unsigned)getuid());
    const char *arguments[] = {"journalctl",
                               "--no-pager",
                               "--quiet",
                               "--output=short-iso",
                               "--lines=500",
                               uid,
                               "_COMM=lanyardd",
                               "_COMM=lanyard-card",
                               "_COMM=lanyard-connect",
                               "_COMM=lanyard-fido",
                               "_COMM=lanyard-prompt",
                               "_COMM=lanyard-chooser",
                               NULL,
                               NULL};
    if (folder) {
        snprintf(where, sizeof where, "--directory=%s", folder);
        arguments[sizeof arguments / sizeof *arguments - 2] = where;
    }
    put_output(tar, report, "journal.txt", arguments);
}

/* The end of the agent's own file, where no journal is (agent/audit_file.h). */
static void put_audit(struct bytes *tar, const struct report *report)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char path[PATH_MAX];
    if (state && state[0] == '/')
        snprintf(path, sizeof path, "%s/lanyard/audit.jsonl", state);
    else
        snprintf(path, sizeof path, "%s/.local/state/lanyard/audit.jsonl", home ? home : "");
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat is;
    if (fd < 0 || fstat(fd, &is) < 0 || !S_ISREG(is.st_mode))
        return;
    bool cut = is.st_size > TEXT_MAX && lseek(fd, is.st_size - TEXT_MAX, SEEK_SET) >= 0;
    char *text = malloc(TEXT_MAX + 1);
    size_t len = 0;
    for (ssize_t n; text && len < TEXT_MAX && (n = read(fd, text + len, TEXT_MAX - len)) > 0;)
        len += (size_t)n;
    if (text) {
        text[len] = '\0';
        /* half a line may have a secret without the name in front of it */
        const char *line = cut ? strchr(text, '\n') : NULL;
        put(tar, report, "audit.jsonl", line ? line + 1 : cut ? "" : text);
    }
    free(text);
}

/* ---- the file ---- */

static int write_file(const char *path, const struct bytes *tar)
{
    CLEANUP(close_fd)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    for (size_t done = 0; done < tar->len;) {
        ssize_t n = write(fd, tar->data + done, tar->len - done);
        if (n < 0) {
            int error = errno;
            unlink(path);
            return -error;
        }
        done += (size_t)n;
    }
    return 0;
}

int bundle_write(const char *path, const struct report *report, const char *json,
                 const char *journal)
{
    if (report->names_lost)
        return -EOVERFLOW;
    CLEANUP(bytes_deinit) struct bytes tar = {0};
    put_json(&tar, report, "doctor.json", json);
    for (size_t i = 0; i < report->attachment_count; i++)
        put(&tar, report, report->attachments[i].name, report->attachments[i].text);
    put_units(&tar, report);
    put_journal(&tar, report, journal);
    put_audit(&tar, report);
    tar_end(&tar);
    return tar.failed ? -ENOMEM : write_file(path, &tar);
}
