/* SPDX-License-Identifier: MIT */
/*
 * The commands around the session; commands.h has the others. On a terminal (standard input and
 * standard error) a role is chosen from a numbered list there, elsewhere in the agent's window.
 */
#pragma once

#include "agent/cli/commands.h"

/* sign-in without an origin. A role that is not chosen leaves the person signed in without one. */
int open_session(struct lanyard *agent, const struct options *options);
