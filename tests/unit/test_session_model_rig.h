/* SPDX-License-Identifier: MIT */
/*
 * A model of the session machine, written in another style: where the machine has states, inputs
 * and a table, the model has facts about the person and the card, and its state is only a name for
 * a combination of them. It is told the time by its member now, which the test moves on.
 */
#pragma once

#include "agent/session/session.h"

#include <stdbool.h>
#include <stdint.h>

struct model {
    struct session_policy policy;
    uint64_t now;
    /* Where a session stands; at most one of the first two, then alive, then over. */
    bool asked_person, asked_server, alive, over;
    /* What is owed before a proof. */
    bool pin, look, grace;
    /* The person: 0 none. The insertion: 0 out. */
    uint64_t who, card, number, numbers, prompt;
    uint64_t pin_time, pin_again, end, idle, idle_period, wait, prompt_end;
    bool asleep, away, no_service, screen_locked;
};

/* What comes of a step: the answer to who asked (y, n, h: later; . where nobody did), and whether
 * the server is told that the session is over, or that a stray one is. */
struct said {
    char answer;
    bool told, stray;
};

/* Nobody is signed in. */
void model_begin(struct model *m, const struct session_policy *policy, uint64_t now);
/* What has become due by now, then the event. */
struct said model_step(struct model *m, const struct session_event *event);
enum session_state model_state(const struct model *m);
/* The next moment at which something becomes due; SESSION_NEVER: none. */
uint64_t model_deadline(const struct model *m);
