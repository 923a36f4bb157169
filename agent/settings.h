/* SPDX-License-Identifier: MIT */
/*
 * What an agent is told by files: the configuration, the user's own over it, and the authorities
 * that it names. For the agent's start, for its reload, and for whoever asks what an agent would
 * make of them. Any thread, one at a time; blocks on the disk.
 */
#pragma once

#include "agent/certificate.h"
#include "agent/config.h"

/* Where from; NULL: where they belong. Borrowed. */
struct settings_source {
    const char *dir;       /* as config_load has it */
    const char *user_file; /* as config_load_user has it; "": none is read */
};

/* Owned. */
struct settings {
    struct config config;
    struct issuers *issuers;
};

/* Loads into *settings (initialised by this call). faults: what keeps an agent from starting;
 * remarks: lines of the user's file that were left out, programs that are not there, revocation
 * lists that are old. 0, or a fault as config_load has them, or -ENODATA or -EBADMSG (what a file
 * of certificates or lists holds): *settings is empty then. */
int settings_load(const struct settings_source *source, struct settings *settings,
                  struct config_reporter faults, struct config_reporter remarks);
/* Two that log what they are told: as errors, and as warnings. */
extern const struct config_reporter settings_log_faults, settings_log_remarks;

/* What tells two configurations apart whose values differ, wherever these are from: SHA-256 of what
 * config_print writes, in hexadecimal. "" without memory. */
enum { SETTINGS_MARK_BYTES = 65 };
void settings_mark(const struct config *config, char mark[SETTINGS_MARK_BYTES]);
void settings_deinit(struct settings *settings);
