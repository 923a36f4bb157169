/* SPDX-License-Identifier: MIT */
/*
 * The session as liblanyard gives it is JSON text; what people are shown is picked from it. A state
 * is told together with what the person can do about it.
 */
#include "agent/cli/session_commands.h"

#include "agent/cli/outline.h"
#include "agent/cli/terminal.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROLES_SHOWN_MAX = 256 }; /* more than that no session has (PROTOCOL.md §6) */

/* ---- members of the session ---- */

/* Returns owned; NULL: not said. */
static char *text_of(const char *json, const char *name)
{
    size_t len;
    return outline_text(outline_member(json, name, &len));
}

/* -1: not said. */
static long long number_of(const char *json, const char *name)
{
    size_t len;
    const char *value = outline_member(json, name, &len);
    return value && *value >= '0' && *value <= '9' ? strtoll(value, NULL, 10) : -1;
}

static bool is_false(const char *json, const char *name)
{
    size_t len;
    const char *value = outline_member(json, name, &len);
    return value && strncmp(value, "false", 5) == 0;
}

/* Whether somebody is signed in: then more is told than the state. */
static bool is_live(const char *json)
{
    size_t len;
    return outline_member(json, "sid", &len) != NULL;
}

/* ---- roles ---- */

/* "Nurse, Example Hospital (R8000)". Returns owned; NULL without memory. */
static char *role_text(const char *role)
{
    CLEANUP(free_text) char *name = text_of(role, "name");
    CLEANUP(free_text) char *organisation = text_of(role, "organisation");
    CLEANUP(free_text) char *code = text_of(role, "code");
    char *text = NULL;
    bool coded = code && *code, placed = organisation && *organisation;
    int len = asprintf(&text, "%s%s%s%s%s%s", name ? name : "", placed ? ", " : "",
                       placed ? organisation : "", coded ? " (" : "", coded ? code : "",
                       coded ? ")" : "");
    return len < 0 ? NULL : text;
}

/* The id of the session's role. Returns owned; NULL: none. */
static char *current_role(const char *json)
{
    size_t len;
    const char *role = outline_member(json, "role", &len);
    return role && *role == '{' ? text_of(role, "id") : NULL;
}

struct roles {
    size_t count;
    char *ids[ROLES_SHOWN_MAX];
    struct terminal_choice choices[ROLES_SHOWN_MAX];
};

static void roles_release(struct roles *roles)
{
    for (size_t i = 0; i < roles->count; i++) {
        free(roles->ids[i]);
        free(roles->choices[i].text);
    }
    roles->count = 0;
}

/* False without memory. */
static bool read_roles(const char *json, struct roles *roles)
{
    size_t len;
    CLEANUP(free_text) char *current = current_role(json);
    const char *at = outline_member(json, "roles", &len);
    struct outline_part part = {0};
    while (at && roles->count < ROLES_SHOWN_MAX && outline_each(&at, &part)) {
        char *id = text_of(part.value, "id"), *text = role_text(part.value);
        size_t i = roles->count++;
        roles->ids[i] = id;
        roles->choices[i].text = text;
        if (!id || !text)
            return false;
        roles->choices[i].current = current && strcmp(current, id) == 0;
    }
    return true;
}

/* ---- showing it ---- */

static void put_line(const char *label, const char *text)
{
    printf("%-10s%s\n", label, text);
}

/* "2026-11-22 18:53", the time here. */
static void time_text(time_t at, char *out, size_t size)
{
    struct tm parts;
    if (!localtime_r(&at, &parts) || strftime(out, size, "%Y-%m-%d %H:%M", &parts) == 0)
        snprintf(out, size, "%lld", (long long)at);
}

static void put_times(const char *json)
{
    char text[64], sooner[64];
    time_t now = time(NULL);
    long long typed = number_of(json, "authTime"), left = number_of(json, "expiresIn");
    long long idle = number_of(json, "idleIn");
    if (typed >= 0) {
        time_text((time_t)typed, text, sizeof text);
        put_line("PIN typed", text);
    }
    if (left < 0)
        return;
    time_text(now + (time_t)left, text, sizeof text);
    printf("%-10s%s", "Until", text);
    if (idle >= 0 && idle < left) {
        time_text(now + (time_t)idle, sooner, sizeof sooner);
        printf(", or %s if it is not used", sooner);
    }
    putchar('\n');
}

static void put_roles(const char *json)
{
    CLEANUP(roles_release) struct roles roles = {0};
    if (!read_roles(json, &roles) || roles.count < 2)
        return;
    puts("Roles");
    int width = 0;
    for (size_t i = 0; i < roles.count; i++)
        if ((int)strlen(roles.ids[i]) > width)
            width = (int)strlen(roles.ids[i]);
    for (size_t i = 0; i < roles.count; i++)
        printf("  %s %-*s  %s\n", roles.choices[i].current ? "*" : " ", width, roles.ids[i],
               roles.choices[i].text);
}

/* What is not as usual, and what to do about it. */
static void put_state(const char *json, const char *state)
{
    static const struct {
        const char *state, *sentence;
    } sentences[] = {
        {"locked",
         "Locked. Put the same smartcard or security key back and type its PIN to go on."},
        {"leaving",
         "The smartcard or security key is out. Put it back, or the session is locked or ends."},
        {"checking", "The smartcard or security key is being looked at again."},
    };
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (strcmp(state, sentences[i].state) == 0)
            put_line("State", sentences[i].sentence);
    if (is_false(json, "reachable"))
        put_line("Network", "The sign-in service cannot be reached now.");
}

/* Who cannot prove anything now is not called signed in. */
static const char *headline(const char *state)
{
    return strcmp(state, "locked") == 0    ? "Locked"
           : strcmp(state, "leaving") == 0 ? "Away"
                                           : "Signed in";
}

/* The role that is worked in. */
static void put_role(const char *json)
{
    size_t len;
    const char *role = outline_member(json, "role", &len);
    CLEANUP(free_text) char *working = role && *role == '{' ? role_text(role) : NULL;
    CLEANUP(roles_release) struct roles roles = {0};
    bool others = read_roles(json, &roles) && roles.count > 0;
    put_line("Role", working ? working : others ? "none; lanyard role chooses one" : "none");
}

static void show_session(const char *json, const struct options *options)
{
    if (options->json) {
        puts(json);
        return;
    }
    CLEANUP(free_text) char *state = text_of(json, "state");
    if (!is_live(json)) {
        bool under_way =
            state && (strcmp(state, "authenticating") == 0 || strcmp(state, "opening") == 0);
        puts(under_way ? "Somebody is signing in." : "Nobody is signed in.");
        return;
    }
    CLEANUP(free_text) char *name = text_of(json, "name");
    CLEANUP(free_text) char *uid = text_of(json, "uid");
    CLEANUP(free_text) char *provider = text_of(json, "provider");
    printf("%-10s%s", headline(state ? state : ""), name && *name ? name : uid ? uid : "");
    if (name && *name && uid && *uid)
        printf(" (%s)", uid);
    printf("\n%-10s%s\n", "Provider", provider ? provider : "");
    put_role(json);
    put_times(json);
    put_state(json, state ? state : "");
    put_roles(json);
}

/* ---- commands ---- */

int command_session(struct lanyard *agent, const struct options *options)
{
    CLEANUP(text_release) char *json = NULL;
    struct lanyard_error error;
    if (lanyard_session_status(agent, &json, &error) != LANYARD_OK)
        return report_error_at_once(&error, options);
    show_session(json, options);
    return is_live(json) ? STATUS_DONE : STATUS_SESSION;
}

int command_sign_out(struct lanyard *agent, const struct options *options)
{
    struct lanyard_error error;
    if (lanyard_session_end(agent, &error) != LANYARD_OK)
        return report_error_at_once(&error, options);
    if (options->json)
        puts("{}");
    else
        fputs("Signed out.\n", stderr);
    return STATUS_DONE;
}

/* Who gives up choosing gives up nothing else. */
static int report_role_error(struct lanyard_error *error, const struct options *options)
{
    if (error->result == LANYARD_CANCELLED || error->result == LANYARD_TIMED_OUT) {
        snprintf(error->sentence, sizeof error->sentence,
                 "No role was chosen. You stay signed in.");
        error->advice[0] = '\0';
    }
    return report_error(error, options);
}

/* id NULL: the agent asks for it. */
static int change_role(struct lanyard *agent, const char *id, const struct options *options)
{
    const struct lanyard_session_role request = {
        .role = id, .timeout_ms = options->timeout_seconds * 1000, .waiting = say_waiting};
    CLEANUP(text_release) char *json = NULL;
    struct lanyard_error error;
    if (lanyard_session_role(agent, &request, &json, &error) != LANYARD_OK)
        return report_role_error(&error, options);
    show_session(json, options);
    return STATUS_DONE;
}

/* At the terminal, out of those of the session json. */
static int choose_role(struct lanyard *agent, const char *json, const struct options *options)
{
    CLEANUP(roles_release) struct roles roles = {0};
    if (!read_roles(json, &roles))
        return report_outcome(OUTCOME_INTERNAL, options);
    if (roles.count == 0)
        return report_outcome(OUTCOME_ROLE_UNKNOWN, options);
    const char *question = "Which role are you working in?";
    int chosen = roles.count == 1 ? 0 : terminal_choose(question, roles.choices, roles.count);
    if (chosen >= 0)
        return change_role(agent, roles.ids[chosen], options);
    struct lanyard_error error;
    error_of_outcome(OUTCOME_CANCELLED, &error);
    error.result = LANYARD_CANCELLED;
    return report_role_error(&error, options);
}

int command_role(struct lanyard *agent, const struct options *options)
{
    if (options->words[0] || !terminal_is_there())
        return change_role(agent, options->words[0], options);
    CLEANUP(text_release) char *json = NULL;
    struct lanyard_error error;
    if (lanyard_session_status(agent, &json, &error) != LANYARD_OK)
        return report_error_at_once(&error, options);
    if (!is_live(json))
        return report_outcome(OUTCOME_NO_SESSION, options);
    return choose_role(agent, json, options);
}

/* Whether the person has yet to choose, out of several. */
static bool role_is_open(const char *json)
{
    CLEANUP(roles_release) struct roles roles = {0};
    CLEANUP(free_text) char *current = current_role(json);
    return !current && read_roles(json, &roles) && roles.count > 0;
}

/* Who gave up in the moment in which the session opened is signed in all the same: json is set to
 * that session. */
static bool opened_meanwhile(struct lanyard *agent, const struct lanyard_error *error, char **json)
{
    bool gave_up = error->result == LANYARD_CANCELLED || error->result == LANYARD_TIMED_OUT;
    if (!gave_up || lanyard_session_status(agent, json, NULL) != LANYARD_OK)
        return false;
    CLEANUP(free_text) char *state = text_of(*json, "state");
    return state && strcmp(state, "active") == 0;
}

int open_session(struct lanyard *agent, const struct options *options)
{
    bool terminal = terminal_is_there();
    const struct lanyard_session_begin request = {
        .role = terminal ? "caller" : NULL,
        .timeout_ms = options->timeout_seconds * 1000,
        .waiting = say_waiting,
    };
    CLEANUP(text_release) char *json = NULL;
    struct lanyard_error error;
    if (lanyard_session_begin(agent, &request, &json, &error) != LANYARD_OK &&
        !opened_meanwhile(agent, &error, &json))
        return report_error(&error, options);
    if (!terminal || !role_is_open(json)) {
        show_session(json, options);
        return STATUS_DONE;
    }
    int status = choose_role(agent, json, options);
    if (status != STATUS_DONE)
        fputs("You are signed in, without a role: lanyard role chooses one, lanyard sign-out signs "
              "out.\n",
              stderr);
    return status;
}
