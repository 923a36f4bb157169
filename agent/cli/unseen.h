/* SPDX-License-Identifier: MIT */
/* What went wrong, for a person who chose a command from a menu, where nobody reads what it prints.
 */
#pragma once

/* A notice on the desktop (org.freedesktop.Notifications) of two of our own sentences, unless what
 * is printed can be read, on a terminal. Forgotten where nothing shows notices. Blocks for two
 * seconds at most. */
void unseen_tell(const char *summary, const char *body);
