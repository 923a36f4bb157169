/* SPDX-License-Identifier: MIT */
/*
 * For a helper that asks a person: a window must not outlive its question. A thread of its own
 * waits for the agent to hang up, so that nothing the program is at can hold that up. Once in a
 * program; main thread.
 */
#pragma once

#include <stdbool.h>

/* From now on the program ends, as failed, when the other end of that socket is closed. 0, or
 * -errno (logged). */
int hangup_ends_us(int agent);
/* True: no more, since the answer is on its way, after which the agent hangs up. */
void hangup_expected(bool expected);
