/* SPDX-License-Identifier: MIT */
/*
 * `lanyard doctor`: looks at everything that a sign-in needs, in the order in which it needs it,
 * and says what is wrong. It only reads: nothing is locked, signed, changed or signed in, and no
 * card module is loaded into this process.
 *
 * Every question has a time-out of a few seconds, and one that fails keeps no other from being
 * asked. Main thread; blocks.
 */
#pragma once

#include "agent/doctor/report.h"

#include <stdint.h>

/* All borrowed; NULL or 0 where nothing else is known. */
struct doctor_setup {
    const char *root;   /* put before every path of the system's; "": none. For tests: doctor only
                           reads, and trusts nothing that it finds */
    const char *config; /* as lanyardd --config */
    const char *user_config; /* the user's own file; NULL: where it belongs */
    const char *helpers;     /* folder of lanyard-card and the others */
    const char *socket;      /* the agent's; NULL: where programs look */
    uint16_t port;           /* of the broker; 0: what the agent says, else 24290 */
};

/* *report is zero. Everything that could be found out is in it when this returns. */
void doctor_run(const struct doctor_setup *setup, struct report *report);
