/* SPDX-License-Identifier: MIT */
/*
 * Is what runs confined, by the kernel's word: of the agent and its helpers. A helper that ends
 * meanwhile is no finding, and one that has just begun is given a moment.
 */
#include "agent/doctor/probe.h"
#include "agent/doctor/proc.h"
#include "agent/doctor/provider_ask.h"

#include "ipc/base/cleanup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { STATUS_MAX = 8192, LOOKS_MAX = 20, LOOK_MS = 100, SECCOMP_FILTER = 2, HELPERS_MAX = 32 };

struct process {
    char name[32];
    long privileges, seccomp;
};

/* False: it is no more. */
static bool look(const struct probe *probe, long pid, struct process *out)
{
    CLEANUP(free_text) char *status = probe_read(probe, STATUS_MAX, "/proc/%ld/status", pid);
    if (!status)
        return false;
    proc_status_name(status, out->name, sizeof out->name);
    out->privileges = proc_status_number(status, "NoNewPrivs");
    out->seccomp = proc_status_number(status, "Seccomp");
    return out->name[0] != '\0' && out->privileges >= 0;
}

static bool is_filtered(const struct process *process)
{
    return LANYARD_INSTRUMENTED || process->seccomp == SECCOMP_FILTER;
}

static void check_process(struct probe *probe, long pid)
{
    struct process process;
    char subject[64];
    for (int i = 0; i < LOOKS_MAX; i++) {
        if (i > 0)
            poll(NULL, 0, LOOK_MS);
        if (!look(probe, pid, &process) || (process.privileges == 1 && is_filtered(&process)))
            return;
    }
    snprintf(subject, sizeof subject, "%s (process %ld)", process.name, pid);
    if (process.privileges != 1)
        report_find(probe->report, DOCTOR_HARDENING_PRIVILEGES, subject, NULL);
    if (!is_filtered(&process))
        report_find(probe->report, DOCTOR_HARDENING_SECCOMP, subject, NULL);
}

struct helpers {
    size_t count;
    long pids[HELPERS_MAX];
};

static void add_children(const struct probe *probe, long parent, struct helpers *out)
{
    char path[PATH_MAX], name[32];
    CLEANUP(close_folder) DIR *folder = opendir(probe_path(probe, path, "/proc"));
    const struct dirent *entry;
    while (folder && out->count < HELPERS_MAX && (entry = readdir(folder))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        CLEANUP(free_text)
        char *status = probe_read(probe, STATUS_MAX, "/proc/%.16s/status", entry->d_name);
        if (!status || proc_status_number(status, "PPid") != parent)
            continue;
        proc_status_name(status, name, sizeof name);
        if (strncmp(name, "lanyard-", 8) == 0)
            out->pids[out->count++] = strtol(entry->d_name, NULL, 10);
    }
}

/* Where another process connects for it (ipc/confine/confine.h), that one is a helper, too. */
static bool connects_itself(const struct probe *probe, long pid, struct helpers *helpers)
{
    struct process process;
    size_t before = helpers->count;
    for (int i = 0; !LANYARD_INSTRUMENTED && i < LOOKS_MAX; i++) {
        if (i > 0)
            poll(NULL, 0, LOOK_MS);
        if (!look(probe, pid, &process) || strcmp(process.name, "lanyard-card") != 0)
            return false;
        add_children(probe, pid, helpers);
        if (helpers->count > before)
            return false;
    }
    return !LANYARD_INSTRUMENTED;
}

/* ---- AppArmor ---- */

static bool has_profile(const struct probe *probe)
{
    char path[PATH_MAX];
    CLEANUP(close_folder) DIR *folder = opendir(probe_path(probe, path, "/etc/apparmor.d"));
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (strstr(entry->d_name, "lanyard"))
            return true;
    return false;
}

enum apparmor { APPARMOR_OFF, APPARMOR_FILES, APPARMOR_UNTOLD, APPARMOR_SOCKETS };

static const char *const apparmor_says[] = {
    [APPARMOR_OFF] = "AppArmor is not in force",
    [APPARMOR_FILES] =
        "AppArmor is in force for files, and this kernel's cannot tell sockets apart",
    [APPARMOR_UNTOLD] = "AppArmor is in force for files; whether it tells sockets apart cannot be "
                        "read in /sys/kernel/security",
    [APPARMOR_SOCKETS] = "AppArmor is in force",
};

/* The profiles' rules for Unix sockets are those of AppArmor's interface 3.0, which they name, and
 * which is Ubuntu's. Its parser drops them where the kernel has not this file: Debian's has none,
 * and the network_v9 of Linux 6.17 is another interface. */
static enum apparmor tell_sockets(const struct probe *probe)
{
    static const char folder[] = "/sys/kernel/security/apparmor/features";
    char path[PATH_MAX];
    if (access(probe_path(probe, path, "%s", folder), R_OK | X_OK) < 0)
        return APPARMOR_UNTOLD;
    CLEANUP(free_text) char *has = probe_read(probe, 8, "%s/network/af_unix", folder);
    if (!has)
        return errno == ENOENT || errno == ENOTDIR ? APPARMOR_FILES : APPARMOR_UNTOLD;
    return strncmp(has, "yes", 3) == 0 ? APPARMOR_SOCKETS : APPARMOR_FILES;
}

/* Whether it is in force. A system without it, or whose packager leaves the profiles out, is no
 * mistake of anybody's. */
static enum apparmor check_apparmor(struct probe *probe)
{
    CLEANUP(free_text)
    char *enabled = probe_read(probe, 8, "/sys/module/apparmor/parameters/enabled");
    if (!enabled || enabled[0] != 'Y' || !has_profile(probe))
        return APPARMOR_OFF;
    CLEANUP(free_text)
    char *label = probe_read(probe, 256, "/proc/%d/attr/current", (int)probe->agent_pid);
    if (!label)
        return APPARMOR_OFF;
    if (strstr(label, "(enforce)"))
        return tell_sockets(probe);
    report_find(probe->report, DOCTOR_HARDENING_APPARMOR, "lanyardd", "its label is %.200s", label);
    return APPARMOR_OFF;
}

void check_hardening(struct probe *probe)
{
    struct helpers helpers = {0};
    bool alone = false;
    if (probe->agent_pid <= 0) {
        report_skip_after(probe->report, "agent", DOCTOR_AGENT_NOT_RUNNING);
        return;
    }
    check_process(probe, probe->agent_pid);
    add_children(probe, probe->agent_pid, &helpers);
    size_t direct = helpers.count;
    for (size_t i = 0; i < direct; i++)
        alone |= connects_itself(probe, helpers.pids[i], &helpers);
    for (size_t i = 0; i < helpers.count; i++)
        check_process(probe, helpers.pids[i]);
    enum apparmor apparmor = check_apparmor(probe);
    if (apparmor == APPARMOR_SOCKETS)
        alone = false;
    report_saw(probe->report, "the agent and %zu helpers; %s%s", helpers.count,
               apparmor_says[apparmor],
               alone ? ": what reads cards reaches other programs' sockets" : "");
}

/* ---- versions ---- */

static void check_system(struct probe *probe)
{
    struct utsname system;
    if (uname(&system) == 0)
        report_fact(probe->report, "kernel", "%s %s", system.release, system.machine);
    CLEANUP(free_text) char *release = probe_read(probe, STATUS_MAX, "/etc/os-release");
    const char *name = release ? strstr(release, "PRETTY_NAME=\"") : NULL;
    if (name)
        report_fact(probe->report, "system", "%.*s", (int)strcspn(name + 13, "\"\n"), name + 13);
}

void check_versions(struct probe *probe)
{
    report_fact(probe->report, "lanyard", "%s", LANYARD_VERSION);
    check_system(probe);
    report_fact(probe->report, "libcurl", "%s", provider_library());
    report_fact(probe->report, "openssl", "%s", OpenSSL_version(OPENSSL_VERSION));
    report_fact(probe->report, "jansson", "%s", jansson_version_str());
    report_saw(probe->report, "lanyard %s", LANYARD_VERSION);
}
