/* SPDX-License-Identifier: MIT */
#include "test_config_rig.h"

#include <stdio.h>
#include <string.h>

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
