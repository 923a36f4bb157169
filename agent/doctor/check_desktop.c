/* SPDX-License-Identifier: MIT */
/*
 * What would ask for the PIN, and what would lock the screen when the card leaves: nothing is asked
 * to do either. Whether a locker obeys logind cannot be seen from outside; a screen saver on the
 * session's bus, or a lock command, is what the agent falls back on, so with one of these the
 * screen is safe.
 */
#include "agent/doctor/probe.h"

#include "ipc/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

enum { CALL_US = 5 * 1000 * 1000 };

/* ---- the PIN prompt ---- */

static void say_prompt(void *context, const char *problem)
{
    struct probe *probe = context;
    report_find(probe->report, DOCTOR_PROMPT_MISSING, probe->config.pinentry, "%s", problem);
}

static bool is_for_terminals(const char *program)
{
    char real[PATH_MAX];
    if (!realpath(program, real))
        return false;
    const char *name = strrchr(real, '/') + 1;
    return strcmp(name, "pinentry-curses") == 0 || strcmp(name, "pinentry-tty") == 0;
}

void check_prompt(struct probe *probe)
{
    size_t before = probe->report->count;
    config_check_pinentry(&probe->config, (struct config_reporter){say_prompt, probe});
    if (probe->report->count == before && is_for_terminals(probe->config.pinentry))
        report_find(probe->report, DOCTOR_PROMPT_TERMINAL, probe->config.pinentry, NULL);
    report_saw(probe->report, "%s", probe->config.pinentry);
}

/* ---- buses ---- */

static void bus_release(sd_bus **bus)
{
    sd_bus_flush_close_unref(*bus);
}

static void message_release(sd_bus_message **message)
{
    sd_bus_message_unref(*message);
}

static sd_bus *bus_open(bool of_system)
{
    sd_bus *bus = NULL;
    int r = of_system ? sd_bus_open_system(&bus) : sd_bus_open_user(&bus);
    if (r < 0)
        return NULL;
    sd_bus_set_method_call_timeout(bus, CALL_US);
    return bus;
}

/* Somebody has that name on the bus now; nobody is started for it. */
static bool has_owner(sd_bus *bus, const char *name)
{
    CLEANUP(message_release) sd_bus_message *reply = NULL;
    int owned = 0;
    return bus &&
           sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                              "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s",
                              name) >= 0 &&
           sd_bus_message_read(reply, "b", &owned) > 0 && owned;
}

/* ---- logind ---- */

#define LOGIND "org.freedesktop.login1"

static bool session_by_id(sd_bus *bus, const char *id)
{
    CLEANUP(message_release) sd_bus_message *reply = NULL;
    return id && id[0] != '\0' &&
           sd_bus_call_method(bus, LOGIND, "/org/freedesktop/login1", LOGIND ".Manager",
                              "GetSession", NULL, &reply, "s", id) >= 0;
}

static bool session_by_process(sd_bus *bus, pid_t pid)
{
    CLEANUP(message_release) sd_bus_message *reply = NULL;
    return sd_bus_call_method(bus, LOGIND, "/org/freedesktop/login1", LOGIND ".Manager",
                              "GetSessionByPID", NULL, &reply, "u", (uint32_t)pid) >= 0;
}

/* The one that logind calls the user's Display, as the agent finds it. */
static bool session_by_display(sd_bus *bus)
{
    CLEANUP(message_release) sd_bus_message *user = NULL;
    CLEANUP(message_release) sd_bus_message *display = NULL;
    const char *path = NULL, *id = NULL, *session = NULL;
    return sd_bus_call_method(bus, LOGIND, "/org/freedesktop/login1", LOGIND ".Manager", "GetUser",
                              NULL, &user, "u", (uint32_t)geteuid()) >= 0 &&
           sd_bus_message_read(user, "o", &path) > 0 &&
           sd_bus_get_property(bus, LOGIND, path, LOGIND ".User", "Display", NULL, &display,
                               "(so)") >= 0 &&
           sd_bus_message_read(display, "(so)", &id, &session) > 0 && id[0] != '\0';
}

static bool has_session(sd_bus *bus)
{
    return session_by_id(bus, getenv("XDG_SESSION_ID")) || session_by_process(bus, getpid()) ||
           session_by_display(bus);
}

/* ---- locking ---- */

struct ways {
    bool logind, saver, command;
};

static void say_command(void *context, const char *problem)
{
    struct probe *probe = context;
    report_find(probe->report, DOCTOR_LOCK_COMMAND, "", "%s", problem);
}

static bool lock_command(struct probe *probe)
{
    const char *command = probe->config.desktop_lock_command;
    size_t before = probe->report->count;
    config_check_lock_command(&probe->config, (struct config_reporter){say_command, probe});
    return command && command[0] != '\0' && probe->report->count == before;
}

static void judge(struct probe *probe, const struct ways *ways)
{
    if (!probe->config.desktop_lock) {
        report_saw(probe->report, "the screen is not to be locked");
        return;
    }
    if (!ways->logind && !ways->saver && !ways->command) {
        report_find(probe->report, DOCTOR_LOCK_NONE, "", NULL);
        return;
    }
    if (!ways->saver && !ways->command)
        report_find(probe->report, DOCTOR_LOCK_UNSEEN, "", NULL);
    report_saw(probe->report, "the card's leaving locks the screen by%s%s%s",
               ways->logind ? " logind" : "", ways->saver ? " screensaver" : "",
               ways->command ? " command" : "");
}

void check_desktop(struct probe *probe)
{
    CLEANUP(bus_release) sd_bus *of_system = bus_open(true);
    CLEANUP(bus_release) sd_bus *of_session = bus_open(false);
    struct ways ways = {.command = lock_command(probe)};
    if (!has_owner(of_system, LOGIND))
        report_find(probe->report, DOCTOR_LOGIND_MISSING, "",
                    of_system ? "nobody has its name on the system's bus"
                              : "the system's bus cannot be reached");
    else if (!(ways.logind = has_session(of_system)))
        report_find(probe->report, DOCTOR_LOGIND_SESSION, "", NULL);
    ways.saver = has_owner(of_session, "org.freedesktop.ScreenSaver") ||
                 has_owner(of_session, "org.gnome.ScreenSaver");
    judge(probe, &ways);
}
