/* SPDX-License-Identifier: MIT */
#include "test_config_rig.h"

#include "ipc/base/cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

char problems[8192];

static void collect(void *context, const char *problem)
{
    (void)context;
    size_t used = strlen(problems);
    snprintf(problems + used, sizeof problems - used, "%s\n", problem);
}

const struct config_reporter collector = {.fn = collect};

int load_text(struct config *config, const char *text)
{
    problems[0] = '\0';
    config_init(config);
    int r = config_read(config, "f", text, strlen(text), collector);
    int completed = config_complete(config, collector);
    return r < 0 ? r : completed;
}

void assert_refused(const char *text, const char *problem)
{
    CLEANUP(config_deinit) struct config config;
    int r = load_text(&config, text);
    if (r != -EINVAL || strncmp(problems, problem, strlen(problem)) != 0)
        fail_msg("%s\ngave %d: %s\nnot: %s", text, r, problems, problem);
}
