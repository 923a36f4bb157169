/* SPDX-License-Identifier: MIT */
/*
 * lanyard doctor: becomes lanyard-doctor, which lies with the helpers. It asks no agent by itself:
 * that there is none is the first thing that it may find.
 */
#include "agent/cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add(struct doctor_line *line, const char *option, const char *value)
{
    if (!value)
        return;
    line->words[line->count++] = option;
    line->words[line->count++] = value;
}

void doctor_line(struct doctor_line *line, const struct options *options)
{
    const char *folder = options->helpers ? options->helpers : LANYARD_LIBEXECDIR;
    *line = (struct doctor_line){.count = 1, .words = {"lanyard-doctor"}};
    snprintf(line->program, sizeof line->program, "%s/lanyard-doctor", folder);
    snprintf(line->port, sizeof line->port, "%d", options->port);
    add(line, "--helpers", folder);
    add(line, "--socket", options->socket);
    add(line, "--config", options->config_dir);
    add(line, "--user-config", options->user_file);
    add(line, "--bundle", options->bundle);
    add(line, "--journal", options->folder);
    add(line, "--root", options->root);
    add(line, "--port", options->port ? line->port : NULL);
    if (options->json)
        line->words[line->count++] = "--json";
}

int command_doctor(struct lanyard *agent, const struct options *options)
{
    (void)agent;
    struct doctor_line line;
    doctor_line(&line, options);
    execv(line.program, line.arguments);
    fprintf(stderr, "lanyard: %s: %s\n", line.program, strerror(errno));
    return STATUS_SETUP;
}
