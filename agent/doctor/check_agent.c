/* SPDX-License-Identifier: MIT */
/*
 * Is there an agent, and whose is it. The socket is connected to by hand first, since the client
 * library has one word for all the ways in which nobody answers.
 */
#include "agent/doctor/probe.h"
#include "agent/settings.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* False: there is no place to look at (said). */
static bool find_socket(struct probe *probe, struct sockaddr_un *address)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int len;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (probe->setup->socket) {
        len = snprintf(address->sun_path, sizeof address->sun_path, "%s", probe->setup->socket);
    } else if (runtime && runtime[0] == '/') {
        len = snprintf(address->sun_path, sizeof address->sun_path, "%s/lanyard/agent", runtime);
    } else {
        report_find(probe->report, DOCTOR_AGENT_NO_RUNTIME, "XDG_RUNTIME_DIR", "it is not set");
        return false;
    }
    if (len < (int)sizeof address->sun_path)
        return true;
    report_find(probe->report, DOCTOR_AGENT_NO_RUNTIME, "XDG_RUNTIME_DIR",
                "the socket's path in it would be too long");
    return false;
}

static void check_folder(struct probe *probe)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat is;
    if (probe->setup->socket || !runtime || stat(runtime, &is) < 0)
        return;
    if (is.st_uid != geteuid())
        report_find(probe->report, DOCTOR_RUNTIME_UNSAFE, runtime, "it belongs to user %u",
                    (unsigned)is.st_uid);
    else if (is.st_mode & (S_IRWXG | S_IRWXO))
        report_find(probe->report, DOCTOR_RUNTIME_UNSAFE, runtime, "it has the mode %04o",
                    (unsigned)is.st_mode & 07777);
}

static void say_absent(struct probe *probe, const char *path, int error)
{
    struct report *report = probe->report;
    if (error == EACCES || error == EPERM)
        report_find(report, DOCTOR_AGENT_FORBIDDEN, path, "%s", strerror(error));
    else if (probe_masked(probe, true, "lanyardd.service") ||
             probe_masked(probe, true, "lanyardd.socket"))
        report_find(report, DOCTOR_AGENT_MASKED, path, NULL); /* its socket may have stayed */
    else if (error == ECONNREFUSED)
        report_find(report, DOCTOR_AGENT_DIED, path, "nobody listens to it");
    else
        report_find(report, DOCTOR_AGENT_NOT_RUNNING, path, "%s", strerror(error));
}

/* False: nobody of ours listens (said). */
static bool knock(struct probe *probe, const struct sockaddr_un *address)
{
    CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
        if (errno != EAGAIN) {
            say_absent(probe, address->sun_path, errno);
            return false;
        }
        report_find(probe->report, DOCTOR_AGENT_SILENT, address->sun_path,
                    "so many wait already that nobody else may");
        return false;
    }
    uid_t uid;
    pid_t pid;
    if (harden_peer(fd, &uid, &pid) == 0 && uid != geteuid()) {
        report_find(probe->report, DOCTOR_AGENT_FOREIGN, address->sun_path,
                    "process %d of user %u serves it", (int)pid, (unsigned)uid);
        return false;
    }
    return true;
}

static void check_version(struct probe *probe)
{
    const char *version = json_string_value(json_object_get(probe->status, "version"));
    if (!version || strcmp(version, LANYARD_VERSION) != 0)
        report_find(probe->report, DOCTOR_AGENT_VERSION, "",
                    "the agent is version %s, this command " LANYARD_VERSION,
                    version ? version : "unknown");
    report_fact(probe->report, "agent", "%s", version ? version : "unknown");
}

/* Another version may have other keys. */
static void check_stale(struct probe *probe)
{
    const char *mark = json_string_value(json_object_get(probe->status, "configuration"));
    char ours[SETTINGS_MARK_BYTES];
    if (!probe->configured || !mark || report_has(probe->report, DOCTOR_AGENT_VERSION))
        return;
    settings_mark(&probe->config, ours);
    if (strcmp(mark, ours) != 0)
        report_find(probe->report, DOCTOR_CONFIG_STALE, "",
                    "a value in the files is another than the one in force");
}

/* A mistake keeps agents from starting. The one that runs serves with what it has read before. */
static void soften_mistakes(struct probe *probe)
{
    if (json_array_size(json_object_get(probe->status, "origins")) > 0)
        report_soften_check(probe->report, "configuration", SEVERITY_WARNING);
}

/* Who is signed in is not to be in an archive: neither the name, nor its parts. */
static void hide_person(struct probe *probe)
{
    CLEANUP(free_answer) char *json = NULL;
    if (lanyard_session_status(probe->agent, &json, NULL) != LANYARD_OK)
        return;
    json_t *session = json_loads(json, 0, NULL);
    const char *name = json_string_value(json_object_get(session, "name"));
    report_hide(probe->report, json_string_value(json_object_get(session, "sid")));
    report_hide_person(probe->report, name);
    json_decref(session);
}

/* The person whose desktop this is, too. */
static void hide_user(struct probe *probe)
{
    static const char *const nobodies[] = {"root", "nobody"};
    const struct passwd *user = getpwuid(geteuid());
    if (!user || strcmp(user->pw_name, nobodies[0]) == 0 || strcmp(user->pw_name, nobodies[1]) == 0)
        return;
    report_hide(probe->report, user->pw_name);
    char *name = strndup(user->pw_gecos, strcspn(user->pw_gecos, ","));
    report_hide_person(probe->report, name);
    free(name);
}

static void ask(struct probe *probe, const char *path)
{
    struct lanyard_error error;
    CLEANUP(free_answer) char *json = NULL;
    enum lanyard_result r = lanyard_open(path, &probe->agent, &error);
    if (r == LANYARD_OK)
        r = lanyard_status(probe->agent, &json, &error);
    probe->status = r == LANYARD_OK ? json_loads(json, 0, NULL) : NULL;
    if (probe->status) {
        probe->agent_pid = (pid_t)json_integer_value(json_object_get(probe->status, "pid"));
        report_saw(probe->report, "process %d", (int)probe->agent_pid);
        check_version(probe);
        check_stale(probe);
        soften_mistakes(probe);
        hide_person(probe);
        return;
    }
    lanyard_close(STEAL(probe->agent));
    if (r == LANYARD_REFUSED)
        report_find(probe->report, DOCTOR_AGENT_VERSION, path, "%s (%s)", error.sentence,
                    error.code);
    else
        report_find(probe->report, DOCTOR_AGENT_SILENT, path, "%s",
                    r == LANYARD_UNREACHABLE ? "it hangs up without an answer"
                                             : "it says nothing for five seconds");
}

void check_agent(struct probe *probe)
{
    struct sockaddr_un address;
    hide_user(probe);
    if (!find_socket(probe, &address))
        return;
    check_folder(probe);
    if (knock(probe, &address))
        ask(probe, address.sun_path);
}
