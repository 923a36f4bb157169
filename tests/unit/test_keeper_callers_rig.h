/* SPDX-License-Identifier: MIT */
/*
 * Who asks the keeper, and what each is answered. The door is played: a request is answered once,
 * and that is remembered in it.
 */
#pragma once

#include "ipc/door/door.h"

#include <stdbool.h>

struct request {
    struct caller caller;
    bool answered;
    int error;        /* 0: none */
    char proof[2048]; /* JWS */
    char state[32];   /* of a session's view */
    char cause[32];
    char sid[SESSION_ID_MAX + 1];
    char role[ROLE_ID_MAX + 1];
    bool live, done;
    int waiting; /* enum waiting_for; -1: never told */
};

struct request *from_page(const char *origin);
struct request *from_native(void);

/* Each asks, and returns the request. */
struct request *prove(const char *origin, enum interaction interaction, long max_age);
struct request *ask(const char *origin);          /* prove: any PIN's age, a prompt if needed */
struct request *ask_silently(const char *origin); /* and never with one */
struct request *ask_for_pin(const char *origin);  /* and always */
struct request *begin(const char *origin);
struct request *begin_with(const char *origin, const char *sid);
struct request *begin_choosing(void);
struct request *choose_role(const char *role);
struct request *end_session(struct request *request);
struct request *status_of(struct request *request);

/* What has come of it. */
void proved(const struct request *request);
void refused(const struct request *request, int outcome);
void state_is(const char *state); /* of the session, as anybody is told */

void callers_end(void); /* asserts that nobody is left without an answer */
