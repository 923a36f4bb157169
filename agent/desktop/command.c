/* SPDX-License-Identifier: MIT */
/*
 * The command is given to the person's service manager (systemd --user), as the unit
 * lanyard-lock.service. What the agent starts itself would inherit that there are no new privileges
 * (harden.h), and a locker that asks a set-user-id program about the password would never open
 * again; it would also end with the agent's own unit, and leave the screen open. Where there is no
 * such manager, it is started from here (orphan.h).
 *
 * The unit is "forking" and may take for ever to start: a program that goes on is starting until it
 * ends, one that leaves a process behind has started when it ends, and one that only passes the
 * request on has started and ended. Its job is over when the program has ended, and tells how. The
 * unit is there as long as something of it runs; so a second lock finds the first at work, and is
 * good.
 */
#include "agent/desktop/command.h"

#include "agent/desktop/orphan.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define UNIT "lanyard-lock.service"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/lanyard_2dlock_2eservice"

struct command {
    struct command_setup setup;
    char *line;
    char **words; /* into line; NULL-terminated; [0] NULL: there is no command */
    struct peer *manager;
    struct listener job_removed;
    struct call starting;
    bool started; /* the manager has taken the unit */
    struct orphan *orphan;
    char problem[160]; /* how it ended last; "": well, or not yet */
};

static void ended(struct command *c, bool good)
{
    command_over(c);
    c->setup.ended(c->setup.context, good);
}

/* problem: what becomes of the program; borrowed. */
static void failed(struct command *c, const char *problem)
{
    snprintf(c->problem, sizeof c->problem, "%s", problem);
    ended(c, false);
}

static void on_orphan(void *context, const char *problem)
{
    if (problem)
        failed(context, problem);
    else
        ended(context, true);
}

static bool start_here(struct command *c)
{
    c->orphan = orphan_run(c->setup.loop, c->words, on_orphan, c);
    return c->orphan;
}

static void start_otherwise(struct command *c)
{
    listener_stop(&c->job_removed);
    if (!start_here(c))
        failed(c, "cannot be started");
}

/* ---- as a unit ---- */

static void on_job_removed(void *context, sd_bus_message *m)
{
    uint32_t number;
    const char *job, *unit, *result;
    if (sd_bus_message_read(m, "uoss", &number, &job, &unit, &result) <= 0 ||
        strcmp(unit, UNIT) != 0)
        return;
    if (strcmp(result, "done") == 0)
        ended(context, true);
    else
        failed(context, "ended badly: journalctl --user -u " UNIT " says how");
}

/* It exists: as a locker that is at work, or as something else. */
static int on_state(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct command *c = context;
    const char *state = "";
    (void)error;
    if (variant_is(m, "s") && sd_bus_message_read(m, "v", "s", &state) > 0 &&
        (strcmp(state, "activating") == 0 || strcmp(state, "active") == 0))
        ended(c, true);
    else
        start_otherwise(c);
    return 1;
}

static int on_started(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct command *c = context;
    (void)error;
    if (sd_bus_message_is_method_error(m, NAME ".UnitExists") > 0) {
        if (peer_call(c->manager, &c->starting, UNIT_PATH, "org.freedesktop.DBus.Properties", "Get",
                      on_state, c, "ss", NAME ".Unit", "ActiveState") < 0)
            start_otherwise(c);
    } else if (sd_bus_message_is_method_error(m, NULL)) {
        log_warning("systemd does not start the lock command: %s",
                    sd_bus_message_get_error(m)->name);
        start_otherwise(c);
    } else {
        c->started = true;
    }
    return 1;
}

/* (sasb): the program, its arguments with its name, and that a failure counts. */
static int append_program(sd_bus_message *m, char **words)
{
    int r = sd_bus_message_open_container(m, 'r', "sv");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", "ExecStart");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "a(sasb)");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "(sasb)");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'r', "sasb");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", words[0]);
    if (r >= 0)
        r = sd_bus_message_append_strv(m, words);
    if (r >= 0)
        r = sd_bus_message_append(m, "b", 0);
    for (int depth = 0; depth < 4 && r >= 0; depth++)
        r = sd_bus_message_close_container(m);
    return r;
}

/* Where the screen is, as we were told: the manager may not have been. */
static int append_environment(sd_bus_message *m)
{
    static const char *const names[] = {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"};
    int r = sd_bus_message_open_container(m, 'r', "sv");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", "Environment");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "as");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "s");
    for (size_t i = 0; i < sizeof names / sizeof *names && r >= 0; i++) {
        char variable[512];
        const char *value = getenv(names[i]);
        if (value &&
            snprintf(variable, sizeof variable, "%s=%s", names[i], value) < (int)sizeof variable)
            r = sd_bus_message_append(m, "s", variable);
    }
    for (int depth = 0; depth < 3 && r >= 0; depth++)
        r = sd_bus_message_close_container(m);
    return r;
}

static int append_unit(sd_bus_message *m, char **words)
{
    int r = sd_bus_message_append(m, "ss", UNIT, "fail");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "(sv)");
    if (r >= 0)
        r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Description", "s", "Screen lock", "Type",
                                  "s", "forking", "TimeoutStartUSec", "t", UINT64_MAX,
                                  "CollectMode", "s", "inactive-or-failed");
    if (r >= 0)
        r = append_environment(m);
    if (r >= 0)
        r = append_program(m, words);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        r = sd_bus_message_append(m, "a(sa(sv))", 0);
    return r;
}

static bool start_unit(struct command *c)
{
    sd_bus_message *message = peer_message(c->manager, PATH, MANAGER, "StartTransientUnit");
    if (!message)
        return false;
    int r = append_unit(message, c->words);
    if (r < 0) {
        log_fault(-r, "the lock command");
        sd_bus_message_unref(message);
        return false;
    }
    peer_listen(c->manager, &c->job_removed, PATH, MANAGER, "JobRemoved", "uoss", on_job_removed,
                c);
    return peer_send(c->manager, &c->starting, message, on_started, c) == 0;
}

bool command_start(struct command *command)
{
    command_over(command);
    command->problem[0] = '\0';
    if (!command->words[0])
        return false;
    return start_unit(command) || start_here(command);
}

bool command_runs(const struct command *command)
{
    return command->started || command->orphan;
}

void command_problem(const struct command *command, char *out, size_t size)
{
    if (!command->words[0])
        snprintf(out, size, "no lock-command is configured");
    else
        snprintf(out, size, "%s %s", command->words[0],
                 command->problem[0] != '\0' ? command->problem : "was not started in time");
}

void command_over(struct command *command)
{
    listener_stop(&command->job_removed);
    call_forget(&command->starting);
    command->started = false;
    orphan_free(&command->orphan);
}

/* ---- its life ---- */

static void on_manager(void *context)
{
    struct command *c = context;
    if (!c->job_removed.slot)
        return;
    failed(c, "was run by systemd, which went away");
}

static int split(struct command *c)
{
    c->line = strdup(c->setup.line);
    c->words = calloc(strlen(c->setup.line) / 2 + 2, sizeof *c->words);
    if (!c->line || !c->words)
        return log_fault(ENOMEM, "the lock command");
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(c->line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        c->words[count++] = word;
    return 0;
}

struct command *command_new(const struct command_setup *setup)
{
    CLEANUP(command_free) struct command *c = calloc(1, sizeof *c);
    if (!c) {
        log_fault(ENOMEM, "the lock command");
        return NULL;
    }
    c->setup = *setup;
    if (split(c) < 0)
        return NULL;
    c->manager = peer_new(setup->bus, NAME, on_manager, c);
    return c->manager ? STEAL(c) : NULL;
}

void command_free(struct command **command)
{
    struct command *c = STEAL(*command);
    if (!c)
        return;
    command_over(c);
    peer_free(&c->manager);
    free(c->words);
    free(c->line);
    free(c);
}
