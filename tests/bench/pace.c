/* SPDX-License-Identifier: MIT */
/*
 * Lets sign_direct take turns with the agent: linked with --wrap=clock_gettime, it makes the
 * program wait for a line on its standard input before it takes the time at which a signature
 * begins, and show the figure before that. Both sides then sign after the same rest, with the same
 * cold caches.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    static bool signing;
    if (!signing) {
        fflush(stdout);
        int c;
        while ((c = getchar()) != '\n')
            if (c == EOF)
                exit(EXIT_SUCCESS);
    }
    signing = !signing;
    return __real_clock_gettime(clock, time);
}
