/* SPDX-License-Identifier: MIT */
/*
 * Browsers, wherever they come from (the distribution, their makers, snap, flatpak), and the
 * policies that each of them reads. A policy keeps people from being asked, in the middle of a
 * sign-in, whether a page may talk to this computer; one that is missing is a warning, one that
 * forbids it an error.
 *
 * Pages of this computer itself are asked nothing, so only other origins count; without any origin
 * there is nothing that a policy could be held against. Firefox asks from 150 on; where an older
 * one tells its version, it is left alone.
 */
#include "agent/doctor/policy.h"
#include "agent/doctor/probe.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/loopback.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum { POLICY_BYTES_MAX = 1024 * 1024, FIREFOX_ASKS_FROM = 150, PLACES_MAX = 4 };

/* A place that begins with "~" is in the person's home; of the policies' places, "%s" stands for
 * the machine's name. */
static const struct browser {
    const char *name;
    bool firefox;
    const char *programs[PLACES_MAX]; /* one of them is there */
    const char *policies[PLACES_MAX]; /* Chromium: folders, all read; Firefox: files, the first */
    const char *version;              /* of Firefox: its application.ini */
} browsers[] = {
    {"Chromium",
     false,
     {"/usr/bin/chromium", "/usr/lib/chromium/chromium", "/usr/lib64/chromium-browser"},
     {"/etc/chromium/policies/managed"},
     NULL},
    {"Chromium (snap)",
     false,
     {"/snap/bin/chromium", "/snap/chromium/current"},
     {"/etc/chromium-browser/policies/managed", "/var/snap/chromium/current/policies/managed"},
     NULL},
    {"Chromium (flatpak)",
     false,
     {"/var/lib/flatpak/app/org.chromium.Chromium",
      "~/.local/share/flatpak/app/org.chromium.Chromium"},
     {"/var/lib/flatpak/extension/org.chromium.Chromium.Extension.lanyard/%s/1/policies/managed",
      "/var/lib/flatpak/extension/org.chromium.Chromium.Extension.system-policies/%s/1/policies/"
      "managed",
      "/var/lib/flatpak/extension/org.chromium.Chromium.Policy.lanyard/%s/1/policies/managed"},
     NULL},
    {"Chrome",
     false,
     {"/opt/google/chrome/chrome", "/usr/bin/google-chrome-stable"},
     {"/etc/opt/chrome/policies/managed"},
     NULL},
    {"Chrome (flatpak)",
     false,
     {"/var/lib/flatpak/app/com.google.Chrome", "~/.local/share/flatpak/app/com.google.Chrome"},
     {"/etc/opt/chrome/policies/managed"},
     NULL},
    {"Edge",
     false,
     {"/opt/microsoft/msedge/msedge", "/usr/bin/microsoft-edge-stable"},
     {"/etc/opt/edge/policies/managed"},
     NULL},
    {"Edge (flatpak)",
     false,
     {"/var/lib/flatpak/app/com.microsoft.Edge", "~/.local/share/flatpak/app/com.microsoft.Edge"},
     {"/etc/opt/edge/policies/managed"},
     NULL},
    {"Firefox ESR",
     true,
     {"/usr/lib/firefox-esr/firefox-esr", "/usr/bin/firefox-esr"},
     {"/etc/firefox/policies/policies.json", "/usr/lib/firefox-esr/distribution/policies.json"},
     "/usr/lib/firefox-esr/application.ini"},
    {"Firefox",
     true,
     {"/usr/lib/firefox/firefox", "/usr/lib64/firefox/firefox", "/opt/firefox/firefox"},
     {"/etc/firefox/policies/policies.json", "/usr/lib/firefox/distribution/policies.json",
      "/usr/lib64/firefox/distribution/policies.json", "/opt/firefox/distribution/policies.json"},
     "/usr/lib/firefox/application.ini"},
    {"Firefox (snap)",
     true,
     {"/snap/firefox/current"},
     {"/etc/firefox/policies/policies.json"},
     "/snap/firefox/current/usr/lib/firefox/application.ini"},
    {"Firefox (flatpak)",
     true,
     {"/var/lib/flatpak/app/org.mozilla.firefox", "~/.local/share/flatpak/app/org.mozilla.firefox"},
     {"/var/lib/flatpak/extension/org.mozilla.firefox.systemconfig/%s/stable/policies/"
      "policies.json"},
     "/var/lib/flatpak/app/org.mozilla.firefox/current/active/files/lib/firefox/application.ini"},
};

/* ---- where ---- */

static const char *place_of(const struct probe *probe, const char *place, char space[PATH_MAX])
{
    const char *home = getenv("HOME");
    struct utsname machine;
    const char *percent = strstr(place, "%s");
    if (place[0] == '~')
        snprintf(space, PATH_MAX, "%s%s", home ? home : "/nonexistent", place + 1);
    else if (percent && uname(&machine) == 0)
        probe_path(probe, space, "%.*s%s%s", (int)(percent - place), place, machine.machine,
                   percent + 2);
    else
        probe_path(probe, space, "%s", place);
    return space;
}

static bool is_installed(const struct probe *probe, const struct browser *browser)
{
    char path[PATH_MAX];
    struct stat is;
    for (size_t i = 0; i < PLACES_MAX && browser->programs[i]; i++)
        if (lstat(place_of(probe, browser->programs[i], path), &is) == 0)
            return true;
    return false;
}

static bool asks(const struct probe *probe, const struct browser *browser)
{
    if (!browser->version)
        return true;
    CLEANUP(free_text) char *ini = probe_read(probe, POLICY_BYTES_MAX, "%s", browser->version);
    const char *version = ini ? strstr(ini, "\nVersion=") : NULL;
    return !version || strtol(version + 9, NULL, 10) >= FIREFOX_ASKS_FROM;
}

/* ---- what it says ---- */

/* A file's JSON, if people can read it. NULL: there is none, or it is told what is wrong. */
static json_t *read_policy(struct probe *probe, const struct browser *browser, const char *path)
{
    struct stat is;
    json_error_t error;
    if (stat(path, &is) < 0) {
        if (errno == EACCES)
            report_find(probe->report, DOCTOR_POLICY_UNREADABLE, browser->name, "%s: %s", path,
                        strerror(errno));
        return NULL;
    }
    if (!S_ISREG(is.st_mode))
        return NULL;
    if (!(is.st_mode & S_IROTH)) {
        report_find(probe->report, DOCTOR_POLICY_UNREADABLE, browser->name, "%s has the mode %04o",
                    path, (unsigned)is.st_mode & 07777);
        return NULL;
    }
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!json || !json_is_object(json)) {
        report_find(probe->report, DOCTOR_POLICY_MALFORMED, browser->name, "%s:%d: %s", path,
                    json ? 1 : error.line, json ? "not an object" : error.text);
        json_decref(json);
        return NULL;
    }
    return json;
}

static int is_policy(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every file of the folder; of a policy that several have, the last one's counts. */
static void merge_folder(struct probe *probe, const struct browser *browser, const char *folder,
                         json_t *into)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_policy, by_name);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < (int)sizeof path) {
            CLEANUP(free_json) json_t *json = read_policy(probe, browser, path);
            if (json)
                json_object_update(into, json);
        }
        free(entries[i]);
    }
    free(entries);
}

static json_t *policies_of(struct probe *probe, const struct browser *browser)
{
    json_t *all = json_object();
    for (size_t i = 0; i < PLACES_MAX && browser->policies[i]; i++) {
        char path[PATH_MAX];
        place_of(probe, browser->policies[i], path);
        if (!browser->firefox) {
            merge_folder(probe, browser, path, all);
            continue;
        }
        json_t *file = read_policy(probe, browser, path);
        if (file) {
            json_decref(all);
            return file;
        }
    }
    return all;
}

/* ---- what it means ---- */

/* origin: canonical. */
static bool is_local(const char *origin)
{
    const char *host = strstr(origin, "://") + 3;
    return host_is_loopback(host, *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":"));
}

static void judge(struct probe *probe, const struct browser *browser, const json_t *policies,
                  size_t before)
{
    const struct config_list *origins = &probe->config.origins;
    size_t silent = 0;
    const char *which = NULL, *list = "";
    char path[PATH_MAX];
    for (size_t i = 0; i < origins->count; i++) {
        const char *origin = origins->at[i];
        enum policy_verdict verdict = is_local(origin) ? POLICY_ALLOWS
                                      : browser->firefox
                                          ? policy_of_firefox(policies, origin, &list)
                                          : policy_of_chromium(policies, origin, &list);
        if (verdict == POLICY_BLOCKS)
            report_find(probe->report, DOCTOR_POLICY_BLOCKS, browser->name, "%s: %s", list, origin);
        else if (verdict == POLICY_SILENT && silent++ == 0)
            which = origin;
    }
    /* A file that could not be read may well have allowed it: that is told already. */
    if (silent > 0 && probe->report->count == before && asks(probe, browser))
        report_find(probe->report, DOCTOR_POLICY_MISSING, browser->name,
                    "%s is in no policy at %s%s", which,
                    place_of(probe, browser->policies[0], path),
                    silent > 1 ? ", and it is not the only one" : "");
}

void check_browsers(struct probe *probe)
{
    if (probe->config.origins.count == 0) {
        report_skip_after(probe->report, "configuration", DOCTOR_CONFIG_NO_PROVIDER);
        return;
    }
    CLEANUP(free_json) json_t *excerpts = json_object();
    char names[300] = "";
    for (size_t i = 0; i < sizeof browsers / sizeof *browsers; i++) {
        const struct browser *browser = &browsers[i];
        if (!is_installed(probe, browser))
            continue;
        size_t before = probe->report->count, len = strlen(names);
        snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? ", " : "", browser->name);
        CLEANUP(free_json) json_t *policies = policies_of(probe, browser);
        judge(probe, browser, policies, before);
        json_object_set_new(excerpts, browser->name, policy_excerpt(policies));
    }
    report_saw(probe->report, "%s", names[0] ? names : "no browser is installed");
    report_attach(probe->report, "policies.json", json_dumps(excerpts, JSON_INDENT(2)));
}
