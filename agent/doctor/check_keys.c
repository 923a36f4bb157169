/* SPDX-License-Identifier: MIT */
/*
 * Security keys: which are plugged in, by what the kernel tells in /sys, and whether this user may
 * open them. None is opened.
 */
#include "agent/doctor/probe.h"
#include "fido/key_watch_read.h"

#include "ipc/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_key(const struct probe *probe, const char *name)
{
    char path[PATH_MAX];
    uint8_t descriptor[KEY_DESCRIPTOR_MAX];
    probe_path(probe, path, "/sys/class/hidraw/%.64s/device/report_descriptor", name);
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, descriptor, sizeof descriptor);
    return len > 0 && key_descriptor_fido(descriptor, (size_t)len);
}

static void check_key(struct probe *probe, const char *name)
{
    char path[PATH_MAX];
    probe->key_in = true;
    probe_path(probe, path, "/dev/%.64s", name);
    if (access(path, R_OK | W_OK) == 0)
        return;
    if (errno == ENOENT)
        report_find(probe->report, DOCTOR_KEY_NO_NODE, path, NULL);
    else
        report_find(probe->report, DOCTOR_KEY_FORBIDDEN, path, "%s", strerror(errno));
}

/* systemd's own rule, or the one that came before it. */
static bool has_rule(const struct probe *probe)
{
    static const char *const folders[] = {"/usr/lib/udev/rules.d", "/lib/udev/rules.d",
                                          "/etc/udev/rules.d", "/run/udev/rules.d"};
    static const char *const names[] = {"60-fido-id.rules", "70-u2f.rules", "70-titan-key.rules"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (probe_exists(probe, "%s/%s", folders[i], names[k]))
                return true;
    return false;
}

static void check_redirect(struct probe *probe)
{
    char path[PATH_MAX];
    struct stat is;
    if (!probe->config.keys_redirect || probe->config.keys_redirect[0] == '\0')
        return;
    snprintf(path, sizeof path, "%s", probe->config.keys_redirect);
    const char *folder = dirname(path);
    if (stat(folder, &is) < 0)
        report_find(probe->report, DOCTOR_KEY_REDIRECT, folder, "%s", strerror(errno));
}

void check_keys(struct probe *probe)
{
    char path[PATH_MAX];
    size_t count = 0;
    if (!probe->config.keys_enabled) {
        report_saw(probe->report, "switched off");
        return;
    }
    CLEANUP(close_folder) DIR *folder = opendir(probe_path(probe, path, "/sys/class/hidraw"));
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (strncmp(entry->d_name, "hidraw", 6) == 0 && is_key(probe, entry->d_name)) {
            check_key(probe, entry->d_name);
            count++;
        }
    if (!has_rule(probe)) {
        report_find(probe->report, DOCTOR_KEY_NO_RULE, "", NULL);
        if (count == 0) /* nobody here has missed one */
            report_soften(probe->report, SEVERITY_NOTICE);
    }
    check_redirect(probe);
    report_saw(probe->report, "%zu plugged in", count);
}
