/* SPDX-License-Identifier: MIT */
/*
 * One item in the list: its name and detail, its code, and a mark on the one of now. What
 * does not fit is cut for the eye and whole in the tooltip and for a screen reader. Main thread.
 */
#pragma once

#include "ipc/chooser_message.h"

#include <gtk/gtk.h>

/* item: borrowed for the call. nameless: what stands for a name that is empty. current: what a
 * screen reader is told of the one of now; NULL: it is another. Returns a floating reference, as
 * widgets are. */
GtkWidget *row_new(const struct chooser_item *item, const char *nameless, const char *current);
/* True if every word that was typed is in the item's texts. */
bool row_matches(GtkListBoxRow *row, const char *typed);
