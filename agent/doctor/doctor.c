/* SPDX-License-Identifier: MIT */
/*
 * The table of checks. Each runs whatever the others have found; one that can find nothing without
 * an earlier one's success says so itself (report_skip), so that one cause is told once.
 */
#include "agent/doctor/probe.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    void (*run)(struct probe *probe);
} checks[] = {
    {"configuration", check_configuration}, /* without it no agent starts */
    {"programs", check_programs},
    {"agent", check_agent},
    {"port", check_port}, /* how pages reach the agent */
    {"peer-uid", check_peer_uid},
    {"reader-service", check_reader_service},
    {"modules", check_modules},
    {"keys", check_keys}, /* before readers, which nobody needs who has a key */
    {"readers", check_readers},
    {"cards", check_cards},
    {"prompt", check_prompt},
    {"provider", check_providers},
    {"browsers", check_browsers},
    {"desktop", check_desktop}, /* what happens when the card leaves */
    {"hardening", check_hardening},
    {"versions", check_versions},
};
_Static_assert(sizeof checks / sizeof *checks <= REPORT_CHECKS_MAX, "each has its place");

void doctor_run(const struct doctor_setup *setup, struct report *report)
{
    struct probe probe = {.setup = setup, .report = report};
    config_init(&probe.config);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        report_check(report, checks[i].name);
        checks[i].run(&probe);
    }
    json_decref(probe.cards);
    json_decref(probe.listed);
    json_decref(probe.status);
    lanyard_close(probe.agent);
    config_deinit(&probe.config);
}

/* ---- files ---- */

__attribute__((format(printf, 3, 0))) static const char *
path_of(const struct probe *probe, char space[PATH_MAX], const char *format, va_list arguments)
{
    const char *root = probe->setup->root ? probe->setup->root : "";
    size_t len = (size_t)snprintf(space, PATH_MAX, "%s", root);
    if (len >= PATH_MAX || vsnprintf(space + len, PATH_MAX - len, format, arguments) < 0)
        space[0] = '\0';
    return space;
}

const char *probe_path(const struct probe *probe, char space[PATH_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    path_of(probe, space, format, arguments);
    va_end(arguments);
    return space;
}

char *probe_read(const struct probe *probe, size_t max, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    path_of(probe, path, format, arguments);
    va_end(arguments);
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = malloc(max + 1);
    size_t len = 0;
    ssize_t n = 0;
    while (text && len < max && (n = read(fd, text + len, max - len)) > 0)
        len += (size_t)n;
    if (text && n < 0) { /* a folder, or a process that has just ended */
        int error = errno;
        free(text);
        errno = error;
        return NULL;
    }
    if (text)
        text[len] = '\0';
    return text;
}

bool probe_exists(const struct probe *probe, const char *format, ...)
{
    char path[PATH_MAX];
    struct stat status;
    va_list arguments;
    va_start(arguments, format);
    path_of(probe, path, format, arguments);
    va_end(arguments);
    return lstat(path, &status) == 0;
}

void probe_owner(struct probe *probe, enum doctor_code code, const char *path,
                 const struct stat *is)
{
    if ((is->st_uid != 0 && is->st_uid != geteuid()) || (is->st_mode & (S_IWGRP | S_IWOTH)))
        report_find(probe->report, code, path, "it belongs to user %u and has the mode %04o",
                    (unsigned)is->st_uid, (unsigned)is->st_mode & 07777);
}

static bool is_null(const struct probe *probe, const char *folder, const char *unit)
{
    char path[PATH_MAX], target[PATH_MAX];
    ssize_t len = readlink(probe_path(probe, path, "%s/%s", folder, unit), target, PATH_MAX - 1);
    if (len < 0)
        return false;
    target[len] = '\0';
    return strcmp(target, "/dev/null") == 0;
}

bool probe_masked(const struct probe *probe, bool user, const char *unit)
{
    static const char *const of_system[] = {"/etc/systemd/system", "/run/systemd/system", NULL};
    static const char *const of_users[] = {"/etc/systemd/user", "/run/systemd/user", NULL};
    const char *const *folders = user ? of_users : of_system;
    for (size_t i = 0; folders[i]; i++)
        if (is_null(probe, folders[i], unit))
            return true;
    if (!user)
        return false;
    const char *home = getenv("XDG_CONFIG_HOME");
    char own[PATH_MAX];
    if (home && home[0] == '/')
        snprintf(own, sizeof own, "%s/systemd/user", home);
    else if ((home = getenv("HOME")) && home[0] == '/')
        snprintf(own, sizeof own, "%s/.config/systemd/user", home);
    else
        return false;
    return is_null(probe, own, unit);
}
