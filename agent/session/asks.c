/* SPDX-License-Identifier: MIT */
#include "agent/session/asks.h"

#include <stdlib.h>

struct ask *ask_new(enum ask_kind kind, struct request *request)
{
    struct ask *ask = calloc(1, sizeof *ask);
    if (ask)
        *ask = (struct ask){.kind = kind, .request = request, .told = -1};
    return ask;
}

void asks_add(struct asks *asks, struct ask *ask)
{
    struct ask **end = &asks->first;
    while (*end)
        end = &(*end)->next;
    ask->next = NULL;
    *end = ask;
}

struct ask *asks_take_first(struct asks *asks)
{
    struct ask *first = asks->first;
    if (first)
        asks->first = first->next;
    return first;
}

struct ask *asks_take(struct asks *asks, const struct request *request)
{
    for (struct ask **at = &asks->first; *at; at = &(*at)->next)
        if ((*at)->request == request) {
            struct ask *found = *at;
            *at = found->next;
            return found;
        }
    return NULL;
}

const char *ask_origin(const struct ask *ask)
{
    return ask->kind == ASK_PROVE ? ask->prove.origin : ask->begin.origin;
}

static void release(struct ask **ask)
{
    free(*ask);
    *ask = NULL;
}

void ask_fail(struct ask **ask, int result)
{
    if ((*ask)->request)
        answer_error(&(*ask)->request, result);
    release(ask);
}

void ask_give_proof(struct ask **ask, const char *jws)
{
    answer_proof(&(*ask)->request, jws);
    release(ask);
}

void ask_give_session(struct ask **ask, const struct session_view *view)
{
    if ((*ask)->request)
        answer_session(&(*ask)->request, view);
    release(ask);
}

void ask_tell(struct ask *ask, enum waiting_for what, const char *reader, int tries_left)
{
    /* A PIN that was wrong is asked for again, with one try less: that is news each time. */
    if (!ask->request || (ask->told == (int)what && what != WAITING_PIN && what != WAITING_PIN_PAD))
        return;
    ask->told = (int)what;
    request_waiting(ask->request, what, reader, tries_left);
}
