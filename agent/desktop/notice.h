/* SPDX-License-Identifier: MIT */
/*
 * Short notices to the person: the Desktop Notifications Specification, version 1.2.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/desktop/bus.h"

struct notice;

/* bus: the session's; borrowed for its life. NULL on fault (logged). */
struct notice *notice_new(struct bus *bus);
void notice_free(struct notice **notice);

/* Shows it in place of an earlier one. Texts are plain, and UTF-8 (otherwise nothing is shown). */
void notice_tell(struct notice *notice, const char *summary, const char *body);
