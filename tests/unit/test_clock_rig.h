/* SPDX-License-Identifier: MIT */
/*
 * The time and the loop's timers: ten hours pass in a moment, when the test says so. Linked with
 * --wrap=clock_gettime.
 */
#pragma once

#include <stdint.h>

/* Fires what becomes due meanwhile, in its order; run: what is due already. */
void pass_time(uint64_t milliseconds);
void run(void);

void clock_begin(void);
void clock_end(void); /* asserts that no timer is left */
