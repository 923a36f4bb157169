/* SPDX-License-Identifier: MIT */
/*
 * Where the configuration comes from: a folder, its drop-ins, and the files it names.
 *
 * The question is who can write them. A name is opened without following a link in the last step
 * and without waiting (a FIFO would), then judged by its descriptor, so that what was checked is
 * what is read. Each folder on the way down is held open and checked in the same manner: whoever
 * may write a folder may replace its files. Folders above the configuration's own are the
 * system's.
 */
#include "agent/config_room.h"

#include "ipc/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens name in the folder at, or by its absolute path; the descriptor, -ENOENT (not reported), or
 * a fault (reported). kind: S_IFREG or S_IFDIR. */
static int open_trusted(const struct config *config, int at, const char *name, const char *shown,
                        mode_t kind, struct config_reporter report)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    CLEANUP(close_fd) int fd = openat(at, name, flags);
    struct stat is;
    if (fd < 0 || fstat(fd, &is) < 0) {
        int error = errno;
        if (error == ELOOP)
            config_say(report, "%s: is a symbolic link", shown);
        else if (error != ENOENT)
            config_say(report, "%s: %s", shown, strerror(error));
        return -error;
    }
    if ((is.st_mode & S_IFMT) != kind) {
        config_say(report, "%s: is not a %s", shown, kind == S_IFDIR ? "folder" : "file");
        return -EINVAL;
    }
    if ((is.st_uid != 0 && is.st_uid != config->owner) || (is.st_mode & (S_IWGRP | S_IWOTH))) {
        config_say(report, "%s: must belong to root and be writable by root alone", shown);
        return -EPERM;
    }
    return steal_fd(&fd);
}

static int read_whole(int fd, const char *shown, size_t most, struct bytes *out,
                      struct config_reporter report)
{
    bytes_reset(out);
    char piece[4096];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int error = errno;
            config_say(report, "%s: %s", shown, strerror(error));
            return -error;
        }
        bytes_append(out, piece, (size_t)n);
        if (out->failed)
            return -ENOMEM;
        if (out->len > most) {
            config_say(report, "%s: longer than %zu bytes", shown, most);
            return -EINVAL;
        }
    }
    return 0;
}

static int load_file(struct config *config, int folder, const char *folder_name, const char *name,
                     struct config_reporter report)
{
    char shown[PATH_MAX];
    snprintf(shown, sizeof shown, "%s/%s", folder_name, name);
    CLEANUP(close_fd) int fd = open_trusted(config, folder, name, shown, S_IFREG, report);
    if (fd < 0)
        return fd;
    CLEANUP(bytes_deinit) struct bytes text = {0};
    int r = read_whole(fd, shown, CONFIG_FILE_BYTES_MAX, &text, report);
    return r < 0 ? r : config_read(config, shown, (const char *)text.data, text.len, report);
}

static int is_drop_in(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int is_passed_over(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && !is_drop_in(entry);
}

/* By bytes, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_drop_ins(struct config *config, int dir, const char *dir_name,
                         struct config_reporter report)
{
    char shown[PATH_MAX];
    snprintf(shown, sizeof shown, "%s/conf.d", dir_name);
    CLEANUP(close_fd) int folder = open_trusted(config, dir, "conf.d", shown, S_IFDIR, report);
    if (folder < 0)
        return folder;
    struct dirent **entries = NULL;
    int count = scandirat(folder, ".", &entries, is_drop_in, by_name);
    if (count < 0) {
        int error = errno;
        config_say(report, "%s: %s", shown, strerror(error));
        return -error;
    }
    int result = 0;
    if (count > CONFIG_FILES_MAX) {
        config_say(report, "%s: more than %d files", shown, CONFIG_FILES_MAX);
        result = -EINVAL;
    }
    for (int i = 0; i < count; i++) {
        int r =
            i < CONFIG_FILES_MAX ? load_file(config, folder, shown, entries[i]->d_name, report) : 0;
        if (r < 0 && (result == 0 || r == -ENOMEM))
            result = r;
        free(entries[i]);
    }
    free(entries);
    return result;
}

struct authorities_report {
    struct config_reporter report;
    const struct config_provider *provider;
};

static void say_of_authorities(void *context, const char *problem)
{
    const struct authorities_report *of = context;
    config_say(of->report, "%s: authorities: %s",
               config_provider_place(of->provider, "authorities"), problem);
}

/* Whoever can write such a file can stand between the agent and the provider, so it obeys the rules
 * of the configuration itself. It is read again, by its name, when a request needs it; what it
 * holds is for settings.c to tell. */
static int check_authorities(const struct config *config, struct config_reporter report)
{
    int result = 0;
    for (size_t i = 0; i < config->provider_count; i++) {
        struct authorities_report of = {.report = report, .provider = config->providers[i]};
        if (of.provider->authorities[0] == '\0')
            continue;
        CLEANUP(bytes_deinit) struct bytes pem = {0};
        int r = config_read_file(config, of.provider->authorities, &pem,
                                 (struct config_reporter){say_of_authorities, &of});
        if (r < 0)
            result = r;
    }
    return result;
}

int config_load(const char *dir, struct config *config, struct config_reporter report)
{
    config_init(config);
    config->owner = dir ? getuid() : 0;
    const char *name = dir ? dir : CONFIG_DEFAULT_DIR;
    CLEANUP(close_fd) int fd = open_trusted(config, AT_FDCWD, name, name, S_IFDIR, report);
    if (fd == -ENOENT && dir)
        config_say(report, "%s: there is no such folder", name);
    int result = fd == -ENOENT && !dir ? 0 : fd < 0 ? fd : 0;
    if (fd >= 0) {
        int main_file = load_file(config, fd, name, "lanyard.conf", report);
        int drop_ins = load_drop_ins(config, fd, name, report);
        result = main_file < 0 && main_file != -ENOENT ? main_file
                 : drop_ins < 0 && drop_ins != -ENOENT ? drop_ins
                                                       : 0;
    }
    int r = config_complete(config, report);
    if (r == 0)
        r = check_authorities(config, report);
    if (result == 0)
        result = r;
    if (result < 0)
        config_deinit(config);
    return result;
}

/* $XDG_CONFIG_HOME, or $HOME/.config; false where neither says. */
bool config_user_path(char *path, size_t size)
{
    const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int len = -1;
    if (folder && folder[0] == '/')
        len = snprintf(path, size, "%s/lanyard/lanyard.conf", folder);
    else if (home && home[0] == '/')
        len = snprintf(path, size, "%s/.config/lanyard/lanyard.conf", home);
    return len > 0 && (size_t)len < size;
}

/* Links are followed: a home folder is full of them, and whoever could place one could write the
 * file. */
static int open_users(const char *path, struct config_reporter report)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat is;
    if (fd < 0 || fstat(fd, &is) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            config_say(report, "%s: %s", path, strerror(errno));
        return -1;
    }
    bool own = is.st_uid == 0 || is.st_uid == getuid();
    if (S_ISREG(is.st_mode) && own && !(is.st_mode & (S_IWGRP | S_IWOTH)))
        return steal_fd(&fd);
    config_say(report, "%s: %s", path,
               S_ISREG(is.st_mode) ? "must belong to you and be writable by you alone"
                                   : "is not a file");
    return -1;
}

int config_load_user(struct config *config, const char *path, struct config_reporter report)
{
    char own[PATH_MAX];
    if (!path && !config_user_path(own, sizeof own))
        return 0;
    if (!path)
        path = own;
    CLEANUP(close_fd) int fd = open_users(path, report);
    if (fd < 0)
        return 0;
    CLEANUP(bytes_deinit) struct bytes text = {0};
    int r = read_whole(fd, path, CONFIG_FILE_BYTES_MAX, &text, report);
    if (r == 0 && config_text_set(&config->user_file, path) < 0)
        r = -ENOMEM;
    if (r == 0)
        r = config_read_user(config, path, (const char *)text.data, text.len, report);
    return r == -ENOMEM ? r : 0;
}

static int read_named(const struct config *config, const char *path, size_t most, struct bytes *out,
                      struct config_reporter report)
{
    CLEANUP(close_fd) int fd = open_trusted(config, AT_FDCWD, path, path, S_IFREG, report);
    if (fd == -ENOENT)
        config_say(report, "%s: there is no such file", path);
    return fd < 0 ? fd : read_whole(fd, path, most, out, report);
}

int config_read_file(const struct config *config, const char *path, struct bytes *out,
                     struct config_reporter report)
{
    return read_named(config, path, CONFIG_FILE_BYTES_MAX, out, report);
}

int config_read_lists(const struct config *config, struct bytes *out, struct config_reporter report)
{
    return read_named(config, config->revocation_lists, CONFIG_LISTS_BYTES_MAX, out, report);
}

void config_check_drop_ins(const char *dir, struct config_reporter report)
{
    char folder[PATH_MAX];
    struct dirent **entries = NULL;
    snprintf(folder, sizeof folder, "%s/conf.d", dir ? dir : CONFIG_DEFAULT_DIR);
    int count = scandir(folder, &entries, is_passed_over, by_name);
    for (int i = 0; i < count; i++) {
        config_say(report, "%s/%s: is not read: its name does not end in .conf", folder,
                   entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* NULL: it can be run. */
static const char *hindrance(const char *program)
{
    struct stat is;
    return stat(program, &is) < 0      ? strerror(errno)
           : !S_ISREG(is.st_mode)      ? "is not a program"
           : access(program, X_OK) < 0 ? strerror(errno)
                                       : NULL;
}

void config_check_pinentry(const struct config *config, struct config_reporter report)
{
    const char *wrong = hindrance(config->pinentry);
    if (wrong)
        config_say(report, "%s: program: %s: %s; no PIN can be asked for",
                   config_place(config, "program"), config->pinentry, wrong);
}

void config_check_lock_command(const struct config *config, struct config_reporter report)
{
    if (!config->desktop_lock || config->desktop_lock_command[0] == '\0')
        return;
    char program[PATH_MAX];
    size_t len = strcspn(config->desktop_lock_command, " ");
    const char *wrong = strerror(ENAMETOOLONG);
    if (len < sizeof program) {
        snprintf(program, sizeof program, "%.*s", (int)len, config->desktop_lock_command);
        wrong = hindrance(program);
    }
    if (wrong)
        config_say(report, "%s: lock-command: %.*s: %s; the desktop cannot be locked by it",
                   config_place(config, "lock-command"), (int)len, config->desktop_lock_command,
                   wrong);
}
