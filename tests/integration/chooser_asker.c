/* SPDX-License-Identifier: MIT */
/*
 * Asks for a role as the session's keeper does, or for an account as a security key's work does.
 *
 *     chooser_asker HELPERS ROLES NAME CURRENT SECONDS
 *
 * ROLES is a file with a role on each line: name, organisation and code, tabs between. CURRENT is
 * an index, or -1; or "account": then the first two are an account's texts, and NAME is the site.
 * It writes "asked", and then how it ended: "ok 3", "cancelled", ... SIGUSR1 has
 * it take the question back ("freed") and go on without; it ends on SIGTERM.
 */
#include "agent/chooser_client.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct loop *loop;
static struct chooser *chooser;
static struct cis_role roles[ROLES_MAX];

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

static void answered(void *context, int result, size_t role)
{
    (void)context;
    char text[64];
    snprintf(text, sizeof text, result == OUTCOME_OK ? "%s %zu" : "%s", outcome_reason(result),
             role);
    chooser_free(&chooser);
    say(text);
    loop_stop(loop);
}

static void take_back(void *context)
{
    (void)context;
    chooser_free(&chooser);
    say("freed");
}

static void stop(void *context)
{
    (void)context;
    loop_stop(loop);
}

/* "" where there is no further one. */
static void take_word(char **line, char *out, size_t size)
{
    char *word = strsep(line, "\t\n");
    snprintf(out, size, "%s", word ? word : "");
}

static size_t read_roles(const char *path)
{
    FILE *file = fopen(path, "r");
    char text[4 * ROLE_TEXT_MAX];
    size_t count = 0;
    while (file && count < ROLES_MAX && fgets(text, sizeof text, file)) {
        char *line = text;
        struct cis_role *role = &roles[count++];
        snprintf(role->id, sizeof role->id, "role-%zu", count);
        take_word(&line, role->name, sizeof role->name);
        take_word(&line, role->organisation, sizeof role->organisation);
        take_word(&line, role->code, sizeof role->code);
    }
    if (file)
        fclose(file);
    return count;
}

static int run(char **argv)
{
    CLEANUP(helpers_free) struct helpers *helpers = helpers_new(loop, argv[1]);
    if (!helpers || !loop_signal_new(loop, SIGUSR1, take_back, NULL) ||
        !loop_signal_new(loop, SIGTERM, stop, NULL))
        return EXIT_FAILURE;
    size_t count = read_roles(argv[2]);
    unsigned seconds = (unsigned)strtoul(argv[5], NULL, 10);
    struct chooser_account accounts[ROLES_MAX];
    for (size_t i = 0; i < count; i++)
        accounts[i] = (struct chooser_account){roles[i].name, roles[i].organisation};
    if (strcmp(argv[4], "account") == 0)
        chooser =
            chooser_ask_account(loop, helpers, argv[3], accounts, count, seconds, answered, NULL);
    else
        chooser = chooser_ask(loop, helpers, argv[3], roles, count, (int)strtol(argv[4], NULL, 10),
                              seconds, answered, NULL);
    if (!chooser)
        return EXIT_FAILURE;
    say("asked");
    int r = loop_run(loop);
    chooser_free(&chooser);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    log_init("chooser_asker", LOG_LEVEL_INFO);
    if (argc != 6 || harden_process() < 0)
        return EXIT_FAILURE;
    loop = loop_new();
    int status = loop ? run(argv) : EXIT_FAILURE;
    loop_free(&loop);
    return status;
}
