/* SPDX-License-Identifier: MIT */
/*
 * lanyard doctor: becomes lanyard-doctor, which lies with the helpers. It asks no agent by itself:
 * that there is none is the first thing that it may find.
 */
#include "agent/cli/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_OF_DOCTOR_MAX = 24 };

struct words {
    size_t count;
    const char *at[WORDS_OF_DOCTOR_MAX + 1]; /* NULL-terminated */
};

static void add(struct words *words, const char *option, const char *value)
{
    if (!value)
        return;
    words->at[words->count++] = option;
    words->at[words->count++] = value;
}

int command_doctor(struct lanyard *agent, const struct options *options)
{
    (void)agent;
    const char *folder = options->helpers ? options->helpers : LANYARD_LIBEXECDIR;
    char program[PATH_MAX], port[8];
    struct words words = {.count = 1, .at = {"lanyard-doctor"}};
    snprintf(program, sizeof program, "%s/lanyard-doctor", folder);
    snprintf(port, sizeof port, "%u", (unsigned)options->port);
    add(&words, "--helpers", folder);
    add(&words, "--socket", options->socket);
    add(&words, "--config", options->config_dir);
    add(&words, "--user-config", options->user_file);
    add(&words, "--bundle", options->bundle);
    add(&words, "--journal", options->folder);
    add(&words, "--root", options->root);
    add(&words, "--port", options->port ? port : NULL);
    if (options->json)
        words.at[words.count++] = "--json";
    union {
        const char **ours;
        char *const *theirs;
    } arguments = {.ours = words.at}; /* execv changes none of them */
    execv(program, arguments.theirs);
    fprintf(stderr, "lanyard: %s: %s\n", program, strerror(errno));
    return STATUS_SETUP;
}
