/* SPDX-License-Identifier: MIT */
/*
 * One role in the list: its name and organisation, its code, and a mark on the one of now. What
 * does not fit is cut for the eye and whole in the tooltip and for a screen reader. Main thread.
 */
#pragma once

#include "ipc/chooser_message.h"

#include <gtk/gtk.h>

/* role: borrowed for the call. Returns a floating reference, as widgets are. */
GtkWidget *row_new(const struct chooser_role *role, bool current);
/* True if every word that was typed is in the role's texts. */
bool row_matches(GtkListBoxRow *row, const char *typed);
