/* SPDX-License-Identifier: MIT */
/* A configuration made of a text, and what was said of it. For one thread. */
#pragma once

#include "agent/config.h"

/* Every problem that the collector was told, a line each; a test empties it as it likes. */
extern char problems[8192];
extern const struct config_reporter collector;

/* Empties problems, reads one text as the file "f" and completes it: as config_read and
 * config_complete, the first's fault before the second's. To be ended with config_deinit. */
int load_text(struct config *config, const char *text);
/* The text is refused, and what is said of it begins with problem. */
void assert_refused(const char *text, const char *problem);
