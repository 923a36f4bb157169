/* SPDX-License-Identifier: MIT */
/*
 * lanyard keys, and lanyard key with one word or two for what is to be done. Before something is
 * lost for good the person is told so here, and asked in Lanyard's window.
 */
#include "agent/cli/commands.h"

#include "agent/cli/outline.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct action {
    const char *words[2]; /* the second NULL: there is none */
    const char *what;     /* struct lanyard_key's */
    unsigned least, most; /* further words */
    const char *usage;    /* of these */
    const char *before;   /* said before it begins; NULL: nothing */
    const char *after;    /* said when it is done; NULL: the result is shown */
} actions[] = {
    {.words = {"info"}, .what = "info"},
    {.words = {"pin", "set"}, .what = "setPin", .after = "The security key has a PIN now."},
    {.words = {"pin", "change"},
     .what = "changePin",
     .after = "The security key has its new PIN now."},
    {.words = {"credentials", "list"}, .what = "credentials"},
    {.words = {"credentials", "delete"},
     .what = "deleteCredential",
     .least = 1,
     .most = 1,
     .usage = "ID",
     .before = "Nobody will be able to sign in with it any more. This cannot be undone.",
     .after = "It is deleted."},
    {.words = {"credentials", "rename"},
     .what = "renameCredential",
     .least = 2,
     .most = 3,
     .usage = "ID NAME [DISPLAY]",
     .after = "It is renamed."},
    {.words = {"reset"},
     .what = "reset",
     .before = "This erases the security key: its PIN, and every sign-in that was registered with\n"
               "it anywhere. It cannot be undone. Lanyard's window asks whether it is meant; then\n"
               "pull the key out, plug it in again, and touch it within ten seconds.",
     .after = "The security key is erased. It has no PIN any more."},
};

enum { ACTIONS = sizeof actions / sizeof *actions };

/* How many words name it. */
static unsigned named_by(const struct action *action)
{
    return action->words[1] ? 2 : 1;
}

/* NULL: none of them. */
static const struct action *find_action(const struct options *options)
{
    for (size_t i = 0; i < ACTIONS; i++) {
        unsigned named = named_by(&actions[i]);
        bool is = options->word_count >= named;
        for (unsigned w = 0; is && w < named; w++)
            is = strcmp(actions[i].words[w], options->words[w]) == 0;
        if (is)
            return &actions[i];
    }
    return NULL;
}

int check_key(const struct options *options)
{
    const struct action *action = find_action(options);
    if (!action)
        return usage_error("key needs info, pin set, pin change, credentials list, credentials "
                           "delete, credentials rename or reset behind it");
    unsigned named = named_by(action), further = options->word_count - named;
    const char *second = action->words[1] ? action->words[1] : "";
    if (further < action->least)
        return usage_error("key %s %s needs %s", action->words[0], second, action->usage);
    if (further > action->most)
        return usage_error("\"%s\" is one word too many", options->words[named + action->most]);
    const char *id = action->least > 0 ? options->words[named] : "";
    static const char base64url[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (id[strspn(id, base64url)] != '\0')
        return usage_error("\"%s\" is no ID: key credentials list shows them", id);
    return STATUS_DONE;
}

/* ---- which key ---- */

/* The id of the key of that id or name, owned; NULL: *outcome says why. */
static char *find_key(const char *list, const char *wanted, int *outcome)
{
    size_t len;
    const char *at = outline_member(list, "keys", &len);
    struct outline_part part = {0};
    char *found = NULL;
    *outcome = OUTCOME_NO_KEY;
    while (at && outline_each(&at, &part)) {
        *outcome = OUTCOME_KEY_UNKNOWN;
        const char *id = outline_member(part.value, "id", &len);
        bool by_id = outline_is(id, wanted);
        if (!by_id && !outline_is(outline_member(part.value, "name", &len), wanted))
            continue;
        if (found && !by_id) { /* two of one name */
            *outcome = OUTCOME_KEY_AMBIGUOUS;
            free(found);
            return NULL;
        }
        free(found);
        found = outline_text(id);
        if (by_id)
            break;
    }
    return found;
}

/* ---- what is done ---- */

static void show_result(const struct action *action, const char *json,
                        const struct options *options)
{
    if (strcmp(action->what, "credentials") == 0)
        show_list(json, "credentials", "No sign-in is kept on this security key.", NULL, options);
    else if (options->json)
        puts(json);
    else if (action->after)
        fprintf(stderr, "%s\n", action->after);
    else
        outline_print(json, stdout);
}

int command_key(struct lanyard *agent, const struct options *options)
{
    const struct action *action = find_action(options);
    const char *const *further = options->words + named_by(action);
    CLEANUP(free_text) char *key = NULL;
    struct lanyard_error error;
    if (options->key) {
        CLEANUP(text_release) char *list = NULL;
        int outcome;
        if (lanyard_key_list(agent, &list, &error) != LANYARD_OK)
            return report_error_at_once(&error, options);
        key = find_key(list, options->key, &outcome);
        if (!key)
            return report_outcome(outcome, options);
    }
    struct lanyard_key request = {
        .what = action->what,
        .key = key,
        .timeout_ms = options->timeout_seconds * 1000,
        .waiting = say_waiting,
    };
    if (action->least > 0)
        request.credential = further[0];
    if (action->least > 1) {
        request.user_name = further[1];
        request.display_name = options->word_count == WORDS_MAX ? further[2] : further[1];
    }
    if (action->before)
        fprintf(stderr, "%s\n", action->before);
    CLEANUP(text_release) char *json = NULL;
    if (lanyard_key(agent, &request, &json, &error) != LANYARD_OK)
        return report_upkeep_error(&error, NULL, options);
    show_result(action, json, options);
    return STATUS_DONE;
}

int command_keys(struct lanyard *agent, const struct options *options)
{
    CLEANUP(text_release) char *json = NULL;
    struct lanyard_error error;
    if (lanyard_key_list(agent, &json, &error) != LANYARD_OK)
        return report_error_at_once(&error, options);
    show_list(json, "keys", "No security key is connected.", NULL, options);
    return STATUS_DONE;
}
