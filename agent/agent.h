/* SPDX-License-Identifier: MIT */
/*
 * The agent behind its doors: takes typed requests, knows who serves them, and tells callers when
 * cards change. Everything it owns hangs together here; main.c only makes it run. Loop thread only.
 */
#pragma once

#include "agent/certificate.h"
#include "agent/config.h"
#include "ipc/loop.h"

struct agent;

struct agent_setup {
    struct config *config;     /* borrowed for the agent's life, as are the texts */
    struct issuers *issuers;   /* borrowed too */
    const char *helper_folder; /* where lanyard-card and the others are */
    const char *native_path;   /* the Unix door */
    int native_fd;             /* its socket where it listens already (taken); 0: none */
};

/* Opens the doors and starts the helpers. NULL on fault (logged). */
struct agent *agent_new(struct loop *loop, const struct agent_setup *setup);
void agent_free(struct agent **agent);
/* Another configuration, while it serves: *fresh is taken and then empty, fresh_issuers has what
 * was in force. Nobody is signed out but at a provider that is gone. What waits for the next start
 * goes to report. 0, or -ENOMEM: all is as it was. */
int agent_reconfigure(struct agent *agent, struct config *fresh, struct issuers *fresh_issuers,
                      struct config_reporter report);
/* Serves until loop_stop. 0 or -errno. */
int agent_run(struct agent *agent);
