/* SPDX-License-Identifier: MIT */
/*
 * lanyard-native-app ISSUER CLIENT_ID: a sample of a native program that signs people in with Care
 * Identity, to be copied. It opens the system's browser for that (oidc.c), which asks for a PIN
 * only where nobody is signed in on this desktop yet, and follows the session through liblanyard:
 * what a page learns from the provider by back-channel logout, a program learns from the agent, at
 * once and without a network.
 *
 * It ends when the person is signed out: with 0, with 1 when nobody was signed in, with 3 when
 * there is no agent.
 */
#include "oidc.h"

#include <curl/curl.h>
#include <jansson.h>
#include <lanyard.h>
#include <stdio.h>
#include <string.h>

enum { STATUS_NOBODY = 1, STATUS_USAGE = 2, STATUS_NO_AGENT = 3 };

enum presence { SIGNED_OUT, LOCKED, SIGNED_IN };

/* What the agent says of this person now, and why. */
static enum presence look(struct lanyard *agent, const char *uid, char cause[64])
{
    char *text;
    struct lanyard_error error;
    if (lanyard_session_status(agent, &text, &error) != LANYARD_OK) {
        snprintf(cause, 64, "%s", error.reason);
        return SIGNED_OUT;
    }
    json_auto_t *session = json_loads(text, 0, NULL);
    lanyard_free(text);
    const char *state = json_string_value(json_object_get(session, "state"));
    const char *whose = json_string_value(json_object_get(session, "uid"));
    const char *why = json_string_value(json_object_get(session, "cause"));
    snprintf(cause, 64, "%s", why ? why : "");
    if (!state || !whose || strcmp(whose, uid) != 0)
        return SIGNED_OUT;
    return strcmp(state, "active") == 0 ? SIGNED_IN : LOCKED;
}

/* Until the person is signed out. Each event is a reason to look again; what it says may be old. */
static void follow(struct lanyard *events, struct lanyard *agent, const char *uid)
{
    char cause[64];
    for (enum presence before = SIGNED_IN, now; (now = look(agent, uid, cause)) != SIGNED_OUT;
         before = now) {
        if (now != before) /* a real program hides what it shows */
            puts(now == LOCKED ? "Locked" : "Unlocked");
        char *event;
        if (lanyard_next_event(events, -1, &event, NULL) != LANYARD_OK)
            continue; /* the agent has gone, which looking tells too */
        lanyard_free(event);
    }
    printf("Signed out: %s\n", cause);
}

static int run(struct lanyard *events, struct lanyard *agent, const char *issuer,
               const char *client_id)
{
    struct oidc_person person;
    if (!oidc_sign_in(issuer, client_id, &person))
        return STATUS_NOBODY;
    printf("Signed in: %s (%s)\nRole: %s, %s\nAssurance: %s\n", person.name, person.uid,
           person.role, person.organisation, person.acr);
    follow(events, agent, person.uid);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: lanyard-native-app ISSUER CLIENT_ID\n");
        return STATUS_USAGE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    curl_global_init(CURL_GLOBAL_DEFAULT);

    /* One connection listens and asks nothing; it listens before anybody is signed in, so that no
     * end is missed. */
    struct lanyard *events = NULL, *agent = NULL;
    struct lanyard_error error;
    int status = STATUS_NO_AGENT;
    if (lanyard_open(NULL, &events, &error) == LANYARD_OK &&
        lanyard_subscribe(events, &error) == LANYARD_OK &&
        lanyard_open(NULL, &agent, &error) == LANYARD_OK)
        status = run(events, agent, argv[1], argv[2]);
    else
        fprintf(stderr, "%s %s\n", error.sentence, error.advice);
    lanyard_close(agent);
    lanyard_close(events);
    curl_global_cleanup();
    return status;
}
