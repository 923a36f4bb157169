/* SPDX-License-Identifier: MIT */
#include "ipc/base/hangup.h"

#include "ipc/base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static int watched;
static atomic_bool is_expected;

static void *end_with_agent(void *context)
{
    struct pollfd agent = {.fd = *(const int *)context, .events = POLLRDHUP};
    while (poll(&agent, 1, -1) <= 0)
        continue;
    if (!atomic_load(&is_expected))
        _exit(EXIT_FAILURE);
    return NULL;
}

int hangup_ends_us(int agent)
{
    pthread_t thread;
    watched = agent;
    int r = pthread_create(&thread, NULL, end_with_agent, &watched);
    if (r != 0)
        return log_fault(r, "pthread_create");
    pthread_detach(thread);
    return 0;
}

void hangup_expected(bool expected)
{
    atomic_store(&is_expected, expected);
}
