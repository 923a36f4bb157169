/* SPDX-License-Identifier: MIT */
/*
 * Windows that must be seen. GTK leaves the order of windows to the desktop; on X11 the desktop can
 * be asked, on Wayland it decides by itself. Main thread.
 */
#pragma once

#include <gtk/gtk.h>

/* Shows the window, with the focus and above the others as far as the desktop lets it. */
void raise_window(GtkWindow *window);
