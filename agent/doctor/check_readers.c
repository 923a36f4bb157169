/* SPDX-License-Identifier: MIT */
/*
 * The smartcard service and its readers, asked by doctor itself: so the cause is known where the
 * agent does not run, and where it is the agent that cannot reach the service.
 */
#include "agent/doctor/pcscd_talk.h"
#include "agent/doctor/proc.h"

#include "ipc/base/cleanup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAPS_MAX = 4 * 1024 * 1024, HOLDERS_MAX = 400, STATUS_MAX = 8192 };

/* ---- the service ---- */

static const char *service_socket(const struct probe *probe, char space[PATH_MAX])
{
    const char *named = getenv("PCSCLITE_CSOCK_NAME");
    if (!named || named[0] != '/')
        return probe_path(probe, space, "/run/pcscd/pcscd.comm");
    snprintf(space, PATH_MAX, "%s", named);
    return space;
}

static void say_absent(struct probe *probe, const char *socket, int error)
{
    struct report *report = probe->report;
    bool installed = probe_exists(probe, "/usr/sbin/pcscd") || probe_exists(probe, "/sbin/pcscd") ||
                     probe_exists(probe, "/usr/bin/pcscd");
    if (error == EACCES || error == EPERM)
        report_find(report, DOCTOR_PCSCD_FORBIDDEN, socket, "%s", strerror(error));
    else if (!installed && error != ECONNREFUSED)
        report_find(report, DOCTOR_PCSCD_NOT_INSTALLED, "pcscd", NULL);
    else if (probe_masked(probe, false, "pcscd.socket") ||
             probe_masked(probe, false, "pcscd.service"))
        report_find(report, DOCTOR_PCSCD_MASKED, "pcscd", NULL); /* its socket may have stayed */
    else if (error == ECONNREFUSED)
        report_find(report, DOCTOR_PCSCD_DIED, socket, "nobody listens to it");
    else
        report_find(report, DOCTOR_PCSCD_NO_SOCKET, socket, "%s", strerror(error));
}

static bool is_ignored(const struct probe *probe, const char *reader)
{
    const struct config_list *ignored = &probe->config.ignored_readers;
    for (size_t i = 0; i < ignored->count; i++)
        if (strcmp(ignored->at[i], reader) == 0)
            return true;
    return false;
}

static void take_readers(struct probe *probe, const struct pcscd_talk *talk)
{
    probe->pcscd = probe->readers_known = true;
    for (size_t i = 0; i < talk->reader_count; i++)
        if (!is_ignored(probe, talk->readers[i].name))
            probe->readers[probe->reader_count++] = talk->readers[i];
    if (talk->reader_count > 0 && probe->reader_count == 0)
        report_find(probe->report, DOCTOR_READER_IGNORED, talk->readers[0].name,
                    "ignore-reader at %s leaves it alone",
                    config_place(&probe->config, "ignore-reader"));
}

static bool agent_sees_service(const struct probe *probe)
{
    const char *state = json_string_value(json_object_get(probe->status, "readerService"));
    return !state || strcmp(state, "up") == 0;
}

/* The agent leaves this computer's readers alone. */
static bool withheld(const struct probe *probe)
{
    return json_is_string(json_object_get(probe->status, "readersWithheld"));
}

void check_reader_service(struct probe *probe)
{
    char space[PATH_MAX];
    if (withheld(probe)) {
        report_skip(probe->report, DOCTOR_READERS_REMOTE);
        return;
    }
    const char *socket = service_socket(probe, space);
    struct pcscd_talk talk;
    pcscd_talk(socket, &talk);
    switch (talk.end) {
    case PCSCD_TALKED:
        report_saw(probe->report, "pcscd speaks protocol %d.%d", talk.major, talk.minor);
        report_fact(probe->report, "pcscd-protocol", "%d.%d", talk.major, talk.minor);
        take_readers(probe, &talk);
        if (!agent_sees_service(probe))
            report_find(probe->report, DOCTOR_PCSCD_NOT_SEEN, socket, NULL);
        break;
    case PCSCD_ABSENT:
        say_absent(probe, socket, talk.error);
        break;
    case PCSCD_MUTE:
        report_find(probe->report, DOCTOR_PCSCD_SILENT, socket, NULL);
        break;
    case PCSCD_HUNG_UP: /* as polkit's refusal is */
        report_find(probe->report, DOCTOR_PCSCD_FORBIDDEN, socket, "it hangs up");
        break;
    case PCSCD_DENIED:
        report_find(probe->report, DOCTOR_PCSCD_FORBIDDEN, socket, "it refuses this user");
        break;
    case PCSCD_STRANGER:
        report_find(probe->report, DOCTOR_PCSCD_PROTOCOL, socket, "it speaks protocol %d.%d",
                    talk.major, talk.minor);
        break;
    }
}

/* ---- readers ---- */

/* A reader that the kernel sees on USB: an interface of the class of smartcards. */
static bool usb_has_reader(const struct probe *probe)
{
    char path[PATH_MAX];
    CLEANUP(close_folder)
    DIR *folder = opendir(probe_path(probe, path, "/sys/bus/usb/devices"));
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        CLEANUP(free_text)
        char *class =
            probe_read(probe, 8, "/sys/bus/usb/devices/%s/bInterfaceClass", entry->d_name);
        if (class && strncmp(class, "0b", 2) == 0)
            return true;
    }
    return false;
}

static bool is_ours(const char *name)
{
    return strncmp(name, "lanyard", 7) == 0 || strcmp(name, "pcscd") == 0;
}

/* Adds "NAME (PID)" of a process that has the smartcard library loaded, and is neither ours nor
 * the service. */
static void add_holder(const struct probe *probe, const char *pid, char *holders)
{
    char name[32];
    CLEANUP(free_text) char *status = probe_read(probe, STATUS_MAX, "/proc/%.16s/status", pid);
    if (!status)
        return;
    proc_status_name(status, name, sizeof name);
    if (is_ours(name))
        return;
    CLEANUP(free_text) char *maps = probe_read(probe, MAPS_MAX, "/proc/%.16s/maps", pid);
    if (!maps || !strstr(maps, "/libpcsclite.so"))
        return;
    size_t len = strlen(holders);
    snprintf(holders + len, HOLDERS_MAX - len, "%s%s (%.16s)", len > 0 ? ", " : "", name, pid);
}

static void find_holders(const struct probe *probe, char holders[HOLDERS_MAX])
{
    char path[PATH_MAX];
    CLEANUP(close_folder) DIR *folder = opendir(probe_path(probe, path, "/proc"));
    const struct dirent *entry;
    holders[0] = '\0';
    while (folder && (entry = readdir(folder)))
        if (isdigit((unsigned char)entry->d_name[0]))
            add_holder(probe, entry->d_name, holders);
    if (holders[0] == '\0')
        snprintf(holders, HOLDERS_MAX, "none of this user's");
}

/* Nobody needs them who has a key, or whose key is redirected. */
static void say_withheld(struct probe *probe)
{
    const char *redirect = probe->config.keys_redirect;
    report_find(probe->report, DOCTOR_READERS_REMOTE, "", "remote-sessions is set at %s",
                config_place(&probe->config, "remote-sessions"));
    if (probe->key_in || (redirect && redirect[0] != '\0'))
        report_soften(probe->report, SEVERITY_NOTICE);
}

void check_readers(struct probe *probe)
{
    if (withheld(probe)) {
        say_withheld(probe);
        return;
    }
    if (!probe->readers_known) {
        report_skip_after(probe->report, "reader-service", DOCTOR_CHECK_FAILED);
        return;
    }
    if (probe->reader_count == 0 && !report_has(probe->report, DOCTOR_READER_IGNORED)) {
        if (usb_has_reader(probe))
            report_find(probe->report, DOCTOR_READER_NO_DRIVER, "", NULL);
        else
            report_find(probe->report, DOCTOR_READER_NONE, "", NULL);
        if (probe->key_in)
            report_soften(probe->report, SEVERITY_NOTICE);
    }
    for (size_t i = 0; i < probe->reader_count; i++)
        if (probe->readers[i].held) {
            char holders[HOLDERS_MAX];
            find_holders(probe, holders);
            report_find(probe->report, DOCTOR_READER_HELD, probe->readers[i].name,
                        "programs that use cards now: %s", holders);
        }
    if (probe->reader_count > 0)
        report_saw(probe->report, "%zu", probe->reader_count);
}
