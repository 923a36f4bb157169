/* SPDX-License-Identifier: MIT */
/*
 * A session machine under test, a fake clock, and short ways to say what happens. After every step
 * what must always hold is asserted: nothing is allowed but while active, every end wipes the key
 * and tells the server (unless the server said so first), everything that waits has a deadline.
 */
#pragma once

#include "agent/session/session.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
    CARD = 11,  /* the holder's insertion */
    OTHER = 12, /* the stranger's */
};

extern const uint8_t holder[SESSION_IDENTITY_BYTES];
extern const uint8_t stranger[SESSION_IDENTITY_BYTES];

/* One machine and what it said last. */
struct rig {
    struct session session;
    struct session_step step;
    uint64_t now;
};

void say(struct rig *rig, struct session_event event);
void say_plain(struct rig *rig, enum session_event_type type);
void say_use(struct rig *rig, enum session_interaction interaction, uint64_t max_age);
/* Also SIGNED, for the ceremony that is out. */
void say_card(struct rig *rig, enum session_event_type type, const uint8_t *identity,
              uint64_t card);
/* For the session that there is. */
void say_server(struct rig *rig, enum session_event_type type);
/* The timer, at that time; SESSION_NEVER: nothing. */
void sleep_until(struct rig *rig, uint64_t when);
/* From none to active, with the holder's card. */
void sign_in(struct rig *rig);
/* A sealed session of the holder, authenticated a minute ago, with an hour left. */
void restore(struct rig *rig, bool locked, bool ended);
